"""The public interface: everything listed is there, documented and in the house's form."""
import inspect
import subprocess
import sys

import pytest

import dynjax

# Rooms that are public by name, and two whose names are public one by one.
ROOMS = [getattr(dynjax, name) for name in dynjax.__all__ if inspect.ismodule(getattr(dynjax, name))]


def public():
    for room in ROOMS:
        for name in room.__all__:
            yield pytest.param(getattr(room, name), id=f"{room.__name__.removeprefix('dynjax.')}.{name}")


def test_the_promised_names_are_there():
    promised = ["Tunable", "TunableConv", "TunableConvTranspose", "TunableDense", "ConvTranspose", "aggregate",
                "DynamicNet", "TuningBlock", "grid", "load", "save", "shipped", "pretrained", "metrics", "image",
                "networks", "models"]
    assert set(promised) <= set(dynjax.__all__) and all(hasattr(dynjax, name) for name in dynjax.__all__)
    for name in ("psnr", "ssim", "lpips", "niqe"):
        assert callable(getattr(dynjax.metrics, name))
    assert callable(dynjax.image.resize_bicubic) and callable(dynjax.pretrained.load)


@pytest.mark.parametrize("thing", list(public()))
def test_public_names_are_documented_and_options_keyword_only(thing):
    assert inspect.getdoc(thing), "no docstring"
    if not inspect.isfunction(thing):
        return
    parameters = list(inspect.signature(thing).parameters.values())
    assert not any(parameter.name in ("rng", "prng", "seed_key") for parameter in parameters), "spell it key"
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty]
    assert len(positional) <= 1, f"more than one option without a star: {positional}"


def test_importing_is_light():
    """No TensorFlow, grain, matplotlib or scikit-image, and no device touched; in a process of its own."""
    code = ("import sys, dynjax; from jax._src import xla_bridge as bridge; "
            "heavy = [name for name in ('tensorflow', 'matplotlib', 'skimage', 'grain', 'tensorflow_datasets') "
            "if name in sys.modules]; print(heavy, bridge.backends_are_initialized())")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[] False"
