"""Negative numbers in brackets, as accountants write them, and tables in Markdown or as databases print them."""

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs
from tests.cli.helpers import hw5
from tests.datasets.helpers import input_error
from tests.tables.helpers import TREES, rows, text

X, NAMES = rows()

BRACKETS = {  # how a number is written, and the delimiter
    "plain": (lambda x: f"({-x:.2f})" if x < 0 else f"{x:.2f}", ","),
    "a currency inside": (lambda x: f"($ {-x:.2f})" if x < 0 else f"$ {x:.2f}", ","),
    "a currency before": (lambda x: f"$({-x:.2f})" if x < 0 else f"${x:.2f}", ","),
    "percent": (lambda x: f"({-x:.2f})%" if x < 0 else f"{x:.2f}%", ","),
    "decimal commas": (lambda x: f"{x:.2f}".replace(".", ",") if x >= 0 else f"({-x:.2f})".replace(".", ","), ";"),
    "a first row in brackets": (lambda x: f"({abs(x):.2f})", ","),
}


@pytest.mark.parametrize("name", BRACKETS)
def test_numbers_in_brackets_are_negative(write, name):
    form, delimiter = BRACKETS[name]
    cells = [[*map(form, row), kind] for row, kind in zip(X, NAMES)]
    data = load(write(text(cells, delimiter=delimiter)))
    want = -abs(X) if "first row" in name else X
    np.testing.assert_allclose(data.train.X, want, rtol=1e-6)
    assert data.feature_names == (
        "leaf",
        "bark",
        "height",
    ) and "read numbers in brackets or with a minus after them as negative" in "".join(data.notes)


def test_thousands_in_brackets(write):
    cells = [[f'"({1000 + i:,}.5)"' if i % 2 else f'"{2000 + i:,}"', TREES[i % 3]] for i in range(30)]
    data = load(write(text(cells, "balance,kind")))
    np.testing.assert_allclose(data.train.X[:, 0], [-1000.5 - i if i % 2 else 2000 + i for i in range(30)])


def test_a_target_in_brackets(write):
    cells = [[i, f"({i}.5)" if i % 2 else i] for i in range(30)]
    data = load(write(text(cells, "month,balance")), task="regression")
    np.testing.assert_allclose(data.train.y, [-i - 0.5 if i % 2 else i for i in range(30)])
    assert "column 2 ('balance'): read numbers in brackets or with a minus after them as negative" in data.notes


@pytest.mark.parametrize("cell", ["(-5)", "(5", "5)", "((5))", "()", "(x)"])
def test_other_brackets_are_no_numbers(write, cell):
    cells = [[*row, kind] for row, kind in zip(X, NAMES)]
    cells[40][1] = cell
    with input_error("row 42, column 2 ('bark')", repr(cell)):
        load(write(text(cells)))


def markdown(edges, rule="---", end="\n"):
    lines = [["leaf", "bark", "height", "tree"], [rule] * 4, *([*map(str, row), kind] for row, kind in zip(X, NAMES))]
    return end.join(f"| {' | '.join(line)} |" if edges else " | ".join(line) for line in lines) + end


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("rule", ["---", ":---:", "-------:", "-"])
@pytest.mark.parametrize("edges", [True, False])
def test_markdown(write, edges, rule, end):
    path = write(markdown(edges, rule, end), "trees.md")
    data = load(path)
    np.testing.assert_array_equal(data.train.X, X.astype(np.float32))
    assert data.class_names == TREES and [TREES[y] for y in data.train.y] == NAMES.tolist()
    assert data.feature_names == ("leaf", "bark", "height")
    np.testing.assert_array_equal(
        load_inputs(path, Schema(3, TREES, ("bark", "leaf", "height")))[:, 0], data.train.X[:, 1]
    )


def test_what_a_database_prints(write):
    content = markdown(False).replace("--- | --- | --- | ---", "------+------+--------+------")
    np.testing.assert_array_equal(load(write(content)).train.X, X.astype(np.float32))
    with input_error("row 93", "1 columns", "4"):
        load(write(content + "(90 trees)\n"))
    np.testing.assert_array_equal(load(write(content + "(90 rows)\n")).train.X, X.astype(np.float32))


def test_empty_cells_at_the_edges_of_markdown(write):
    lines = markdown(True).splitlines()
    lines[2] = "|  | 1 | 2 | ash |"
    lines[3] = "|| 1 | 2 | ash |"
    data = load(write("\n".join(lines)))
    assert data.feature_names == ("leaf", "leaf missing", "bark", "height")
    np.testing.assert_array_equal(data.train.X[:3, 1], [1, 1, 0])


def test_markdown_with_the_line_ends_of_old_macintoshes(write):
    np.testing.assert_array_equal(load(write(markdown(True).replace("\n", "\r"))).train.X, X.astype(np.float32))


def test_a_bad_cell_in_markdown_is_named(write):
    lines = markdown(True).splitlines()
    lines[50] = "| 1 | oops | 2 | ash |"
    with input_error("row 51, column 2 ('bark')", "oops"):
        load(write("\n".join(lines)))


def test_a_table_whose_first_row_has_dashes_is_no_markdown(write):
    body = "".join(f"{x}|{i % 7}|{'ab'[i % 2]}\n" for i, x in enumerate(X[:, 0]))
    data = load(write("leaf|bark|kind\n-|-|a\n" + body))
    assert len(data.train.y) == 91


def test_training_and_evaluating_on_markdown(tmp_path):
    (tmp_path / "a.md").write_text(markdown(True))
    hw5("train", "--data", tmp_path / "a.md", "--hidden", 8, "--epochs", 60, "--out", tmp_path / "a.npz")
    assert "accuracy 9" in hw5("eval", tmp_path / "a.npz", "--data", tmp_path / "a.md", "--split", "train").stdout
    assert hw5("predict", tmp_path / "a.npz", tmp_path / "a.md").stdout.startswith("leaf,bark,height,tree,class")


def test_tables_that_databases_print(write):
    rows = [(i * i, "north south"[6 * (i % 2) :][:5], "xy"[i % 2]) for i in range(12)]
    expected = load(write(text(rows, "leaf,site,kind")))
    line = "+------+-------+------+\n"
    body = "".join("| {:4} | {:5} | {:4} |\n".format(*row) for row in rows)
    mysql = f"{line}| leaf | site  | kind |\n{line}{body}{line}12 rows in set (0.00 sec)\n"
    grid = f"{line}| leaf | site  | kind |\n{line.replace('-', '=')}{body.replace(chr(10), chr(10) + line)}"
    psql = (
        " leaf | site | kind\n------+------+-----\n"
        + body.replace("|\n", "\n").replace("\n| ", "\n ")[1:]
        + "(12 rows)\n"
    )
    for content in (mysql, grid, psql):
        data = load(write(content, "a.txt"))
        assert data.feature_names == expected.feature_names
        np.testing.assert_array_equal(data.train.X, expected.train.X)
