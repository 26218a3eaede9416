"""What a network is trained for: losses per image and their combination by alpha."""
from dynjax.objectives.adversarial import Adversarial
from dynjax.objectives.multi_loss import TERMS, MultiLoss, Objective, build_multi_loss
from dynjax.objectives.perceptual import LPIPS, Perceptual
from dynjax.objectives.pixel import L1, L2, Charbonnier, Chroma, TotalVariation
from dynjax.objectives.samplers import build_sampler, fixed, points_of, simplex, stretched, uniform
from dynjax.objectives.style import Gram, gram

__all__ = ["L1", "L2", "LPIPS", "TERMS", "Adversarial", "Charbonnier", "Chroma", "Gram", "MultiLoss", "Objective",
           "Perceptual", "TotalVariation", "build_multi_loss", "build_sampler", "fixed", "gram", "points_of", "simplex",
           "stretched", "uniform"]
