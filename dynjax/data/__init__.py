"""Pictures in, batches out: sources, the input pipeline, degradations on the device."""
from dynjax.data.degradations import add_gaussian_noise, downscale
from dynjax.data.picture_source import PictureSource
from dynjax.data.pipeline import TrainingBatches, evaluation_images, training_batches
from dynjax.data.sources import open_source

__all__ = ["PictureSource", "TrainingBatches", "add_gaussian_noise", "downscale", "evaluation_images", "open_source",
           "training_batches"]
