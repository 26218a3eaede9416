"""How the benchmarks time and print: everything in turns within one run, medians, tables in Markdown."""
import statistics
import time

import jax
import jax.numpy as jnp
import optax


def in_turns(functions, rounds, *, seconds=None, clock=time.perf_counter):
    """Median seconds of each function over rounds in which they take turns; each must wait for its own result.

    Args:
      rounds: how many. seconds: fewer rounds, but three, where all would take longer than this.
      clock: time.process_time for calls of a single thread, which other work on the machine then hardly changes.
    """
    for function in functions.values():
        function()   # compiles
    if seconds is not None:
        begin = time.perf_counter()
        for function in functions.values():
            function()
        rounds = max(3, min(rounds, int(seconds / (time.perf_counter() - begin))))
    taken = {name: [] for name in functions}
    for _ in range(rounds):   # in turns, so that whatever else the machine does meets all alike
        for name, function in functions.items():
            begin = clock()
            function()
            taken[name].append(clock() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}


def waiting(function, *given):
    """function(*given) as a function without arguments that waits for the result."""
    return lambda: jax.block_until_ready(function(*given))


def training_step(apply):
    """The jitted step(variables, state of Adam, x, *more) -> (variables, state) of an L1 loss on apply's result."""
    def step(variables, state, *given):
        gradients = jax.grad(lambda variables: jnp.mean(jnp.abs(apply(variables, *given) - 0.5)))(variables)
        updates, state = optax.adam(1e-4).update(gradients, state, variables)
        return optax.apply_updates(variables, updates), state

    return jax.jit(step)


def compiled(function, *given):
    """(seconds of processor time that tracing and compiling take, the call that waits for its result).

    Processor time, because a compiler uses one core and the rest of the machine may be busy.
    """
    begin = time.process_time()
    program = jax.jit(function).lower(*given).compile()
    return time.process_time() - begin, waiting(program, *given)


def table(titles, rows):
    """Prints a table in Markdown; the first column is text, the others are numbers."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    print("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines), flush=True)
