"""A network as an nn.Sequential of PyTorch: its modules, and their state dict."""

_THETAS = {
    "relu": "ReLU()",
    "leaky_relu": "LeakyReLU({a:g})",
    "elu": "ELU({a:g})",
    "tanh": "Tanh()",
    "sigmoid": "Sigmoid()",
    "linear": "Identity()",
}


def modules(layers):
    """[(text of a module, {"weight": ..., "bias": ...}), ...] for [(layer, W, b), ...] from the input up.

    Images are (N, c, h, w) in PyTorch, so weights have their channels first. The text of a layer or an activation of
    which PyTorch has no module is hw5's.
    """
    image, found = None, []  # the shape of the images between the layers
    for layer, W, b in layers:
        if image and layer.kind == "dense":
            W, image = channels_first(W, image).reshape(len(W), -1), None
            found.append(("Flatten()", {}))
        image = layer.shape if layer.window else image
        found += _MODULES[layer.kind](layer, W, b) if layer.kind in _MODULES else [(str(layer), {})]
    return found


def state(layers):
    """The state dict of the modules."""
    numbered = enumerate(modules(layers))
    return {f"{number}.{name}": array for number, (_, arrays) in numbered for name, array in arrays.items()}


def _theta(layer, *maxout):
    """The modules of the activation; maxout are those of its pieces."""
    if layer.theta:
        text = _THETAS.get(layer.theta.name, layer.theta.name)
        texts = maxout if layer.pieces > 1 else [text.format(a=layer.theta.alpha)]
        yield from ((text, {}) for text in texts)


def channels_first(W, shape):
    """W (m, h w c) as (m, c, h, w)."""
    return W.reshape(len(W), *shape).transpose(0, 3, 1, 2)


def _dense(layer, W, b):
    yield f"Linear({layer.inputs}, {len(b)})", {"weight": W, "bias": b}
    yield from _theta(layer, f"MaxPool1d({layer.pieces})")


def _convolution(layer, W, b):
    window, channels = layer.window, layer.window.image[2]
    weight = channels_first(W, (*window.size, channels))
    yield f"Conv2d({channels}, {len(b)}, {_text(window)})", {"weight": weight, "bias": b}
    h, w = window.places
    yield from _theta(layer, "Flatten(2)", f"MaxPool2d(({layer.pieces}, 1))", f"Unflatten(2, ({h}, {w}))")


def _text(window):
    return f"{window.size}, stride={window.stride}, padding={window.padding}"


_MODULES = {
    "dense": _dense,
    "conv": _convolution,
    "pool": lambda layer, W, b: [(f"MaxPool2d({_text(layer.window)})", {})],
    "meanpool": lambda layer, W, b: [(f"AvgPool2d({_text(layer.window)}, count_include_pad=False)", {})],
    "dropout": lambda layer, W, b: [(f"Dropout({layer.share:g})", {})],
}
