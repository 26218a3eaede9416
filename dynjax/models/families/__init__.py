"""One file a program whose networks and checkpoints are known: its constructors' arguments and its arrays' names.

Importing this room makes them known to `official.build` and `layouts.layouts`.
"""
from dynjax.models.families import (
    denoisers,
    dynamic_net,
    edsr,
    nafnet,
    pix2pix,
    rrdbnet,
    stylenet,
    super_resolution,
    swinir,
    tunable_layers,
)

__all__ = ["denoisers", "dynamic_net", "edsr", "nafnet", "pix2pix", "rrdbnet", "stylenet", "super_resolution",
           "swinir", "tunable_layers"]
