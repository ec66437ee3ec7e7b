"""Estimators from checkpoints."""

import math
from dataclasses import fields

import numpy as np

from hw5.datasets.preprocessing import class_weights
from hw5.sklearn.base import errors_for_python
from hw5.sklearn.estimators import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron
from hw5.sklearn.features import names_of
from hw5.train.checkpoint import Checkpoint

_KINDS = {"perceptron": Perceptron, "linear": LinearClassifier}


def from_checkpoint(path, device="auto"):
    """Load a fitted estimator from a checkpoint of save() or hw5 train --out. Raises ValueError if it is not one.

    The classes are as they were in fit. Those of hw5 train are converted to integers if all are integers, and to
    booleans if they are False and True.
    """
    with errors_for_python():
        checkpoint = Checkpoint.load(path)
    settings = checkpoint.settings
    kind = MLPRegressor if settings.task == "regression" else _KINDS.get(settings.model, MLPClassifier)
    parameters = {field.name for field in fields(kind)}
    given = {name: getattr(settings, name) for name in parameters if hasattr(settings, name)}
    if settings.task == "multilabel":
        del given["loss"]  # which follows from y
    if "image_shape" in parameters:
        given["image_shape"] = checkpoint.image_shape
    model = kind(**given | {"device": device, "random_state": settings.seed})
    _add_attributes(model, checkpoint)
    return model


def _add_attributes(model, checkpoint):
    """Set the attributes that fit would set."""
    state, settings = checkpoint.state, checkpoint.settings
    model.checkpoint_, model.n_features_in_ = checkpoint, checkpoint.schema.features
    model.t_ = len(checkpoint.history) * state.done
    model._updates = len(checkpoint.history) * math.ceil(state.done / settings.minibatch(max(state.done, 1)))
    model._validated_on, model._label_type = None, checkpoint.label_type
    if checkpoint.columns and not checkpoint.columns.are_plain:
        model.n_features_in_, names = len(checkpoint.columns.each), names_of(checkpoint.columns)
        model.feature_names_in_ = np.array(names, object)
    elif checkpoint.feature_names:
        model.feature_names_in_ = np.array(checkpoint.feature_names, object)
    if settings.task == "multilabel":
        model.classes_ = np.arange(len(checkpoint.target_names))
    elif checkpoint.class_names:
        model.classes_ = checkpoint.classes
    if settings.class_weight not in (None, "balanced"):
        weights = class_weights(settings.class_weight, checkpoint.class_names, None)
        model.class_weight = dict(zip(model.classes_.tolist(), weights.tolist()))
