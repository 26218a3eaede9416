"""SwinIR and NAFNet of this library beside the same networks in PyTorch, with the same weights on the same machine.

    pip install -r benchmarks/requirements.txt
    PYTHONPATH=. python3 benchmarks/against_torch.py [--size=48] [--batch=4] [--rounds=7]

Forward pass and gradient of all weights, timed in turns within one run and given as ratios of medians. That both answer
the same picture alike is checked first.
"""
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_networks
from absl import app, flags
from timing import in_turns

from dynjax import command_line, pretrained

SIZE = flags.DEFINE_integer("size", 48, "Side of the pictures, pixels.")
BATCH = flags.DEFINE_integer("batch", 4, "Pictures at once.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "How often everything is timed, in turns.")

NAF = dict(width=32, enc_blk_nums=[1, 1, 1], middle_blk_num=1, dec_blk_nums=[1, 1, 1])
SWIN = dict(embed_dim=60, depths=[6] * 4, num_heads=[6] * 4)


def networks(size):
    """{name: (ours, the PyTorch one)}."""
    swin = pretrained.network("SwinIR", upscale=1, window_size=8, mlp_ratio=2, drop_path_rate=0.0, img_size=128, **SWIN)
    return {"SwinIR, 60 features, 4 groups of 6": (swin, torch_networks.SwinIR(size, **SWIN)),
            "NAFNet, 32 features, blocks 1 1 1 / 1 / 1 1 1": (
                pretrained.network("NAFNet", **NAF), torch_networks.NAFNet(**NAF))}


def functions(net, theirs, x):
    """{what: function that waits for its own result} of the one network in both libraries."""
    variables = pretrained.load(net, {name: array.numpy() for name, array in theirs.state_dict().items()})
    forward, picture = jax.jit(net.apply), torch.from_numpy(np.moveaxis(np.asarray(x), -1, 1).copy())
    gradient = jax.jit(jax.grad(lambda v, x: jnp.mean((net.apply(v, x) - 0.5) ** 2)))

    def torch_forward():
        with torch.inference_mode():
            return theirs(picture).numpy()

    def torch_gradient():
        theirs.zero_grad()
        ((theirs(picture) - 0.5) ** 2).mean().backward()

    apart = np.abs(np.moveaxis(torch_forward(), 1, -1) - forward(variables, x)).max()
    if apart > 1e-4:
        raise ValueError(f"the two networks differ by {apart:g}; wanted the same function.")
    return {"forward, jax": lambda: jax.block_until_ready(forward(variables, x)), "forward, torch": torch_forward,
            "gradient, jax": lambda: jax.block_until_ready(gradient(variables, x)), "gradient, torch": torch_gradient}


def main(_):
    command_line.keep_memory()
    x = jax.random.uniform(jax.random.key(1), (BATCH.value, SIZE.value, SIZE.value, 3))
    for name, (net, theirs) in networks(SIZE.value).items():
        median = in_turns(functions(net, theirs, x), ROUNDS.value)
        for what in ("forward", "gradient"):
            ours, other = median[f"{what}, jax"], median[f"{what}, torch"]
            print(f"{name}: {what} {ours / other:.2f} of PyTorch's {other:.3f} s")


if __name__ == "__main__":
    app.run(main)
