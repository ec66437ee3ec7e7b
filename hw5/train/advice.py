"""How a training went, in one line that a beginner can act on.

The losses fluctuate from epoch to epoch, so means of a few epochs are compared.
"""

import numpy as np

_IMPROVEMENT = 0.02  # of the loss within a tenth of the epochs that makes more of them worth it
_WORTH_IT = 0.002  # of the first loss: what is left to gain must matter
_GAP = 1.2  # of the validation loss, relative to the training loss, that shows overfitting
_RISE = 1.1  # of the loss above its lowest that is no fluctuation


def diverged(epoch, rates):
    """What to say of a training whose loss is no longer finite."""
    advice = f"a smaller --lr (it was {rates.eta:g})"
    if rates.momentum:
        advice += f" or --momentum (it was {rates.momentum:g})"
    return f"training diverged in epoch {epoch}: the loss is no longer finite; try {advice}"


def advice(history, settings):
    """One sentence on what to change, or None. history: the rows of a finished training, as in Checkpoint.history.

    A rate that is too high shows in the training loss, overfitting in the validation loss, and too few epochs in both.
    """
    if settings.loss == "perceptron" or settings.patience:
        return None
    losses = _means([row["loss"] for row in history])
    validation = [row["validation_loss"] for row in history]
    watched = losses if None in validation else _means(validation)
    if len(losses) < 2:
        return None
    if _rise(losses) > _RISE or losses[-1] >= losses[0]:
        return f"the training loss did not fall: the learning rate may be too high; try --lr {settings.lr / 3:.2g}"
    if watched is not losses and _rise(watched) > _RISE and watched[-1] > _GAP * losses[-1]:
        lowest = 1 + int(np.argmin(validation))
        return (
            f"overfitting: the validation loss was lowest in epoch {lowest}; --patience 10 would keep its weights, and "
            f"a larger --l2 (it was {settings.l2:g}) may help"
        )
    improvement = watched[-2] - watched[-1]
    if improvement > max(_IMPROVEMENT * watched[-1], _WORTH_IT * watched[0]) and losses[-1] < losses[-2]:
        return f"still improving when the epochs ended: try --epochs {2 * settings.epochs}"
    return None


def guessing(figures, y_train, y_test, class_names):
    """A sentence if the figures on y_test, as those of figures_on, are no better than guessing, else None."""
    if class_names:
        return worse_than_guessing(figures["accuracy"], y_train, y_test, class_names)
    if figures.get("r2", 1) <= 0:
        return "no better than always predicting the mean: check the features"
    return None


def worse_than_guessing(accuracy, y_train, y_test, class_names):
    """A sentence if the accuracy is not above that of always answering the commonest training class, else None."""
    commonest = np.bincount(y_train, minlength=len(class_names)).argmax()
    share = np.mean(y_test == commonest)
    if accuracy > share:
        return None
    return (
        f"no better than always answering {class_names[commonest]!r}, the commonest class ({share:.2%} of the test "
        "examples): check the features, the labels and --lr"
    )


def _means(losses):
    """The means of ten successive tenths of the losses, or of all of them if there are fewer than ten."""
    return np.array([part.mean() for part in np.array_split(np.float64(losses), min(len(losses), 10))])


def _rise(means):
    """The last of the means relative to the lowest."""
    return means[-1] / means.min() if means.min() > 0 else 1.0
