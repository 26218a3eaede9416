"""An immutable dict of blocks that keeps its order and can be hashed, as a field of a module must."""
from collections.abc import Mapping


class Blocks(Mapping):
    """{path: block}; equal only where the order is equal too, for alpha by position follows it."""

    def __init__(self, blocks=()):
        self._blocks = dict(blocks)

    def __getitem__(self, path):
        return self._blocks[path]

    def __iter__(self):
        return iter(self._blocks)

    def __len__(self):
        return len(self._blocks)

    def __eq__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return list(self.items()) == list(other.items())

    def __hash__(self):
        return hash(tuple(self.items()))

    def __repr__(self):
        return repr(self._blocks)
