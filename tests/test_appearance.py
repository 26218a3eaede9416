"""Colour, structure, bands and the length of a texture against formulas and scikit-image."""
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from dynjax.metrics import band_energies, colour_distance, structure_correlation, texture_length

RNG = np.random.default_rng(0)


def grey(picture):
    return np.repeat(picture[None, ..., None], 3, axis=-1)


def test_colour_distance_of_flat_pictures_is_the_distance_in_lab():
    black, white = np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))
    assert colour_distance(black, white)[0] == pytest.approx(100, abs=1e-3)          # L* of white
    red, green = np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4, 3))
    red[..., 0] = green[..., 1] = 1
    # CIE Lab of sRGB's red and green (D65): (53.24, 80.09, 67.20) and (87.73, -86.18, 83.18).
    assert colour_distance(red, green)[0] == pytest.approx(np.linalg.norm([34.49, 166.27, 15.98]), abs=0.05)


def test_colour_distance_sees_the_spread_but_not_the_place_of_colours():
    noise = 0.5 + 0.1 * RNG.standard_normal((1, 32, 32, 3)).clip(-3, 3)
    shuffled = noise.reshape(1, -1, 3)[:, RNG.permutation(1024)].reshape(noise.shape)
    assert colour_distance(noise, shuffled)[0] == pytest.approx(0, abs=1e-3)
    # Greys have one axis in Lab: between normal distributions of one mean, W2 is the difference of deviations.
    steps = np.linspace(-1, 1, 64).reshape(8, 8)
    lightness = lambda width: grey(((50 + width * steps + 16) / 116) ** 3 * 1.0)     # L* to linear grey
    encode = lambda linear: np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    found = colour_distance(encode(lightness(10)), encode(lightness(20)))[0]
    assert found == pytest.approx(10 * steps.std(), rel=1e-3)


def test_structure_correlation():
    picture = grey(gaussian_filter(RNG.random((40, 50)), 2))
    assert structure_correlation(picture, picture)[0] == pytest.approx(1)
    assert structure_correlation(picture, 1 - 0.5 * picture)[0] == pytest.approx(1)  # brightness and contrast aside
    other = grey(gaussian_filter(RNG.random((40, 50)), 2))
    assert abs(structure_correlation(picture, other)[0]) < 0.3
    assert np.isnan(structure_correlation(picture, np.full_like(picture, 0.5))[0])   # a flat picture has none


def test_band_energies_put_a_wave_into_its_octave():
    x = np.arange(128)
    for period, band in ((3, 0), (8, 1), (16, 2), (32, 3)):
        wave = 0.5 + 0.2 * np.sin(2 * np.pi * x / period)
        energies = band_energies(grey(np.tile(wave, (128, 1))))[0]
        assert np.argmax(energies) == band, (period, energies)
    assert band_energies(np.full((1, 64, 64, 3), 0.3)).max() < 1e-20


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5])
def test_texture_length_of_blurred_noise(sigma):
    # White noise after Gaussians of deviations a and b correlates as exp(-l^2 / 2 (a^2 + b^2)) / (a^2 + b^2); what is
    # measured is the noise less a blur of 8 pixels, so three such terms.
    term = lambda length, square: np.exp(-length**2 / (2 * square)) / square
    correlation = lambda length: (term(length, 2 * sigma**2) - 2 * term(length, 2 * sigma**2 + 64)
                                  + term(length, 2 * sigma**2 + 128))
    wanted = brentq(lambda length: correlation(length) - correlation(0) / np.e, 0.1, 10)
    noise = gaussian_filter(RNG.standard_normal((256, 256)), sigma, mode="wrap")
    picture = grey(0.5 + 0.1 * noise / noise.std())
    assert texture_length(picture)[0] == pytest.approx(wanted, rel=0.05)
    assert texture_length(0.3 + 0.2 * picture)[0] == pytest.approx(texture_length(picture)[0])
    assert np.isnan(texture_length(np.full((1, 64, 64, 3), 0.5))[0])
    assert np.isnan(texture_length(picture[:, :20])[0])           # too small for the scales that are told apart


def test_what_cannot_be_measured_is_told():
    with pytest.raises(ValueError, match=r"colour_distance got grey pictures"):
        colour_distance(np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8, 1)))
