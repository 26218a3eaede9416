"""The entries that every config has: a missing one, or one of another kind, is told before anything is built."""
import difflib
import numbers
import warnings
from collections.abc import Mapping

from ml_collections import ConfigDict

TEXT, WHOLE, NUMBER, FLAG, PART = "text", "a whole number", "a number", "True or False", "a dict"
NAMES, WHOLES, NUMBERS = "a tuple of names", "a tuple of whole numbers", "a tuple of numbers"
WHOLE_OR_NONE, NUMBER_OR_NUMBERS = "a whole number or None", "a number or a tuple of numbers"
ENTRIES = {
    "name": TEXT, "seed": WHOLE, "steps": WHOLE, "batch_size": WHOLE, "ema_decay": NUMBER, "bfloat16": FLAG,
    "checkpoint_every": WHOLE, "preview_every": WHOLE, "log_every": WHOLE, "init_from": TEXT, "task.name": TEXT,
    "network.name": TEXT, "control.name": TEXT, "objectives": PART, "critic.name": TEXT, "critic.learning_rate": NUMBER,
    "data.source": TEXT, "data.patch_size": WHOLE, "data.crops_per_image": WHOLE, "data.flips": FLAG,
    "data.scales": NUMBERS, "data.permute_channels": FLAG, "data.threads": WHOLE, "evaluation.source": TEXT,
    "evaluation.alphas": WHOLE, "optimizer.name": TEXT, "optimizer.learning_rate": NUMBER, "optimizer.beta1": NUMBER,
    "optimizer.beta2": NUMBER, "optimizer.schedule": TEXT, "optimizer.warmup": WHOLE,
    "optimizer.lr_milestones": NUMBERS, "optimizer.clip": NUMBER, "optimizer.accumulate": WHOLE}
ALPHA = {"alpha.names": NAMES, "alpha.sampler": TEXT, "alpha.stretch": NUMBER, "alpha.group_size": WHOLE}
# Which a config may have; a control takes what it knows.
OPTIONAL = {"control.kernels": WHOLE_OR_NONE, "control.phi": TEXT, "control.hidden": WHOLES, "control.frozen": NAMES,
            "control.before": NAMES, "control.after": NAMES, "control.block": PART,
            "evaluation.range": NUMBERS}
OLDER = {"tunable": "control=dict(name='Tunable', ...), with frozen for fixed",
         "dynamic": "control=dict(name='DynamicNet', ...), with kernel_init for the block's start",
         "start": "kernel_init, 'replicate' for 'copies' and 'base' as before",
         "average_decay": "ema_decay"}
# Parts whose entries are read here alone; those of others are options of what they name, which refuses unknown ones.
CLOSED = ("", "alpha", "data", "evaluation", "optimizer")
MISSPELT = 0.85   # how alike two names are, of 1
_IS = {TEXT: lambda value: isinstance(value, str), FLAG: lambda value: isinstance(value, bool),
       WHOLE: lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool),
       NUMBER: lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool),
       PART: lambda value: isinstance(value, ConfigDict),
       WHOLE_OR_NONE: lambda value: value is None or _IS[WHOLE](value)}
_IS |= {kind: lambda value, each=_IS[each]: isinstance(value, tuple | list) and all(map(each, value))
        for kind, each in ((NAMES, TEXT), (WHOLES, WHOLE), (NUMBERS, NUMBER))}
_IS[NUMBER_OR_NUMBERS] = lambda value: _IS[NUMBER](value) or _IS[NUMBERS](value)


def checked(config):
    """The config, whole or as it is for one phase, as a ConfigDict that has what every run needs.

    Raises:
      ValueError: it is none, an entry is missing, or is of another kind than every run needs.
    """
    if isinstance(config, Mapping) and not isinstance(config, ConfigDict):
        config = ConfigDict(config)
    if not isinstance(config, ConfigDict):
        raise ValueError(f"the config is a {type(config).__name__}; wanted an ml_collections.ConfigDict, as get_config "
                         "of configs/sr_tunable.py returns it, or a dict.")
    for name in OLDER.keys() & config.keys():
        raise ValueError(f"the config has {name!r}, as older ones have it; wanted {OLDER[name]}.")
    entries = {**ENTRIES, **{path: kind for path, kind in OPTIONAL.items() if _has(config, path)}}
    if _has(config, "control.block"):
        entries["control.block.name"] = TEXT
    if "phase" in config or "phases" not in config or "alpha" in config:
        one_point = not isinstance(config.get("alpha", ConfigDict()), ConfigDict)
        entries |= {"alpha": NUMBER_OR_NUMBERS, "trains": TEXT} if one_point else ALPHA
    if "phases" in config:
        entries["phases.names"] = NAMES
    for path, kind in entries.items():
        _check(config, path, kind)
    for name in config.objectives:
        _check(config, f"objectives.{name}", PART)
    for name in set(config.get("phases", ())) - {"names"}:
        _check(config, f"phases.{name}", PART)
    if "phase" not in config:   # that of one phase says the same again
        _warn_of_misspelt(config, entries)
    return config


def _warn_of_misspelt(config, entries):
    """Names in warnings what nothing reads and is nearly called as an entry beside it."""
    for above in CLOSED:
        part, prefix = (config.get(above), f"{above}.") if above else (config, "")
        if not isinstance(part, ConfigDict):
            continue
        known = {path.removeprefix(prefix).partition(".")[0] for path in entries if path.startswith(prefix)}
        for key in sorted(set(part) - known):
            if close := difflib.get_close_matches(key, sorted(known), n=1, cutoff=MISSPELT):
                warnings.warn(f"the config has an entry {prefix + key!r}, which nothing reads; did you mean "
                              f"{prefix + close[0]!r}, which it has beside?", stacklevel=3)


def _has(config, path):
    part = config
    for key in path.split("."):
        if not isinstance(part, ConfigDict) or key not in part:
            return False
        part = part[key]
    return True


def _check(config, path, kind):
    part, above = config, []
    for key in path.split("."):
        where = ".".join([*above, key])
        if not isinstance(part, ConfigDict):
            raise ValueError(f"{'.'.join(above)} of the config is {part!r}; wanted a dict with the entry {where!r}.")
        if key not in part:
            close = difflib.get_close_matches(key, map(str, part), n=1)
            has = f"; it has {'.'.join([*above, close[0]])!r}" if close else ""
            wanted = kind if where == path else PART
            raise ValueError(f"the config has no entry {where!r}{has}. Wanted {wanted}, as the files in configs/ have "
                             "there.")
        above.append(key)
        part = part[key]
    if not _IS[kind](part):
        raise ValueError(f"{path} of the config is {part!r}; wanted {kind}, as the files in configs/ have there.")
