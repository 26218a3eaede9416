"""A function in stages: what depends on its first arguments alone is computed once, however often the others change."""
import jax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun


def in_stages(function, *groups):
    """Cuts a function at its arguments: stage i computes all that needs the arguments up to groups[i] and no further.

        first, second, last = in_stages(f, a, b, c)
        last(second(first((), a), b), c)            # is f(a, b, c); with another c only `last` runs again

    Each stage is compiled once. What a stage is cut into are the operations that JAX records when it traces the
    function, so that nothing in the function has to know of it.

    Args:
      function: called as function(*groups), traceable, without side effects.
      groups: its arguments, nested arrays; only their shapes and types are looked at.

    Returns:
      One callable a group, (held, group) -> held: the first is given (), the last returns the function's result.
    """
    trace = _Trace(function, groups)
    return [trace.stage(index) for index in range(len(groups))]


def stage_order(function, shared, *groups):
    """The order in which the arguments after `shared` enter the function, as indices: the earlier one does, the more
    is computed from it. Stages in this order compute nothing twice that could be kept."""
    dependents = _Trace(function, (shared, *groups)).dependents()[1:]
    return sorted(range(len(groups)), key=lambda index: -dependents[index])


class _Trace:
    """The operations of function(*groups) that its result needs, and which groups each depends on."""

    def __init__(self, function, groups):
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*groups)
        self.jaxpr, self.constants = closed.jaxpr, closed.consts
        self.structure, self.groups = jax.tree.structure(shape), len(groups)
        self.arguments, start = [], 0   # the variables of every group
        for group in groups:
            count = len(jax.tree.leaves(group))
            self.arguments.append(self.jaxpr.invars[start:start + count])
            start += count
        self.needs = {var: frozenset([index]) for index, group in enumerate(self.arguments) for var in group}
        needed, self.operations = set(_variables(self.jaxpr.outvars)), []
        for operation in self.jaxpr.eqns:
            needs = frozenset().union(*(self.needs.get(var, ()) for var in _variables(operation.invars)))
            self.needs.update(dict.fromkeys(operation.outvars, needs))
        for operation in reversed(self.jaxpr.eqns):
            if needed.intersection(operation.outvars):
                needed.update(_variables(operation.invars))
                self.operations.insert(0, operation)

    def dependents(self):
        """How many operations depend on each group."""
        return [sum(index in self.needs[operation.outvars[0]] for operation in self.operations)
                for index in range(self.groups)]

    def stage(self, index):
        """The compiled stage: (what earlier stages left, the group's arrays) -> what later ones need."""
        own = [operation for operation in self.operations if self._at(operation.outvars[0]) == index]
        last, constants = index == self.groups - 1, self.constants if index == 0 else []
        inputs = [*self._passed(index - 1), *self.arguments[index], *(self.jaxpr.constvars if index == 0 else [])]
        outputs = self.jaxpr.outvars if last else self._passed(index)
        part = self.jaxpr.replace(constvars=[], invars=inputs, outvars=outputs, eqns=own)
        compiled = jax.jit(jaxpr_as_fun(ClosedJaxpr(part, [])))

        def run(held, group):
            results = compiled(*held, *jax.tree.leaves(group), *constants)
            return jax.tree.unflatten(self.structure, results) if last else results

        return run

    def _passed(self, index):
        """What is known after stage `index` and read later."""
        if index < 0:
            return []
        later = [atom for operation in self.operations if self._at(operation.outvars[0]) > index
                 for atom in operation.invars]
        return [var for var in dict.fromkeys(_variables([*later, *self.jaxpr.outvars])) if self._at(var) <= index]

    def _at(self, var):
        return max(self.needs.get(var, ()), default=0)


def _variables(atoms):
    return [atom for atom in atoms if not isinstance(atom, Literal)]
