"""Checkpoints during training: when they are saved, and which are kept.

Training continues if a checkpoint cannot be saved, for example because the disk is full; the next one tries again.
"""

import os
import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from hw5.errors import InputError, reason_of
from hw5.files import temporary_prefix

_UNITS = {"step": "steps", "steps": "steps", "epoch": "epochs", "epochs": "epochs", "": "epochs", "s": "s"}


@dataclass(frozen=True)
class Interval:
    """n "steps", "epochs" or seconds ("s")."""

    n: int
    unit: str

    @classmethod
    def of(cls, text):
        """The Interval written in text, such as 500steps, 5epochs or 5, or 60s. Raises InputError."""
        match = re.fullmatch(r"0*([1-9][0-9]{0,11}) *([a-z]*)", text)
        if not match or match[2] not in _UNITS:
            raise InputError(f"{text!r} is not an interval such as 500steps, 5epochs or 60s")
        return cls(int(match[1]), _UNITS[match[2]])


class Saver:
    """Saves the checkpoints of a run to the file path.

    With keep, the last `keep` checkpoints are also kept as NAME.stepS.npz, where S is the number of steps, and the one
    with the lowest validation loss as NAME.best.npz. error: why the last checkpoint could not be saved, or None.

    The copies are written before path. So a run that is killed in between resumes from an earlier state and writes the
    same copies again.
    """

    def __init__(self, run, path, every=None, keep=0, warn=print):
        self.run, self.path, self.every, self.keep, self.warn = run, Path(path), every, keep, warn
        self._target = Path(os.path.realpath(path))
        self.error, self._saved_at, self._time = None, run.training.steps, monotonic()
        self._copies = sorted(step for step in self._steps_of_copies() if step <= self._saved_at) if keep else []
        self._unsaved_best = None  # the best checkpoint so far, if it could not be saved

    def update(self, progress):
        """Save if a checkpoint is due."""
        if self._is_due(progress) or self._is_best(progress):
            self.save(self._is_best(progress))

    def finish(self):
        """Save the last checkpoint; if path cannot be written, to a temporary folder, which error then names."""
        self.save()
        if self.error:
            with suppress(OSError):
                self.error += f"; the model was saved to {self._saved_elsewhere()}"

    def _saved_elsewhere(self):
        """The checkpoint's path in a new temporary folder. Raises OSError, and then leaves no folder."""
        folder = tempfile.mkdtemp(prefix="hw5-")
        try:
            self.run.checkpoint().save(os.path.join(folder, self.path.name))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return os.path.join(folder, self.path.name)

    def _is_due(self, progress):
        if self.every is None:
            return False
        if self.every.unit == "s":
            return monotonic() - self._time >= self.every.n
        if self.every.unit == "epochs":
            return progress.epoch_ends and progress.epoch % self.every.n == 0
        return self.run.training.steps % self.every.n == 0

    def _is_best(self, progress):
        if not (self.keep and progress.epoch_ends and progress.validation_loss is not None):
            return False
        return progress.validation_loss <= min(row["validation_loss"] for row in self.run.history)

    def save(self, is_best=False):
        """Save a checkpoint and its copies; if that fails, warn once and set error."""
        self._saved_at, self._time = self.run.training.steps, monotonic()
        checkpoint = self.run.checkpoint()
        if is_best:
            self._unsaved_best = checkpoint
        try:
            self._save(checkpoint)
            self.error = None
        except OSError as error:
            is_new, self.error = self.error is None, f"{self.path} could not be saved: {reason_of(error)}"
            if is_new:
                self.warn(f"{self.error}; training continues, and the next checkpoint tries again")

    def _save(self, checkpoint):
        """Write the file once, link its other names to it, and path last."""
        best, step = self._copy("best"), self._copy(f"step{self._saved_at}")
        names = [*([best] if checkpoint is self._unsaved_best else []), *([step] if self.keep else []), self._target]
        if self._unsaved_best and self._unsaved_best is not checkpoint:
            self._unsaved_best.save(best, like=self._target)
        checkpoint.save(names[0], like=self._target)
        for name in names[1:]:
            _link(names[0], name, self._target)
        self._unsaved_best = None
        if self.keep:
            self._remove_old_copies()

    def _remove_old_copies(self):
        self._copies = [*(step for step in self._copies if step != self._saved_at), self._saved_at]
        while len(self._copies) > self.keep:
            self._copy(f"step{self._copies.pop(0)}").unlink(missing_ok=True)

    def _copy(self, word):
        return self._target.with_name(f"{self._target.stem}.{word}{self._target.suffix}")

    def _steps_of_copies(self):
        pattern = re.compile(re.escape(self._copy("step0").name).replace("step0", "step([0-9]+)"))
        names = os.listdir(self._target.parent) if self._target.parent.is_dir() else ()
        return [int(match[1]) for match in map(pattern.fullmatch, names) if match]


def _link(path, copy, like):
    """Atomically link copy to the file path, by way of a temporary file of `like`."""
    copy = Path(os.path.realpath(copy))
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=temporary_prefix(like)) as folder:
        temporary = os.path.join(folder, "copy")
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copy(path, temporary)
        os.replace(temporary, copy)
