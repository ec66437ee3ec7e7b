"""From the text of --hidden to the layers of a network: 256,128 or conv:6x5+2,pool:2,120."""

import re
from numbers import Real

from hw5.devices.activations import Activation
from hw5.errors import InputError
from hw5.nn.dropout import Dropout
from hw5.nn.image_layers import Convolution, MaxoutConvolution, MaxPool, MeanPool, require_units
from hw5.nn.layers import Dense
from hw5.nn.maxout import Maxout
from hw5.text import quoted

_LAYERS = (  # that --hidden names
    Convolution,
    MaxPool,
    MeanPool,
    Dropout,
)
_KINDS = {layer.kind: layer for layer in _LAYERS}
_MAXOUT = {Dense: Maxout, Convolution: MaxoutConvolution}
FORM = (
    "give the units of a layer, conv:FILTERSxSIZE, pool:SIZE, meanpool:SIZE or dropout:SHARE, where a size may have a "
    "stride and a padding, 3/2+1; for example --hidden conv:6x5+2,pool:2,conv:16x5,pool:2,120,dropout:0.5"
)
LENET = ("conv:6x5+2", "pool:2", "conv:16x5", "pool:2", 120, 84)  # LeNet-5, with the pooling and activations of today


def hidden_layer(entry, theta):
    """The layer that an entry of --hidden describes: a number of units, or text. Raises InputError."""
    try:
        if not isinstance(entry, str):
            return (Maxout if theta.pieces > 1 else Dense)(require_units(entry), theta)
        name, _, text = entry.partition(":")
        kind = _KINDS[name]
        return (_MAXOUT.get(kind, kind) if theta.pieces > 1 else kind)(text, theta)
    except (KeyError, ValueError):
        raise InputError(f"--hidden: {_shown(entry)} is not a layer; {FORM}") from None


def _shown(entry):
    """An entry for a message; not what is deep or long, which Python may not be able to print."""
    if isinstance(entry, str):
        return quoted(entry)
    return entry if isinstance(entry, Real) and abs(entry) < 1e18 else f"a value of type {type(entry).__name__}"


def read_hidden(text):
    """The entries of --hidden, such as 256,128 or conv:6x5+2,pool:2,120. Raises InputError."""
    entries = tuple(
        int(part) if re.fullmatch("[0-9]{1,18}", part) else part for part in map(str.strip, text.split(","))
    )
    check_hidden(entries)
    return entries


def check_hidden(entries, activation="relu"):
    """Raise InputError unless the entries describe hidden layers with this activation."""
    theta = Activation.of(activation)
    for entry in entries:
        hidden_layer(entry, theta)


def example_shape(image_shape, d):
    """The shape of an example of d numbers: (h, w, c), or (d,) without an image_shape."""
    return (*image_shape, 1)[:3] if image_shape else (d,)


def first_weighted(layers, shape):
    """The first layer with weights, and the shape (h, w, c) or (d,) of what a row of its W is applied to.

    shape: of an example, as of example_shape.
    """
    for layer in layers:
        if layer.weighted:
            return layer, (*layer.window.size, layer.window.image[2]) if layer.window else shape
        shape = layer.shape


def layers_of(shape, hidden, outputs, activation):
    """The layers of a network over examples of a shape, (d,) or (h, w, c), with `outputs` units in the top one.

    hidden: the entries of --hidden. Raises InputError for a layer that cannot be, or that does not fit.
    """
    theta = Activation.of(activation)
    layers = [*(hidden_layer(entry, theta) for entry in hidden), Dense(outputs)]
    for number, layer in enumerate(layers, start=1):
        try:
            layer.over(shape)
        except InputError as error:
            option = "--model lenet" if tuple(hidden) == LENET else "--hidden"
            raise InputError(f"{option}, layer {number}: {error}") from None
        shape = layer.shape
    return layers


def written(layers):
    """The examples and the layers of a network: 784-128-10, or 28x28x1-conv:6x5-pool:2-10."""
    first = layers[0]
    examples = "x".join(map(str, first.window.image)) if first.window else str(first.inputs)
    return "-".join([examples, *map(str, layers)])


def dense_layers_of(parameters, activation):
    """The layers of a dense network with these parameters, [(W, b), ...]."""
    (W, _), (_, top) = parameters[0], parameters[-1]
    pieces = Activation.of(activation).pieces
    return dense_layers((W.shape[1], *(len(b) // pieces for _, b in parameters[:-1]), len(top)), activation)


def dense_layers(sizes, activation):
    """The layers of a network of these sizes: (d, ..., m)."""
    d, *hidden, m = sizes
    return layers_of((d,), hidden, m, activation)
