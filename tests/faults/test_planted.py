"""Orders planted in text: whatever a file holds, nothing else is written, run, or obeyed by a terminal.

Each field that can carry text is filled with each order, and goes to each output. The text itself survives, escaped
where the output cannot hold it.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from hw5.cli import main
from hw5.cli.options import BUILT_IN
from hw5.datasets import load
from hw5.datasets.preprocessing import Standardisation
from hw5.nn.hidden import dense_layers
from hw5.nn.network import initial_parameters
from hw5.text import encodable, printable, shortened
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.settings import Settings
from hw5.train.training import State
from tests.cli.helpers import hw5, refused

from .helpers import npz

pytestmark = pytest.mark.slow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ORDERS = {
    "options of TOML": 'x\nout = "planted.npz"\nlog = "planted.log"\n\nplot = "planted.png"\ntensorboard = "planted"',
    "the end of a string of TOML": 'x"\nout = "planted.npz" #',
    "a carriage return": 'x\rout = "planted.npz"\r#',
    "separators": 'x\u2028out = "planted.npz"\u2029\x85\x0b\x0c\x1cx',
    "quotes": "\"\"\"\nout = 'planted.npz'\n'''\n\\",
    "a table of TOML": "]\n[x]\n[[x]]",
    "JSON": '"}], "accuracy": 1, "x": [{"a": "\\',
    "a row of CSV": '"\n1,2,3\n",=1',
    "markup": "[bold red]x[/] [link=file:///planted]y[/link] :smile: [/]",
    "mathtext": "$\\frac{1}{0}$ $ \\write18{touch planted} #$%&_^{}~",
    "a shell": "$(touch planted) `touch planted`; touch planted | touch planted > planted",
    "formats": "%s%n {0} {x!r} {{",
    "a formula": "=cmd|' /C touch planted'!A0",
    "another formula": "@SUM(1+1)*cmd|' /C touch planted'!A0",
    "a hidden label": "_x",
    "directions": "\u202egnp.x\u202c \u2066x\u2069",
    "a path": "../../planted",
    "an option": "--out=planted.npz",
}
CONTROLS = {
    "the terminal": "x\x1b[2J\x1b[31m\x1b[1A",
    "its title and clipboard": "x\x1b]0;planted\x07\x1b]52;c;cGxhbnRlZA==\x1b\\",
    "the terminal in 8 bits": "x\x9b2J\x9d0;planted\x9c",
    "NUL": "x\0y",
    "other controls": "x\x08\x7f\x0e\x05y",
}
LINES = re.compile(r'(#.*|[a-z0-9-]+ = ("([^"\\]|\\.)*"|[-+.\w]+|\[[\d, ]*\])|)')  # of a configuration
OPTIONS = {
    "--config",
    "--out",
    "--log",
    "--plot",
    "--tensorboard",
    "--resume",
}  # those that write, or read more options


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files():
    return {os.path.join(root, name) for root, _, names in os.walk(".") for name in names}


def require_harmless(text):
    """A terminal that shows this obeys nothing but line breaks."""
    assert printable(text, keep="\n") == text, [text]
    return text


def run(*arguments, code=0, new=()):
    """Standard output of a command that writes these new files only, and prints nothing that a terminal obeys."""
    before = files()
    result = hw5(*arguments, code=code)
    require_harmless(result.stdout)
    assert result.stderr.count("\n") == (1 if result.stderr else 0)
    require_harmless(result.stderr)
    assert files() - before == {os.path.join(".", name) for name in new}
    return result.stdout


def outcome(*arguments):
    """The result of a command that may fail, but by a sentence alone, and prints nothing that a terminal obeys."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code in (0, 2) and isinstance(result.exception, SystemExit | None), repr(result.exception)
    require_harmless(result.stdout + result.stderr)
    return result


def cells_of(result):
    """The rows of CSV on standard output."""
    return list(csv.reader(io.StringIO(result.stdout_bytes.decode("utf-8"), newline="")))


def shown(checkpoint):
    """What hw5 show prints, which must be comments and options of known names and values alone."""
    text = run("show", checkpoint)
    assert all(LINES.fullmatch(line) for line in text.splitlines()), text
    options = tomllib.loads(text)
    assert not {f"--{name}" for name in options} & OPTIONS
    with open("again.toml", "w", encoding="utf-8") as file:
        file.write(text)
    return text, options


def write_table(path, names, classes, rows=6):
    """A CSV with an id, a feature for each name, and a label for each class, which can all be learnt."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow([*names, "the\nlabel = 1"])
        for y in np.tile(np.arange(len(classes)), rows):
            x = np.eye(len(names))[y % len(names)] * (1 + y // len(names)) + rng.normal(scale=0.01, size=len(names))
            writer.writerow([*x.round(3), classes[y]])
    return path


@pytest.fixture
def planted(folder):
    """A model trained on a table whose feature names and classes are all orders, and the table."""
    names = sorted(ORDERS.values())
    table = write_table("table.csv", names, names)
    headline = run("train", "--data", table, "--epochs", 3, "--out", "m.npz", "--hidden", 8, new=["m.npz"])
    assert headline.startswith(f"table.csv: {len(names)} features, {len(names)} classes; ")
    return names


def test_show_and_train_with_what_it_shows(planted):
    text, options = shown("m.npz")
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert all(printable(name) in comments for name in planted)
    assert options["data"] == os.path.abspath("table.csv")
    run("train", "--config", "again.toml")


def test_eval(planted):
    text = run("eval", "m.npz")
    assert all(printable(name) in text for name in planted)
    figures = json.loads(run("eval", "m.npz", "--json"))
    assert [row["class"] for row in figures["per_class"]] == planted
    assert figures.keys() == {
        "accuracy",
        "accuracy_interval",
        "balanced_accuracy",
        "calibration_error",
        "commonest_class",
        "confusion_matrix",
        "examples",
        "loss",
        "per_class",
    }


def test_data_show(planted):
    text = run("data", "show", "table.csv", "--plot", "table.png", new=["table.png"])
    assert all(printable(name) in text for name in planted)  # of a feature; a long name of a class is cut
    assert all(text.count(printable(shortened(name))) >= 1 + (name == shortened(name)) for name in planted)


def test_plot(planted, recwarn):
    run("plot", "m.npz", new=["m.png"])
    warnings = [str(warning.message) for warning in recwarn]
    assert not [text for text in warnings if "layout" not in text]  # the names are too long for a good one


def test_a_plot_of_regions(folder, recwarn):
    """The map, its axes and its legend have names, and each class is in the legend."""
    for data in (write_table("t.csv", ["$a$", "_b\x1b"], ["$x_{1$", "_y", "=z\n"]),):
        run("train", "--data", data, "--epochs", 2, "--out", "r.npz", new=["r.npz"])
        run("plot", "r.npz", "--what", "regions,confusion", new=["r.png"])
        run("data", "show", data, "--plot", "s.png", new=["s.png"])
    assert not [str(warning.message) for warning in recwarn]


def test_predict(planted):
    """The cells of the input and the classes are kept, whatever they are, and read by hw5 again."""
    with open("new.csv", "w", encoding="utf-8", newline="") as file:
        cells = [["id", *planted], *([order, *["-1.5"] * len(planted)] for order in planted)]
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(cells)
    result = hw5("predict", "m.npz", "new.csv")
    rows = cells_of(result)
    assert [row[:-2] for row in rows] == cells and {row[-2] for row in rows[1:]} <= {*planted}
    assert rows[0][-2:] == ["class", "probability"]
    assert "like a formula" in require_harmless(result.stderr) and result.stderr.count("\n") == 1
    with open("once.csv", "w", encoding="utf-8", newline="") as file:
        file.write(result.stdout_bytes.decode("utf-8"))
    assert [row[:-2] for row in cells_of(hw5("predict", "m.npz", "once.csv"))] == rows
    hw5("eval", "m.npz", "--data", "once.csv", "--label-column", "class")
    result = hw5("predict", "m.npz", "new.csv", "--spreadsheet")
    rows = cells_of(result)
    assert [[cell.removeprefix("'") for cell in row[:-2]] for row in rows] == cells and result.stderr == ""
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and not re.fullmatch(r"-[\d.]+|", cell)]


@pytest.mark.parametrize("format", ["onnx", "safetensors", "numpy"])
def test_export(planted, format):
    pytest.importorskip({"onnx": "onnxruntime", "numpy": "numpy"}.get(format, format))
    run("export", "m.npz", "--format", format, "--out", "exported", new=["exported"])
    assert tuple(names_of[format]("exported")) == (planted, planted)


def _of_onnx(path):
    import onnxruntime

    entries = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    return (json.loads(entries[key]) for key in ("class_names", "feature_names"))


def _of_safetensors(path):
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        description = json.loads(file.metadata()["description"])
    return (description[key] for key in ("class_names", "feature_names"))


def _of_numpy(path):
    with np.load(path) as file:
        return [list(file[key]) for key in ("class_names", "feature_names")]


names_of = {"onnx": _of_onnx, "safetensors": _of_safetensors, "numpy": _of_numpy}


def test_classes_of_an_archive(folder):
    names = sorted(ORDERS.values())
    np.savez("a.npz", X=np.tile(np.eye(len(names)), (6, 1)), y=np.tile(names, 6))
    run("train", "--data", "a.npz", "--epochs", 2, "--out", "m.npz", new=["m.npz"])
    assert Checkpoint.load("m.npz").class_names == tuple(names)
    shown("m.npz")
    text = run("eval", "m.npz")
    assert all(printable(name) in text for name in names)


@pytest.mark.parametrize("kind", CONTROLS)
def test_controls_in_feature_names(folder, kind):
    """Classes with control characters are refused, and names of features may have them."""
    name = CONTROLS[kind]
    write_table("t.csv", [name, "b", "c"], ["x", "y", "z"])
    if "\0" in name:
        assert "there is a NUL character" in refused("train", "--data", "t.csv")
        return
    run("train", "--data", "t.csv", "--epochs", 2, "--out", "m.npz", new=["m.npz"])
    assert Checkpoint.load("m.npz").feature_names[0] == name
    shown("m.npz")
    assert printable(name) in run("data", "show", "t.csv", "--plot", "t.png", new=["t.png"])
    run("plot", "m.npz", new=["m.png"])
    hw5("predict", "m.npz", "t.csv")
    write_table("bad.csv", ["a", "b"], ["x", name])
    assert printable(name) in printable(eval(re.search(r"the label ('.*') has", refused("data", "show", "bad.csv"))[1]))


# Checkpoints, of which every field may be made by an enemy


def checkpoint(**fields):
    """A valid checkpoint, written to m.npz; fields of its state, settings and data go where they belong."""
    parameters = initial_parameters(dense_layers((2, 3, 2), "relu"), 0)
    state = State(parameters, [(W * 0, b * 0) for W, b in parameters], None, 2, 0, np.zeros((2, 32)))
    settings, data = Settings(hidden=(3,)), DataSource("xor", None, None, False, "0" * 32)
    history = [{"epoch": 1, "loss": 0.5, "accuracy": 1, "validation_loss": None, "validation_accuracy": None}]
    whole = Checkpoint(
        state,
        Standardisation(np.zeros(2, np.float32), np.ones(2, np.float32)),
        settings,
        data,
        ("a", "b"),
        ("f", "g"),
        None,
        history,
    )
    for name, value in fields.items():
        part = next((part for part in ("state", "settings", "data") if hasattr(getattr(whole, part), name)), None)
        whole = replace(whole, **({part: replace(getattr(whole, part), **{name: value})} if part else {name: value}))
    whole.save("m.npz")
    return "m.npz"


FIELDS = {  # how a field is filled with an order, and the option that shows it
    "source": (lambda order: order, "data"),
    "test": (lambda order: order, "test"),
    "label_column": (lambda order: order, "label-column"),
    "class_weight": (lambda order: order, "class-weight"),
    "feature_names": (lambda order: (order, "g"), None),
    "class_names": (lambda order: (order, "b"), None),
    "ending": (lambda order: order, None),
    "activation": (lambda order: f"elu:{order}", "activation"),
    "lr_schedule": (lambda order: order, "lr-schedule"),
    "batch_size": (lambda order: order, "batch-size"),
    "digest": (lambda order: order, None),
}
ALL = ORDERS | CONTROLS | {"half a character": "caf\udce9"}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_checkpoint(folder, field, kind):
    """It is shown as it is, or the checkpoint is refused; training with what is shown writes nothing."""
    fill, option = FIELDS[field]
    value = fill(ALL[kind])
    try:
        path = checkpoint(**{field: value})
    except Exception as error:  # settings that Python already refuses: so does Checkpoint.load
        assert type(error).__name__ == "InputError"
        return
    try:
        loaded = Checkpoint.load(path)
    except Exception:
        require_harmless(refused("show", path))
        return
    text, options = shown(path)
    if option:
        assert options[option] == encodable(value)
    if field == "ending":
        assert loaded.state.ending == value and f"\n# {value}\n" in text
    before = files()
    outcome("train", "--config", "again.toml", "--epochs", 1)
    for arguments in (("eval", path), ("eval", path, "--json"), ("train", "--resume", path), ("plot", path)):
        outcome(*arguments)
    assert files() - before <= {os.path.join(".", "m.png")}


@pytest.mark.parametrize("kind", ALL)
def test_names_of_class_weights(folder, kind):
    path = checkpoint(class_weight={ALL[kind]: 2.0, "b": 1e-9})
    text, options = shown(path)
    assert options.get("class-weight", "") in ("", f"{encodable(ALL[kind])}=2.0,b=1e-09")
    assert ("class-weight" in options) == ('"' not in ALL[kind])
    written = text + text.replace('\\"', '"') + printable(options.get("class-weight", ""))
    assert printable(ALL[kind]) in written


def test_numbers_that_are_too_large(folder):
    row = dict.fromkeys(("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"), 10**400)
    assert "damaged" in refused("show", checkpoint(history=[row]))


# Names of files


@pytest.mark.parametrize("kind", ALL)
def test_the_name_of_a_file(folder, kind):
    name = ALL[kind].replace("/", "\u2215").replace("\0", "0")[:60] + ".csv"
    data = os.path.join(".", name)
    write_table(data, ["f", "g", "h"], ["x", "y", "z"])
    headline = run("train", "--data", data, "--epochs", 2, "--out", f"{data}.npz", new=[f"{name}.npz"])
    assert headline.startswith(f"{printable(name)}: 3 features")
    model = f"{data}.npz"
    text, options = shown(model)
    assert text.startswith(f"# {printable(model)}: mlp ") and options["data"] == encodable(os.path.abspath(data))
    run("eval", model)
    run("plot", model, new=[f"{name}.png"])
    run("data", "show", data)
    run("predict", model, data)
    with open(data, "a", encoding="utf-8") as file:
        file.write("1,2\n")
    for sentence in (refused("data", "show", data), refused("eval", model), refused("predict", model, data)):
        assert printable(os.path.basename(data)) in require_harmless(sentence)
    run("train", "--config", "again.toml", code=2)


def test_the_name_of_a_picture(folder):
    Image = pytest.importorskip("PIL.Image")
    hw5("train", "--epochs", 1, "--out", "digits.npz")
    names = [order.replace("/", "-").replace("\0", "0")[:60] + ".png" for order in ALL.values()]
    paths = [os.path.join(os.path.abspath("."), name) for name in names]
    for path in paths:
        Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(path)
    rows = cells_of(hw5("predict", "digits.npz", *paths))
    assert [row[0] for row in rows] == ["file", *map(encodable, paths)]
    bare = [name for name in names if not name.startswith("-")]
    result = hw5("predict", "digits.npz", "--spreadsheet", *bare)
    rows = cells_of(result)
    assert not [row for row in rows if row[0][0] in "=+-@\t\r"] and result.stderr == ""


# Errors and warnings: (command, words that need not be escaped, since repr does it)

ERRORS = {
    "a cell": lambda order: (
        _table(f'a,label\n"{order}",x\n1,y\n' if '"' not in order else f"a,label\n{order},x\n1,y\n")
        + ("--text", "refuse")
    ),
    "a missing file": lambda order: ("data", "show", order + ".csv"),
    "a missing checkpoint": lambda order: ("show", order),
    "a checkpoint that is none": lambda order: ("eval", _write(order, b"x")),
    "a label column": lambda order: ("train", "--data", write_table("t.csv", ["a"], "xy"), "--label-column", order),
    "a class weight": lambda order: ("train", "--class-weight", f"{order}=1"),
    "a weight": lambda order: ("train", "--class-weight", f"0={order}"),
    "an activation": lambda order: ("train", "--activation", order),
    "an unknown option": lambda order: ("train", f"--{order}"),
    "an unknown command": lambda order: (order,),
    "a choice": lambda order: ("train", "--model", order),
    "a number": lambda order: ("train", "--lr", order),
    "sizes": lambda order: ("train", "--hidden", order),
    "a data set to fetch": lambda order: ("data", "fetch", order),
    "a panel": lambda order: ("plot", "m.npz", "--what", order),
    "a format": lambda order: ("export", "m.npz", "--format", order, "--out", "x"),
    "a key of a configuration": lambda order: ("train", "--config", _config(json.dumps(order) + " = 1")),
    "a value of a configuration": lambda order: ("train", "--config", _config(f"model = {json.dumps(order)}")),
    "a configuration that is none": lambda order: ("train", "--config", _config(order + "\n= 1")),
    "the name of an array": lambda order: ("data", "show", npz("a.npz", [(f"{order}.npy", b"")])),
    "an archive with two": lambda order: ("show", npz("a.npz", [(f"{order}.npy", b""), ("x.npy", b"x")])),
}


def _table(text):
    with open("t.csv", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return "data", "show", "t.csv"


def _write(name, content):
    name = name.replace("/", "-").replace("\0", "")
    with open(os.path.join(".", name), "wb") as file:
        file.write(content)
    return os.path.join(".", name)


def _config(text):
    with open("c.toml", "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    return "c.toml"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", ERRORS)
def test_errors(folder, case):
    for kind, order in (ORDERS | CONTROLS).items():
        arguments = ERRORS[case](order)
        if any("\0" in str(argument) for argument in arguments):
            continue  # no command line has one
        before = files()
        result = outcome(*arguments)
        assert result.exit_code == 2, (kind, result.output)
        assert result.stdout == "" and result.stderr.count("\n") == 1 and result.stderr.startswith("hw5: ")
        assert files() == before


def test_a_terminal(folder):
    """Every byte that a real terminal gets, from results, a table, a warning and an error."""
    pty = pytest.importorskip("pty")
    write_table("t.csv", ["=1\x1b[2J", "\u202eb", "[red]c"], ["x\n\x85y", "\u2066y", "=z"])
    hw5("train", "--data", "t.csv", "--epochs", 2, "--out", "m.npz")
    for arguments in (
        ("predict", "m.npz", "t.csv"),
        ("eval", "m.npz"),
        ("data", "show", "t.csv"),
        ("show", "m.npz"),
        ("data", "show", "\x1b[2J.csv"),
        ("--debug", "data", "show", "\x1b[2J.csv"),
    ):
        ours, its = pty.openpty()
        command = [sys.executable, "-m", "hw5.cli", *arguments]
        plain = os.environ | {"TERM": "dumb"}  # without the bold heads of tables
        done = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=plain)
        os.close(its)
        require_harmless(_all_of(ours).decode().replace("\r\n", "\n"))
        assert done.wait() == (1 if "--debug" in arguments else 2 if arguments[-1].startswith("\x1b") else 0)


def _all_of(descriptor):
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 1 << 16)
        except OSError:  # the other end is closed
            chunk = b""
        if not chunk:
            os.close(descriptor)
            return b"".join(chunks)
        chunks.append(chunk)


def test_built_in_data_have_no_orders():
    for name in ("xor", "digits"):
        assert name in BUILT_IN and printable(load(name).name) == name
