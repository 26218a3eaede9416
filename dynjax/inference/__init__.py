"""Trained networks on pictures as people have them: large, deep, grey, partly transparent."""
from dynjax.inference.restore import restore, restore_file

__all__ = ["restore", "restore_file"]
