"""A run from start to end: steps, logs, checkpoints, previews, the finished model."""
import json
import math
import sys
from pathlib import Path

import jax
import numpy as np

from dynjax import evaluation, models
from dynjax.data import evaluation_images, training_batches
from dynjax.training import workdir as workdirs
from dynjax.training.checkpoints import Checkpoints
from dynjax.training.experiment import build
from dynjax.training.logs import Log, Pace, progress_bar
from dynjax.training.phase import initial_state
from dynjax.training.start import initial_variables
from dynjax.training.step import make_step, replicate, shard, unreplicate
from dynjax.training.stop import StopSignal


def train(config, workdir=None):
    """Trains what a config describes, or goes on where an earlier start of the same run ended.

    Args:
      config: as configs/*.py give it. workdir: the run's folder; runs/NAME or runs/NAME-PRESET by default.

    Returns:
      The exit status: 0 when the run is finished, 128 + the signal's number when one stopped it.

    Raises:
      ValueError: something the user can put right, in one sentence.
    """
    workdir = Path(workdir or workdirs.default_workdir(config))
    experiment = build(config)
    source = experiment.training_source()
    shard(np.empty(config.batch_size))
    workdirs.record(workdir, config)
    return _Run(experiment, workdir, source).finish()


class _Run:
    """The state of one start of a run."""

    def __init__(self, experiment, workdir, source):
        self.experiment, self.config, self.phase = experiment, experiment.config, experiment.phase
        self.workdir, self.source = workdir, source
        self.checkpoints = Checkpoints(workdir / "checkpoints")
        self.key = jax.random.key(self.config.seed)
        patch = self.config.data.patch_size
        variables = initial_variables(experiment, fresh=bool(self.checkpoints.steps()))
        state = initial_state(self.phase, variables, jax.random.fold_in(self.key, 1), (patch, patch, 3))
        restored = self.checkpoints.restore(jax.device_get(state))
        self.first, state = restored or (0, state)
        self.last_saved = self.first if restored else None
        self.state = replicate(state)
        self.preview_example = self.pace = None

    def finish(self):
        """Trains to the last step unless a signal comes; returns the exit status."""
        if self.first >= self.config.steps:
            print(f"{self.workdir} is finished: {self.first} of {self.config.steps} steps. Raise --config.steps to go "
                  f"on, or evaluate it; the model is {self.workdir / 'model.safetensors'}.")
            if not (self.workdir / "model.safetensors").exists():
                self.save_model(self.first)
            return 0
        batches = training_batches(
            self.source, batch_size=self.config.batch_size, seed=self.config.seed, start_step=self.first,
            patch_size=self.config.data.patch_size, crops_per_image=self.config.data.crops_per_image,
            flips=self.config.data.flips, scales=tuple(self.config.data.scales), cache=self.config.data.cache,
            permute_channels=self.config.data.permute_channels, threads=self.config.data.threads)
        columns = [*self.phase.objectives.names, "loss", *(["critic"] if self.phase.critic is not None else []),
                   "images_per_second"]
        log = Log(self.workdir, columns, step=self.first)
        if self.config.preview_every:
            self.preview_example = self.choose_preview()
        with StopSignal() as stop, progress_bar(self.config.steps, self.first) as bar:
            step = self.steps(batches, log, bar, stop)
            log.write(step)
            log.close()
            self.save(step)
            self.save_model(step)
        if batches.skipped:
            print(f"Pictures left out: {batches.skipped}; the warnings above name them.")
        if step < self.config.steps:
            print(f"Stopped at step {step} of {self.config.steps}; everything is saved in {self.workdir}. The same "
                  "command goes on from there.")
            return stop.exit_status
        print(f"Trained {step} steps. The model is {self.workdir / 'model.safetensors'}; evaluate.py with the same "
              "--config measures it.")
        return 0

    def steps(self, batches, log, bar, stop):
        """The loop; returns the number of steps done."""
        constants = replicate(self.phase.objectives.constants())
        train_step = make_step(self.phase)
        bar.set_description("compiling")
        bar.write("compiling the training step ...", file=sys.stderr)
        report = None
        for step in range(self.first + 1, self.config.steps + 1):
            self.state, next_report = train_step(self.state, shard(next(batches)), constants, self.key)
            # Looking at a report waits for its step: one step late, so that the devices never wait for us.
            if report is not None:
                self.look(report, step - 1, log, bar)
            else:
                jax.block_until_ready(next_report)
                if self.pace is None:
                    bar.set_description("training")
                    self.pace = Pace(self.config.batch_size)
            report = next_report
            due = lambda every, step=step: every and step % every == 0
            # Read once: a signal that comes later in this turn is obeyed after the next step.
            stopping = stop.received is not None
            last = stopping or step == self.config.steps
            if last or any(map(due, (self.config.checkpoint_every, self.config.preview_every, self.config.log_every))):
                self.look(report, step, log, bar)
                report = None
            if due(self.config.log_every):
                log.write(step)
            with self.pace.paused():
                if last or due(self.config.checkpoint_every):
                    self.save(step)
                if due(self.config.preview_every):
                    self.preview(step)
            if stopping:
                return step
        return self.config.steps

    def look(self, report, step, log, bar):
        """Notes a step's values; stops the run when one is not finite."""
        images = report.pop("images")
        values = {name: float(value) for name, value in unreplicate(report).items()}
        check_finite(values, images, step, self.phase.objectives.names, self.workdir)
        del values["parameter_norm"]
        shown = {name: f"{value:.3g}" for name, value in values.items()}
        rate = self.pace.step()
        if rate is not None:
            values["images_per_second"], shown["images/s"] = rate, f"{rate:.3g}"
        log.add(values)
        bar.set_postfix(shown, refresh=False)
        bar.update(1)

    def save(self, step):
        """Stores a checkpoint unless this step's is stored already."""
        if step != self.last_saved:
            self.checkpoints.save(step, unreplicate(self.state))
            self.last_saved = step

    def variables(self):
        """The model's variables now, averaged where the run averages."""
        return unreplicate(self.state).variables(self.phase)

    def save_model(self, step):
        """Writes model.safetensors, which needs nothing else to be loaded."""
        config = json.loads(self.config.to_json_best_effort())
        card = {"config": config["name"], "preset": config["preset"], "steps": step, "batch_size": config["batch_size"],
                "trained_on": repr(self.source), **{name: config[name] for name in ("task", "alpha", "objectives")}}
        models.save(self.workdir / "model.safetensors", self.experiment.model, self.variables(), card=card)

    def choose_preview(self):
        """The example that previews show: the middle of the first evaluation picture."""
        _, image = next(iter(evaluation_images(self.experiment.evaluation_source())))
        side = min(192, image.shape[0], image.shape[1])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        return self.experiment.task.evaluation_example(image[top:top + side, left:left + side], jax.random.key(0))

    def preview(self, step):
        """One evaluation picture across alpha, as previews/STEP.png."""
        from dynjax.tunable import grid

        alphas = evaluation.alpha_points(self.config.alpha.names, self.config.evaluation.alphas,
                                         simplex=self.config.alpha.sampler == "simplex")
        outputs = grid(self.experiment.model, self.variables(), self.preview_example["input"][None], alphas)[:, 0]
        labels = [", ".join(f"{name} {value:.2f}" for name, value in zip(self.config.alpha.names, alpha, strict=True))
                  for alpha in alphas]
        folder = self.workdir / "previews"
        folder.mkdir(exist_ok=True)
        evaluation.alpha_row(np.asarray(outputs), labels, folder / f"{step:07d}.png")


def check_finite(values, images, step, names, workdir):
    """Raises a ValueError that names step, objective and alpha where a value is not finite."""
    if all(math.isfinite(value) for value in values.values()):
        return
    alphas, losses = (np.asarray(images[name]).reshape(-1, len(names)) for name in ("alphas", "values"))
    bad = np.argwhere(~np.isfinite(losses))
    if len(bad):
        image, objective = bad[0]
        point = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, alphas[image], strict=True))
        where = f"objective {names[objective]} is {losses[image, objective]} at alpha ({point})"
    else:
        where = ", ".join(f"{name} is {value}" for name, value in values.items() if not math.isfinite(value))
    raise ValueError(f"training stopped at step {step}: {where}. The last checkpoint in {workdir} is from before; try "
                     "a smaller optimizer.learning_rate, or optimizer.clip, in another --workdir.")
