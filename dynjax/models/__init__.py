"""Model files that describe themselves, the classes they may name, and official weights under their own names."""
from dynjax.models import pretrained
from dynjax.models.files import is_model_file, load_card, save, shipped
from dynjax.models.loading import load
from dynjax.models.registry import construct, describe, register, registered, takes

__all__ = ["construct", "describe", "is_model_file",
           "load", "load_card", "pretrained", "register", "registered", "save", "shipped", "takes"]
