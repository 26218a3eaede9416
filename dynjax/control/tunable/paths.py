"""Paths in parameter trees: lookup, splitting a tree by patterns, putting it together again."""
import re
from collections.abc import Mapping

from flax import traverse_util


def at(tree, path):
    """The branch or leaf of a nested dict under `path`, a tuple of names."""
    for name in path:
        tree = tree[name]
    return tree


def split(tree, patterns, *, field="frozen"):
    """Parts a nested dict: (leaves that no pattern matches, leaves that one does).

    A pattern matches a leaf by the leaf's path or by that of a module above it: "head", "blocks_*/norm",
    "**/LayerNorm_*". `*` stands for any part of one name, `**/` for any number of names.

    Raises:
      ValueError: a pattern matches nothing.
    """
    # Keyed by tuples: names may hold slashes themselves, as those of nn.WeightNorm do.
    flat = {"/".join(path): (path, leaf) for path, leaf in traverse_util.flatten_dict(_plain(tree)).items()}
    patterns = (patterns,) if isinstance(patterns, str) else patterns
    regexes = {pattern: re.compile(_regex(pattern)) for pattern in patterns}
    for pattern, regex in regexes.items():
        if not any(regex.match(path) for path in flat):
            raise ValueError(f"the pattern {pattern!r} in {field} matches no parameter; the network has "
                             f"{', '.join(list(flat)[:12])}{', ...' if len(flat) > 12 else ''}.")
    parts = {}, {}
    for name, (path, leaf) in flat.items():
        parts[any(regex.match(name) for regex in regexes.values())][path] = leaf
    return tuple(traverse_util.unflatten_dict(part) for part in parts)


def merge(first, second):
    """One nested dict from two that share no leaf."""
    if not second:
        return first
    flat = traverse_util.flatten_dict(_plain(first)) | traverse_util.flatten_dict(_plain(second))
    return traverse_util.unflatten_dict(flat)


def with_entry(tree, path, value):
    """The nested dict `tree` with `value` under `path`, beside what is there; an empty path is the tree itself."""
    if not path:
        return {**tree, **value} if isinstance(value, Mapping) else value
    set_at(tree, path, value)
    return tree


def set_at(tree, path, value):
    """Puts `value` under `path`, not empty, into the nested dict `tree`, in place."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    if isinstance(value, Mapping):
        tree.setdefault(path[-1], {}).update(value)
    else:
        tree[path[-1]] = value


def _plain(tree):
    return {name: _plain(value) if isinstance(value, Mapping) else value for name, value in tree.items()}


def _regex(pattern):
    pieces = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    return "".join(pieces.get(part, re.escape(part)) for part in parts) + "(?:/|$)"
