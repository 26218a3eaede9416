"""What a network is trained for: losses per image and their combination by alpha."""
from dynjax.objectives.adversarial import RelativisticAdversarial, critic_loss
from dynjax.objectives.multi_loss import MultiLoss, Objective, build_multi_loss
from dynjax.objectives.perceptual import LPIPS, Perceptual
from dynjax.objectives.pixel import L1, L2, Charbonnier, TotalVariation
from dynjax.objectives.samplers import build_sampler, fixed, simplex, stretched, uniform

__all__ = ["L1", "L2", "LPIPS", "Charbonnier", "MultiLoss", "Objective", "Perceptual", "RelativisticAdversarial",
           "TotalVariation", "build_multi_loss", "build_sampler", "critic_loss", "fixed", "simplex", "stretched",
           "uniform"]
