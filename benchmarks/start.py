"""From the start of train.py to its first step, peak memory, and the share of a step that is spent on input.

    python3 -m benchmarks.start [--steps=40]

The default runs of configs/sr_tunable.py and configs/denoise_tunable.py, each started three times: as it is, with an
empty persistent compilation cache and with the one that this filled. Processor seconds are those of all threads until
the first step is done: what the start would take on one quiet core. Linux only.

Input: in one process blocks of steps with fresh batches and with the same batch again take turns.
"""
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
from absl import app, flags

from benchmarks.timing import table
from configs import denoise_tunable, sr_tunable
from dynjax import command_line
from dynjax.data import training_batches
from dynjax.experiment import build
from dynjax.training import initial_state, make_step, replicate, shard

STEPS = flags.DEFINE_integer("steps", 40, "Steps of each run.")
ROUNDS = flags.DEFINE_integer("rounds", 5, "Blocks of steps with fresh batches and with one batch, in turns.")
ROOT = Path(__file__).resolve().parent.parent
BLOCK = 12   # steps; more than are loaded ahead
CACHED = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def start(config, folder, cache=None):
    """(seconds to the first step, processor seconds to it, peak memory in GiB) of a run of train.py."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    environment |= {**CACHED, "JAX_COMPILATION_CACHE_DIR": str(cache)} if cache else {}
    command = [sys.executable, str(ROOT / "train.py"), f"--config={ROOT / 'configs' / config}.py",
               f"--config.steps={STEPS.value}", "--config.log_every=1", f"--workdir={folder}"]
    begin = time.perf_counter()
    with open(f"{folder}.txt", "w") as output:
        run = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        # Every step has its row in log.csv; the first stands under the names.
        while run.poll() is None and rows(folder / "log.csv") < 2:
            time.sleep(0.02)
        first, processor = time.perf_counter() - begin, processor_seconds(run.pid)
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        sys.exit(Path(f"{folder}.txt").read_text())
    return first, processor, usage.ru_maxrss / 2**20


def rows(path):
    try:
        with path.open(newline="") as file:
            return sum(1 for _ in csv.reader(file))
    except FileNotFoundError:
        return 0


def processor_seconds(pid):
    """Of all threads of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def share_of_input(config):
    """(share of a step's time that waits for the batch, share that goes where one batch is used again)."""
    experiment = build(config)
    phase, data, one = experiment.phases[0], config.data, jax.local_devices()[:1]
    state = replicate(initial_state(phase, experiment.fresh_variables(), jax.random.key(0), data.patch_size),
                      devices=one)
    constants, step = replicate(phase.objectives.constants(), devices=one), make_step(phase, devices=one)
    batches = training_batches(
        experiment.training_source(), batch_size=config.batch_size, seed=0, patch_size=data.patch_size,
        scales=tuple(data.scales), permute_channels=data.permute_channels, threads=data.threads)
    seconds, waited, first = {True: [], False: []}, [], next(batches)
    for turn in range(ROUNDS.value + 1):
        for fresh in (True, False):
            begin, waiting = time.perf_counter(), 0.0
            for _ in range(BLOCK):
                asked = time.perf_counter()
                images = next(batches) if fresh else first
                waiting += time.perf_counter() - asked
                state, report = step(state, shard(images, devices=1), constants, jax.random.key(0))
            jax.block_until_ready(report)
            if turn:   # the first compiles
                seconds[fresh].append(time.perf_counter() - begin)
                waited += [waiting] * fresh
    batches.close()
    middle = statistics.median(seconds[True])
    return statistics.median(waited) / middle, 1 - statistics.median(seconds[False]) / middle


def main(_):
    if not sys.platform.startswith("linux"):
        print("The start is measured through /proc, which only Linux has.")
        return
    command_line.keep_memory()
    configs = [module.get_config() for module in (sr_tunable, denoise_tunable)]
    table(["train.py", "seconds to the first step", "processor seconds", "peak memory, GiB"], starts(configs))
    print()
    shares = ((config.name, *(f"{100 * share:.1f} %" for share in share_of_input(config))) for config in configs)
    table(["input, share of a step", "waited for", "saved by one batch again and again"], shares)


def starts(configs):
    """The rows of the table of starts, as they are measured."""
    with tempfile.TemporaryDirectory() as folder:
        for config in configs:
            for number, kind in enumerate(("no cache", "cache, empty", "cache, filled")):
                cache = Path(folder, f"{config.name}-programs") if number else None
                first, processor, memory = start(config.name, Path(folder, f"{config.name}-{number}"), cache)
                yield f"{config.name}, {kind}", f"{first:.1f}", f"{processor:.1f}", f"{memory:.2f}"


if __name__ == "__main__":
    app.run(main)
