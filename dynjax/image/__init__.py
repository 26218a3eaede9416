"""Pure functions on pictures: arrays [N, H, W, C], float32 in [0, 1] unless a name says otherwise."""
from dynjax.image.colour import chroma, luma, ycbcr
from dynjax.image.local_mean import local_mean, local_mean_fast
from dynjax.image.resize import crop_to_multiple, resize_bicubic

__all__ = ["chroma", "crop_to_multiple", "local_mean", "local_mean_fast", "luma", "resize_bicubic",
           "ycbcr"]
