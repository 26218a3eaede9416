"""How the benchmarks time and print: everything in turns within one run, medians, tables in Markdown."""
import itertools
import os
import statistics
import time

import jax
import jax.numpy as jnp
import optax

FEWEST = 3   # rounds for a median


def in_turns(functions, rounds, *, seconds=None, clock=None):
    """Median seconds of each function over rounds in which they take turns; each must wait for its own result.

    Args:
      rounds: how many. seconds: after these no further round, once there were three.
      clock: by default time.perf_counter, or on a CPU of which this process has one core (taskset -c 0 before the
        command) time.process_time, which other work on the machine hardly changes.
    """
    single = jax.default_backend() == "cpu" and cores() == 1
    clock = clock or (time.process_time if single else time.perf_counter)
    for function in functions.values():
        function()   # compiles
    taken, enough = {name: [] for name in functions}, time.perf_counter() + (seconds or 0)
    for done in range(rounds):   # in turns, so that whatever else the machine does meets all alike
        if seconds is not None and done >= FEWEST and time.perf_counter() > enough:
            break
        for name, function in functions.items():
            begin = clock()
            function()
            taken[name].append(clock() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}


def cores():
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


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
    """Prints a table in Markdown, a row as soon as it is there; the first column is text, the others are numbers."""
    for line in itertools.chain([titles, ["---", *["---:"] * (len(titles) - 1)]], rows):
        print(f"| {' | '.join(map(str, line))} |", flush=True)
