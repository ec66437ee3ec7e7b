"""Export a checkpoint to ONNX, safetensors, a PyTorch state dict or NumPy arrays.

All formats have the same network. The standardisation, x <- (x - mean) scale, is separate: folding it into the first
layer would lose digits in float32 if a mean is much larger than the standard deviation. The output layer returns one
logit per class, or the target in its own units. docs/export.md shows how to load each format.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from hw5.devices.activations import Activation
from hw5.errors import InputError
from hw5.files import atomic_write
from hw5.datasets.preprocessing import Standardisation
from hw5.tables.columns import CYCLES, Categories, Columns, Date, LeftOut, Number, YesNo


def export(checkpoint, format, path):
    """Write the checkpoint to path, in one of FORMATS, replacing an existing file atomically.

    Raises InputError, and writes nothing, if a library is missing; raises OSError.
    """
    try:
        content = FORMATS[format].encode(_Portable.of(checkpoint))
    except ImportError as error:
        raise InputError(
            f"--format {format} needs a library that does not load ({error}): pip install {FORMATS[format].library}"
        ) from error
    with atomic_write(path) as file:
        file.write(content)


@dataclass(frozen=True)
class _Portable:
    """The exported network: layers [(W (m, d), b (m,)), ...] from the input up, and their description."""

    standardisation: Standardisation
    layers: list
    activation: str  # of the hidden layers, as Activation.of reads it
    loss: str
    class_names: tuple[str, ...]  # empty for a regression
    feature_names: tuple[str, ...] | None
    columns: Columns | None = None  # of a table with text, dates or gaps

    @classmethod
    def of(cls, checkpoint):
        *hidden, (W, b) = checkpoint.parameters
        if checkpoint.of_targets:  # z / scale + mean
            scale, mean = checkpoint.of_targets.scale, checkpoint.of_targets.mean
            W, b = W / scale, b / scale + mean
        elif len(W) < len(checkpoint.class_names):  # one z for two classes: the logits (0, z)
            W, b = np.vstack([np.zeros_like(W), W]), np.append(np.zeros_like(b), b)
        settings = checkpoint.settings
        return cls(
            checkpoint.standardisation,
            [*hidden, (W, b)],
            settings.activation,
            settings.loss,
            checkpoint.class_names,
            checkpoint.feature_names,
            columns_to_encode(checkpoint),
        )

    @property
    def preprocessing(self):
        return {"mean": self.standardisation.mean, "scale": self.standardisation.scale}

    @property
    def description(self):
        """Activation, loss, and the names of classes and features, if any."""
        names = {"class_names": self.class_names, "feature_names": self.feature_names}
        return {"activation": self.activation, "loss": self.loss} | {key: list(n) for key, n in names.items() if n}

    @property
    def state(self):
        """The state dict of an nn.Sequential that alternates linear layers and activations."""
        pairs = enumerate(self.layers)
        return {f"{2 * l}.{name}": array for l, pair in pairs for name, array in zip(("weight", "bias"), pair)}


def _numpy(network):
    arrays = network.preprocessing | {key: np.array(x) for key, x in network.description.items()}
    for l, (W, b) in enumerate(network.layers, start=1):
        arrays |= {f"W{l}": W.T, f"b{l}": b}  # the lecture's d x m: an example is a row x, and z = x W + b
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _safetensors(network):
    from safetensors.numpy import save

    description = {"description": json.dumps(network.description)}  # one entry: the order of several varies
    return save(network.preprocessing | network.state, description)


def _torch_state(network):
    import torch

    state, preprocessing = (
        {name: torch.tensor(array) for name, array in arrays.items()}
        for arrays in (network.state, network.preprocessing)
    )
    file = io.BytesIO()
    torch.save({"state_dict": state} | preprocessing | network.description, file)
    return file.getvalue()


def _onnx(network):
    from onnx import TensorProto, helper, numpy_helper

    arrays = network.preprocessing
    graph, theta = _OnnxGraph(helper.make_node, arrays), Activation.of(network.activation)
    columns = network.columns.numbered if network.columns else []
    inputs = {c.name: _ONNX_TYPES[type(c)] for c in columns if not isinstance(c, LeftOut)} or {"X": "FLOAT"}
    x = _onnx_features(graph, columns) if columns else "X"
    x = graph.add("Mul", graph.add("Sub", x, "mean"), "scale")
    for l, (W, b) in enumerate(network.layers, start=1):
        arrays |= {f"W{l}": W, f"b{l}": b}
        if l > 1:
            x = theta.formula.onnx(graph.add, x, theta.alpha)
        x = graph.add("Gemm", x, f"W{l}", f"b{l}", transB=1)
    number, types = TensorProto.FLOAT, {"label": TensorProto.INT64, "class": TensorProto.STRING}
    outputs = _onnx_outputs(graph, network, x)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "hw5",
            [
                helper.make_tensor_value_info(
                    name, getattr(TensorProto, kind), ["N", 1 if columns else network.layers[0][0].shape[1]]
                )
                for name, kind in inputs.items()
            ],
            [helper.make_tensor_value_info(name, types.get(name, number), shape) for name, shape in outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
        ),
        # with this IR version, supported by runtimes since 2022
        opset_imports=[helper.make_opsetid("", 17)] + [helper.make_opsetid(_ML, 3)] * bool(columns),
        ir_version=8,
        producer_name="hw5",
        producer_version=version("hw5"),
    )
    description = {key: json.dumps(x) if isinstance(x, list) else x for key, x in network.description.items()}
    helper.set_model_props(model, description)
    return model.SerializeToString()


class _OnnxGraph:
    """Nodes in the order of computation, and the constant arrays by name."""

    def __init__(self, make_node, arrays):
        self.make_node, self.arrays, self.nodes = make_node, arrays, []

    def add(self, operator, *inputs, output=None, **attributes):
        """Append a node; return the name of its output. Inputs are names, numbers or arrays."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(self.make_node(operator, list(map(self._name, inputs)), [output], **attributes))
        return output

    def look_up(self, key, values, default, of_keys, of_values, output=None):
        """Append a LabelEncoder, a dictionary of ONNX; of_keys, of_values: strings, int64s or floats."""
        attributes = {f"keys_{of_keys}": list(values), f"values_{of_values}": list(values.values())}
        attributes[f"default_{of_values.rstrip('s')}"] = default
        return self.add("LabelEncoder", key, output=output, domain=_ML, **attributes)

    def _name(self, operand):
        """The name of an operand; numbers become float32 constants."""
        if isinstance(operand, str):
            return operand
        name = f"constant_{len(self.arrays)}"
        self.arrays[name] = operand if isinstance(operand, np.ndarray) else np.float32(operand)
        return name


def _onnx_outputs(graph, network, z):
    """Append the nodes that compute the outputs from z; return the outputs' names and shapes."""
    if not network.class_names:
        return [(graph.add("Identity", z, output="prediction"), ["N", 1])]
    outputs = []
    if network.loss != "perceptron":  # a perceptron has no probabilities
        z = graph.add("Softmax", z, output="probabilities", axis=1)
        outputs.append((z, ["N", len(network.class_names)]))
    outputs.append((graph.add("ArgMax", z, output="label", axis=1, keepdims=0), ["N"]))
    if network.columns:
        keys = dict(enumerate(network.class_names))
        outputs.append((graph.look_up("label", keys, "", "int64s", "strings", output="class"), ["N"]))
    return outputs


# -- the columns of a table in ONNX: each is an input (N, 1) with its name

_ML = "ai.onnx.ml"
_ONNX_TYPES = {Number: "DOUBLE", Date: "DOUBLE", YesNo: "STRING", Categories: "STRING"}


def columns_to_encode(checkpoint):
    """The Columns of a checkpoint that ONNX takes by name; None if its features are simply numbers."""
    columns = checkpoint.columns
    if columns is None or columns.are_plain and not any(column.offset for column in columns.each):
        return None
    return columns


def _onnx_features(graph, columns):
    """Append the nodes that make the features (N, d) of the columns; return the name of their output."""
    encode = {Number: _onnx_number, YesNo: _onnx_yes_no, Categories: _onnx_categories, Date: _onnx_date}
    parts = [part for c in columns if not isinstance(c, LeftOut) for part in encode[type(c)](graph, c)]
    return graph.add("Concat", *parts, axis=1)


def _onnx_number(graph, column):
    missing = graph.add("IsNaN", column.name)
    value = graph.add("Cast", graph.add("Sub", column.name, np.array(column.offset)), to=_FLOAT)
    yield graph.add("Where", missing, column.fill or 0.0, value)
    yield from [graph.add("Cast", missing, to=_FLOAT)] if column.gaps else ()


def _onnx_yes_no(graph, column):
    yield graph.look_up(column.name, {column.no: 0.0, column.yes: 1.0}, column.share, "strings", "floats")
    yield from _onnx_text_gap(graph, column)


def _onnx_categories(graph, column):
    """One-hot, with a last place for other values, which is cut off."""
    others = dict.fromkeys(column.rare, len(column.values))
    n = len(column.values) + bool(column.rare)
    index = graph.look_up(column.name, {v: i for i, v in enumerate(column.values)} | others, n, "strings", "int64s")
    one_hot = graph.add("OneHot", index, np.array([n + 1]), np.float32([0, 1]), axis=-1)  # (N, 1, n + 1)
    yield graph.add("Slice", graph.add("Squeeze", one_hot, np.array([1])), np.array([0]), np.array([n]), np.array([1]))
    yield from _onnx_text_gap(graph, column)


def _onnx_text_gap(graph, column):
    if column.gaps:
        yield graph.look_up(column.name, {"": 1.0}, 0.0, "strings", "floats")


def _onnx_date(graph, column):
    """Of seconds since 1970, with NaN where missing."""
    missing = graph.add("IsNaN", column.name)
    days = graph.add("Sub", graph.add("Div", column.name, np.array(86_400.0)), np.array(column.origin))
    yield graph.add("Where", missing, column.fill or 0.0, graph.add("Cast", days, to=_FLOAT))
    for cycle in column.cycles:
        turns = graph.add("Div", column.name, np.array(float(CYCLES[cycle])))
        part = graph.add("Cast", graph.add("Sub", turns, graph.add("Floor", turns)), to=_FLOAT)
        angle = graph.add("Mul", part, 2 * np.pi)
        for wave in ("Sin", "Cos"):
            yield graph.add("Where", missing, 0.0, graph.add(wave, angle))
    yield from [graph.add("Cast", missing, to=_FLOAT)] if column.gaps else ()


_FLOAT = 1  # onnx.TensorProto.FLOAT


class Format(NamedTuple):
    """encode(network) returns the bytes of the file; library is what to pip install for it."""

    encode: Callable
    library: str | None = None


FORMATS = {
    "onnx": Format(_onnx, "'hw5[onnx]'"),
    "safetensors": Format(_safetensors, "'hw5[safetensors]'"),
    "torch-state": Format(_torch_state, "torch"),
    "numpy": Format(_numpy),
}
