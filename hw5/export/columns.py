"""The columns of a table in an ONNX graph: each is an input (N, 1) with its name."""

import numpy as np

from hw5.tables.columns import CYCLES, Categories, Date, LeftOut, Number, YesNo

ML = "ai.onnx.ml"
FLOAT, INT64 = 1, 7  # as in onnx.TensorProto
INPUT_TYPES = {Number: "DOUBLE", Date: "DOUBLE", YesNo: "STRING", Categories: "STRING"}


def columns_to_encode(checkpoint):
    """The Columns of a checkpoint that ONNX takes by name; None if its features are simply numbers."""
    columns = checkpoint.columns
    if columns is None or columns.are_plain and not any(column.offset for column in columns.each):
        return None
    return columns


def features(graph, columns):
    """Append the nodes that make the features (N, d) of the columns; return the name of their output."""
    encode = {Number: _number, YesNo: _yes_no, Categories: _categories, Date: _date}
    parts = [part for c in columns if not isinstance(c, LeftOut) for part in encode[type(c)](graph, c)]
    return graph.add("Concat", *parts, axis=1)


def _number(graph, column):
    missing = graph.add("IsNaN", column.name)
    value = graph.add("Cast", graph.add("Sub", column.name, np.array(column.offset)), to=FLOAT)
    yield graph.add("Where", missing, column.fill or 0.0, value)
    yield from [graph.add("Cast", missing, to=FLOAT)] if column.gaps else ()


def _yes_no(graph, column):
    yield graph.look_up(column.name, {column.no: 0.0, column.yes: 1.0}, column.share, "strings", "floats")
    yield from _text_gap(graph, column)


def _categories(graph, column):
    """One-hot, with a last place for other values, which is cut off."""
    others = dict.fromkeys(column.rare, len(column.values))
    n = len(column.values) + bool(column.rare)
    index = graph.look_up(column.name, {v: i for i, v in enumerate(column.values)} | others, n, "strings", "int64s")
    one_hot = graph.add("OneHot", index, np.array([n + 1]), np.float32([0, 1]), axis=-1)  # (N, 1, n + 1)
    yield graph.add("Slice", graph.add("Squeeze", one_hot, np.array([1])), np.array([0]), np.array([n]), np.array([1]))
    yield from _text_gap(graph, column)


def _text_gap(graph, column):
    if column.gaps:
        yield graph.look_up(column.name, {"": 1.0}, 0.0, "strings", "floats")


def _date(graph, column):
    """Of seconds since 1970, with NaN where missing."""
    missing = graph.add("IsNaN", column.name)
    days = graph.add("Sub", graph.add("Div", column.name, np.array(86_400.0)), np.array(column.origin))
    yield graph.add("Where", missing, column.fill or 0.0, graph.add("Cast", days, to=FLOAT))
    for cycle in column.cycles:
        turns = graph.add("Div", column.name, np.array(float(CYCLES[cycle])))
        part = graph.add("Cast", graph.add("Sub", turns, graph.add("Floor", turns)), to=FLOAT)
        angle = graph.add("Mul", part, 2 * np.pi)
        for wave in ("Sin", "Cos"):
            yield graph.add("Where", missing, 0.0, graph.add(wave, angle))
    yield from [graph.add("Cast", missing, to=FLOAT)] if column.gaps else ()
