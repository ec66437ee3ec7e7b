"""Training that continues on other examples, one epoch at a time (partial_fit)."""

from dataclasses import replace

import numpy as np

from hw5.train.defaults import settings_for


def settings_of_increment(before, seen, **given):
    """Settings for an epoch that follows those of a Checkpoint, or the first if that is None.

    seen: the number of examples so far, with those of this epoch; it stands for the number of training examples, which
    is not known. Nor is the last epoch, so the learning rate stays what it is unless a schedule is given.
    """
    if not any(given.get(name) for name in ("lr_schedule", "lr_decay", "lr_step")):
        given["lr_schedule"] = "constant"
    settings = settings_for(seen, **given | {"validation": 0.0, "patience": None})
    return replace(settings, epochs=max(settings.epochs, epochs_of(before) + 1))


def epochs_of(checkpoint):
    """The number of epochs that it was trained, also if none."""
    return len(checkpoint.history) if checkpoint else 0


def continue_from(run, before, updates):
    """Let a Run, which started from the weights of a Checkpoint, continue its epochs and optimiser."""
    state, training = before.state, run.training
    is_same = before.settings.optimizer == run.settings.optimizer
    velocities, squares = (state.velocities, state.squares) if is_same else (run.network.velocities(), None)
    if run.settings.optimizer == "adam" and squares is None:
        squares = run.network.squares()
    now = replace(
        state,
        parameters=before.parameters,
        velocities=velocities,
        squares=squares,
        epoch=epochs_of(before),
        done=len(training.rows),
        sums=np.zeros((2, training.batch_size)),
        best=None,
        previous_parameters=before.parameters if run.settings.tolerance else None,
        ending=None,
    )
    training.restore(now)
    run.network.assign(before.parameters, velocities, squares, updates if is_same else 0)
    run.history[:] = before.history
