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
    x = graph.add("Mul", graph.add("Sub", "X", "mean"), "scale")
    for l, (W, b) in enumerate(network.layers, start=1):
        arrays |= {f"W{l}": W, f"b{l}": b}
        if l > 1:
            x = theta.formula.onnx(graph.add, x, theta.alpha)
        x = graph.add("Gemm", x, f"W{l}", f"b{l}", transB=1)
    number, index = TensorProto.FLOAT, TensorProto.INT64
    outputs = _onnx_outputs(graph, network, x)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "hw5",
            [helper.make_tensor_value_info("X", number, ["N", network.layers[0][0].shape[1]])],
            [helper.make_tensor_value_info(name, index if name == "label" else number, s) for name, s in outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],  # with this IR version, supported by runtimes since 2022
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
    return [*outputs, (graph.add("ArgMax", z, output="label", axis=1, keepdims=0), ["N"])]


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
