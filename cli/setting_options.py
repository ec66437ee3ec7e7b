"""The options of hw5 train that set the setting of the same name."""

import click

from hw5.cli.parameter_types import BatchSize, Known, OneOf, number
from hw5.devices.activations import ACTIVATIONS
from hw5.train.defaults import UNSET
from hw5.train.plan import DEFAULT
from hw5.train.schedules import SCHEDULES
from hw5.train.settings import OPTIMIZERS

SETTINGS = (  # name, type and help
    (
        "activation",
        Known(ACTIVATIONS),
        f"Activation of hidden layers: {', '.join(ACTIVATIONS)}; leaky_relu:0.01 sets a parameter.",
    ),
    (
        "epochs",
        number("epochs"),
        "Maximum number of passes over the training examples.  [default: 100, fewer for more than 20,000 examples; "
        "50 for sgd]",
    ),
    (
        "batch_size",
        BatchSize(),
        "Examples per minibatch; all makes one step per epoch.  [default: 32; 128 for adam with more than 10,000 "
        "examples; 1 for the perceptron]",
    ),
    (
        "optimizer",
        OneOf(OPTIMIZERS),
        "Adam, or stochastic gradient descent.  [default: adam; sgd for the perceptron, and with --momentum]",
    ),
    (
        "lr",
        number("lr"),
        "Learning rate.  [default: 0.005; for a linear model 0.03, or 0.003 with more than 10,000 examples; sgd: 0.03, "
        "0.01 for regression, 1 for the perceptron]",
    ),
    (
        "lr_schedule",
        OneOf(list(SCHEDULES)),
        "Learning rate schedule.  [default: step with --lr-step, else exponential with --lr-decay or for adam, else "
        "constant]",
    ),
    (
        "lr_decay",
        number("lr_decay"),
        "Factor of the learning rate per epoch (step: per --lr-step epochs; 1/t: the rate is lr / (1 + decay t)).  "
        "[default: for adam, the rate falls to 5 % over the default --epochs]",
    ),
    ("lr_step", number("lr_step"), "Epochs between the steps of the step schedule."),
    ("warmup", number("warmup"), "Number of epochs of linear warmup."),
    ("momentum", number("momentum"), "Momentum coefficient of sgd."),
    ("nesterov", bool, "Use Nesterov momentum."),
    ("l1", number("l1"), "L1 penalty on the weights."),
    (
        "l2",
        number("l2"),
        "L2 penalty on the weights.  [default: 4 / number of training examples, 1 / number for a linear model; 0 for "
        "sgd]",
    ),
    ("weight_decay", number("weight_decay"), "Decoupled weight decay of Adam (AdamW)."),
    ("class_weight", str, "Class weights: balanced, or NAME=WEIGHT,..."),
    ("tolerance", number("tolerance"), "Stop when an epoch changes the weights by at most this fraction."),
    (
        "patience",
        number("patience"),
        "Early stopping: stop after N epochs without improvement of the validation loss (with --validation 0, of the "
        "training loss) and keep the best weights.",
    ),
    ("min_delta", number("min_delta"), "Least improvement of the loss that counts for --patience."),
    ("validation", number("validation"), "Fraction of the training examples held out for validation."),
    ("holdout", number("holdout"), "Fraction held out for testing, if the data has no test set."),
    ("seed", number("seed"), "Random seed (weights, shuffling, splits)."),
    ("split_seed", number("split_seed"), "Random seed of the splits alone.  [default: --seed]"),
    ("shuffle", bool, "Shuffle the training examples in every epoch."),
    ("standardise", bool, "Standardise the features, and the targets of a regression."),
    (
        "slices",
        number("slices"),
        "Maximum number of slices of a minibatch, which the ranks of MPI share.  [default: 8 under mpiexec, else 1]",
    ),
)


def settings(verb):
    """An option for each of SETTINGS."""
    for name, kind, text in reversed(SETTINGS):
        default = None if name in UNSET else getattr(DEFAULT, name)
        flag = "--" + name.replace("_", "-")
        flag += f"/--no-{name}" * (default is True)
        shown = default is not None and kind is not bool
        verb = click.option(flag, type=kind, is_flag=kind is bool, default=default, show_default=shown, help=text)(verb)
    return verb
