"""Pictures in, batches out: sources, style pictures, drawn faces, the input pipeline, degradations on the device."""
from dynjax.data.degradations import add_gaussian_noise
from dynjax.data.drawn_faces import Face, draw_face, random_face
from dynjax.data.drawn_styles import STYLES, draw_style
from dynjax.data.face_measures import measure_hair, measure_smile
from dynjax.data.linear_classifier import LinearAttributeClassifier, fit_linear_classifier
from dynjax.data.picture_source import PictureSource
from dynjax.data.pipeline import TrainingBatches, evaluation_images, training_batches
from dynjax.data.sources import SOURCES, open_source
from dynjax.data.style_pictures import open_style
from dynjax.data.views import reshape, select

__all__ = ["SOURCES", "STYLES", "Face", "LinearAttributeClassifier", "PictureSource", "TrainingBatches",
           "add_gaussian_noise", "draw_face", "draw_style", "evaluation_images", "fit_linear_classifier",
           "measure_hair", "measure_smile", "open_source", "open_style", "random_face", "reshape", "select",
           "training_batches"]
