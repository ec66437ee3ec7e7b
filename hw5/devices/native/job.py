"""The arguments of the compiled steps: the structures of job.h."""

import ctypes

from hw5.devices.activations import Activation

_POINTER, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
EXCHANGE = ctypes.CFUNCTYPE(ctypes.c_int)
_ARRAYS = ("W", "b", "V", "Vb", "S", "Sb")  # of a layer
_WINDOW = ("h", "w", "c", "i", "j", "stride", "padding", "rows", "columns")
_KINDS = (  # as enum Kind numbers them
    "dense",
    "conv",
    "pool",
    "meanpool",
    "dropout",
)
_NUMBERS = {  # number and key of an ImageLayer, where they are not 0
    "dropout": lambda layer: (layer.share, layer.key),
}


class Layer(ctypes.Structure):
    """The weights of a layer."""

    _fields_ = [("d", _INT), ("m", _INT), ("pieces", _INT), *((name, _POINTER) for name in _ARRAYS)]

    @classmethod
    def of(cls, layer):
        """The Layer of a layer of hw5.nn with weights."""
        return cls(*reversed(layer.W.shape), layer.pieces, *(address(getattr(layer, name)) for name in _ARRAYS))


class Window(ctypes.Structure):
    """A window; that of a layer without one is a pixel, and an example without a shape an image of one pixel."""

    _fields_ = [(name, _INT) for name in _WINDOW]

    @classmethod
    def of(cls, layer):
        """The Window of a layer of hw5.nn."""
        if window := layer.window:
            return cls(*window.image, *window.size, window.stride, window.padding, *window.places)
        h, w, c = layer.shape if not layer.weighted and len(layer.shape) == 3 else (1, 1, layer.inputs)
        return cls(h, w, c, 1, 1, 1, 0, h, w)


class ImageLayer(ctypes.Structure):
    """A layer of any kind."""

    _fields_ = [("kind", _INT), ("weights", Layer), ("window", Window), ("number", _DOUBLE), ("key", _INT)]

    @classmethod
    def of(cls, layer):
        """The ImageLayer of a layer of hw5.nn."""
        weights = Layer.of(layer) if layer.weighted else Layer(pieces=1)
        numbers = _NUMBERS[layer.kind](layer) if layer.kind in _NUMBERS else (0, 0)
        return cls(_KINDS.index(layer.kind), weights, Window.of(layer), *numbers)


class Job(ctypes.Structure):
    """struct Job. Fields that are not set are 0."""

    _fields_ = [
        ("layers", ctypes.POINTER(Layer)),
        ("depth", _INT),
        ("activation", _INT),
        ("alpha", _DOUBLE),
        ("loss", _INT),
        ("class_weights", _POINTER),
        ("X", _POINTER),
        ("is_uint8", _INT),
        ("y", _POINTER),
        ("y_columns", _INT),
        ("mean", _POINTER),
        ("scale", _POINTER),
        ("order", _POINTER),
        ("examples", _INT),
        ("batch_size", _INT),
        *((name, _DOUBLE) for name in ("eta", "momentum", "l1", "l2")),
        ("nesterov", _INT),
        ("adam", _INT),
        *((name, _DOUBLE) for name in ("beta2", "epsilon", "weight_decay")),
        ("updates", _INT),
        ("losses", _POINTER),
        ("correct", _POINTER),
        ("Z", _POINTER),
        ("threads", _INT),
        ("image_layers", ctypes.POINTER(ImageLayer)),
        *((name, _INT) for name in ("slice", "share_begin", "share_end")),
        *((name, _POINTER) for name in ("additions", "depths", "sums")),
        ("stride", _INT),
        ("exchange", EXCHANGE),
    ]


def layers_for_job(network):
    """The fields of a Job that describe the layers of a network."""
    kind, field = (Layer, "layers") if is_dense(network) else (ImageLayer, "image_layers")
    layers = [kind.of(layer) for layer in network.layers]
    return {field: (kind * len(layers))(*layers), "depth": len(layers)}


def activation_of(network):
    """The Activation of the hidden layers; of a network without any, linear."""
    return next((layer.theta for layer in network.weighted if layer.theta), Activation("linear"))


def is_dense(network):
    """Whether step.cpp trains the network; images.cpp trains the others."""
    return all(layer.kind == "dense" for layer in network.layers)


def address(array):
    """The address of a NumPy array."""
    return array.ctypes.data
