"""The settings that are chosen by the data where they are not given.

They were found by experiment on real data sets (benchmarks/defaults.py). Adam needs no tuning of its rate, a penalty
that shrinks with the number of examples keeps networks from learning small sets by heart, and a falling rate ends near
a minimum. The lecture's plain SGD is one option away, with the lecture's rate.
"""

from hw5.train.settings import Settings

CHOSEN = ("optimizer", "lr", "lr_decay", "epochs", "batch_size", "l2")
UNSET = (*CHOSEN, "slices")  # the settings that None leaves to their defaults
_OF_SGD_ONLY = ("momentum", "nesterov")
_LAST_RATE = 0.05  # of the first
_EXAMPLES_IN_ALL, _FEWEST_EPOCHS, _MOST_EPOCHS = 2_000_000, 20, 100
_MANY = 10_000  # examples


def settings_for(n, **given):
    """Settings for n training examples: the given ones, and defaults for those that are not given, or are None.

    Raises InputError if the given ones are invalid.
    """
    given = {name: value for name, value in given.items() if value is not None or name not in UNSET}
    if "optimizer" not in given:
        is_sgd = given.get("loss") == "perceptron" or any(given.get(name) for name in _OF_SGD_ONLY)
        given["optimizer"] = "sgd" if is_sgd else "adam"
    return Settings(**(_adam(given, max(n, 1)) if given["optimizer"] == "adam" else _sgd(given)) | given)


def _sgd(given):
    if given.get("loss") == "perceptron":
        return {"lr": 1.0, "batch_size": 1}
    return {"lr": 0.01} if given.get("loss") == "squared" else {}  # the squared loss is steeper


def _adam(given, n):
    epochs = min(max(_EXAMPLES_IN_ALL // n, _FEWEST_EPOCHS), _MOST_EPOCHS)
    if given.get("hidden", Settings.hidden):
        lr, penalty = 0.005, 4
    else:
        lr, penalty = 0.03 if n <= _MANY else 0.003, 1
    chosen = {"lr": lr, "epochs": epochs, "batch_size": 32 if n <= _MANY else 128, "l2": float(f"{penalty / n:.2g}")}
    if not any(given.get(name) for name in ("lr_schedule", "lr_step")):
        # Whatever --epochs is, so that a run that is resumed with more of them is the same as one that had them at once
        chosen["lr_decay"] = round(_LAST_RATE ** (1 / epochs), 4)
    return chosen
