"""A linear judge of an attribute: on pictures that differ in one known way."""
import numpy as np
import pytest

from dynjax.data import fit_linear_classifier, open_source

RNG = np.random.default_rng(0)


def pictures(count, bright, side=8):
    """Noise, with a brighter middle where `bright`."""
    made = RNG.uniform(0.3, 0.6, (count, side, side, 3)).astype(np.float32)
    made[:, side // 4:-side // 4, side // 4:-side // 4] += 0.2 * bright
    return list(made)


def test_it_tells_the_two_apart_and_says_how_well():
    judge = fit_linear_classifier(pictures(200, False), pictures(150, True))
    assert judge.accuracy == 1.0 and judge.tried == 40 + 30            # every fifth picture was kept back
    with_it, without = judge(np.stack(pictures(50, True))), judge(np.stack(pictures(50, False)))
    assert with_it.shape == (50,) and with_it.min() > 0 > without.max()
    half = np.stack(pictures(50, 0.5))
    assert without.mean() < judge(half).mean() < with_it.mean()


def test_what_does_not_differ_is_guessed():
    judge = fit_linear_classifier(pictures(200, True), pictures(200, True))
    assert 0.3 < judge.accuracy < 0.7


def test_large_pictures_are_averaged_down():
    judge = fit_linear_classifier(pictures(20, False, side=64), pictures(20, True, side=64))
    assert judge.weights.shape == (32, 32, 3) and judge(np.stack(pictures(3, True, side=64))).min() > 0


def test_levels_and_floats_are_one_range():
    """A source of files gives levels 0..255, a generator floats in [0, 1]: what is fitted to one judges the other."""
    floats = [pictures(60, bright) for bright in (False, True)]
    levels = [[np.round(picture * 255).astype(np.uint8) for picture in kind] for kind in floats]
    judge = fit_linear_classifier(*levels)
    dark, bright = (np.stack(kind) for kind in levels)
    np.testing.assert_allclose(judge(dark / 255), judge(dark), rtol=1e-12)
    assert judge((dark / 255).astype(np.float32)).mean() == pytest.approx(-1, abs=0.3)   # what was asked of the fit
    assert judge((bright / 255).astype(np.float32)).mean() == pytest.approx(1, abs=0.3)
    np.testing.assert_allclose(fit_linear_classifier(*floats).weights, judge.weights,
                               atol=0.05 * abs(judge.weights).max())


def test_fitted_to_a_source_it_judges_what_a_generator_gives():
    """Drawn faces as a source gives them, uint8; the same as floats, which is what a network makes."""
    dark, blond = (open_source("drawn-faces", split="all[:300]", attribute="Blond_Hair", sign=sign, size=32)
                   for sign in (-1, 1))
    judge = fit_linear_classifier(dark, blond)
    means = [judge(np.stack([source[i] for i in range(40)]) / np.float32(255)).mean() for source in (dark, blond)]
    assert judge.accuracy > 0.9
    np.testing.assert_allclose(means, [-1, 1], atol=0.25)


def test_another_range_is_told_in_fitting_and_in_judging():
    fitted = fit_linear_classifier(pictures(20, False), pictures(20, True))
    for wrong in (lambda x: x * 255, lambda x: x * 2 - 1):
        made = [wrong(np.float32(picture * 1.5 - 0.4).clip(0, 1)) for picture in pictures(9, True)]
        with pytest.raises(ValueError, match=r"a judge got values from .*; wanted floats in \[0, 1\]"):
            fit_linear_classifier(pictures(9, False), made)
        with pytest.raises(ValueError, match=r"the judge got values from .*; wanted floats in \[0, 1\]"):
            fitted(np.stack(made))
    with pytest.raises(ValueError, match="the judge got dtype int64; wanted uint8, or floats"):
        fitted(np.zeros((1, 8, 8, 3), np.int64))


@pytest.mark.parametrize(("without", "with_it", "sentence"), [
    (pictures(4, False), pictures(9, True), "4 pictures without the attribute and 9 with it; wanted 5 or more of each"),
    (pictures(9, False), pictures(9, True, side=16), r"pictures of shapes \(8, 8, 3\) and \(16, 16, 3\)")])
def test_too_few_or_unequal_pictures_are_told(without, with_it, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit_linear_classifier(without, with_it)


def test_other_pictures_than_it_was_fitted_to_are_told():
    judge = fit_linear_classifier(pictures(20, False), pictures(20, True))
    with pytest.raises(ValueError, match=r"got pictures of shape \(2, 16, 16, 3\); wanted \[B, 8, 8, 3\]"):
        judge(np.zeros((2, 16, 16, 3)))
