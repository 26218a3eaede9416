"""What a tuned network is compared with in the space of objectives: fixed networks, and blends of two pictures."""
import jax
import numpy as np


def checked_fixed(fixed):
    """{name: (net, variables)} of what a user gave.

    Raises:
      ValueError: something else.
    """
    fixed = dict(fixed or {})
    for name, pair in fixed.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not hasattr(pair[0], "apply"):
            raise ValueError(f"the fixed network {name!r} is a {type(pair).__name__}; wanted (network, variables), as "
                             "dynjax.load gives them.")
    return fixed


def checked_blends(blends):
    """{name: (A, B)} of what a user gave.

    Raises:
      ValueError: something else.
    """
    blends = dict(blends or {})
    for name, pair in blends.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"the blend {name!r} is {pair!r}; wanted its two ends, each the name of a fixed network, "
                             "'input', a baseline of the task or a point of alpha.")
    return blends


class Comparisons:
    """Makes the pictures of fixed networks and of blends.

    Args:
      model, variables, task: as for measure_objectives.
      fixed: {name: (net, variables)}.
      blends: {name: (A, B)}; a string names a picture, an array is a point of alpha [K].
      shares: [S], how much of B is in each blend.
    """

    def __init__(self, model, variables, task, fixed, blends, shares):
        self.task, self.fixed, self.blends, self.shares = task, fixed, blends, shares
        self.variables = variables
        answers = lambda net: jax.jit(lambda variables, batch, *alpha: task.answer(
            net.apply(variables, batch["input"], *alpha), batch))
        self._tuned, self._plain = answers(model), {name: answers(net) for name, (net, _) in fixed.items()}
        self._checked = set()

    def check(self, name, batch, alpha):
        """Refuses networks whose pictures are not of the target's size, once a size and before anything runs."""
        if "target" not in batch or batch["input"].shape in self._checked:
            return
        self._checked.add(batch["input"].shape)
        wanted = batch["target"].shape[1:]
        found = {"the network": jax.eval_shape(self._tuned, self.variables, batch, alpha)}
        for key, (_, variables) in self.fixed.items():
            found[f"the fixed network {key}"] = jax.eval_shape(self._plain[key], variables, batch)
        for which, pictures in found.items():
            if pictures.shape[1:] != wanted:
                raise ValueError(f"{which} makes {pictures.shape[1:]} of {batch['input'].shape[1:]}, the input of "
                                 f"{name}; wanted {wanted}: its scale and channels must be the task's.")

    def pictures(self, name, example, batch, variables, fixed):
        """(labels, pictures [F + blends * S, H, W, C]) for one example, those of the fixed networks first.

        Args:
          name: of the example. example: as the task gives it. batch: the same with a leading axis of 1.
          variables, fixed: those of the network and {name: those of a fixed one}, on the device that is to run them.

        Raises:
          ValueError: a blend with an end that is not known or of another size than the target.
        """
        known = {key: np.asarray(self._plain[key](fixed[key], batch))[0] for key in self.fixed}
        pictures, labels = list(known.values()), [f"of the fixed network {key}" for key in known]
        if any(isinstance(end, str) and end not in known for pair in self.blends.values() for end in pair):
            baselines = self.task.baselines(example)
            known = {"input": np.asarray(example["input"]), **baselines, **known}
        for key, pair in self.blends.items():
            first, second = (self._end(key, end, known, batch, variables) for end in pair)
            wanted = example["target"].shape if "target" in example else first.shape
            if first.shape != wanted or second.shape != wanted:
                raise ValueError(f"the blend {key!r} has ends of {first.shape} and {second.shape} for {name}; wanted "
                                 f"{wanted} twice. Where the network enlarges, take a baseline instead of the input.")
            pictures += [(1 - share) * first + share * second for share in self.shares.astype(first.dtype)]
            labels += [f"of the blend {key} at {share:.2f}" for share in self.shares]
        return labels, np.stack(pictures) if pictures else None

    def _end(self, blend, end, known, batch, variables):
        if not isinstance(end, str):
            return np.asarray(self._tuned(variables, batch, end))[0]
        if end not in known:
            raise ValueError(f"the blend {blend!r} has the end {end!r}; wanted one of {', '.join(known)}, or a point "
                             "of alpha.")
        return known[end]
