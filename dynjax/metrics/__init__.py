"""Image quality, a batch in and one value an image out."""
from dynjax.metrics.lpips import lpips, lpips_distance, lpips_map, lpips_terms, lpips_weights
from dynjax.metrics.niqe import niqe
from dynjax.metrics.psnr import psnr, psnrb
from dynjax.metrics.ssim import ssim

__all__ = ["lpips", "lpips_distance", "lpips_map", "lpips_terms", "lpips_weights", "niqe", "psnr", "psnrb", "ssim"]
