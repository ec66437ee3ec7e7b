"""Whether what a checkpoint file holds belongs together: it may be damaged, or made by somebody else."""

import math

import numpy as np

from hw5.errors import InputError
from hw5.tables.columns import are_valid
from hw5.tables.labels import LABEL_TYPES, is_text, values_of


def is_consistent(checkpoint):
    """Whether a Checkpoint's description is that of a model, and its arrays are those of this model."""
    if not _is_model(checkpoint):
        return False
    try:
        layers = checkpoint.layers()
    except InputError:
        return False
    return _is_valid(checkpoint.state) and _are_arrays_of(checkpoint, layers)


def _is_model(its):
    """Whether all but the arrays of a Checkpoint belong together."""
    settings, d, shape = its.settings, its.standardisation.mean.size, its.image_shape
    return (
        bool(its.of_targets) == (settings.task == "regression")
        and (shape is None or _is_image_shape(shape) and math.prod(shape) == d)
        and _fit(settings, len(its.class_names), len(its.target_names))
        and _are_class_names(its.class_names)
        and _are_class_names(its.target_names)
        and _is_source(its.data)
        and _are_of_type(its.class_names, its.label_type)
        and settings.activation.isprintable()  # a parameter may have white space around it
        and (its.feature_names is None or len(its.feature_names) == d)
        and (its.columns is None or are_valid(its.columns) and its.columns.width == d)
        and (not settings.tolerance or its.state.previous_parameters is not None)
        and (settings.optimizer == "adam") == (its.state.squares is not None)
    )


def _are_arrays_of(its, layers):
    """Whether the arrays of a Checkpoint are finite float32 of the right shapes.

    The means of targets may be float64.
    """
    state, of_features, of_targets = its.state, its.standardisation, its.of_targets
    kept = (its.parameters, state.velocities, state.squares, state.parameters, state.previous_parameters)
    arrays, shapes = [of_features.mean, of_features.scale], [(of_features.mean.size,)] * 2
    for pairs in kept:
        if pairs is not None:
            arrays += [array for pair in pairs for array in pair]
            shapes += [shape for layer in layers if layer.weighted for shape in layer.parameter_shapes]
    has_types = all(array.dtype == np.float32 for array in arrays)
    if of_targets:
        arrays += [of_targets.mean, of_targets.scale]
        shapes += [(len(its.target_names) or 1,)] * 2
    return (
        has_types
        and [array.shape for array in arrays] == shapes
        and all(map(_is_number, arrays))
        and all(each.scale.min() > 0 for each in (of_features, of_targets) if each)
    )


def _is_valid(state):
    sums = state.sums
    return (
        sums.dtype == np.float64
        and sums.ndim == 2
        and len(sums) == 2
        and np.isfinite(sums).all()
        and state.epoch >= 1
        and state.done >= 0
        and (state.ending is None or state.ending.isprintable())  # a sentence of the program, not of data
    )


def _is_number(array):
    """Whether an array has finite floats; the means of targets may be float64."""
    return array.dtype in (np.float32, np.float64) and np.isfinite(array).all()


def _fit(settings, m, q):
    """Whether a model of these settings can have m classes, and q targets or labels.

    q: 0 if examples have one.
    """
    if settings.task == "classification":
        return q == 0 and (m == 2 or m > 2 and settings.loss != "binary-cross-entropy")
    return m == 0 and (q > 1 or q == 0 and settings.task == "regression")


def _is_image_shape(shape):
    return len(shape) in (2, 3) and min(shape) > 0


def _is_source(data):
    """Whether the paths of a DataSource can be those of files, and its range of pixels is one."""
    pixels = (data.darkest, data.brightest)
    has_range = None not in pixels and -math.inf < data.darkest <= data.brightest < math.inf
    return all(map(_is_path, (data.source, data.test or ""))) and (has_range or pixels == (None, None))


def _is_path(text):
    """Whether this may be a path: bytes of a name that are not UTF-8 are surrogates of their own, and no others."""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def _are_class_names(names):
    """Whether the names are distinct, and have no characters that are not text."""
    return len(set(names)) == len(names) and all(map(is_text, names))


def _are_of_type(names, label_type):
    if label_type is None:
        return True
    try:
        return label_type in LABEL_TYPES and len(np.unique(values_of(names, label_type))) == len(names)
    except (ValueError, OverflowError):
        return False
