"""A model as one page that runs it in a browser: a pad to draw on for images, or a form for a table.

The page needs no network and no other file. All that comes from the data is in a block of JSON, from which the page
makes text, never markup. If the test examples are given, their mistakes can be clicked through, and points are shown.
"""

import base64
import json
import os
from importlib.resources import files

import numpy as np

from hw5.errors import InputError
from hw5.export.page_parts import filled
from hw5.nn.hidden import written
from hw5.tables.columns import CYCLES, Categories, Date, LeftOut, Number, YesNo

_MOST_FIELDS = 200  # of a form
_MOST_MISTAKES = 24
_MOST_POINTS = 300
_SCRIPTS = ("page.js", "pad.js", "form.js", "plane.js", "start.js")


def encode(network):
    """The bytes of the page. Raises InputError for a model that no pad or form can serve."""
    page = files("hw5.export") / "page"
    text, css, model_js, *scripts = (
        (page / name).read_text("utf-8") for name in ("page.html", "page.css", "model.js", *_SCRIPTS)
    )
    model = json.dumps(described(network)).replace("<", "\\u003c")  # so that no text ends the block
    return filled(text, css=css, model_js=model_js, page_js="".join(scripts), model=model).encode("utf-8")


def described(network):
    """The model for model.js, and what the page needs besides. Raises InputError if an example has several answers."""
    its, image_shape, tested = network.checkpoint, network.checkpoint.image_shape, network.tested
    if its.target_names:
        raise InputError(
            f"--format html shows one class or number, and the model has {len(its.target_names)}; choose another format"
        )
    return {
        "title": f"{_name(its.data.source)}: {written([layer for layer, *_ in network.layers])}",
        "about": _about(its),
        "layers": [_layer(*each, network.float16) for each in network.layers],
        "mean": _floats(its.standardisation.mean),
        "scale": _floats(its.standardisation.scale),
        "loss": its.settings.loss,
        "class_names": list(its.class_names),
        "image_shape": [*image_shape, 1][:3] if image_shape else None,
        "darkest": its.data.darkest,
        "brightest": its.data.brightest,
        "fields": None if image_shape else _fields(its, tested),
    } | (_of_tests(tested, its) if tested else {"mistakes": [], "points": []})


def _name(source):
    """The name of the data: that of a set, a file or a folder."""
    return os.path.basename(source) or source


def _about(checkpoint):
    last = checkpoint.history[-1] if checkpoint.history else {}
    split = next((name for name in ("validation_", "") if last.get(f"{name}accuracy") is not None), None)
    figures = "" if split is None else f", accuracy {last[f'{split}accuracy']:.1%} on {split or 'training '}examples"
    figures = figures.replace("_", " ")
    return f"Trained by hw5 for {len(checkpoint.history)} epochs{figures}. It runs here, in your browser."


def _layer(layer, W, b, float16):
    """A layer; with float16 its weights are in half precision, unless that cannot hold them, but never its biases."""
    found = {"kind": layer.kind, "shape": list(layer.shape), "text": str(layer)}
    if layer.window:
        w = layer.window
        found["window"] = {
            "image": w.image,
            "size": w.size,
            "stride": w.stride,
            "padding": w.padding,
            "places": w.places,
        }
    if layer.weighted:
        theta = {"theta": layer.theta.name, "alpha": layer.theta.alpha} if layer.theta else {"theta": None}
        found |= theta | {"pieces": layer.pieces, "W": _floats(W), "b": _floats(b)}
        if float16 and np.abs(W).max() <= np.finfo(np.float16).max:
            found |= {"isHalf": True, "W": _halves(W)}
    return found


def _floats(array):
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()


def _halves(array):
    return base64.b64encode(np.asarray(array, "<f2").tobytes()).decode()


def _of_tests(tested, checkpoint):
    """The most confident mistakes, how many there are, and some examples of two features or one to show as points."""
    X, y, P = tested
    found = {"mistakes": [], "points": [], "tested": len(y)}
    if not checkpoint.image_shape and X.shape[1] <= 2:
        found["points"] = [{"x": x.tolist(), "y": each.item()} for x, each in zip(X[:_MOST_POINTS], y[:_MOST_POINTS])]
    if checkpoint.class_names:
        wrong = np.flatnonzero((P.argmax(axis=1) != y) & (y >= 0))  # below 0: a class that the model does not know
        most = wrong[np.argsort(-P[wrong].max(axis=1), kind="stable")[:_MOST_MISTAKES]]
        found["wrong"] = len(wrong)
        found["mistakes"] = [{"example": int(i) + 1, "truth": int(y[i]), "x": _numbers(X[i])} for i in most]
    return found


def _numbers(x):
    """Features as base64: bytes if they are some, which take less space, else floats."""
    are_bytes = x.dtype == np.uint8 or np.array_equal(x, np.uint8(np.clip(np.nan_to_num(x), 0, 255)))
    return {"bytes": base64.b64encode(np.uint8(x).tobytes()).decode()} if are_bytes else {"floats": _floats(x)}


def _fields(checkpoint, tested):
    """What the form asks for: a number, one of some values, or a date."""
    its, names = checkpoint.standardisation, checkpoint.feature_names
    columns = checkpoint.columns.numbered if checkpoint.columns else None
    if columns is None:
        columns = [Number(names[i] if names else f"feature {i + 1}", None) for i in range(its.mean.size)]
    columns = [column for column in columns if not isinstance(column, LeftOut)]
    if len(columns) > _MOST_FIELDS:
        raise InputError(
            f"--format html makes a form of up to {_MOST_FIELDS} columns, and the model has {len(columns):,}"
        )
    fields, start = [], 0
    for column in columns:
        mean, scale = float(its.mean[start]), float(its.scale[start])
        seen = tested.X[:, start] if tested else None
        fields.append(_field(column, mean, 1 / scale, seen))
        start += len(column.features)
    return fields


def _field(column, mean, deviation, seen):
    """seen: its first feature in the test examples, or None; a slider goes over these and three deviations at most."""
    rest = [0] * column.gaps
    if isinstance(column, Number):
        named = {"name": column.name, "offset": column.offset, "rest": rest}
        return named | _slider(column.offset, mean, deviation, seen)
    if isinstance(column, Date):
        day = np.datetime64("1970-01-01") + int(column.origin + mean)
        named = {"name": column.name, "date": str(day), "origin": column.origin}
        return named | {"cycles": [CYCLES[each] for each in column.cycles], "rest": rest, "deviation": deviation}
    return {"name": column.name, "options": _options(column)}


def _slider(offset, mean, deviation, seen):
    low, high = mean - 3 * deviation, mean + 3 * deviation
    if seen is not None and seen.min() < seen.max():
        low, high = max(low, float(seen.min())), min(high, float(seen.max()))
    return {"mean": mean + offset, "deviation": deviation, "low": low + offset, "high": high + offset}


def _options(column):
    """The values of a column that can be chosen, the rare ones as one, with their features."""
    values = [column.no, column.yes] if isinstance(column, YesNo) else [*column.values, *column.rare[:1]]
    shown = [*values[: -1 if isinstance(column, Categories) and column.rare else None]]
    shown += ["other"] * (len(values) - len(shown))
    features = np.zeros((len(values), len(column.features)), np.float32)
    column.encode((tuple(values), np.arange(len(values))), features)
    return [{"text": text, "features": row.tolist()} for text, row in zip(shown, features)]
