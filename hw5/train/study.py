"""A study of hw5 tune: its trials in a file, to which Optuna appends, and which settings to try next.

Trial n depends on the seed, n and the trials before it. So a study that was killed and started again has the same
trials as one that was not, if one process makes them.
"""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hw5.errors import InputError
from hw5.files import require_writable, write_lock
from hw5.random_streams import Stream
from hw5.train.space import point_of, settings_at

_NAME = "hw5"
_STARTUP = 5  # trials that are never stopped early
_WATCHED = 0.2  # of the epochs, before which no trial is stopped


def require_optuna():
    """Return Optuna. Raises InputError if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise InputError("hw5 tune needs Optuna: pip install 'hw5[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def study_file(path):
    """Yield the path of a study's file, locked against other processes; a temporary file if it is None."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="hw5-") as folder:
            yield os.path.join(folder, "study")
        return
    require_writable(path, "--study")
    with write_lock(path, "--study"):
        _repair(Path(path))
        yield str(path)


_FIRST_BYTES = b'{"op_code":'


def _repair(path):
    """Undo what a killed process or a full disk has left: half a line, and the lock of Optuna. Raises InputError."""
    content = path.read_bytes() if path.exists() else b""
    if content[: len(_FIRST_BYTES)] != _FIRST_BYTES[: len(content)]:  # leave a file of something else as it is
        raise _no_study(path)
    if content and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
    if os.path.islink(f"{path}.lock"):
        os.unlink(f"{path}.lock")


def _no_study(path):
    return InputError(f"--study {path} is not a study of hw5 tune; choose another file")


class Study:
    """The trials in a file that study_file gives; `space` as space_of gives it.

    A trial is an Optuna trial, whose user attributes have its settings, and after it has ended, its figures.
    """

    def __init__(self, path, space, seed, epochs):
        optuna = require_optuna()
        self.space, self.seed, self.states = space, seed, optuna.trial.TrialState
        self._distributions = {name: _distribution(optuna, x) for name, x in space.items()}
        self._sampler = optuna.samplers.TPESampler
        pruner = optuna.pruners.MedianPruner(_STARTUP, n_warmup_steps=int(_WATCHED * epochs))
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
        self._study = optuna.create_study(storage=storage, pruner=pruner, study_name=_NAME, load_if_exists=True)

    @classmethod
    def open(cls, path, space, seed, epochs, settings, purpose):
        """The Study in a file, new or to be continued, with the settings without tuning as its first trial.

        purpose: what its trials have in common, as JSON. Raises InputError if the file is no study, or one of another
        purpose.
        """
        purpose = json.loads(json.dumps(purpose))  # as it is read again: tuples are lists
        try:
            study = cls(path, space, seed, epochs)
            made_for = study._study.user_attrs.get("purpose", None if study.trials() else purpose)
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise _no_study(path) from error
        _require_same(path, made_for, purpose)
        study._study.set_user_attr("purpose", purpose)
        study._begin(point_of(settings, space))
        return study

    def _begin(self, usual):
        """Give up the trials of a killed process, and let the usual point be the first, if it has not been tried."""
        for trial in self.trials(self.states.RUNNING):
            self._study.tell(trial.number, state=self.states.FAIL)
        if not any(trial.user_attrs.get("usual") for trial in self.trials(self.states.WAITING, *self._done)):
            self._study.enqueue_trial(usual, user_attrs={"usual": True})

    @property
    def _done(self):
        return self.states.COMPLETE, self.states.PRUNED

    def trials(self, *states):
        """The trials in these states; all by default."""
        return self._study.get_trials(deepcopy=False, states=states or None)

    def finished(self):
        """The trials that ended, in their order; those of killed processes are not among them."""
        return self.trials(*self._done)

    def best(self):
        """The trial with the lowest loss; the earliest of several. None if there is none."""
        return min(self.trials(self.states.COMPLETE), key=lambda trial: trial.value, default=None)

    def ask(self, index):
        """A new trial, the index-th of the study, from 0, and its settings by name."""
        seed = np.random.default_rng((self.seed, Stream.TRIALS, index)).integers(2**31)
        self._study.sampler = self._sampler(seed=int(seed))
        trial = self._study.ask(self._distributions)
        settings = settings_at(trial.params)
        trial.set_user_attr("settings", settings)
        return trial, settings

    def tell(self, trial, loss=None, **figures):
        """End a trial: with its loss, or with None if it was stopped early."""
        for name, figure in figures.items():
            trial.set_user_attr(name, figure)
        self._study.tell(trial, loss, None if loss is not None else self.states.PRUNED)


def _distribution(optuna, x):
    if x.whole:
        return optuna.distributions.IntDistribution(x.low, x.high)
    return optuna.distributions.FloatDistribution(x.low, x.high, log=True)


def _require_same(path, was, now):
    if not isinstance(was, dict):
        raise _no_study(path)
    for name in (was | now).keys():
        if was.get(name) != now.get(name):
            what = "data" if name == "data" else f"--{name.replace('_', '-')}"
            raise InputError(f"--study {path} was begun with other {what}; repeat the command, or choose another file")
