"""SwinIR: the authors' program and mindediting's tunable one."""
import math

from dynjax.control import Tunable
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official, tuning
from dynjax.models.recognition import DetectedArchitecture, Question, recognises
from dynjax.networks import SwinIR
from dynjax.networks.edsr import upsampling_steps


@official("SwinIR")
def _swinir(img_size=64, patch_size=1, in_chans=3, embed_dim=96, depths=(6, 6, 6, 6), num_heads=(6, 6, 6, 6),
            window_size=7, mlp_ratio=4.0, qkv_bias=True, qk_scale=None, drop_rate=0.0, attn_drop_rate=0.0,
            drop_path_rate=0.1, ape=False, patch_norm=True, use_checkpoint=False, upscale=2, img_range=1.0,
            upsampler="", resi_connection="1conv", num_feat=64):
    # `num_feat` is a constant of the original; use_checkpoint changes memory, not the function.
    if patch_size != 1 or drop_rate or attn_drop_rate:
        raise ValueError(f"SwinIR got patch_size={patch_size}, drop_rate={drop_rate}, attn_drop_rate={attn_drop_rate}; "
                         "wanted 1, 0 and 0, as every published variant has them.")
    size = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
    # Built for images no larger than a window, the original has one window and moves none.
    shifted = min(size) > window_size
    window = min(window_size, *size)
    return SwinIR(
        features=embed_dim, depths=tuple(depths), heads=tuple(num_heads), window=window,
        whole=window_size if window < window_size else None, mlp_ratio=mlp_ratio,
        scale=upscale if upsampler else 1, channels=in_chans, image_range=img_range,
        upsampler=upsampler or "none", upsampler_features=num_feat, convolution=resi_connection, qkv_bias=qkv_bias,
        qk_scale=qk_scale, patch_norm=patch_norm, positions=size if ape else None, shifted=shifted,
        drop_path=drop_path_rate)


@official("TunableSwinIR")
def _tunable_swinir(in_chans=3, embed_dim=180, depths=(6,) * 6, num_heads=(6,) * 6, window_size=8, mlp_ratio=2.0,
                    qkv_bias=True, qk_scale=None, upscale=1, img_range=1.0, upsampler="", resi_connection="1conv",
                    num_feat=64, patch_norm=True, drop_path_rate=0.1, num_params=1, mode="mlp"):
    plain = _swinir(img_size=10**9, in_chans=in_chans, embed_dim=embed_dim, depths=depths, num_heads=num_heads,
                    window_size=window_size, mlp_ratio=mlp_ratio, qkv_bias=qkv_bias, qk_scale=qk_scale,
                    drop_path_rate=drop_path_rate, patch_norm=patch_norm, upscale=upscale, img_range=img_range,
                    upsampler=upsampler, resi_connection=resi_connection, num_feat=num_feat)
    # The tunable program rolls images of a single window too, and does not keep apart what comes together.
    return Tunable(plain.clone(mask_small=False), **tuning(num_params, mode), frozen=("**/norm*",))


@recognises
def _like(entries):
    block = "layers.0.residual_group.blocks.0."
    table = f"{block}attn.relative_position_bias_table"
    if table not in entries.shapes and f"{table}.data" not in entries.shapes:
        return None
    if entries.has("conv_first.1.weight") or (entries.has("conv_last.weight") and (
            entries.inputs("conv_first") != entries.outputs("conv_last"))):
        return DetectedArchitecture(
            "SwinIR", None, "another number of channels at the input than at the output, as of pixels "
            "unshuffled before it (start_unshuffle)")
    groups, features = entries.count("layers.{}."), entries.outputs("conv_first")
    depths = tuple(entries.count(f"layers.{group}.residual_group.blocks." + "{}.") for group in range(groups))
    tables = [entries.shapes.get(table.replace("layers.0.", f"layers.{group}.")) or
              entries.shapes[table.replace("layers.0.", f"layers.{group}.") + ".data"] for group in range(groups)]
    side, heads = (round(tables[0][-2] ** 0.5) + 1) // 2, tuple(shape[-1] for shape in tables)
    images = entries.inputs("conv_first")
    if entries.has("conv_up1.weight"):
        upsampler, scale = "nearest+conv", 2 ** entries.count("conv_up{}")
    elif entries.has("conv_before_upsample.0.weight"):
        inside = entries.outputs("conv_before_upsample.0")
        upsampler, scale = "pixelshuffle", entries.enlarged("upsample.{}", inside)
    elif entries.has("upsample.0.weight"):
        upsampler, scale = "pixelshuffledirect", entries.enlarged("upsample.{}", images)
    else:
        upsampler, scale = "", 1
    three = entries.has("conv_after_body.4.weight")
    unusual, besides, questions = _unusual(entries, block, side, upsampler)
    return DetectedArchitecture("TunableSwinIR" if entries.stacked else "SwinIR", {
        "upscale": scale, "in_chans": images, "window_size": side, "img_range": 255.0 if side == 7 else 1.0,
        "depths": depths, "embed_dim": features, "num_heads": heads,
        "mlp_ratio": _ratio(features, entries.shapes[f"{block}mlp.fc1.weight"][-2]), "upsampler": upsampler,
        "resi_connection": "3conv" if three else "1conv", **unusual}, besides, questions)


def _ratio(features, hidden):
    """The ratio by which the original makes `hidden` of `features`, rounding down."""
    ratio = hidden / features
    return ratio if int(features * ratio) == hidden else (hidden + 0.5) / features


def _unusual(entries, block, window, upsampler):
    """The arguments that differ from the published variants, what is to be given besides in words, and Questions."""
    unusual, besides, questions = {}, "", {}
    positions = entries.shapes.get("absolute_pos_embed")
    if positions is not None:
        unusual["ape"], count = True, positions[-2]
        side = math.isqrt(count)
        if side * side == count and side % window == 0:   # the original is built of whole windows
            unusual["img_size"] = side
        else:
            besides = f"img_size=(H, W) besides, where H * W = {count}"
            questions["img_size"] = Question(f"(H, W) of the images that it was built for, where H * W = {count}",
                                             (window, count // window))
    if not any(name.startswith("patch_embed.norm.") for name in entries.shapes):
        unusual["patch_norm"] = False
    if not entries.has(f"{block}attn.qkv.bias"):
        unusual["qkv_bias"] = False
    if entries.has("conv_before_upsample.0.weight") and entries.outputs("conv_before_upsample.0") != 64:
        unusual["num_feat"] = entries.outputs("conv_before_upsample.0")
    second = block.replace("blocks.0.", "blocks.1.")
    if entries.has(f"{second}attn.relative_position_index") and not (entries.has(f"{second}attn_mask")
                                                                    or entries.stacked):
        questions["window_size"] = Question(f"{window}, or a larger one that was asked for", window)
        questions.setdefault("img_size", Question(
            f"{window} if it was built for images of one window, which moves none; a larger one, such as "
            f"{8 * window}, if only its attn_mask was taken out", window))
    if window == 7 and upsampler:   # the published ones with it, for JPEG, do not enlarge
        questions["img_range"] = Question("1.0 or 255.0", 1.0)
    return unusual, besides, questions


@layouts_of(SwinIR)
def _layouts(net, arrays):
    """PyTorch's norms have weight and bias, MindSpore's gamma and beta."""
    return [_layout(net, "gamma_beta" if "norm.gamma" in arrays else "norm")]


def _layout(net, norm):
    layers = {"conv_first": ("conv_first", "conv"), "norm_last": ("norm", norm)}
    if net.patch_norm:
        layers["norm_patch"] = ("patch_embed.norm", norm)
    if net.positions is not None:
        layers["absolute_pos_embed"] = ("absolute_pos_embed", "leading")
    for group, depth in enumerate(net.depths):
        for index in range(depth):
            ours, theirs = f"group_{group}_block_{index}", f"layers.{group}.residual_group.blocks.{index}"
            layers |= {f"{ours}/{name}": (f"{theirs}.{name}", norm) for name in ("norm1", "norm2")}
            layers |= {f"{ours}/attn/{name}": (f"{theirs}.attn.{name}", "dense") for name in ("qkv", "proj")}
            layers |= {f"{ours}/{name}": (f"{theirs}.mlp.{name}", "dense") for name in ("fc1", "fc2")}
            table = "attn/relative_position_bias_table"
            layers[f"{ours}/{table}"] = (f"{theirs}.{table.replace('/', '.')}", "array")
        layers |= _convolutions(net, f"group_{group}_conv", f"layers.{group}.conv")
    layers |= _convolutions(net, "conv_after_body", "conv_after_body")
    for name in _last_layers(net):
        # An activation stands beside the first; the shuffles between the others count too.
        layers[name] = ({"conv_before_upsample": "conv_before_upsample.0"}.get(name) or (
            f"upsample.{2 * int(name[9:])}" if name.startswith("upsample_") else name), "conv")
    side = net.positions or (2 * net.window, 2 * net.window)
    return Layout(layers, ignored=("*.relative_position_index", "*.attn_mask"), example=(1, *side, net.channels))


def _convolutions(net, ours, theirs):
    if net.convolution == "1conv":
        return {ours: (theirs, "conv")}
    return {f"{ours}_{index}": (f"{theirs}.{2 * index}", "conv") for index in range(3)}


def _last_layers(net):
    steps = range(len(upsampling_steps(net.scale)))
    return {"none": ["conv_last"], "pixelshuffledirect": ["upsample_0"],
            "pixelshuffle": ["conv_before_upsample", *(f"upsample_{i}" for i in steps), "conv_last"],
            "nearest+conv": ["conv_before_upsample", *(f"conv_up{i + 1}" for i in steps), "conv_hr", "conv_last"],
            }.get(net.upsampler, [])   # the network itself says that there is no such one
