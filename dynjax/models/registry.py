"""The classes that a model file may name: this library's public modules and those that a user registers."""
import dataclasses
import difflib
import math
from collections.abc import Mapping

import flax.linen as nn
import numpy as np

from dynjax import control, networks

# What has no part in the function that a trained network computes.
NOT_STORED = {"parent", "name", "dtype", "param_dtype", "precision", "remat"}
LARGEST_DEPTH = 32
# How fields were called in files that are older.
RENAMED = {("Tunable", "fixed"): "frozen", ("TunableConv", "fixed"): "frozen",
           ("TunableConvTranspose", "fixed"): "frozen", ("TunableDense", "fixed"): "frozen",
           ("TuningBlock", "start"): "kernel_init", ("DualTuningBlock", "start"): "kernel_init"}

_classes = {}


def register(module_class):
    """Makes a linen module class known to `save` and `load` by its name; a decorator or a plain call.

    Its fields must be what JSON can hold (numbers, strings, booleans, tuples, dicts) or registered modules; fields
    named dtype, param_dtype, precision, remat, and *_init that are functions, are not stored.

    Returns:
      The class itself.

    Raises:
      ValueError: not a linen module class, or another class of this name is registered.
    """
    if not (isinstance(module_class, type) and issubclass(module_class, nn.Module)):
        raise ValueError(f"register got {module_class!r}; wanted a class derived from flax.linen.Module.")
    name = module_class.__name__
    known = _classes.setdefault(name, module_class)
    if (known.__module__, known.__qualname__) != (module_class.__module__, module_class.__qualname__):
        raise ValueError(f"a class {name} is registered already, from {known.__module__}; wanted another name. Rename "
                         f"the one in {module_class.__module__}.")
    _classes[name] = module_class
    return module_class


def registered():
    """The names of all classes that a model file may hold, sorted."""
    return tuple(sorted(_classes))


def construct(name, **fields):
    """A module of a registered class, by the class's name, as configs give it.

    Raises:
      ValueError: unknown class or field, with the nearest known one.
    """
    if name in _classes:
        known = [field.name for field in _fields(_classes[name])]
        types = {field.name for field in dataclasses.fields(_classes[name])} & {"dtype", "param_dtype"}
        for field in fields:
            if field not in known and field not in types:
                raise ValueError(_unknown_field(name, field, known))
    types = {field: fields.pop(field) for field in ("dtype", "param_dtype") if field in fields}
    return _decode_module({"class": name, "fields": fields}, 0).clone(**types)


def takes(name, field):
    """Whether the registered class of that name has such a field; False for unknown classes."""
    return name in _classes and field in {each.name for each in dataclasses.fields(_classes[name])}


def describe(net):
    """The constructor call of a module as plain JSON values: {"class": name, "fields": {...}}, nested.

    Raises:
      ValueError: an unregistered class, or a field that JSON cannot hold.
    """
    name = type(net).__name__
    if _classes.get(name) is not type(net):
        raise ValueError(f"{name} is not a class that a model file can name; wanted one of {', '.join(registered())}. "
                         f"Make it known with dynjax.models.register({name}), before saving and before loading.")
    fields = {}
    for field in _fields(type(net)):
        value = getattr(net, field.name)
        if callable(value) and not isinstance(value, nn.Module) and value is field.default:
            continue
        fields[field.name] = _encode(value, f"{name}.{field.name}")
    return {"class": name, "fields": fields}


def build(description):
    """The module that `describe` described. Only registered classes are called, only with fields they have.

    Raises:
      ValueError: unknown class or field, or a description of another form.
    """
    return _decode_module(description, 0)


def _fields(module_class):
    return [field for field in dataclasses.fields(module_class)
            if field.init and field.name not in NOT_STORED
            and not (field.name.endswith("_init") and callable(field.default))]   # a name of one is stored


def _unknown_field(name, field, known):
    close = difflib.get_close_matches(field, known, n=1)
    suggestion = f"did you mean {close[0]}? It" if close else "it"
    return f"{name} has no field {field!r}; {suggestion} has {', '.join(known)}."


def _encode(value, where):
    if isinstance(value, nn.Module):
        return describe(value)
    if isinstance(value, Mapping):
        return {"mapping": [[_encode(key, where), _encode(item, where)] for key, item in value.items()]}
    if isinstance(value, (tuple, list)):
        return [_encode(item, where) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"the field {where} is {value!r}, which a model file cannot hold; wanted numbers, strings, "
                     "tuples, dicts or registered modules. Give the class a string that names the choice.")


def _decode(value, depth):
    if depth > LARGEST_DEPTH:
        raise ValueError(f"the description is nested more than {LARGEST_DEPTH} deep; no network is.")
    if isinstance(value, list):
        return tuple(_decode(item, depth + 1) for item in value)
    if isinstance(value, dict):
        if set(value) == {"mapping"} and all(isinstance(pair, list) and len(pair) == 2 for pair in value["mapping"]):
            pairs = [[_decode(part, depth + 1) for part in pair] for pair in value["mapping"]]
            try:
                return dict(pairs)
            except TypeError:
                raise ValueError("the description holds a dict with a key that is none.") from None
        return _decode_module(value, depth)
    return value


def _decode_module(value, depth):
    if not isinstance(value, dict) or set(value) != {"class", "fields"} or not isinstance(value["fields"], dict):
        raise ValueError(f"the description holds {str(value)[:80]!r}; wanted a class and its fields.")
    name = value["class"]
    if not isinstance(name, str) or name not in _classes:
        raise ValueError(f"the class {name!r} is not known; wanted one of {', '.join(registered())}. If it is yours, "
                         "import it and call dynjax.models.register on it first.")
    known = [field.name for field in _fields(_classes[name])]
    fields = {RENAMED.get((name, field), field): item for field, item in value["fields"].items()}
    for field in fields:
        if field not in known:
            raise ValueError(f"{_unknown_field(name, field, known)} A file may come from another version.")
    try:
        return _classes[name](**{field: _decode(item, depth + 1) for field, item in fields.items()})
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from the fields {', '.join(value['fields'])} ({error}).") from None


for _room in (networks, control):
    for _name in getattr(_room, "__all__", ()):
        _value = getattr(_room, _name)
        if isinstance(_value, type) and issubclass(_value, nn.Module):
            register(_value)
for _value in (nn.Conv, nn.Dense):  # what a baked TunableConv or TunableDense is
    register(_value)
