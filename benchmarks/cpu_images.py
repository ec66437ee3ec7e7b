"""Networks over images for cpu_training.py, in PyTorch and JAX.

hw5 stores images as rows (h, w, c) and a filter as a row of W (i, j, c). PyTorch's filters are (c, i, j), and it
flattens images as (c, h, w); in JAX images are (h, w, c), and filters (i, j, c) by units.
"""

import numpy as np

NETWORKS = {  # name: the shape of an example, and --hidden
    "LeNet-5": ((28, 28, 1), "conv:6x5+2,pool:2,conv:16x5,pool:2,120,84"),
    "32C3-64C3-128": ((32, 32, 3), "conv:32x3+1,pool:2,conv:64x3+1,pool:2,128"),
}


def layers_of_network(name, outputs):
    """The layers of hw5."""
    from hw5.nn.hidden import layers_of, read_hidden

    image, hidden = NETWORKS[name]
    return layers_of(image, read_hidden(hidden), outputs, "relu")


def _shapes(layers):
    """The shape (h, w, c) that each layer with weights takes its d inputs as, so that d = h w c; or (d,)."""
    shapes, below = [], layers[0].window.image
    for layer in layers:
        if layer.weighted:
            shapes.append((*layer.window.size, layer.window.image[2]) if layer.window else below)
        below = layer.shape
    return shapes


def _channels_first(W, shape):
    """Rows (h, w, c) as rows (c, h, w)."""
    return np.moveaxis(W.reshape(-1, *shape), -1, 1) if len(shape) == 3 else W


def pytorch_modules(problem):
    """The modules of PyTorch, with the problem's parameters."""
    from torch import nn

    modules, image = [], True
    for layer in problem.layers:
        if layer.kind == "pool":
            modules.append(nn.MaxPool2d(layer.window.size, layer.window.stride, layer.window.padding))
            continue
        if layer.kind == "conv":
            window = layer.window
            modules.append(nn.Conv2d(window.image[2], layer.units, window.size, window.stride, window.padding))
        else:
            modules += [nn.Flatten()] * image + [nn.Linear(layer.inputs, layer.units)]
            image = False
        modules += [nn.ReLU()] * (layer.theta is not None)
    return modules


def to_pytorch(problem):
    """The parameters as PyTorch has them."""
    return [(_channels_first(W, shape), b) for (W, b), shape in zip(problem.parameters, _shapes(problem.layers))]


def from_pytorch(problem, parameters):
    """Parameters of PyTorch as hw5 has them."""
    return [
        (np.moveaxis(W.reshape(len(W), shape[-1], *shape[:-1]), 1, -1).reshape(len(W), -1), b)
        for (W, b), shape in zip(parameters, _shapes(problem.layers))
    ]


def jax_logits(problem):
    """The forward pass in JAX, logits(parameters, X), for parameters as jax_parameters returns them."""
    import jax

    def logits(parameters, x):
        weights, image = iter(parameters), problem.layers[0].window.image
        x = x.reshape(-1, *image)
        for layer in problem.layers:
            if layer.kind == "pool":
                shape = [(1, *n, 1) for n in (layer.window.size, (layer.window.stride,) * 2)]
                x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, *shape, "VALID")
                continue
            W, b = next(weights)
            if layer.kind == "conv":
                padding, numbers = [(layer.window.padding,) * 2] * 2, ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(x, W, (layer.window.stride,) * 2, padding, dimension_numbers=numbers)
            else:
                x = x.reshape(len(x), -1) @ W
            x = jax.nn.relu(x + b) if layer.theta else x + b
        return x

    return logits


def to_jax(problem):
    """The parameters as JAX has them."""
    return [
        (W.T.reshape(*layer.window.size, layer.window.image[2], -1) if layer.window else W.T, b)
        for (W, b), layer in zip(problem.parameters, [layer for layer in problem.layers if layer.weighted])
    ]


def from_jax(parameters):
    """Parameters of JAX as hw5 has them."""
    return [(np.asarray(W).reshape(-1, W.shape[-1]).T, np.asarray(b)) for W, b in parameters]
