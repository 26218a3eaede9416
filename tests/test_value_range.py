"""Metrics and measures refuse images on 0..255 or -1..1 and bear what networks and noise give beyond [0, 1]."""
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from dynjax import metrics
from dynjax.data import add_gaussian_noise, evaluation_images, measure_hair, measure_smile, open_source, open_style
from dynjax.evaluation.examples import examples_of
from dynjax.image.value_range import check_unit_range, unit_floats
from dynjax.objectives import build_multi_loss

RNG = np.random.default_rng(0)
A = RNG.random((2, 40, 40, 3)).astype(np.float32)
B = np.clip(A + RNG.normal(0, 0.1, A.shape), 0, 1).astype(np.float32)
LARGE = RNG.random((1, 96, 192, 3)).astype(np.float32)
OF_TWO = [metrics.psnr, metrics.psnrb, metrics.ssim, metrics.l1, metrics.lpips, metrics.colour_distance,
          metrics.structure_correlation]
OF_ONE = [metrics.laplacian_energy, metrics.band_energies, metrics.texture_length]
SCALES = {"8 bits": (255, 0), "10 bits": (1023, 0), "16 bits": (65535, 0), "-1..1": (2, -1), "0..2": (2, 0),
          "percent": (100, 0), "ImageNet": (4.4, -2.1)}


def scaled(images, name):
    factor, shift = SCALES[name]
    return (images * factor + shift).astype(np.float32)


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("metric", OF_TWO + OF_ONE, ids=lambda metric: metric.__name__)
def test_every_metric_refuses_another_range(metric, name):
    both, first, second = (scaled(A, name), scaled(B, name)), (scaled(A, name), B), (A, scaled(B, name))
    for given in ((both, first, second) if metric in OF_TWO else (both[:1],)):
        for kind in (np.asarray, jnp.asarray):
            with pytest.raises(ValueError, match=rf"^{metric.__name__} got values from .* to .*; wanted floats in"):
                metric(*map(kind, given))


def test_niqe_and_the_forms_for_jit_refuse_it_too(shared):
    with pytest.raises(ValueError, match=r"^niqe got values from -1 to 1; .* these look like -1\.\.1: add 1"):
        metrics.niqe(scaled(LARGE, "-1..1"), statistics="no file")
    weights = metrics.lpips_weights("alex")
    for form in (metrics.lpips_distance, metrics.lpips_terms, metrics.lpips_map):
        with pytest.raises(ValueError, match=r"^lpips got values from .* 255 for 8 bits\."):
            form(weights, A * 255, B * 255, net="alex")
    assert np.isfinite(metrics.lpips_distance(weights, A * 3, B, net="alex", check_range=False)).all()
    inside = jax.jit(lambda a, b: metrics.lpips_distance(weights, a, b, net="alex"))(A * 255, B * 255)   # not known
    assert inside.shape == (2,)


def test_one_image_of_a_batch_is_enough_and_the_sentence_says_what_to_do():
    batch = A.copy()
    batch[1] *= 255
    for images, advice in ((batch, "divide by the largest value there can be, 255 for 8 bits$"),
                           (A * 1023, "255 for 8 bits, 1023 for 10$"), (A * 65535, "65535 for 16$"),
                           (A * 2 - 1, "add 1 and divide by 2$"), (A * 4 - 2, "or clip what a network gave"),
                           (np.full_like(A, -1), "add 1"), (np.full_like(A, 255), "255 for 8 bits"),
                           (A + np.float32(np.inf), "diverged"), (A * np.float32(np.nan), "diverged")):
        with pytest.raises(ValueError, match=advice.replace("$", r"\.$")):
            metrics.psnr(images, B)


def test_a_network_s_overshoot_and_unclipped_noise_are_measured():
    overshoot = (A * 1.6 - 0.3).astype(np.float32)                      # -0.3 to 1.3
    rare = A.copy()
    rare[:, :1, :5] = 2.5                                               # 5 of 1600 pixels
    night = RNG.normal(0, 50 / 255, (1, 256, 256, 3))                   # black and noise of sigma 50/255
    for images in (overshoot, rare):
        for metric in OF_TWO:
            assert np.isfinite(metric(images, B)).all(), metric.__name__
    assert metrics.psnr(night, np.zeros_like(night), quantize=False)[0] == pytest.approx(
        20 * np.log10(255 / 50), abs=0.1)                               # by hand: the error is sigma squared


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.float16, np.float64, np.longdouble, ml_dtypes.bfloat16])
def test_floats_of_every_kind_give_the_same_number(dtype):
    levels = (RNG.integers(0, 2, (2, 1, 40, 40, 3)) * 0.5)             # every dtype has them exactly
    a, b = levels.astype(np.float32)
    for metric in (metrics.psnr, metrics.ssim, metrics.lpips):
        np.testing.assert_array_equal(metric(a.astype(dtype), b.astype(dtype)), metric(a, b))
    weights = metrics.lpips_weights("alex")
    np.testing.assert_allclose(metrics.lpips_distance(weights, a.astype(dtype), b.astype(dtype), net="alex"),
                               metrics.lpips(a, b), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, bool, np.complex64])
def test_what_is_no_float_is_a_sentence(dtype):
    for metric in OF_TWO:
        with pytest.raises(ValueError, match=rf"^{metric.__name__} got {np.dtype(dtype)}; wanted arrays of floats in"):
            metric(A.astype(dtype), B.astype(dtype))


def test_face_measures_refuse_other_ranges_but_no_output_of_an_untrained_generator():
    face = RNG.random((2, 32, 32, 3))
    for measure in (measure_hair, measure_smile):
        np.testing.assert_allclose(measure(np.round(face * 255).astype(np.uint8)), measure(np.round(face * 255) / 255))
        for wrong in (face * 255, face * 2 - 1, face * 65535):
            with pytest.raises(ValueError, match=rf"^{measure.__name__} got values from"):
                measure(wrong)
        with pytest.raises(ValueError, match=rf"^{measure.__name__} got dtype uint16; wanted uint8, or floats"):
            measure(face.astype(np.uint16))
        assert np.isfinite(measure(RNG.normal(0, 2, face.shape))).all()


def test_levels_become_floats_in_one_place():
    np.testing.assert_array_equal(unit_floats("f", np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]])
    assert check_unit_range("f", np.zeros((0, 3))) is None
    assert jax.jit(lambda x: check_unit_range("f", x) or x)(np.array([255.0])) == 255


def test_pictures_of_an_evaluation_are_floats_in_0_to_1():
    make = lambda image, key: {"input": image}
    taken = list(examples_of(make, [("a", A[0])], 0, [], []))
    assert taken[0][0] == "a"
    for picture, said in ((A[0] * 255, "of the picture a got values from"), (A[0] * 2 - 1, "add 1"),
                          ((A[0] * 255).astype(np.uint8), "a is uint8")):
        with pytest.raises(ValueError, match=said):
            list(examples_of(make, [("a", picture)], 0, [], []))


@pytest.mark.parametrize("terms", [{"l1": 1.0}, {"lpips": 1.0}, {"perceptual": {"scale": 1.0, "layers": ("relu1_1",)}}])
def test_objectives_want_floats_and_a_target_in_0_to_1(terms):
    loss = build_multi_loss({"fidelity": {"terms": terms}})
    constants = loss.constants()
    values = lambda output, target: loss.values(constants, output, {"target": target})
    for target, said in ((A * 255, "in their target, got values from .* 255 for 8 bits"), (A * 2 - 1, "add 1"),
                         ((A * 255).astype(np.uint8), "a target of uint8")):
        with pytest.raises(ValueError, match=f"the objectives.*({said})"):
            values(A, jnp.asarray(target))
    with pytest.raises(ValueError, match="an output of int32; wanted floats"):
        jax.jit(values)(jnp.zeros(A.shape, jnp.int32), A)              # dtypes are known while tracing
    with pytest.raises(ValueError, match="of uint8; wanted floats"):
        jax.eval_shape(values, A, jax.ShapeDtypeStruct(A.shape, np.uint8))
    if "perceptual" not in terms:
        assert np.isfinite(values(jnp.asarray(A * 8 - 4), jnp.asarray(B))).all()   # an untrained network's


def test_noise_is_on_the_scale_of_the_images():
    keys = jax.random.split(jax.random.key(0), 2)
    for images, sigma, said in ((A, 25.0, "sigma up to 25; wanted it on the scale"), (A * 255, 0.1, "got values from"),
                                (A, jnp.array([0.1, 15.0]), "sigma up to 15")):
        with pytest.raises(ValueError, match=f"add_gaussian_noise got .*{said}|add_gaussian_noise {said}"):
            add_gaussian_noise(jnp.asarray(images), keys, sigma)
    assert jax.jit(add_gaussian_noise)(A, keys, 0.1).shape == A.shape


@pytest.mark.parametrize("spec", ["samples", "drawn-faces"])
def test_sources_give_levels_and_evaluations_floats(spec):
    source = open_source(spec, split="test")
    assert source[0].dtype == np.uint8 and source[0].max() > 100
    _, image = next(iter(evaluation_images(source)))
    np.testing.assert_array_equal(image, source[0] / np.float32(255))


def test_styles_are_floats():
    style = open_style("drawn:mosaic", 32)
    assert style.dtype == np.float32 and 0.5 < style.max() <= 1 and style.min() >= 0
