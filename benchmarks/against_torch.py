"""EDSR, SwinIR and NAFNet of this library beside the same networks in PyTorch: same weights, machine and threads.

    pip install -r benchmarks/requirements.txt
    python3 -m benchmarks.against_torch [--size=48] [--batch=4] [--rounds=7]

Forward pass and training step (gradient of an L1 loss, update by Adam), in turns within one run, as ratios of medians;
EDSR beside PyTorch's usual layout of images and beside channels_last. That both answer the same picture alike is
checked first. On one core, and then in processor time: taskset -c 0 before the command.
"""
import importlib.util

import jax
import numpy as np
import optax
from absl import app, flags

from benchmarks.timing import cores, in_turns, table, training_step, waiting
from dynjax import command_line, pretrained

SIZE = flags.DEFINE_integer("size", 48, "Side of the pictures, pixels.")
BATCH = flags.DEFINE_integer("batch", 4, "Pictures at once.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "How often everything is timed, in turns.")
ONLY = flags.DEFINE_list("only", [], "Beginnings of the networks' names; all by default.")

EDSR = dict(num_feat=64, num_block=16)
NAF = dict(width=32, enc_blk_nums=[1, 1, 1], middle_blk_num=1, dec_blk_nums=[1, 1, 1])
SWIN = dict(embed_dim=60, depths=[6] * 4, num_heads=[6] * 4)


def cases(size):
    """{name: (ours, the PyTorch one, whether it is in channels_last)}."""
    from benchmarks import torch_networks as theirs

    edsr = pretrained.build("EDSR", num_in_ch=3, num_out_ch=3, upscale=1, img_range=1.0, **EDSR)
    larger = pretrained.build("EDSR", num_in_ch=3, num_out_ch=3, upscale=4, img_range=1.0, **EDSR)
    swin = pretrained.build("SwinIR", upscale=1, window_size=8, mlp_ratio=2, drop_path_rate=0.0, img_size=128, **SWIN)
    return {"EDSR x1, 64 features, 16 blocks": (edsr, theirs.EDSR(**EDSR), False),
            "EDSR x1, PyTorch in channels_last": (edsr, theirs.EDSR(**EDSR), True),
            "EDSR x4, 64 features, 16 blocks": (larger, theirs.EDSR(upscale=4, **EDSR), False),
            "SwinIR, 60 features, 4 groups of 6": (swin, theirs.SwinIR(size, **SWIN), False),
            "NAFNet, 32 features, blocks 1 1 1 / 1 / 1 1 1": (
                pretrained.build("NAFNet", **NAF), theirs.NAFNet(**NAF), False)}


def functions(net, theirs, channels_last, x):
    """{what: function that waits for its own result} of the one network in both libraries."""
    import torch

    variables = pretrained.load(net, {name: array.numpy() for name, array in theirs.state_dict().items()})
    forward, picture = jax.jit(net.apply), torch.from_numpy(np.moveaxis(np.asarray(x), -1, 1).copy())
    if channels_last:
        picture, theirs = (given.to(memory_format=torch.channels_last) for given in (picture, theirs))
    optimizer = torch.optim.Adam(theirs.parameters(), 1e-4)

    def torch_forward():
        with torch.inference_mode():
            return theirs(picture).numpy()

    def torch_step():
        optimizer.zero_grad()
        (theirs(picture) - 0.5).abs().mean().backward()
        optimizer.step()

    apart = np.abs(np.moveaxis(torch_forward(), 1, -1) - forward(variables, x)).max()
    if apart > 1e-4:
        raise ValueError(f"the two networks differ by {apart:g}; wanted the same function.")
    return {"forward, jax": waiting(forward, variables, x), "forward, torch": torch_forward,
            "training step, jax": waiting(training_step(net.apply), variables, optax.adam(1e-4).init(variables), x),
            "training step, torch": torch_step}


def main(_):
    if not importlib.util.find_spec("torch"):
        print("PyTorch is not installed, so nothing is compared with it; pip install -r benchmarks/requirements.txt.")
        return
    import torch

    command_line.keep_memory()
    torch.set_num_threads(cores())   # as XLA has
    if jax.default_backend() != "cpu":
        print("PyTorch runs on the CPU here and JAX does not: these ratios compare two machines.\n")
    x, rows = jax.random.uniform(jax.random.key(1), (BATCH.value, SIZE.value, SIZE.value, 3)), []
    for name, (net, theirs, channels_last) in cases(SIZE.value).items():
        if ONLY.value and not name.startswith(tuple(ONLY.value)):
            continue
        median = in_turns(functions(net, theirs, channels_last, x), ROUNDS.value)
        rows.append([name, *(f"{median[f'{what}, jax'] / median[f'{what}, torch']:.2f}"
                             for what in ("forward", "training step"))])
    print(f"{BATCH.value} pictures of {SIZE.value} px, {cores()} threads each:\n")
    table(["ours / PyTorch", "forward", "training step"], rows)


if __name__ == "__main__":
    app.run(main)
