"""Exported models give the same results as hw5 in the programs they are for."""

import csv
import importlib.util
import json
import sys

import numpy as np
import pandas as pd
import pytest

from hw5.api import fit
from hw5.datasets import Dataset, Examples
from hw5.datasets.preprocessing import Standardisation
from hw5.devices.activations import Activation
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.export import FORMATS, export
from hw5.nn.hidden import dense_layers
from hw5.nn.losses import LOSSES
from hw5.nn.network import initial_parameters
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.predictor import Predictor
from hw5.train.settings import Settings
from hw5.train.training import State
from tests.cli.helpers import hw5, refused
from tests.pages import ROOT, code_blocks

# Sums of about ten products in float32, in another order, and other implementations of exp: a few times 2^-24
TOLERANCE = 1e-6
rng = np.random.default_rng(0)
MEAN = np.float32([0, 1000, -5, 0.01])  # 1000 standard deviations: folding it into W would lose digits
SCALE = np.float32([1, 1, 0.2, 100])
X = (rng.standard_normal((50, 4)) / SCALE + MEAN).astype(np.float32)


def untrained(parameters):
    return State(parameters, [tuple(map(np.zeros_like, pair)) for pair in parameters], None, 1, 0, np.zeros((2, 1)))


def checkpoint(loss="cross-entropy", activation="relu", hidden=(6, 5), classes=("a", "b, c", "ç"), targets=()):
    """An untrained model, with biases that are not 0."""
    names, q = () if targets or loss == "squared" else classes, len(targets) or 1
    sizes = (4, *hidden, LOSSES[loss].units(len(names) or q))
    parameters = [
        (W, np.random.default_rng(l).standard_normal(b.shape).astype(np.float32))
        for l, (W, b) in enumerate(initial_parameters(dense_layers(sizes, activation), 1))
    ]
    dataset = Dataset("made up", "made up", Examples(X, np.zeros(len(X), np.int32)), None, names, None, None)
    more = {"batch_size": 1} if loss == "perceptron" else {}
    return Checkpoint(
        untrained(parameters),
        Standardisation(MEAN, SCALE),
        Settings(hidden=hidden, activation=activation, loss=loss, **more),
        DataSource.of(dataset, None, None),
        names,
        ("w", "x", "y", "z"),
        None,
        [],
        Standardisation(2000 + np.arange(q, dtype=np.float32), np.float32([0.1] * q)) if loss == "squared" else None,
        target_names=targets,
    )


THETAS = ("relu", "leaky_relu:0.3", "elu:0.5", "tanh", "sigmoid", "linear", "maxout:3")
MODELS = {theta: dict(activation=theta) for theta in THETAS} | {
    "linear model": dict(hidden=()),
    "two classes": dict(classes=("no", "yes")),
    "sigmoid loss": dict(loss="binary-cross-entropy", classes=("no", "yes")),
    "regression": dict(loss="squared"),
    "linear regression": dict(loss="squared", hidden=()),
    "several targets": dict(loss="squared", targets=("height", "weight")),
    "several labels": dict(loss="multilabel-cross-entropy", targets=("funny", "sad", "long")),
    "perceptron": dict(loss="perceptron", hidden=()),
    "perceptron of two classes": dict(loss="perceptron", hidden=(), classes=("no", "yes")),
}


@pytest.fixture(params=MODELS)
def model(request):
    return checkpoint(**MODELS[request.param])


def test_onnx(model, tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    export(model, "onnx", tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    expected = Predictor(CpuDevice(), model).predict(X)
    outputs = [output.name for output in session.get_outputs()]
    results = dict(zip(outputs, session.run(outputs, {"X": X})))
    if model.settings.task == "regression":
        assert outputs == ["prediction"]
        np.testing.assert_allclose(results["prediction"], expected, rtol=TOLERANCE)
    elif model.settings.task == "multilabel":
        assert outputs == ["probabilities", "label"]
        np.testing.assert_allclose(results["probabilities"], expected, rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(results["label"], expected > 0.5)
    else:
        assert outputs == ["probabilities", "label", "class"][model.settings.loss == "perceptron" :]
        assert results["class"].tolist() == [model.class_names[i] for i in results["label"]]
        np.testing.assert_array_equal(results["label"], expected.argmax(axis=1))
        np.testing.assert_allclose(results.get("probabilities", expected), expected, rtol=0, atol=TOLERANCE)
    for n in (1, 0):  # any number of examples
        assert [array.shape for array in session.run(outputs, {"X": X[:n]})] == [
            (n, *array.shape[1:]) for array in results.values()
        ]
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata.get("class_names", "[]")) == list(model.class_names)
    assert json.loads(metadata.get("target_names", "[]")) == list(model.target_names)
    assert json.loads(metadata["feature_names"]) == list(model.feature_names)


def test_onnx_takes_float64(model, tmp_path):
    """What pandas gives is rounded to float32, as by hw5."""
    onnxruntime = pytest.importorskip("onnxruntime")
    outputs = []
    for float64, x in ((False, X), (True, pd.DataFrame(np.float64(X)).to_numpy())):
        export(model, "onnx", tmp_path / "model.onnx", float64=float64)
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
        outputs.append([array.tolist() for array in session.run(None, {"X": x})])
    assert outputs[0] == outputs[1]


def assert_same_predictions(model, z):
    """The outputs z (n, m) of an exported network are those of the model."""
    expected = Predictor(CpuDevice(), model).predict(X)
    if model.settings.task == "regression":
        np.testing.assert_allclose(z, expected, rtol=TOLERANCE)
    elif model.settings.task == "multilabel":
        np.testing.assert_allclose(1 / (1 + np.exp(-z)), expected, rtol=0, atol=TOLERANCE)
    elif model.settings.loss == "perceptron":
        np.testing.assert_array_equal(z.argmax(axis=1), expected.argmax(axis=1))
    else:
        P = np.exp(z - z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(P, expected, rtol=0, atol=TOLERANCE)


def in_torch(state, theta):
    """The nn.Sequential described in docs/export.md, with the weights of a state dict."""
    from torch import nn

    theta = Activation.of(theta)
    modules = {
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(theta.alpha),
        "elu": lambda: nn.ELU(theta.alpha),
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "linear": nn.Identity,
        "maxout": lambda: nn.MaxPool1d(theta.alpha),
    }
    layers = []
    for name in sorted(name for name in state if name.endswith(".weight")):
        m, d = state[name].shape
        layers += [nn.Linear(d, m), modules[theta.name]()]
    network = nn.Sequential(*layers[:-1])
    network.load_state_dict(state)
    return network


def test_torch_state(model, tmp_path):
    torch = pytest.importorskip("torch")
    export(model, "torch-state", tmp_path / "model.pt")
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    network = in_torch(saved["state_dict"], saved["activation"])
    with torch.no_grad():
        z = network((torch.from_numpy(X) - saved["mean"]) * saved["scale"]).numpy()
    assert_same_predictions(model, z)
    assert saved.get("class_names", []) == list(model.class_names)


def test_safetensors(model, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    export(model, "safetensors", tmp_path / "model.safetensors")
    with safetensors.safe_open(tmp_path / "model.safetensors", "np") as file:
        arrays, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    np.testing.assert_array_equal(arrays["mean"], MEAN)
    np.testing.assert_array_equal(arrays["scale"], SCALE)
    description = json.loads(metadata["description"])
    assert description.get("class_names", []) == list(model.class_names)
    assert (description["activation"], description["loss"]) == (model.settings.activation, model.settings.loss)
    layers = [(arrays[f"{i}.weight"].T, arrays[f"{i}.bias"]) for i in range(0, len(arrays) - 2, 2)]
    assert_same_predictions(model, forward(layers, Activation.of(description["activation"])))


def test_numpy(model, tmp_path):
    export(model, "numpy", tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["W1"].shape[0] == 4  # the lecture's d x m
    assert tuple(arrays.get("class_names", ())) == model.class_names
    assert tuple(arrays["feature_names"]) == model.feature_names and str(arrays["loss"]) == model.settings.loss
    layers = [(arrays[f"W{l}"], arrays[f"b{l}"]) for l in range(1, len(model.parameters) + 1)]
    assert_same_predictions(model, forward(layers, Activation.of(str(arrays["activation"]))))


def forward(layers, theta):
    """z (n, m) of the examples X, by layers [(W (d, m), b (m,)), ...]."""
    x = (X - MEAN) * SCALE
    for l, (W, b) in enumerate(layers, start=1):
        z = x @ W + b
        if l < len(layers):
            x = z.reshape(len(z), -1, theta.pieces).max(axis=2) if theta.name == "maxout" else z.copy()
            if theta.formula.theta:
                theta.formula.theta(x, theta.alpha, np.empty_like(x))
    return z


def documented(form):
    """The lines of docs/export.md that read a form; each has the only block of its section."""
    return dict(zip(EXAMPLES, code_blocks(ROOT / "docs" / "export.md", "python"), strict=True))[form]


EXAMPLES = {
    "ONNX": ("onnx", "model.onnx", ["onnx", "onnxruntime"]),
    "PyTorch": ("torch-state", "model.pt", ["torch"]),
    "safetensors": ("safetensors", "model.safetensors", ["safetensors", "torch"]),
    "NumPy": ("numpy", "model.npz", []),
}


@pytest.mark.parametrize("heading", EXAMPLES)
def test_the_documented_lines_work(heading, tmp_path, monkeypatch):
    format, name, libraries = EXAMPLES[heading]
    for library in libraries:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    digits = np.random.default_rng(2).uniform(0, 16, (30, 64)).astype(np.float32)
    settings = Settings(hidden=(128,))
    dataset = Dataset("d", "d", Examples(digits, np.zeros(30, np.int32)), None, tuple("0123456789"), None, None)
    parameters = initial_parameters(dense_layers((64, 128, 10), "relu"), 0)
    standardisation = Standardisation(np.full(64, 8, np.float32), np.full(64, 0.2, np.float32))
    source = DataSource.of(dataset, None, None)
    names = dataset.class_names
    model = Checkpoint(untrained(parameters), standardisation, settings, source, names, None, None, [])
    export(model, format, name)
    there = {"X": digits}
    exec(documented(heading), there)
    P = Predictor(CpuDevice(), model).predict(digits)
    if "P" in there:
        actual = there["P"].detach().numpy() if "torch" in libraries else there["P"]
        np.testing.assert_allclose(actual, P, rtol=0, atol=TOLERANCE)
    if "classes" in there:
        assert list(there["classes"]) == [model.class_names[i] for i in P.argmax(axis=1)]
    assert {"P", "classes"} & there.keys()


LIBRARIES = {"onnx": "onnx", "safetensors": "safetensors.numpy", "torch-state": "torch"}


@pytest.mark.parametrize("format", FORMATS)
def test_equal_models_are_equal_files(format, tmp_path):
    if format in LIBRARIES:
        pytest.importorskip(LIBRARIES[format])
    for name in "ab":
        export(checkpoint(), format, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("format", LIBRARIES)
def test_a_missing_library_is_reported_before_writing(format, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, LIBRARIES[format], None)  # its import then raises ImportError
    out = tmp_path / "model"
    out.write_text("what was there")
    install = "torch" if format == "torch-state" else rf"'hw5\[{format}\]'"
    with pytest.raises(InputError, match=rf"--format {format} needs .*: pip install {install}$"):
        export(checkpoint(), format, out)
    assert out.read_text() == "what was there" and list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not importlib.util.find_spec("onnxruntime"), reason="onnxruntime is not installed")
def test_columns_with_the_names_that_the_graph_has(tmp_path):
    import onnxruntime

    names = "mean scale W1 b2 label label_ class probabilities constant_2 Cast_1 Concat_40 X site".split()
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, len(names))), columns=names)
    frame["site"], frame["kind"] = ["n", "s", "e"] * 20, ["oak", "yew"] * 30
    model = fit(frame, label_column="kind", epochs=2, hidden=4, progress=False, device="cpu")
    export(model.checkpoint, "onnx", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert [each.name for each in session.get_inputs()] == names
    assert [each.name for each in session.get_outputs()] == ["probabilities_", "label__", "class_"]
    inputs = {name: frame[name].to_numpy(object if name == "site" else float)[:, None] for name in names}
    np.testing.assert_allclose(session.run(None, inputs)[0], model.probabilities(frame), atol=1e-5)


@pytest.mark.skipif(not importlib.util.find_spec("onnxruntime"), reason="onnxruntime is not installed")
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_onnx_takes_the_columns_of_a_table_by_name(tmp_path, task):
    """Text, yes/no, dates, gaps and a Unix time; unknown categories and gaps in new rows."""
    import onnxruntime

    rng = np.random.default_rng(0)
    n = 90
    day = [f"20{20 + i // 40}-{i % 12 + 1:02d}-11" for i in range(n)]
    site, wet = rng.choice(["north", "south", "east", ""], n), rng.choice(["no", "yes"], n)
    height = [f"{x:.3f}" if i % 8 else "" for i, x in enumerate(rng.normal(size=n))]
    time = 1_700_000_000 + np.arange(n)
    labels = np.where(site == "north", "oak", "yew") if task == "classification" else rng.normal(size=n).round(3)
    table = "\n".join(
        ["day,site,wet,height,time,id,kind"]
        + [
            f"{','.join(map(str, row))}"
            for row in zip(day, site, wet, height, time, [f"t{i}" for i in range(n)], labels)
        ]
    )
    (tmp_path / "trees.csv").write_text(table + "\n")
    hw5("train", "--data", tmp_path / "trees.csv", "--task", task, "--epochs", 3, "--out", tmp_path / "m.npz")
    hw5("export", tmp_path / "m.npz", "--format", "onnx", "--out", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    seconds = np.array(day, "datetime64[s]").astype(np.float64)
    inputs = {
        "day": seconds[:, None],
        "site": np.where(np.arange(n) % 5, site, "far").astype(object)[:, None],
        "wet": wet.astype(object)[:, None],
        "height": np.array([float(x or "nan") for x in height])[:, None],
        "time": time.astype(np.float64)[:, None],
    }
    assert {each.name for each in session.get_inputs()} == set(inputs)
    results = dict(zip([each.name for each in session.get_outputs()], session.run(None, inputs)))
    new = pd.DataFrame({"day": day, "site": inputs["site"][:, 0], "wet": wet, "height": height, "time": time})
    new.to_csv(tmp_path / "new.csv", index=False)
    rows = list(csv.DictReader(hw5("predict", tmp_path / "m.npz", tmp_path / "new.csv").stdout.splitlines()))
    if task == "regression":
        expected = [float(row["prediction"]) for row in rows]
        np.testing.assert_allclose(results["prediction"][:, 0], expected, atol=1e-4)  # other orders of sums
    else:
        assert list(results["class"]) == [row["class"] for row in rows]
        probability = results["probabilities"].max(axis=1)
        np.testing.assert_allclose(probability, [float(row["probability"]) for row in rows], atol=1e-4)
    done = hw5("export", tmp_path / "m.npz", "--format", "numpy", "--out", tmp_path / "numbers.npz")
    assert "--format onnx takes the columns" in done.stderr
    nothing = session.run(None, {name: column[:0] for name, column in inputs.items()})
    assert [len(array) for array in nothing] == [0] * len(results)
    message = refused("export", tmp_path / "m.npz", "--out", tmp_path / "m.onnx", "--float64")
    assert "takes the columns of its table by name" in message


IMAGES = rng.integers(0, 256, (40, 9, 8, 2)).astype(np.uint8)
OF_IMAGES = {
    "LeNet's kinds": dict(hidden=("conv:3x3+1", "pool:2", "conv:4x2/2", "meanpool:2/1+1", 5)),
    "dropout and a convolution below the top": dict(hidden=("dropout:0.4", "conv:3x3x2", "dropout:0.2")),
    "maxout": dict(hidden=("meanpool:2x1/2", "conv:4x3+2", "pool:3/2+1", 6), activation="maxout:3"),
    "pooling alone": dict(hidden=("pool:3/2+1",), classes=("no", "yes")),
    "regression": dict(hidden=("conv:2x3", 4), activation="tanh", loss="squared"),
}


def of_images(hidden, activation="relu", loss="cross-entropy", classes=("a", "b", "c")):
    """An untrained model of images of two channels."""
    names = () if loss == "squared" else classes
    settings = Settings(hidden=hidden, activation=activation, loss=loss)
    parameters = [
        (W, np.random.default_rng(l).standard_normal(b.shape).astype(np.float32))
        for l, (W, b) in enumerate(initial_parameters(settings.layers((9, 8, 2), len(names) or 1), 1))
    ]
    d, shape = IMAGES[0].size, IMAGES.shape[1:]
    dataset = Dataset(
        "made up", "made up", Examples(IMAGES.reshape(40, -1), np.zeros(40, int)), None, names, None, shape
    )
    return Checkpoint(
        untrained(parameters),
        Standardisation(np.full(d, 120, np.float32), np.full(d, 0.01, np.float32)),
        settings,
        DataSource.of(dataset, None, None),
        names,
        None,
        shape,
        [],
        Standardisation(np.float32([2000]), np.float32([0.1])) if loss == "squared" else None,
    )


@pytest.fixture(params=OF_IMAGES)
def convolutional(request):
    return of_images(**OF_IMAGES[request.param])


def test_onnx_of_images(convolutional, tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    export(convolutional, "onnx", tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    X = IMAGES.reshape(40, -1).astype(np.float32)
    (found, *_) = session.run(None, {"X": X})
    assert all(len(array) == 0 for array in session.run(None, {"X": X[:0]}))
    np.testing.assert_allclose(found, Predictor(CpuDevice(), convolutional).predict(X), rtol=1e-5, atol=1e-6)


def test_the_modules_of_pytorch(convolutional, tmp_path):
    """The description says of which modules the nn.Sequential is, as in docs/export.md."""
    torch = pytest.importorskip("torch")
    export(convolutional, "torch-state", tmp_path / "model.pt")
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    network = torch.nn.Sequential(*(eval(module, vars(torch.nn)) for module in saved["modules"])).eval()
    network.load_state_dict(saved["state_dict"])
    X = IMAGES.reshape(40, -1).astype(np.float32)
    x = ((torch.from_numpy(X) - saved["mean"]) * saved["scale"]).reshape(IMAGES.shape).permute(0, 3, 1, 2).contiguous()
    z = network(x).detach().numpy()
    expected = Predictor(CpuDevice(), convolutional).predict(X)
    if convolutional.settings.task == "regression":
        np.testing.assert_allclose(z, expected, rtol=1e-5)
    else:
        P = np.exp(z - z.max(axis=1, keepdims=True))
        np.testing.assert_allclose(P / P.sum(axis=1, keepdims=True), expected, rtol=0, atol=1e-5)


def test_numpy_filters_have_the_channels_last(tmp_path):
    model = of_images(("conv:3x3x2", 5))
    export(model, "numpy", tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        filters, b = file["W1"], file["b1"]
    assert filters.shape == (3, 2, 2, 3)
    x = (IMAGES[0].astype(np.float32) - 120) * 0.01
    z = np.einsum("ijc,ijcf->f", x[1:4, 2:4], filters) + b
    network = Predictor(CpuDevice(), model).network
    stepper = network.device.stepper(
        network,
        network.device.upload_data(IMAGES.reshape(40, -1), np.zeros(40, int), *(np.full(144, v) for v in (120, 0.01))),
    )
    space = stepper.space(1)
    stepper.forward(np.array([0]), 0, space)
    np.testing.assert_allclose(space.slots[0].X.reshape(7, 7, 3)[1, 2], np.maximum(z, 0), rtol=1e-5, atol=1e-5)
