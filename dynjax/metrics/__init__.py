"""Image quality, a batch of floats in [0, 1] in and one value an image out; conventions are in docs/metrics.md."""
from dynjax.metrics.appearance import band_energies, colour_distance, structure_correlation, texture_length
from dynjax.metrics.l1 import l1
from dynjax.metrics.lpips import lpips, lpips_distance, lpips_map, lpips_terms, lpips_weights
from dynjax.metrics.niqe import niqe
from dynjax.metrics.psnr import psnr, psnrb
from dynjax.metrics.sharpness import laplacian_energy
from dynjax.metrics.ssim import ssim
from dynjax.metrics.table import METRICS, Metric

__all__ = ["METRICS", "Metric", "band_energies", "colour_distance", "l1", "laplacian_energy", "lpips", "lpips_distance",
           "lpips_map", "lpips_terms", "lpips_weights", "niqe", "psnr", "psnrb", "ssim",
           "structure_correlation", "texture_length"]
