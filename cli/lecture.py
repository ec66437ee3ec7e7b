"""hw5 lecture"""

import click
import numpy as np

from hw5.cli import options
from hw5.cli.display import say, waiting, warn
from hw5.cli.parameter_types import File, number
from hw5.errors import InputError
from hw5.lectures import adversarial as attack
from hw5.lectures import approximation as fitting
from hw5.lectures import derivatives, gates
from hw5.lectures import descent as descending
from hw5.plots import require_matplotlib
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor


@click.group("lecture")
def command():
    """Draw the pictures of the lectures, each from a training or a model.

    \b
    hw5 lecture approximation
    """


def _out(name):
    return click.option("--out", type=File(), default=name, show_default=True, help="PNG file to write.")


_seed = click.option("--seed", type=number("seed"), default=0, show_default=True, help="Random seed.")


def _opened(out, device_name, *inputs):
    """The device, after what may be wrong has been seen."""
    require_matplotlib("hw5 lecture")
    options.require_picture(out, "--out", *inputs)
    return options.open_named(device_name)


def _view_of(checkpoint, device, data, test, label_column, data_dir):
    """The View of a checkpoint on a device and the test split of data."""
    from hw5.plots.view import View

    model = Checkpoint.load(checkpoint)
    dataset, subset = options.load_split(model, data, test, label_column, data_dir, "test")
    return View(model, f"{dataset.name}, test split", Predictor(device, model), subset)


_DATA = options.data(None, "Data to take examples from.  [default: the data the model was trained on]")


@command.command("adversarial")
@click.argument("checkpoint", type=File())
@click.option(
    "--example",
    type=click.IntRange(min=1),
    help="Number of the example in the test split.  [default: the first that is classified correctly]",
)
@_out("adversarial.png")
@_DATA
@options.device
def adversarial(checkpoint, example, out, data, test, label_column, data_dir, device_name):
    """Change the class of an image by noise that is hardly visible.

    Two noises are computed: along the sign of the gradient with respect to the image, and the smallest that was found.
    The size of a noise is the largest change of a pixel.

    \b
    hw5 lecture adversarial model.npz
    """
    device = _opened(out, device_name, checkpoint, data, test)
    view = _view_of(checkpoint, device, data, test, label_column, data_dir)
    attacked = attack.Attack(view.model)
    number = _example(view, example)
    x, names = np.float64(view.X[number]), view.class_names
    say(f"test example {number + 1}: {names[view.y[number]]}, predicted {names[view.predicted[number]]}")
    with waiting("looking for noise"):
        changes = {"gradient sign": attacked.by_gradient_sign(x), "smallest found": attacked.smallest(x)}
    for name, change in changes.items():
        say(f"{name}: {_in_words(change, attacked, names)}")
    changes = {name: change for name, change in changes.items() if change}
    if not changes:
        raise InputError(f"no noise changes the class of example {number + 1}; choose another --example")
    attack.draw(out, view, number, changes)
    say(f"saved {out}")


def _example(view, example):
    """The index of the example to attack."""
    if example is None:
        right = np.flatnonzero(view.predicted == view.y)
        if not len(right):
            raise InputError("the model classifies no example of the test split correctly; choose one with --example")
        return int(right[0])
    if example > len(view.y):
        raise InputError(f"--example {example}: the test split has {len(view.y):,} examples")
    if view.predicted[example - 1] != view.y[example - 1]:
        warn(f"example {example} is a mistake of the model already")
    return example - 1


def _in_words(change, attacked, names):
    if change is None:
        return "none changes the class"
    span = attacked.high - attacked.low
    return f"{names[change.predicted]} by changes of up to {change.step:.4g} of {span:g} ({change.step / span:.2%})"


@command.command("approximation")
@click.option("--units", metavar="N,...", default="1,2,4,8,16,32", show_default=True, help="Numbers of hidden units.")
@_out("approximation.png")
@_seed
@options.device
def approximation(units, out, seed, device_name):
    """Fit a curve with more and more hidden units, and mark their hinges.

    Each network is trained from 5 seeds, and the best of them is shown.

    \b
    hw5 lecture approximation --units 1,2,4
    """
    numbers = _numbers(units)
    device, found = _opened(out, device_name), []
    with waiting("training"):
        for fit in fitting.fits(device, numbers, seed):
            found.append(fit)
            say(f"{fit.units:>3} hidden {'unit' if fit.units == 1 else 'units'}: RMSE {fit.rmse:.4f}")
    fitting.draw(out, found)
    say(f"saved {out}")


def _numbers(text):
    """The numbers of --units."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 1 <= int(part) <= 4096 for part in parts) or len(parts) > 24:
        raise InputError(f"--units {text}: give up to 24 numbers from 1 to 4096, such as 1,2,4,8")
    return [int(part) for part in parts]


@command.command("activations")
@click.argument("checkpoint", type=File(), required=False)
@_out("activations.png")
@_DATA
@options.device
def activations(checkpoint, out, data, test, label_column, data_dir, device_name):
    """Draw all activations with their derivatives, and count the derivatives that are 0 in a model.

    The units of CHECKPOINT, if it is given, are counted on all examples of the test split.

    \b
    hw5 lecture activations model.npz
    """
    device, layers, title = _opened(out, device_name, checkpoint, data, test), [], ""
    if checkpoint:
        view = _view_of(checkpoint, device, data, test, label_column, data_dir)
        layers, title = derivatives.of_layers(view.model, view.X), view.title
    for layer in layers:
        say(
            f"{layer.name}: θ′ is 0 for {layer.zero:.1%} and below {derivatives.SMALL:g} for {layer.small:.1%} of the "
            f"units and examples; {layer.dead:.1%} of the units are 0 for all examples"
        )
    derivatives.draw(out, layers, title)
    say(f"saved {out}")


@command.command("xor")
@_out("xor.png")
@_seed
@options.device
def xor(out, seed, device_name):
    """Learn OR, NAND and AND with a perceptron each, and compose them to XOR.

    \b
    hw5 lecture xor
    """
    learned = gates.learned(_opened(out, device_name), seed)
    for name, gate in learned.items():
        say(f"{name}: {gates.written(gate)}")
    hidden, classes = gates.composed(learned, gates.CORNERS)
    for corner, (either, nand), both in zip(gates.CORNERS, hidden, classes):
        say(f"{corner[0]:g} XOR {corner[1]:g}: OR {either:g}, NAND {nand:g}, AND of both {both}")
    gates.draw(out, learned)
    say(f"saved {out}")


@command.command("descent")
@_out("descent.png")
@_seed
@options.device
def descent(out, seed, device_name):
    """Draw the loss surface of a small network with the paths of SGD, minibatches and momentum.

    \b
    hw5 lecture descent --seed 3
    """
    device = _opened(out, device_name)
    with waiting("training"):
        run, paths = descending.paths(device, seed)
        surface = descending.surface(run, paths)
    for name, path in paths.items():
        say(f"{name}: loss {path.losses[0]:.4f} at the start, {path.losses[-1]:.4f} at the end")
    descending.draw(out, surface, paths)
    say(f"saved {out}")
