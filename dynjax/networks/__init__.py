"""Plain linen networks that know nothing of alpha; images [N, H, W, C]."""
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.networks.edsr import EDSR
from dynjax.networks.johnson import JohnsonNet
from dynjax.networks.parameter import Parameter
from dynjax.networks.stylenet import StyleNet

__all__ = ["EDSR", "ConvTranspose", "JohnsonNet", "Parameter", "StyleNet"]
