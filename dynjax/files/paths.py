"""Paths as users give them, and folders for results."""
import os
import tempfile
from pathlib import Path

from dynjax.files.messages import first_line


def given_path(text):
    """A path as a user gives it: ~ and ~NAME stand for home folders; without an owner, ~NAME is a name like others.

    Raises:
      ValueError: the own home folder is not known.
    """
    path = Path(os.path.expanduser(text))
    if path.parts[:1] == ("~",):
        raise ValueError(f"{str(text)!r} begins with ~ for your home folder, which this system does not know; give the "
                         "whole path, or set HOME.")
    return path


def check_results_folder(folder):
    """Refuses a folder for results that cannot be made, or in which nothing can be written; makes none.

    Raises:
      ValueError: so.
    """
    folder = Path(folder).absolute()
    try:
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not there.is_dir():
            what = "a link that leads nowhere" if there.is_symlink() and not there.exists() else "a file"
            raise ValueError(f"the results cannot be written to {folder}: {there} is {what}, and a folder was wanted; "
                             "give another with --out.")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ValueError(f"the results cannot be written to {folder} ({first_line(error)}); give a folder that can be "
                         "written with --out.") from None
