"""hw5 predict."""

import csv
import io
import json

import numpy as np
import pytest

from hw5.datasets import load
from tests.cli.helpers import hw5, refused, write_csv


def predict(*arguments, **options):
    return list(csv.reader(io.StringIO(hw5("predict", *arguments, **options).stdout)))


PLANTS = "id,height,width,species\n" + "\n".join(
    f"plant {i},{i % 2 * 4 + i / 100},{3 - i % 2 * 4},{'rose' if i % 2 else 'tulip'}" for i in range(40)
)


@pytest.fixture(scope="module")
def plants(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plants")
    without_id = "\n".join(line.split(",", 1)[1] for line in PLANTS.splitlines())
    (folder / "plants.csv").write_text(without_id)
    (folder / "new.csv").write_text(PLANTS)
    hw5("train", "--data", folder / "plants.csv", "--epochs", 20, "--out", folder / "model.npz")
    return folder


def test_csv_from_training_to_prediction(flowers, tmp_path):
    labelled, unlabelled, X, y = flowers
    out = tmp_path / "model.npz"
    hw5("train", "--data", labelled, "--label-column", "species", "--hidden", "8", "--out", out)
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] > 0.9
    assert json.loads(hw5("eval", out, "--data", labelled, "--json").stdout)["accuracy"] > 0.9
    np.save(tmp_path / "new.npy", X)
    by_csv, by_npy = (hw5("predict", out, path).stdout.splitlines() for path in (unlabelled, tmp_path / "new.npy"))
    assert by_npy[0] == "class,probability" and by_csv[0] == "height,width,depth,class,probability"
    assert [line.split(",", 3)[3] for line in by_csv] == by_npy
    predicted = np.array([line.split(",")[0] for line in by_npy[1:]])
    assert (predicted == y).mean() > 0.95
    assert all(0.5 <= float(line.split(",")[1]) <= 1 for line in by_npy[1:])


def test_a_regression_from_training_to_prediction(tmp_path):
    out = tmp_path / "sine.npz"
    options = ("--activation", "tanh", "--lr", 0.03, "--momentum", 0.9, "--epochs", 60, "--out", out)
    lines = hw5("train", "--task", "regression", "--data", "sine", *options).stdout.splitlines()
    assert lines[0].startswith("sine: 1 feature, regression; ") and lines[1].startswith("mlp 1-128-1 tanh")
    assert "accuracy" not in "".join(lines)
    figures = json.loads(hw5("eval", out, "--json").stdout)
    assert figures.keys() == {"r2", "rmse", "loss", "examples"}
    assert 0.95 < figures["r2"] < 1 and 0.08 < figures["rmse"] < 0.15  # drawn with a standard deviation of 0.1
    (of_test,) = (line for line in lines if line.startswith("test "))
    assert of_test == f"test R² {figures['r2']:.4f}, RMSE {figures['rmse']:.4g} ({figures['examples']} examples)"
    assert hw5("eval", out).stdout == f"sine, test split: {of_test.removeprefix('test ')}\n"
    x = np.linspace(-3, 3, 13)
    rows = hw5("predict", out, write_csv(tmp_path / "x.csv", x[:, None])).stdout.splitlines()
    assert rows[0] == "1,prediction"
    np.testing.assert_allclose([float(row.split(",")[-1]) for row in rows[1:]], np.sin(x), atol=0.15)


def test_values_too_large_for_float32_are_refused(flowers, tmp_path):
    _, _, X, y = flowers
    small = write_csv(tmp_path / "small.csv", X / 1000, y, "height,width,depth,species")
    out = tmp_path / "model.npz"
    hw5("train", "--data", small, "--hidden", "8", "--epochs", 2, "--out", out)
    far = write_csv(
        tmp_path / "far.csv", np.where(np.arange(80)[:, None] == 2, 1e38, X), y, "height,width,depth,species"
    )
    assert "far.csv: example 3 has values too far" in refused("predict", out, far)
    assert json.loads(hw5("eval", out, "--data", far, "--json").stdout)["loss"] is None


def test_the_columns_of_a_csv_are_kept(plants):
    header, *rows = predict(plants / "model.npz", plants / "new.csv")
    assert header == ["id", "height", "width", "species", "class", "probability"]
    assert [row[:4] for row in rows] == list(csv.reader(PLANTS.splitlines()))[1:]
    assert all(row[3] == row[4] and 0.5 < float(row[5]) <= 1 for row in rows)


def test_standard_input_is_csv(plants):
    assert predict(plants / "model.npz", "-", input=PLANTS) == predict(plants / "model.npz", plants / "new.csv")
    sentence = refused("predict", plants / "model.npz", "-", input="height,width\n1,2\n3,many\n")
    assert "standard input, row 3, column 2 ('width'): 'many' is not a number" in sentence
    assert "standard input: the file is empty" in refused("predict", plants / "model.npz", "-", input="")


def test_a_table_without_a_header_has_its_columns_numbered(plants):
    table = predict(plants / "model.npz", "-", input="0,3\n4,-1\n")
    assert table[0] == ["1", "2", "class", "probability"]
    assert [row[:3] for row in table[1:]] == [["0", "3", "tulip"], ["4", "-1", "rose"]]


def test_new_columns_have_new_names(plants):
    once = hw5("predict", plants / "model.npz", plants / "new.csv").stdout
    header, row, *_ = predict(plants / "model.npz", "-", input=once)
    assert header[4:] == ["class", "probability", "predicted_class", "predicted_probability"]
    assert row[4:6] == row[6:]


def test_tables_with_different_columns_are_refused(plants, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    (tmp_path / "b.csv").write_text("height,width\n1,2\n")
    for other in (tmp_path / "a.npy", tmp_path / "b.csv"):
        sentence = refused("predict", plants / "model.npz", plants / "new.csv", other)
        assert f"{other.name}: the columns differ from those of" in sentence and "one file at a time" in sentence
    both = predict(plants / "model.npz", plants / "new.csv", plants / "new.csv")
    once = predict(plants / "model.npz", plants / "new.csv")
    assert both == once + once[1:]


def test_the_most_probable_classes_come_first(digits, tmp_path):
    X = load("digits").train.X[:200]
    np.save(tmp_path / "a.npy", X)
    header, *rows = predict(digits, tmp_path / "a.npy", "--top", 3)
    assert header == ["class", "probability", "class_2", "probability_2", "class_3", "probability_3"]
    assert [row[:2] for row in rows] == predict(digits, tmp_path / "a.npy")[1:]
    for row in rows:
        p = [float(cell) for cell in row[1::2]]
        assert p == sorted(p, reverse=True) and sum(p) < 1.000002 and len({row[0], row[2], row[4]}) == 3
    everything = predict(digits, tmp_path / "a.npy", "--top", 99)
    assert len(everything[0]) == 20
    for row in everything[1:]:
        assert sum(float(cell) for cell in row[1::2]) == pytest.approx(1, abs=1e-5)  # ten numbers of six decimals


def test_top_and_invert_are_refused_if_they_do_not_apply(plants, tmp_path):
    for name, options in (("perceptron", ("--model", "perceptron")), ("regression", ("--task", "regression"))):
        data = "xor" if name == "perceptron" else "sine"
        hw5("train", "--data", data, "--epochs", 1, "--out", tmp_path / name, *options)
        assert f"a {name} has none" in refused("predict", tmp_path / name, "-", "--top", 2, input="1,2\n")
    assert "--no-invert is for images only" in refused("predict", plants / "model.npz", "-", "--no-invert", input="1,2")


def test_a_regression_keeps_the_columns_too(tmp_path):
    hw5("train", "--data", "sine", "--task", "regression", "--epochs", 2, "--out", tmp_path / "model.npz")
    table = predict(tmp_path / "model.npz", "-", input="x\n1.50\n2\n")
    assert table[0] == ["x", "prediction"] and [row[0] for row in table[1:]] == ["1.50", "2"]


def write_digit(path, pixels, light_on_dark=True, size=1):
    """A digit of 8 x 8 pixels from 0 to 16."""
    Image = pytest.importorskip("PIL.Image")
    grey = np.kron(np.round(pixels.reshape(8, 8) * (255 / 16)).astype(np.uint8), np.ones((size, size), np.uint8))
    Image.fromarray(grey if light_on_dark else 255 - grey).save(path)
    return path


def test_images_are_classified_like_their_pixels(digits, tmp_path):
    X = load("digits").train.X[:20]
    np.save(tmp_path / "a.npy", X)
    expected = predict(digits, tmp_path / "a.npy")[1:]
    looks = [dict(), dict(light_on_dark=False), dict(light_on_dark=False, size=30)]
    for look in looks:
        paths = [write_digit(tmp_path / f"{i}.png", x, **look) for i, x in enumerate(X)]
        header, *rows = predict(digits, *paths)
        assert header == ["file", "class", "probability"] and [row[0] for row in rows] == [str(path) for path in paths]
        assert [row[1] for row in rows] == [row[0] for row in expected]
        # Rounding to 8 bits is off by 1/32 of a step of 1/16, which changes the logits slightly
        actual, wanted = ([float(row[-1]) for row in rows] for rows in (rows, expected))
        np.testing.assert_allclose(actual, wanted, atol=0.02)


def test_the_inversion_can_be_chosen(digits, tmp_path):
    dark = write_digit(tmp_path / "dark.png", load("digits").train.X[0], light_on_dark=False)
    automatic = predict(digits, dark)
    assert predict(digits, dark, "--invert") == automatic != predict(digits, dark, "--no-invert")


def test_an_invalid_image_is_one_sentence(digits, plants, tmp_path):
    pytest.importorskip("PIL.Image")
    (tmp_path / "a.png").write_bytes(b"hello")
    assert "a.png: not a valid PNG or JPEG image" in refused("predict", digits, tmp_path / "a.png")
    write_digit(tmp_path / "a.png", np.zeros(64))
    assert "not trained on images" in refused("predict", plants / "model.npz", tmp_path / "a.png")
