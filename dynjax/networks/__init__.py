"""Plain linen networks that know nothing of alpha; images [N, H, W, C]."""
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.networks.critics import VGGCritic
from dynjax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from dynjax.networks.dncnn import DnCNN
from dynjax.networks.edsr import EDSR
from dynjax.networks.ffdnet import FFDNet
from dynjax.networks.ircnn import IRCNN
from dynjax.networks.johnson import DumoulinNet, JohnsonNet
from dynjax.networks.msrresnet import MSRResNet
from dynjax.networks.nafnet import NAFNet
from dynjax.networks.parameter import Parameter
from dynjax.networks.patchgan import PatchCritic
from dynjax.networks.pix2pix import UNet, tuning_points
from dynjax.networks.rrdbnet import RRDBNet
from dynjax.networks.srvgg import SRVGGNetCompact
from dynjax.networks.stylenet import StyleNet
from dynjax.networks.swinir import SwinIR
from dynjax.networks.vgg import VGG16, VGG19, AlexNet, imagenet_denormalise, imagenet_normalise

__all__ = ["EDSR", "IRCNN", "VGG16", "VGG19", "AlexNet", "ConvTranspose", "DCGANDiscriminator", "DCGANGenerator",
           "DnCNN", "DumoulinNet", "FFDNet", "JohnsonNet", "MSRResNet", "NAFNet", "Parameter", "PatchCritic", "RRDBNet",
           "SRVGGNetCompact", "StyleNet", "SwinIR", "UNet", "VGGCritic", "imagenet_denormalise", "imagenet_normalise",
           "tuning_points"]
