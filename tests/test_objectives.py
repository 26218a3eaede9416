"""Terms by hand and by numpy, equation 7, and what is said about configs that do not fit."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dynjax.metrics.lpips import lpips, lpips_terms
from dynjax.networks.vgg import VGG16, imagenet_normalise, trunk_variables
from dynjax.objectives import (
    L1,
    L2,
    LPIPS,
    Adversarial,
    Charbonnier,
    Chroma,
    MultiLoss,
    Objective,
    Perceptual,
    TotalVariation,
    build_multi_loss,
)

KEY = jax.random.key(0)


def value(term, output, target, **kwargs):
    return term(term.constants(), output, {"target": target, "input": None}, **kwargs)


def test_pixel_terms_by_hand():
    target = jnp.zeros((2, 1, 2, 1))
    output = jnp.asarray([[[[3.0], [-1.0]]], [[[0.0], [2.0]]]])
    np.testing.assert_allclose(value(L1(), output, target), [2, 1])
    np.testing.assert_allclose(value(L2(), output, target), [5, 2])
    np.testing.assert_allclose(value(Charbonnier(eps=16.0), output, target), [(5 + 17**0.5) / 2, (4 + 20**0.5) / 2])
    # Differences down 1, 3 (mean 2), across 4, 6 (mean 5); the target plays no part.
    picture = jnp.asarray([[0.0, 4.0], [1.0, 7.0]]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(value(TotalVariation(), picture, target), [7])


def test_chroma_by_hand():
    # Grey differences cost nothing; pure blue by 1: Y = 0.114, U = 0.492 * 0.886, V = 0.877 * -0.114, mean of the two.
    target = jnp.full((2, 1, 1, 3), 0.25)
    output = target + jnp.asarray([[[[0.5, 0.5, 0.5]]], [[[0.0, 0.0, 1.0]]]])
    wanted = [0, (0.492 * 0.886 + 0.877 * 0.114) / 2]
    np.testing.assert_allclose(value(Chroma(), output, target), wanted, atol=1e-6)


def by_features(term, output, target):
    """The value of a term that reads features, which MultiLoss computes."""
    loss = MultiLoss({"only": Objective(((1.0, term),))})
    return loss.values(loss.constants(), output, {"target": target})[:, 0]


def test_charbonnier_has_a_finite_gradient_at_equal_pictures():
    picture = jnp.ones((1, 2, 2, 3))
    gradient = jax.grad(lambda output: value(Charbonnier(), output, picture).sum())(picture)
    np.testing.assert_array_equal(gradient, 0)


def test_perceptual_is_the_mean_distance_of_features():
    output, target = jax.random.uniform(KEY, (2, 2, 8, 8, 3))
    layers = ("conv1_2", "relu2_1")
    features = [VGG16(layers=layers).apply(trunk_variables("vgg16"), imagenet_normalise(x)) for x in (output, target)]
    for distance, power in (("l1", 1), ("l2", 2)):
        wanted = sum((np.abs(features[0][name] - features[1][name]) ** power).mean((1, 2, 3)) for name in layers)
        got = by_features(Perceptual(layers=layers, distance=distance), output, target)
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    with pytest.raises(FileNotFoundError, match="vgg19"):
        by_features(Perceptual(net="vgg19"), output, target)
    with pytest.raises(ValueError, match=r"perceptual.distance is 'l3'; wanted one of l1, l2"):
        Perceptual(distance="l3")


def test_terms_that_read_the_same_network_share_it():
    terms = (Perceptual(layers=("relu1_1",)), Perceptual(layers=("conv1_2",), distance="l2"))
    loss = MultiLoss({"both": Objective(tuple((1.0, term) for term in terms))})
    constants = loss.constants()
    assert set(constants["trunks"]) == {"vgg16"}
    assert set(constants["trunks"]["vgg16"]["params"]) == {"conv1_1", "conv1_2"}
    output, target = jax.random.uniform(KEY, (2, 1, 8, 8, 3))
    example = {"target": target}
    program = str(jax.make_jaxpr(loss.values)(constants, output, example))
    assert program.count("conv_general_dilated[") == 4      # two layers, once for the output and once for the target
    alone = sum(by_features(term, output, target) for term in terms)
    np.testing.assert_allclose(loss.values(constants, output, example)[:, 0], alone, rtol=1e-5)


def test_lpips_and_its_first_levels():
    output, target = jax.random.uniform(KEY, (2, 2, 32, 32, 3))
    np.testing.assert_allclose(value(LPIPS(), output, target), lpips(output, target), rtol=1e-5)
    terms = lpips_terms(LPIPS().constants(), output, target, net="alex")
    np.testing.assert_allclose(value(LPIPS(levels=2), output, target), terms["relu1"] + terms["relu2"], rtol=1e-5)
    with pytest.raises(ValueError, match="levels=6; wanted a net of alex, vgg and 1 to 5 levels"):
        LPIPS(levels=6).constants()


def logits(images):
    """A critic with something to differentiate."""
    return jnp.sin(images).sum((1, 2, 3))[:, None]


def judge(fake, real):
    """What the trainer hands to adversarial terms."""
    return lambda: (logits(jnp.asarray(real)), logits(jnp.asarray(fake)))


def test_relativistic_average_by_numpy():
    fake, real = np.asarray(jax.random.normal(KEY, (2, 5, 2, 2, 3)), np.float64)
    f, r = np.sin(fake).sum((1, 2, 3)), np.sin(real).sum((1, 2, 3))
    log_sigmoid = lambda x: -np.log1p(np.exp(-x))
    # Reference 2.3: D(a, b) = sigmoid(C(a) - mean C(b)); ESRGAN halves both sums.
    wanted = -0.5 * (log_sigmoid(-(r - f.mean())) + log_sigmoid(f - r.mean()))
    got = value(Adversarial(), jnp.asarray(fake), jnp.asarray(real), critic=judge(fake, real))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    wanted = -0.5 * (log_sigmoid(r - f.mean()).mean() + log_sigmoid(-(f - r.mean())).mean())
    score = lambda f, r: Adversarial().critic_loss(r[:, None], f[:, None])
    np.testing.assert_allclose(score(jnp.asarray(f), jnp.asarray(r)), wanted, rtol=1e-5)
    # The means are constants for the critic: its gradient is that of the two terms one by one.
    gradient = jax.grad(score)(jnp.asarray(f), jnp.asarray(r))
    np.testing.assert_allclose(gradient, 0.5 / 5 / (1 + np.exp(-(f - r.mean()))), rtol=1e-5)
    with pytest.raises(ValueError, match="without a critic"):
        value(Adversarial(), jnp.asarray(fake), jnp.asarray(real))


def test_the_standard_game_by_numpy():
    fake, real = np.asarray(jax.random.normal(KEY, (2, 3, 2, 2, 1)), np.float64)   # maps of logits, as PatchGAN's
    log_sigmoid = lambda x: -np.log1p(np.exp(-x))
    term = Adversarial(kind="standard")
    got = value(term, fake, real, critic=lambda: (jnp.asarray(real), jnp.asarray(fake)))
    np.testing.assert_allclose(got, -log_sigmoid(fake).mean((1, 2, 3)), rtol=1e-5)
    wanted = -log_sigmoid(real).mean() - log_sigmoid(-fake).mean()
    np.testing.assert_allclose(term.critic_loss(jnp.asarray(real), jnp.asarray(fake)), wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="kind is 'wgan'; wanted one of relativistic, standard"):
        Adversarial(kind="wgan")


def test_one_critic_serves_one_kind_of_game():
    terms = lambda *kinds: MultiLoss({"a": Objective(tuple((1.0, Adversarial(kind=kind)) for kind in kinds))})
    with pytest.raises(ValueError, match="different adversarial terms"):
        terms("standard", "relativistic").adversarial  # noqa: B018
    assert terms("standard").adversarial == Adversarial(kind="standard")
    assert MultiLoss({"a": Objective(((1.0, L1()),))}).adversarial is None


def test_two_devices_are_one_for_the_adversarial_objectives():
    fake, real = jax.random.normal(KEY, (2, 4, 2, 2, 3))

    def losses(axis_name):
        def loss(scale, fake, real):
            term = Adversarial(axis_name=axis_name)
            critic = term.critic_loss(logits(real * scale), logits(fake * scale))
            return value(term, fake * scale, real, critic=judge(fake * scale, real)).mean(), critic

        def run(scale, fake, real):
            found = (*loss(scale, fake, real), jax.grad(lambda s: loss(s, fake, real)[0])(scale),
                     jax.grad(lambda s: loss(s, fake, real)[1])(scale))
            return jax.lax.pmean(found, axis_name) if axis_name else found
        return run

    whole = losses(None)(1.3, fake, real)
    halves = (half.reshape(2, 2, *half.shape[1:]) for half in (fake, real))
    split = jax.pmap(losses("devices"), axis_name="devices", in_axes=(None, 0, 0))(1.3, *halves)
    for one, two in zip(whole, split, strict=True):
        np.testing.assert_allclose(two, [one, one], rtol=1e-5)


def test_equation_7_by_hand():
    # L_1 = L1, L_2 = 2 L2 + 0.5 L1, lambda = (1, 10); one pixel, differences 1 and 3.
    loss = MultiLoss({"first": Objective(((1.0, L1()),)), "second": Objective(((2.0, L2()), (0.5, L1())), weight=10.0)})
    output, target = jnp.asarray([1.0, 3.0]).reshape(2, 1, 1, 1), jnp.zeros((2, 1, 1, 1))
    values = loss.values(loss.constants(), output, {"target": target})
    np.testing.assert_allclose(values, [[1, 2.5], [3, 19.5]])
    np.testing.assert_allclose(loss.combine(values, jnp.asarray([0.5, 0.1])), 0.5 * 2 + 10 * 0.1 * 11)
    rows = jnp.asarray([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(loss.combine(values, rows), 1 / 2 + 10 * 19.5 / 2)
    assert loss.names == ("first", "second")
    with pytest.raises(ValueError, match=r"alpha has shape \(3,\) for losses of shape \(2, 2\).*each of first, second"):
        loss.combine(values, jnp.ones(3))


def test_a_term_of_several_objectives_is_computed_once_and_its_weights_are_arguments():
    @dataclasses.dataclass(frozen=True)
    class Counted:
        offset: float
        calls = []

        def constants(self):
            return {"weight": np.full(3, self.offset)}

        def __call__(self, constants, output, example, critic=None):
            self.calls.append(self.offset)
            return output.mean((1, 2, 3)) * constants["weight"].sum()

    both = Objective(((2.0, Counted(1.0)), (1.0, Counted(2.0))))
    loss = MultiLoss({"a": Objective(((1.0, Counted(1.0)),)), "b": both})
    constants = loss.constants()
    values = jax.jit(loss.values)(constants, jnp.ones((1, 1, 1, 1)), {"target": jnp.ones((1, 1, 1, 1))})
    np.testing.assert_allclose(values, [[3, 12]])
    assert sorted(Counted.calls) == [1.0, 2.0]
    doubled = jax.tree.map(lambda leaf: 2 * leaf, constants)
    np.testing.assert_allclose(loss.values(doubled, jnp.ones((1, 1, 1, 1)), {}), [[6, 24]])


@pytest.mark.parametrize("kind", [dict, ConfigDict])
def test_built_from_a_config(kind):
    config = kind({"fidelity": {"weight": 2.0, "terms": {"l1": 1}},
                   "perceptual": {"terms": {"charbonnier": {"scale": 0.2, "eps": 1e-3}, "adversarial": 5e-3,
                                            "perceptual": {"layers": ["relu1_1"]}}}})
    loss = build_multi_loss(config, axis_name="devices")
    assert loss.names == ("fidelity", "perceptual")
    assert loss.objectives["fidelity"] == Objective(((1.0, L1()),), 2.0)
    terms = {(0.2, Charbonnier(1e-3)), (0.005, Adversarial(axis_name="devices")),
             (1.0, Perceptual(layers=("relu1_1",)))}
    assert set(loss.objectives["perceptual"].terms) == terms and loss.objectives["perceptual"].weight == 1


@pytest.mark.parametrize("terms, said", [
    ({"lpisp": 1.0}, r"objectives.a.terms.lpisp: there is no term 'lpisp'; did you mean 'lpips'\? Known are l1, l2"),
    ({"lpips": {"nett": "vgg"}}, r"there is no option 'nett'; did you mean 'net'\? Known are scale, net, levels"),
    ({"l1": "much"}, r"objectives.a.terms.l1 is 'much'; wanted the term's scale"),
    ({}, "the objective 'a' has terms; wanted terms, at least one"),
])
def test_configs_that_do_not_fit_are_told(terms, said):
    with pytest.raises(ValueError, match=said):
        build_multi_loss({"a": {"terms": terms}})


def test_scales_may_be_numpy_numbers():
    loss = build_multi_loss({"a": {"weight": np.float32(2), "terms": {"l1": np.float32(0.5), "l2": np.int64(3)}}})
    assert loss.objectives["a"] == Objective(((0.5, L1()), (3.0, L2())), 2.0)


def test_no_objectives_are_refused():
    with pytest.raises(ValueError, match="there are no objectives; wanted at least one"):
        build_multi_loss({})


def test_one_perceptual_layer_may_be_a_bare_name():
    assert Perceptual(layers="relu3_3") == Perceptual(layers=["relu3_3"]) == Perceptual(layers=("relu3_3",))
    loss = build_multi_loss({"a": {"terms": {"perceptual": {"layers": "relu1_1"}}}})
    assert loss.objectives["a"].terms[0][1].layers == ("relu1_1",)
