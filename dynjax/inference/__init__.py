"""Trained networks on pictures as people have them: large, deep, grey, partly transparent."""
from dynjax.inference.restore import restore
from dynjax.inference.restore_file import restore_file

__all__ = ["restore", "restore_file"]
