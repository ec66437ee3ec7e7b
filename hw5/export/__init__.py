"""Export a checkpoint to ONNX, safetensors, a PyTorch state dict or NumPy arrays.

All formats have the same network. The standardisation, x <- (x - mean) scale, is separate: folding it into the first
layer would lose digits in float32 if a mean is much larger than the standard deviation. The output layer returns one
logit per class or label, or each target in its own units. docs/export.md shows how to load each format.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hw5.errors import InputError
from hw5.export import html, onnx, torch
from hw5.export.columns import columns_to_encode
from hw5.files import atomic_write
from hw5.interrupts import interrupt_afterwards
from hw5.tables.columns import Columns


class Predicted(NamedTuple):
    """Test examples X (n, d), their labels or targets y (n,), and P (n, m), the result of Predictor.predict."""

    X: np.ndarray
    y: np.ndarray
    P: np.ndarray


def export(checkpoint, format, path, tested=None, float16=False, float64=False):
    """Write the checkpoint to path, in one of FORMATS, replacing an existing file atomically.

    For html: tested are examples to show, and float16 stores the weights in half precision. For onnx: with float64,
    that is the type of the input X. Raises InputError, and writes nothing, if a library is missing or there is no X;
    raises OSError.
    """
    layers, columns = _layers_of(checkpoint), columns_to_encode(checkpoint)
    if float64 and columns:
        raise InputError(
            "--float64 is for the input X of features, and this model takes the columns of its table by name, with "
            "numbers as float64; leave it out"
        )
    try:
        content = FORMATS[format].encode(_Portable(checkpoint, layers, columns, tested, float16, float64))
    except ImportError as error:
        raise InputError(
            f"--format {format} needs a library that does not load ({error}): pip install {FORMATS[format].library}"
        ) from error
    with atomic_write(path) as file:
        file.write(content)


@dataclass(frozen=True)
class _Portable:
    """What is exported of a checkpoint.

    layers: [(layer, W, b), ...] from the input up; W (m, d) and b (m,) are None in a layer without weights. columns:
    of a table with text, dates or gaps.
    """

    checkpoint: Any
    layers: list
    columns: Columns | None
    tested: Predicted | None
    float16: bool
    float64: bool

    @property
    def preprocessing(self):
        its = self.checkpoint.standardisation
        return {"mean": its.mean, "scale": its.scale}

    @property
    def description(self):
        """Activation, loss, PyTorch's modules, and the names of classes and features, if any."""
        its, modules = self.checkpoint, [text for text, _ in torch.modules(self.layers)]
        names = {"modules": modules, "class_names": its.class_names, "feature_names": its.feature_names}
        names |= {"target_names": its.target_names}
        settings = {"activation": its.settings.activation, "loss": its.settings.loss}
        return settings | {key: list(n) for key, n in names.items() if n}

    @property
    def weighted(self):
        """(number, layer, W, b) of the layers with weights, numbered from 1."""
        with_weights = (each for each in self.layers if each[0].weighted)
        return ((number, *each) for number, each in enumerate(with_weights, start=1))


def _layers_of(checkpoint):
    """The layers of a _Portable: the top one computes a logit for each class or label, or targets in their units."""
    *hidden, (W, b) = checkpoint.parameters
    if checkpoint.of_targets:  # z / scale + mean
        scale, mean = checkpoint.of_targets.scale, checkpoint.of_targets.mean
        W, b = W / scale[:, np.newaxis], b / scale + mean
    elif len(W) < len(checkpoint.class_names):  # one z for two classes: the logits (0, z)
        W, b = np.vstack([np.zeros_like(W), W]), np.append(np.zeros_like(b), b)
    pairs = iter([*hidden, (W, b)])
    return [(layer, *(next(pairs) if layer.weighted else (None, None))) for layer in checkpoint.layers()]


def _numpy(network):
    arrays = network.preprocessing | {key: np.array(x) for key, x in network.description.items()}
    for number, layer, W, b in network.weighted:
        W = W.T  # the lecture's d x m: an example, or a patch of one, is a row x, and z = x W + b
        if layer.window:
            W = W.reshape(*layer.window.size, -1, len(b))  # (i, j, c, filters)
        arrays |= {f"W{number}": W, f"b{number}": b}
    file = io.BytesIO()
    with interrupt_afterwards():
        np.savez(file, **arrays)
    return file.getvalue()


def _safetensors(network):
    from safetensors.numpy import save

    description = {"description": json.dumps(network.description)}  # one entry: the order of several varies
    return save(network.preprocessing | torch.state(network.layers), description)


def _torch_state(network):
    from torch import save, tensor

    state, preprocessing = (
        {name: tensor(array) for name, array in arrays.items()}
        for arrays in (torch.state(network.layers), network.preprocessing)
    )
    file = io.BytesIO()
    save({"state_dict": state} | preprocessing | network.description, file)
    return file.getvalue()


class Format(NamedTuple):
    """encode(network) returns the bytes of the file; library is what to pip install for it."""

    encode: Callable
    suffixes: tuple[str, ...]  # of files
    library: str | None = None


FORMATS = {
    "onnx": Format(onnx.encode, (".onnx",), "'hw5[onnx]'"),
    "safetensors": Format(_safetensors, (".safetensors",), "'hw5[safetensors]'"),
    "torch-state": Format(_torch_state, (".pt", ".pth"), "torch"),
    "numpy": Format(_numpy, (".npz",)),
    "html": Format(html.encode, (".html", ".htm")),
}
