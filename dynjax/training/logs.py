"""What a run writes down while it trains: log.csv, TensorBoard events, the progress bar."""
import collections
import contextlib
import csv
import io
import logging
import sys
import time
from pathlib import Path

from dynjax.files import quarantine, write_atomically
from dynjax.files.messages import first_line
from dynjax.files.output import Output
from dynjax.training.events import Events

_LOG = logging.getLogger(__name__)


class Log:
    """Means of the reported values over the steps since the last row, as CSV and as TensorBoard events.

    Rows after `step`, left by a run that was stopped and goes on from an earlier checkpoint, are dropped.
    """

    def __init__(self, workdir, columns, *, step):
        self.path, self.columns = Path(workdir) / "log.csv", ["step", *columns]
        self.sums, self.counts = collections.Counter(), collections.Counter()
        rows = [row for row in self._rows()
                if None not in (*row, *row.values()) and row["step"].isdecimal() and int(row["step"]) <= step]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, text.getvalue().encode())
        self.events = Events(Path(workdir) / "events", step=step)

    def _rows(self):
        """Those of the log that is there, but one that a sudden end left unfinished; a damaged log is moved aside."""
        if not self.path.exists():
            return []
        try:
            text = self.path.read_bytes().decode()
            rows = csv.DictReader(io.StringIO(text[:text.rfind("\n") + 1], newline=""), strict=True)
            if text and "step" not in (rows.fieldnames or ()):
                raise ValueError("its first line does not name the columns")
            return list(rows)
        except (ValueError, csv.Error) as error:
            _LOG.warning("%s is damaged (%s); moved to %s, a new one begins", self.path, first_line(error),
                         quarantine(self.path))
            return []

    def add(self, values):
        """Takes the values of one step, {column: number}."""
        self.sums.update(values)
        self.counts.update(values.keys())

    def write(self, step):
        """Writes the means since the last row."""
        means = {name: self.sums[name] / self.counts[name] for name in self.columns if self.counts[name]}
        if not means:
            return
        self.sums.clear()
        self.counts.clear()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if not file.tell():   # somebody deleted it
                writer.writeheader()
            writer.writerow({"step": step, **{name: f"{mean:.6g}" for name, mean in means.items()}})
        self.events.add(step, means)

    def close(self):
        """Flushes the events to disk."""
        self.events.close()


class NoLog:
    """The log of a process that writes none: another one of the run does."""

    def add(self, values):
        """Nothing."""

    def write(self, step):
        """Nothing."""

    def close(self):
        """Nothing."""


class Throughput:
    """Images per second while training, without the time that saving and previews take."""

    def __init__(self, batch_size):
        self.batch_size, self.steps, self.started = batch_size, -1, time.perf_counter()

    @contextlib.contextmanager
    def paused(self):
        """Time spent inside does not count."""
        began = time.perf_counter()
        yield
        self.started += time.perf_counter() - began

    def step(self):
        """Counts a step; returns the mean rate since the first one, which compiles, or None for that one itself."""
        self.steps += 1
        return self.batch_size * self.steps / (time.perf_counter() - self.started) if self.steps else None


def progress_bar(steps, done, *, shown=True):
    """A bar over steps that shows the time left; where the output is no terminal, a line every half minute."""
    from tqdm import tqdm

    errors = Output(sys.stderr)
    return tqdm(total=steps, initial=done, unit="step", dynamic_ncols=True, smoothing=0.05,
                mininterval=0.2 if errors.isatty() else 30, file=errors, disable=not shown)
