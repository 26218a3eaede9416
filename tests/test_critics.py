"""The VGG-style critic against BasicSR's."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.networks.critics import VGGCritic, _adaptive_average

LEAVES = {"running_mean": ("batch_stats", "mean"), "running_var": ("batch_stats", "var"), "bias": ("params", "bias")}


def from_torch(arrays):
    """BasicSR's names and layouts to ours."""
    tree = {"params": {}, "batch_stats": {}}
    for name, value in arrays.items():
        module, leaf = name.split(".")
        if leaf == "num_batches_tracked":
            continue
        collection, ours = LEAVES.get(leaf, ("params", "scale" if value.ndim == 1 else "kernel"))
        value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        tree[collection].setdefault(module, {})[ours] = value
    return {name: branch for name, branch in tree.items() if branch}


@pytest.fixture(scope="module")
def x128():
    return jax.random.uniform(jax.random.key(0), (2, 128, 128, 3))


def test_parity(parity):
    case = parity("torch_critic")
    net, variables = VGGCritic(features=4, pool=None), from_torch(case.params())
    x, cotangent = case["in/x"].transpose(0, 2, 3, 1), case["in/cotangent"]

    @jax.jit
    def run(variables, x):
        def score(params, x):
            y = net.apply({**variables, "params": params}, x)
            return (y * cotangent).sum(), y
        (_, y), gradients = jax.value_and_grad(score, argnums=(0, 1), has_aux=True)(variables["params"], x)
        return y, gradients, net.apply(variables, x, train=True, mutable=["batch_stats"])

    y, (gradients, grad_x), (y_train, changed) = run(variables, x)
    # README-torch: absolute 1e-5 * max(1, max|y|); gradients 1e-4 of the largest entry.
    within = lambda got, wanted, atol: np.testing.assert_allclose(got, wanted, atol=atol, rtol=0)
    close = lambda got, wanted: within(got, wanted, 1e-5 * max(1, np.abs(wanted).max()))
    near = lambda got, wanted: within(got, wanted, 1e-4 * np.abs(wanted).max())
    close(y, case["out/y"])
    close(y_train, case["out/y_train"])
    # Two values before the first leaky ReLU are zero but for rounding, which differs between processors: there either
    # slope is right, for the nine pixels that each sees and for the kernels of its channel.
    first = np.asarray(nn.Conv(4, (3, 3)).apply({"params": variables["params"]["conv0_0"]}, x))
    kinks = np.abs(first) < 1e-7
    assert 0 < kinks.sum() <= 2
    seen = np.asarray(nn.max_pool(kinks.any(-1, keepdims=True).astype(np.float32), (3, 3), padding="SAME")) > 0
    near(np.where(seen, 0, grad_x), np.where(seen, 0, case["out/grad_x"].transpose(0, 2, 3, 1)))
    clear = ~kinks.any((0, 1, 2))
    near(gradients["conv0_0"]["kernel"][..., clear],
         case["out/grad/conv0_0.weight"].transpose(2, 3, 1, 0)[..., clear])
    near(gradients["linear1"]["bias"], case["out/grad/linear1.bias"])
    after = from_torch({name: case["out/after_train/" + name] for name in case.names("out/after_train/")})
    jax.tree.map(close, changed["batch_stats"], after["batch_stats"])


def test_size_of_the_published_network():
    shapes = jax.eval_shape(lambda x: VGGCritic(pool=None).init(jax.random.key(0), x), jnp.ones((1, 128, 128, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 14_499_401  # BasicSR, features 64
    other = jax.eval_shape(lambda x: VGGCritic(stages=6).init(jax.random.key(0), x), jnp.ones((1, 96, 100, 3)))
    assert other["params"]["linear1"]["kernel"].shape == (8 * 64 * 4 * 4, 100)


@pytest.mark.slow
def test_any_size_and_the_published_size_alike(parity):
    case = parity("torch_critic")
    variables = from_torch(case.params())
    net = VGGCritic(features=4)
    y = net.apply(variables, case["in/x"].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(y, case["out/y"], atol=1e-5 * max(1, np.abs(case["out/y"]).max()))
    assert net.apply(variables, jnp.ones((1, 37, 53, 3))).shape == (1, 1)


def test_adaptive_average_by_hand():
    # Windows of AdaptiveAvgPool2d(2) on 3 rows: 0..2 and 1..3; on one row both are that row.
    x = jnp.asarray([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(_adaptive_average(x, 2)[0, :, :, 0], [[1.5, 1.5], [4, 4]])


def test_sizes_that_do_not_fit_are_told(x128):
    with pytest.raises(ValueError, match=r"pool=None got images of 96 x 128; wanted 128 x 128. Set pool=4"):
        VGGCritic(features=4, pool=None).init(jax.random.key(0), x128[:, :96])
    with pytest.raises(ValueError, match=r"30 x 128, of which 5 halvings leave nothing; wanted sides of 32"):
        VGGCritic(features=4).init(jax.random.key(0), x128[:, :30])
    with pytest.raises(ValueError, match="stages=0"):
        VGGCritic(stages=0).init(jax.random.key(0), x128)
