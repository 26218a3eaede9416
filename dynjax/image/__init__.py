"""Pure functions on pictures: arrays [N, H, W, C], float32 in [0, 1] unless a name says otherwise."""
from dynjax.image.blur import gaussian_blur, gaussian_kernel
from dynjax.image.colour import chroma, luma, ycbcr
from dynjax.image.local_mean import local_mean, local_mean_fast
from dynjax.image.resize import crop_to_multiple, resize_bicubic
from dynjax.image.swinir_test import swinir_test
from dynjax.image.tiles import receptive_field_radius, tiled

__all__ = ["chroma", "crop_to_multiple", "gaussian_blur", "gaussian_kernel", "local_mean", "local_mean_fast", "luma",
           "receptive_field_radius", "resize_bicubic", "swinir_test", "tiled", "ycbcr"]
