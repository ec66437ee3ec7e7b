"""hw5 predict on tables and pictures."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner

from hw5.cli import main
from hw5.datasets import load

Image = pytest.importorskip("PIL.Image")


def hw5(*arguments, code=0, input=None):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def refused(*arguments, **options):
    """Standard error of a command that must fail: one sentence, no traceback."""
    result = hw5(*arguments, code=2, **options)
    assert result.stderr.startswith("hw5: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def predict(*arguments, **options):
    return list(csv.reader(io.StringIO(hw5("predict", *arguments, **options).stdout)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "model.npz"
    hw5("train", "--epochs", 20, "--out", path)
    return path


FLOWERS = "id,height,width,species\n" + "\n".join(
    f"plant {i},{i % 2 * 4 + i / 100},{3 - i % 2 * 4},{'rose' if i % 2 else 'tulip'}" for i in range(40)
)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    without_id = "\n".join(line.split(",", 1)[1] for line in FLOWERS.splitlines())
    (folder / "flowers.csv").write_text(without_id)
    (folder / "new.csv").write_text(FLOWERS)
    hw5("train", "--data", folder / "flowers.csv", "--epochs", 20, "--out", folder / "model.npz")
    return folder


def test_the_columns_of_a_csv_are_kept(flowers):
    header, *rows = predict(flowers / "model.npz", flowers / "new.csv")
    assert header == ["id", "height", "width", "species", "class", "probability"]
    assert [row[:4] for row in rows] == list(csv.reader(FLOWERS.splitlines()))[1:]
    assert all(row[3] == row[4] and 0.5 < float(row[5]) <= 1 for row in rows)


def test_standard_input_is_csv(flowers):
    assert predict(flowers / "model.npz", "-", input=FLOWERS) == predict(flowers / "model.npz", flowers / "new.csv")
    sentence = refused("predict", flowers / "model.npz", "-", input="height,width\n1,2\n3,many\n")
    assert "standard input, row 3, column 2 ('width'): 'many' is not a number" in sentence
    assert "standard input: the file is empty" in refused("predict", flowers / "model.npz", "-", input="")


def test_a_table_without_a_header_has_its_columns_numbered(flowers):
    table = predict(flowers / "model.npz", "-", input="0,3\n4,-1\n")
    assert table[0] == ["1", "2", "class", "probability"]
    assert [row[:3] for row in table[1:]] == [["0", "3", "tulip"], ["4", "-1", "rose"]]


def test_no_column_is_there_twice(flowers):
    once = hw5("predict", flowers / "model.npz", flowers / "new.csv").stdout
    header, row, *_ = predict(flowers / "model.npz", "-", input=once)
    assert header[4:] == ["class", "probability", "predicted_class", "predicted_probability"]
    assert row[4:6] == row[6:]


def test_tables_of_other_columns_are_refused(flowers, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    (tmp_path / "b.csv").write_text("height,width\n1,2\n")
    for other in (tmp_path / "a.npy", tmp_path / "b.csv"):
        sentence = refused("predict", flowers / "model.npz", flowers / "new.csv", other)
        assert f"{other.name}: its columns are not those of" in sentence and "one by one" in sentence
    both = predict(flowers / "model.npz", flowers / "new.csv", flowers / "new.csv")
    once = predict(flowers / "model.npz", flowers / "new.csv")
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


def test_top_and_invert_are_refused_where_they_mean_nothing(flowers, tmp_path):
    for name, options in (("perceptron", ("--model", "perceptron")), ("regression", ("--task", "regression"))):
        data = "xor" if name == "perceptron" else "sine"
        hw5("train", "--data", data, "--epochs", 1, "--out", tmp_path / name, *options)
        assert f"a {name} gives none" in refused("predict", tmp_path / name, "-", "--top", 2, input="1,2\n")
    assert "--no-invert is for pictures" in refused("predict", flowers / "model.npz", "-", "--no-invert", input="1,2")


def test_a_regression_keeps_the_columns_too(tmp_path):
    hw5("train", "--data", "sine", "--task", "regression", "--epochs", 2, "--out", tmp_path / "model.npz")
    table = predict(tmp_path / "model.npz", "-", input="x\n1.50\n2\n")
    assert table[0] == ["x", "prediction"] and [row[0] for row in table[1:]] == ["1.50", "2"]


def write_digit(path, pixels, light_on_dark=True, size=1):
    """A digit of 8 x 8 pixels from 0 to 16."""
    grey = np.kron(np.round(pixels.reshape(8, 8) * (255 / 16)).astype(np.uint8), np.ones((size, size), np.uint8))
    Image.fromarray(grey if light_on_dark else 255 - grey).save(path)
    return path


def test_pictures_are_found_to_be_what_their_pixels_are(digits, tmp_path):
    X = load("digits").train.X[:20]
    np.save(tmp_path / "a.npy", X)
    expected = predict(digits, tmp_path / "a.npy")[1:]
    looks = [dict(), dict(light_on_dark=False), dict(light_on_dark=False, size=30)]
    for look in looks:
        paths = [write_digit(tmp_path / f"{i}.png", x, **look) for i, x in enumerate(X)]
        header, *rows = predict(digits, *paths)
        assert header == ["file", "class", "probability"] and [row[0] for row in rows] == [str(path) for path in paths]
        assert [row[1] for row in rows] == [row[0] for row in expected]
        # Grey values of 8 bits are off by 1/32 of a step of 1/16: the logits move a little
        found, wanted = ([float(row[-1]) for row in rows] for rows in (rows, expected))
        np.testing.assert_allclose(found, wanted, atol=0.02)


def test_the_inversion_can_be_chosen(digits, tmp_path):
    dark = write_digit(tmp_path / "dark.png", load("digits").train.X[0], light_on_dark=False)
    automatic = predict(digits, dark)
    assert predict(digits, dark, "--invert") == automatic != predict(digits, dark, "--no-invert")


def test_what_is_no_picture_is_one_sentence(digits, flowers, tmp_path):
    (tmp_path / "a.png").write_bytes(b"hello")
    assert "a.png: not a valid PNG or JPEG image" in refused("predict", digits, tmp_path / "a.png")
    write_digit(tmp_path / "a.png", np.zeros(64))
    assert "not trained on images" in refused("predict", flowers / "model.npz", tmp_path / "a.png")
