"""Moving a damaged file or folder out of the way, so that it can still be looked at."""
import itertools
from pathlib import Path

DAMAGED = ".damaged"


def quarantine(path):
    """Renames `path` to NAME.damaged, or NAME.damaged-2 and so on where that is taken; returns the new name."""
    path = Path(path)
    names = (f"{path.name}{DAMAGED}{f'-{count}' if count > 1 else ''}" for count in itertools.count(1))
    name = next(name for name in names if not path.with_name(name).exists())
    path.rename(path.with_name(name))
    return name
