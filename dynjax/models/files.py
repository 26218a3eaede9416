"""Model files: one .safetensors that holds a network's arrays and, as JSON, all that is needed to build it again."""
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from dynjax.devices import check_platform
from dynjax.files.atomic import check_place, write_atomically
from dynjax.files.messages import one_line
from dynjax.files.safetensors import parse_safetensors, to_safetensors
from dynjax.image.native import native
from dynjax.models import registry

FORMAT = 1
KEY, CHECKSUM = "dynjax", "dynjax_sha256"
EMPTY = {"dict": dict, "list": list, "tuple": tuple, "none": lambda: None}


def save(path, net, variables, card=None, *, half=False):
    """Writes a network and its variables as one file that `load` needs nothing else for.

    The file is there completely or not at all. Arrays are stored bit for bit, unless `half`; fields that do not change
    the function (dtype, param_dtype, precision, initialisers) are not stored.

    Args:
      path: a name ending in .safetensors.
      net: a linen module of a registered class: a base network, Tunable, DynamicNet, ...
      variables: its variables, {"params": ...} with dicts, lists and tuples of arrays inside.
      card: a dict of what JSON can hold: data, steps, measured values, licence of what it was trained with.
      half: store float32 arrays as float16, half the size; `load` gives them back as float32.

    Raises:
      ValueError: another ending, no place for a file, a class or field that cannot be described, a card that is not
        JSON.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"save got {path}; wanted a name that ends in .safetensors.")
    check_place(path, "save", ending=".safetensors")
    if not isinstance(variables, Mapping):
        raise ValueError(f"save got variables of the type {type(variables).__name__}; "
                         "wanted a dict, {'params': ...}.")
    arrays, empty = {}, {}
    _flatten(variables, "", arrays, empty)
    arrays = native(arrays)
    narrowed = [path for path, array in arrays.items() if half and array.dtype == np.float32]
    if any(not np.all(np.abs(arrays[path]) <= np.finfo(np.float16).max) for path in narrowed):
        raise ValueError("half=True got values that float16 cannot hold, above 65504 or not finite; leave it out.")
    arrays |= {path: arrays[path].astype(np.float16) for path in narrowed}
    alpha = getattr(net, "alpha", None)
    names = [alpha] if isinstance(alpha, str) else list(alpha) if isinstance(alpha, (tuple, list)) else None
    description = {"format": FORMAT, "network": registry.describe(net), "alpha": names, "card": card or {},
                   "empty": empty, **({"widen": "float32"} if half else {})}
    try:
        text = json.dumps(description, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the card cannot be written as JSON ({error}); wanted a dict of strings, finite numbers, "
                         "booleans, lists and dicts.") from None
    write_atomically(path, to_safetensors(arrays, {KEY: text, CHECKSUM: _checksum(text, arrays)}))


def load(path):
    """The network and the variables of a model file, `(net, variables)`; `loading.load` takes official weights too.

    Nothing in the file is executed: it names registered classes and their fields. A changed byte is an error.

    Args:
      path: a file written by `save`, or the name of a shipped model (`shipped()` lists them).

    Raises:
      ValueError: missing, damaged or foreign file; unknown class or field; a newer format.
    """
    description, arrays = _read(find(path))
    check_platform()
    try:
        if description.get("widen") == "float32":
            arrays = {path: array.astype(np.float32) if array.dtype == np.float16 else array
                      for path, array in arrays.items()}
        return registry.build(description["network"]), _unflatten(arrays, description["empty"])
    except Exception as error:   # a forged description can name what no class or tree takes, each in its own words
        raise ValueError(f"{path} cannot be loaded: {one_line(error)}") from None


def load_card(path):
    """The card that was given to `save`, a dict, with the key "alpha": the names of the objectives or None.

    Raises:
      ValueError: as `load` does, but for unknown classes.
    """
    description, _ = _read(find(path))
    return {**description["card"], "alpha": description.get("alpha")}


def is_model_file(path):
    """Whether a file looks like one written by `save`, damaged or not; False for other formats."""
    path = Path(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")   # of the header, where the card can be long
        start = file.read(length if length < path.stat().st_size else 65536)
    return f'"{CHECKSUM}"'.encode() in start


def shipped():
    """The names of the models that come with the library, for `load`."""
    return tuple(sorted(file.stem for file in _shelf().glob("*.safetensors")))


def _shelf():
    return Path(__file__).parent / "shipped"


def find(path):
    """The file itself, or that of a shipped model.

    Raises:
      ValueError: there is neither.
    """
    if Path(path).is_file():
        return Path(path)
    name = str(path)
    if name in shipped():
        return _shelf() / f"{name}.safetensors"
    raise ValueError(f"there is no file {path}; wanted a model file (.safetensors) or the name of a shipped model"
                     f"{': ' + ', '.join(shipped()) if shipped() else ', of which there are none'}.")


def _read(path):
    """(description, arrays by name) of a file whose checksum is right."""
    data = path.read_bytes()
    arrays, metadata = parse_safetensors(data, path, widen=False)
    if KEY not in metadata or CHECKSUM not in metadata:
        raise ValueError(f"{path} is a safetensors file without a description of its network; wanted one written by "
                         "dynjax.save. Weights under official names are read by dynjax.pretrained.load.")
    header = data[8:8 + int.from_bytes(data[:8], "little")]
    # The checksum covers what the header says; this, how it says it: spaces, escapes, padding to 8 bytes.
    text = json.dumps(json.loads(header), ensure_ascii=False, separators=(",", ":")).encode()
    if set(metadata) != {KEY, CHECKSUM} or header != text.ljust(-(-len(text) // 8) * 8) or (
            _checksum(metadata[KEY], arrays) != metadata[CHECKSUM]):
        raise ValueError(f"{path} is damaged: its checksum does not fit its content. Fetch or write it again.")
    try:
        description = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} has a description that is no JSON ({one_line(error)}); wanted a file written by "
                         "dynjax.save.") from None
    version = description.get("format") if isinstance(description, dict) else None
    if version != FORMAT:
        raise ValueError(f"{path} has the format {one_line(version)}; this version reads {FORMAT}. Update dynjax.")
    if "network" not in description or not all(isinstance(description.get(part), dict) for part in ("empty", "card")):
        raise ValueError(f"{path} has a description without the network, empty or card that belong to it; wanted a "
                         "file written by dynjax.save.")
    return description, arrays


def _checksum(text, arrays):
    digest = hashlib.sha256()
    for part in (text.encode(), *(part for name in sorted(arrays) for part in _parts(name, np.asarray(arrays[name])))):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(name, array):
    return name.encode(), str(array.dtype).encode(), str(array.shape).encode(), array.tobytes()


def _flatten(tree, path, arrays, empty):
    """Leaves by path: names of dicts as they are, with / and ~ escaped, places in lists as [0], in tuples as (0)."""
    if isinstance(tree, Mapping):
        items = [(_escape(name), value) for name, value in tree.items()]
    elif isinstance(tree, (list, tuple)):
        marks = "[]" if isinstance(tree, list) else "()"
        items = [(f"{marks[0]}{index}{marks[1]}", value) for index, value in enumerate(tree)]
    elif tree is None:
        items = []
    else:
        arrays[path] = np.asarray(tree)
        return
    if not items:
        kinds = {"none": type(None), "list": list, "tuple": tuple, "dict": Mapping}
        empty[path] = next(kind for kind, classes in kinds.items() if isinstance(tree, classes))
    for name, value in items:
        _flatten(value, f"{path}/{name}" if path else name, arrays, empty)


def _escape(name):
    if not isinstance(name, str) or not name:
        raise ValueError(f"the variables have the key {name!r}; wanted names that are non-empty strings.")
    name = name.replace("~", "~0").replace("/", "~1")
    return f"~2{name}" if name[0] in "[(" else name


def _unescape(name):
    return name.removeprefix("~2").replace("~1", "/").replace("~0", "~")


def _unflatten(arrays, empty):
    if "" in empty and not arrays:
        return EMPTY[empty[""]]()
    tree = {}
    leaves = [(path, jnp.asarray(array)) for path, array in arrays.items()]
    leaves += [(path, EMPTY[kind]()) for path, kind in empty.items()]
    for path, leaf in leaves:
        *branches, last = path.split("/")
        branch = tree
        for name in branches:   # an array has no branches: AttributeError
            branch = branch.setdefault(name, {})
        if last in branch or not last:
            raise ValueError(f"it has several entries, or none with a name, at {path or 'the top'}.")
        branch[last] = leaf
    return _restore(tree)


def _restore(tree):
    """Dicts with keys [0], [1], ... back to lists, (0), (1), ... to tuples."""
    if not isinstance(tree, dict) or not tree:
        return tree
    kinds = {name[0] for name in tree}
    if kinds <= {"[", "("} and len(kinds) == 1:
        ordered = [_restore(tree[name]) for name in sorted(tree, key=lambda name: int(name[1:-1]))]
        return ordered if kinds == {"["} else tuple(ordered)
    if set(tree) <= {"kernels", "phi", "fixed"} and "kernels" in tree and "fixed" in tree:   # as older files have it
        tree = {"frozen" if name == "fixed" else name: value for name, value in tree.items()}
    return {_unescape(name): _restore(value) for name, value in tree.items()}
