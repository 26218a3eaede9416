"""What the numbers of a task must be."""
import numpy as np


def check_range(name, given):
    """Refuses what is no range of numbers from 0."""
    ends = _numbers(given)
    if ends is None or ends.shape != (2,) or not 0 <= ends[0] <= ends[1]:
        raise ValueError(f"task.{name} is {given}; wanted the lowest and the highest, numbers from 0.")


def check_levels(name, given, example):
    """Refuses what are no levels like the example, [L] or [L, 2]: none, one twice, or one below 0."""
    levels = _numbers(given)
    if levels is None or not levels.size or levels.shape[1:] != np.shape(example)[1:] or not (levels >= 0).all() or (
            len(np.unique(levels, axis=0)) != len(levels)):
        raise ValueError(f"task.{name} is {given}; wanted one level or more, numbers from 0, each once, such as "
                         f"{example}.")


def check_share(name, value, most=1.0):
    """Refuses what is no number from 0 to `most`."""
    number = _numbers(value)
    if number is None or number.shape or not 0 <= number <= most:
        raise ValueError(f"task.{name} is {value}; wanted a number from 0{f' to {most:g}' if most < np.inf else ''}.")


def _numbers(given):
    """As an array, None where there is something else among them."""
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError):
        return None
