"""How the benchmarks time: everything in turns within one run, medians."""
import statistics
import time


def in_turns(functions, rounds):
    """Median seconds of each function over rounds in which they take turns; each must wait for its own result."""
    for function in functions.values():
        function()   # compiles
    seconds = {name: [] for name in functions}
    for _ in range(rounds):   # in turns, so that whatever else the machine does meets all alike
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in seconds.items()}
