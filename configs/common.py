"""What the experiments share: defaults for every entry that most of them have; each file says what it has instead."""
from ml_collections import ConfigDict, config_dict

DEFAULTS = dict(
    seed=0, ema_decay=0.0, bfloat16=False, init_from="", log_every=10,
    critic=dict(name="", learning_rate=1e-4),
    data=dict(split="train", crops_per_image=1, flips=True, scales=(1.0, 0.7, 0.5), permute_channels=False,
              cache="auto", threads=2),
    optimizer=dict(name="adam", learning_rate=1e-3, beta1=0.9, beta2=0.999, schedule="cosine", warmup=0,
                   lr_milestones=(), clip=0.0, accumulate=1))


def tunable(frozen=()):
    """config.control of a tunable network, anew: a placeholder belongs to one config."""
    return dict(name="Tunable", kernels=config_dict.placeholder(int), phi="affine", hidden=(), frozen=frozen)


def experiment(name, preset, **entries):
    """A config of these defaults and of what the experiment has instead or besides.

    Args:
      name: of the experiment, which names its run's folder.
      preset: that was asked for.
      entries: parts of the config; dicts go over the defaults entry by entry.

    Returns:
      A ConfigDict.
    """
    config = ConfigDict(DEFAULTS)
    with config.unlocked():
        config.update(dict(name=name, preset=preset, **entries))
    return config
