"""A run from start to end: steps, logs, checkpoints, previews, the finished model."""
import contextlib
import errno
import math

import jax
import numpy as np

from dynjax import evaluation, models
from dynjax.control import grid
from dynjax.data import evaluation_images, training_batches
from dynjax.data.views import centre_crop
from dynjax.devices import check_platform
from dynjax.experiment import build, default_workdir
from dynjax.experiment.initial_variables import initial_variables, zero_variables
from dynjax.files.messages import first_line
from dynjax.files.output import say
from dynjax.files.paths import given_path
from dynjax.training import hosts
from dynjax.training import workdir as workdirs
from dynjax.training.checkpoints import Checkpoints
from dynjax.training.logs import Log, NoLog, Throughput, progress_bar
from dynjax.training.state import initial_state
from dynjax.training.step import check_shares, make_step, replicate, shard, unreplicate
from dynjax.training.stop import StopSignal


def train(config, workdir=None):
    """Trains what a config describes, or goes on where an earlier start of the same run ended.

    Args:
      config: as configs/*.py give it, or a dict. workdir: the run's folder; runs/NAME or runs/NAME-PRESET by default.

    Returns:
      The exit status: 0 when the run is finished, 128 + the signal's number when one stopped it.

    Raises:
      ValueError: something the user can put right, in one sentence.
    """
    experiment = build(config)
    config = experiment.config
    workdir = given_path(workdir or default_workdir(config))
    check_platform()
    sources = [experiment.training_source(index) for index in range(len(experiment.phases))]
    for settings in experiment.settings:
        check_shares(settings.batch_size, jax.device_count())
    hosts.check_pictures([len(source) for source in sources])
    with contextlib.ExitStack() as stack:
        hosts.run_on_main(lambda: stack.enter_context(workdirs.taken(workdir)))
        hosts.run_on_main(lambda: workdirs.check(workdir, config))
        try:
            return _Run(experiment, workdir, sources).finish()
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                raise ValueError(f"a device has too little memory for a step of this config: {first_line(error)} Make "
                                 "--config.batch_size or the patches smaller; --plan tells what a step "
                                 "takes.") from error
            raise
        except OSError as error:
            gone = error.errno == errno.ENOENT and str(error.filename).startswith(str(workdir))
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) and not gone:
                raise
            raise ValueError(f"{error.filename or workdir} can no longer be written ({error.strerror}). "
                             f"{'Put the folder back' if gone else 'Make room there'}, and the same command goes on "
                             "from the last checkpoint.") from error
        except KeyboardInterrupt:
            saved = Checkpoints(workdir / "checkpoints").steps() if hosts.is_first() else ()
            if not saved:
                raise
            raise KeyboardInterrupt(f"interrupted; the last checkpoint is of step {saved[-1]}, from which the same "
                                    "command goes on.") from None


class _Run:
    """One start of a run: where it begins, and what changes while it trains."""

    def __init__(self, experiment, workdir, sources):
        self.experiment, self.config = experiment, experiment.config
        self.workdir, self.sources = workdir, sources
        self.checkpoints = Checkpoints(workdir / "checkpoints")
        self.key = jax.random.key(self.config.seed)
        # The other processes are told what the first one has.
        begins = hosts.is_first() and not self.checkpoints.steps()
        variables = initial_variables(experiment) if begins else zero_variables(experiment)
        # A checkpoint at the end of a phase is still that phase's.
        index_of = lambda step: experiment.phase_at(max(step - 1, 0))
        restored = hosts.run_on_main(lambda: self.checkpoints.restore(
            lambda step: jax.device_get(self.state_of(index_of(step), variables))))
        self.first = int(hosts.broadcast_from_main(np.int32(restored[0] if restored else 0)))
        self.index, self.last_saved = index_of(self.first), self.first if restored else None
        state = hosts.broadcast_from_main(restored[1] if restored else self.state_of(self.index, variables))
        hosts.run_on_main(lambda: self.checkpoints.check_room(state, variables))
        hosts.run_on_main(lambda: workdirs.record(workdir, self.config))
        self.state = replicate(state)
        self.preview_example = self.pace = None
        self.stopping, self.largest = False, hosts.Largest()

    @property
    def phase(self):
        return self.experiment.phases[self.index]

    @property
    def settings(self):
        """The config of the phase."""
        return self.experiment.settings[self.index]

    def state_of(self, index, variables):
        """The state before the first step of a phase."""
        patch_size = self.experiment.settings[index].data.patch_size
        begin = self.experiment.ends[index - 1] if index else 0
        key = jax.random.fold_in(self.key, 1 + index)
        return initial_state(self.experiment.phases[index], variables, key, patch_size, step=begin)

    def finish(self):
        """Trains to the last step unless a signal comes; returns the exit status."""
        steps = self.experiment.steps
        if self.first >= steps:
            longer = f"phases.{self.phase.name}.steps" if self.phase.name else "steps"
            self.say(f"{self.workdir} is finished: {self.first} of {steps} steps. Raise --config.{longer} to go "
                     f"on, or evaluate it; the model is {self.workdir / 'model.safetensors'}.")
            if not self.model_is_of(self.first):
                self.save_model(self.first)
            return 0
        if self.config.preview_every:
            self.preview_example = hosts.run_on_main(self.choose_preview)
        log = hosts.run_on_main(lambda: Log(self.workdir, self.columns(), step=self.first)) or NoLog()
        step, skipped = self.first, 0
        with StopSignal() as stop, progress_bar(steps, self.first, shown=hosts.is_first()) as bar:
            for index in range(self.experiment.phase_at(self.first), len(self.experiment.phases)):
                if index != self.index:
                    state = self.state_of(index, self.variables())
                    self.index, self.state = index, replicate(state)
                batches = self.batches(step)
                step = self.steps(step, batches, log, bar, stop)
                skipped += batches.skipped
                log.write(step)
                self.save(step)
                if self.stopping:
                    break
            log.close()
            self.save_model(step)
        if skipped:
            say(f"Pictures left out: {skipped}; the warnings above name them.")
        if step < steps:
            self.say(f"Stopped at step {step} of {steps}; everything is saved in {self.workdir}. The same "
                     "command goes on from there.")
            return stop.exit_status
        self.say(f"Trained {step} steps. The model is {self.workdir / 'model.safetensors'}; evaluate.py with the same "
                 "--config measures it.")
        return 0

    def say(self, text):
        """Prints what the run as a whole has to say: once, however many processes it has."""
        if hosts.is_first():
            say(text)

    def columns(self):
        """Those of log.csv: every phase's."""
        phases = self.experiment.phases
        names = dict.fromkeys(name for phase in phases for name in phase.objectives.names)
        critic = ["critic"] if any(phase.critic is not None for phase in phases) else []
        return [*names, "loss", *critic, "images_per_second"]

    def batches(self, step):
        """The phase's pictures, from the step after `step` on."""
        data = self.settings.data
        return training_batches(
            self.sources[self.index], batch_size=self.settings.batch_size, seed=self.config.seed, start_step=step,
            patch_size=data.patch_size, crops_per_image=data.crops_per_image, flips=data.flips,
            scales=tuple(data.scales), cache=data.cache, permute_channels=data.permute_channels, threads=data.threads,
            crop=data.get("position", "random"), shorter_side=data.get("shorter_side"),
            shard=(jax.process_index(), jax.process_count()))

    def steps(self, first, batches, log, bar, stop):
        """The steps of one phase after step `first`; returns the number of the last one done."""
        constants = replicate(self.phase.objectives.constants())
        train_step, end = make_step(self.phase), self.experiment.ends[self.index]
        what = f"phase {self.phase.name}" if self.phase.name else "training"
        bar.set_description("compiling")
        if hosts.is_first():
            bar.write(f"compiling the training step{f' of {what}' if self.phase.name else ''} ...", file=bar.fp)
        report = self.pace = None
        for step in range(first + 1, end + 1):
            self.state, next_report = train_step(self.state, shard(next(batches)), constants, self.key)
            # Looking at a report waits for its step: one step late, so that the devices never wait for us.
            if report is not None:
                self.look(report, step - 1, log, bar)
            else:
                jax.block_until_ready(next_report)
                if self.pace is None:
                    bar.set_description(what)
                    self.pace = Throughput(self.settings.batch_size)
            report = next_report
            due = lambda every, step=step: every and step % every == 0
            # Read once: a signal that comes later in this turn is obeyed after the next step. One to any process stops
            # all of them, at the same step.
            signal = self.largest(stop.received or 0)
            if signal:
                self.stopping, stop.received = True, signal
            last = self.stopping or step == end
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
            if self.stopping:
                return step
        return end

    def look(self, report, step, log, bar):
        """Notes a step's values; stops the run when one is not finite."""
        images = report.pop("images")
        values = {name: float(value) for name, value in unreplicate(report).items()}
        check_finite(values, images, step, self.phase.objectives.names, self.experiment.label, self.workdir)
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
        if step != self.last_saved and hosts.is_first():
            self.checkpoints.save(step, unreplicate(self.state))
            self.last_saved = step

    def variables(self):
        """The model's variables now, averaged where the run averages."""
        return unreplicate(self.state).variables(self.phase)

    def model_is_of(self, step):
        """Whether model.safetensors is there and of this step: the run may have ended before it could write it."""
        path = self.workdir / "model.safetensors"
        try:
            return path.exists() and models.load_card(path).get("steps") == step
        except ValueError:   # damaged: written anew
            return False

    def save_model(self, step):
        """Writes model.safetensors, which needs nothing else to be loaded."""
        if not hosts.is_first():
            return
        config = workdirs.as_json(self.config)
        pictures = list(dict.fromkeys(map(repr, self.sources)))
        card = {"config": config["name"], "preset": config.get("preset", "default"), "steps": step,
                "batch_size": config["batch_size"],
                "trained_on": pictures[0] if len(pictures) == 1 else pictures,
                **{name: config[name] for name in ("task", "objectives", "phases") if name in config}}
        if "alpha" in config:
            card["sampling"] = config["alpha"]   # "alpha" in a card are the names alone
        models.save(self.workdir / "model.safetensors", self.experiment.model, self.variables(), card=card)

    def choose_preview(self):
        """The example that previews show: the middle of the first evaluation picture that the task can use."""
        self.experiment.points(self.config.evaluation.alphas)   # refused now rather than at the first preview
        reason = None
        for _, image in evaluation_images(self.experiment.evaluation_source()):
            try:
                middle = centre_crop(image, min(max(192, self.experiment.task.multiple), *image.shape[:2]))
                return self.experiment.task.evaluation_example(middle, jax.random.key(0))
            except ValueError as error:
                reason = reason or error
        raise ValueError(f"no evaluation picture can be used, so there is nothing to show as training goes on: "
                         f"{reason} Give others with --config.evaluation.source, or set preview_every to 0.")

    def preview(self, step):
        """One evaluation picture across alpha, as previews/STEP.png."""
        if not hosts.is_first():
            return
        example = {name: value[None] for name, value in self.preview_example.items()}
        alphas = self.experiment.points(self.config.evaluation.alphas)
        if alphas is None:
            outputs, labels = self.experiment.model.apply(self.variables(), example["input"])[None], [""]
        else:
            outputs = grid(self.experiment.model, self.variables(), example["input"], alphas)
            labels = [self.experiment.label(alpha) for alpha in alphas]
        pictures = [np.asarray(self.experiment.task.answer(output, example))[0] for output in outputs]
        folder = self.workdir / "previews"
        folder.mkdir(exist_ok=True)
        evaluation.alpha_row(np.stack(pictures), labels, folder / f"{step:07d}.png")


def check_finite(values, images, step, names, label, workdir):
    """Raises a ValueError that names step, objective and alpha where a value is not finite."""
    if all(math.isfinite(value) for value in values.values()):
        return
    flat = lambda values: np.asarray(values).reshape(-1, np.shape(values)[-1])
    alphas, losses = flat(images["alphas"]), flat(images["values"])
    bad = np.argwhere(~np.isfinite(losses))
    if len(bad):
        image, objective = bad[0]
        where = f"objective {names[objective]} is {losses[image, objective]} at {label(alphas[image])}"
    else:
        where = ", ".join(f"{name} is {value}" for name, value in values.items() if not math.isfinite(value))
    raise ValueError(f"training stopped at step {step}: {where}. The last checkpoint in {workdir} is from before; try "
                     "a smaller optimizer.learning_rate, or optimizer.clip, in another --workdir.")
