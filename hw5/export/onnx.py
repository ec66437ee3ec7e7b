"""A network as an ONNX graph, from the features to the classes."""

import json
from importlib.metadata import version
from math import prod

import numpy as np

from hw5.export.columns import FLOAT, INPUT_TYPES, INT64, ML, features
from hw5.export.torch import channels_first
from hw5.tables.columns import LeftOut


def encode(network):
    """The file's bytes."""
    from onnx import helper

    columns = network.columns.numbered if network.columns else []
    inputs = {c.name: INPUT_TYPES[type(c)] for c in columns if not isinstance(c, LeftOut)}
    inputs = inputs or {"X": "DOUBLE" if network.float64 else "FLOAT"}
    graph = _Graph(helper.make_node, inputs)
    outputs = _outputs(graph, network, _through_layers(graph, network, _standardised(graph, network, columns)))
    width = 1 if columns else network.checkpoint.standardisation.mean.size
    model = helper.make_model(
        _encoded(graph, {name: (kind, ["N", width]) for name, kind in inputs.items()}, outputs),
        opset_imports=[helper.make_opsetid("", 17)] + [helper.make_opsetid(ML, 3)] * bool(columns),
        ir_version=8,  # supported by runtimes since 2022
        producer_name="hw5",
        producer_version=version("hw5"),
    )
    description = {key: json.dumps(x) if isinstance(x, list) else x for key, x in network.description.items()}
    helper.set_model_props(model, description)
    return model.SerializeToString()


def _standardised(graph, network, columns):
    """Append the features and their standardisation; return the name of x (N, d)."""
    mean, scale = (graph.keep(name, array) for name, array in network.preprocessing.items())
    x = features(graph, columns) if columns else graph.add("Cast", "X", to=FLOAT) if network.float64 else "X"
    return graph.add("Mul", graph.add("Sub", x, mean), scale)


_TYPES = {"label": "INT64", "class": "STRING"}  # of outputs; the others are FLOAT


def _encoded(graph, inputs, outputs):
    """The graph in ONNX's own types. inputs: {name: (type, shape)}, outputs: [(name, shape), ...]."""
    from onnx import TensorProto, helper, numpy_helper

    def value(name, kind, shape):
        return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)

    return helper.make_graph(
        graph.nodes,
        "hw5",
        [value(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [value(name, _TYPES.get(name.rstrip("_"), "FLOAT"), shape) for name, shape in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in graph.arrays.items()],
    )


def _through_layers(graph, network, x):
    """Append the layers, for x (N, d); return the name of z (N, m). Images are (N, c, h, w) in between."""
    are_images, number = False, 0  # of the layers with weights
    for layer, W, b in network.layers:
        if layer.window and not are_images:
            shape = np.array([-1, *layer.window.image])
            x = graph.add("Transpose", graph.add("Reshape", x, shape), perm=[0, 3, 1, 2])
        if are_images and layer.kind == "dense":
            x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
            x = graph.add("Reshape", x, np.array([-1, layer.inputs]))
        are_images = bool(layer.window) or are_images and layer.kind == "dropout"
        if layer.weighted:
            number += 1
            W = channels_first(W, (*layer.window.size, -1)) if layer.window else W
            W, b = graph.keep(f"W{number}", W), graph.keep(f"b{number}", b)
        x = _LAYERS[layer.kind](graph, layer, x, W, b)
    return x


def _dense(graph, layer, x, W, b):
    x = graph.add("Gemm", x, W, b, transB=1)
    if layer.pieces > 1:
        return graph.add("ReduceMax", _pieces(graph, layer, x), axes=[2], keepdims=0)
    return layer.theta.formula.onnx(graph.add, x, layer.theta.alpha) if layer.theta else x


def _convolution(graph, layer, x, W, b):
    x = graph.add("Conv", x, W, b, **_window(layer.window))
    if layer.pieces == 1:
        return layer.theta.formula.onnx(graph.add, x, layer.theta.alpha)
    largest = graph.add("ReduceMax", _pieces(graph, layer, x, prod(layer.window.places)), axes=[2], keepdims=0)
    return graph.add("Reshape", largest, np.array([-1, layer.units, *layer.window.places]))


def _pieces(graph, layer, x, *places):
    """z of a maxout layer with the pieces of each unit apart; -1 also stands for no examples."""
    return graph.add("Reshape", x, np.array([-1, layer.units, layer.pieces, *places]))


def _window(window):
    return {
        "kernel_shape": list(window.size),
        "strides": [window.stride] * 2,
        "pads": [window.padding] * 4,
    }


_LAYERS = {
    "dense": _dense,
    "conv": _convolution,
    "pool": lambda graph, layer, x, W, b: graph.add("MaxPool", x, **_window(layer.window)),
    "meanpool": lambda graph, layer, x, W, b: graph.add("AveragePool", x, **_window(layer.window)),
    "dropout": lambda graph, layer, x, W, b: x,
}


class _Graph:
    """Nodes in the order of computation, and the constant arrays by name.

    A name that an input has, too, gets an underscore at its end.
    """

    def __init__(self, make_node, inputs):
        self.make_node, self.inputs, self.arrays, self.nodes = make_node, inputs, {}, []

    def keep(self, name, array):
        """Add a constant array; return its name."""
        name = self._free(name)
        self.arrays[name] = array
        return name

    def _free(self, name):
        while name in self.inputs:
            name += "_"
        return name

    def add(self, operator, *inputs, output=None, **attributes):
        """Append a node; return the name of its output. Inputs are names, numbers or arrays."""
        output = self._free(output or f"{operator}_{len(self.nodes)}")
        self.nodes.append(self.make_node(operator, list(map(self._name, inputs)), [output], **attributes))
        return output

    def look_up(self, key, values, default, of_keys, of_values):
        """Append a LabelEncoder, a dictionary of ONNX; of_keys, of_values: strings, int64s or floats."""
        attributes = {f"keys_{of_keys}": list(values), f"values_{of_values}": list(values.values())}
        attributes[f"default_{of_values.rstrip('s')}"] = default
        return self.add("LabelEncoder", key, domain=ML, **attributes)

    def _name(self, operand):
        """The name of an operand; numbers become float32 constants."""
        if isinstance(operand, str):
            return operand
        array = operand if isinstance(operand, np.ndarray) else np.float32(operand)
        return self.keep(f"constant_{len(self.arrays)}", array)


def _labels(graph, z, q):
    """The probability of each of q labels, and whether it is above one half."""
    P = graph.add("Sigmoid", z, output="probabilities")
    label = graph.add("Cast", graph.add("Greater", P, 0.5), output="label", to=INT64)
    return [(P, ["N", q]), (label, ["N", q])]


def _outputs(graph, network, z):
    """Append the nodes that compute the outputs from z; return the outputs' names and shapes."""
    its, loss = network.checkpoint, network.checkpoint.settings.loss
    if loss == "multilabel-cross-entropy":
        return _labels(graph, z, len(its.target_names))
    if not its.class_names:
        return [(graph.add("Identity", z, output="prediction"), ["N", len(its.target_names) or 1])]
    outputs = []
    if loss != "perceptron":  # a perceptron has no probabilities
        z = graph.add("Softmax", z, output="probabilities", axis=1)
        outputs.append((z, ["N", len(its.class_names)]))
    label = graph.add("ArgMax", z, output="label", axis=1, keepdims=0)
    names = np.array(its.class_names, object)
    return [*outputs, (label, ["N"]), (graph.add("Gather", names, label, output="class"), ["N"])]
