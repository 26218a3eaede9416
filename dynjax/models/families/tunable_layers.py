"""mindediting's single tunable layers, which our plain ones inside have the names of."""
import flax.linen as nn

from dynjax.control import Tunable, TunableConv, TunableDense
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official, tuning
from dynjax.networks import Parameter


@official("TunableConv2d")
def _tunable_conv(in_channels, out_channels, kernel_size, stride=1, pad_mode="same", padding=0, dilation=1, group=1,
                  has_bias=False, num_params=1, expand_params=1, mode="mlp"):
    if pad_mode not in ("same", "valid", "pad") or (padding and pad_mode != "pad"):
        raise ValueError(f"TunableConv2d got pad_mode={pad_mode!r} with padding={padding}; wanted same or valid with "
                         "0, or pad.")
    if in_channels % group or out_channels % group:
        raise ValueError(f"TunableConv2d got {in_channels} and {out_channels} channels for group={group}; wanted "
                         "multiples of it.")
    sides = ((padding, padding), (padding, padding)) if pad_mode == "pad" else pad_mode.upper()
    return TunableConv(out_channels, (kernel_size, kernel_size), strides=(stride, stride), padding=sides,
                       kernel_dilation=(dilation, dilation), feature_group_count=group, use_bias=has_bias,
                       **tuning(num_params, mode, expand_params))


@official("TunableDense")
def _tunable_dense(in_channels, out_channels, has_bias=True, num_params=1, expand_params=1, mode="mlp"):
    return TunableDense(out_channels, use_bias=has_bias, **tuning(num_params, mode, expand_params))


@official("TunableParameter")
def _tunable_parameter(shape, num_params=1, expand_params=1, mode="mlp"):
    return Tunable(Parameter(tuple(shape)), **tuning(num_params, mode, expand_params))


@layouts_of(nn.Conv)
def _conv(net, arrays):
    weight = arrays.get("weight")
    channels = weight.shape[-3] * net.feature_group_count if weight is not None and weight.ndim >= 4 else 1
    return [Layout({"": ("", "conv")}, example=(1, 64, 64, channels))]


@layouts_of(nn.Dense)
def _dense(net, arrays):
    weight = arrays.get("weight")
    return [Layout({"": ("", "dense")}, example=(1, weight.shape[-1] if weight is not None else 1))]


@layouts_of(Parameter)
def _parameter(net, arrays):
    return [Layout({"data": ("", "array")}, example=(1, 1))]
