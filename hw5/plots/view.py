"""The input of the panels: a checkpoint, examples, and the predictions for them."""

from functools import cached_property

import numpy as np

from hw5.metrics import r2_and_rmse
from hw5.nn.hidden import written
from hw5.plots.style import shown


class View:
    """A checkpoint and the name of its data; for some panels, its Predictor and a subset of the data.

    X (n, d) and y (n,) are the examples, P the result of Predictor.predict, and predicted (n,) the predicted classes.
    """

    def __init__(self, checkpoint, name, model=None, subset=None):
        self.checkpoint, self.name, self.model, self.subset = checkpoint, name, model, subset

    @cached_property
    def X(self):
        return self.subset.examples.X[self.subset.rows]

    @cached_property
    def y(self):
        return self.subset.examples.y[self.subset.rows]

    @cached_property
    def P(self):
        return self.model.predict(self.X)

    @cached_property
    def predicted(self):
        return self.P.argmax(axis=1)

    @property
    def title(self):
        settings = self.checkpoint.settings
        theta = f" {settings.activation}" if settings.hidden else ""
        title = f"{self.name}, {settings.model} {written(self.checkpoint.layers())}{theta}"
        return f"{title}: {self._figures}" if self.subset else title

    @property
    def _figures(self):
        if self.checkpoint.of_targets:
            r2, rmse = r2_and_rmse(self.y, self.P.reshape(self.y.shape))
            figures = f"R² {r2:.4f}, RMSE {rmse:.4g}"
        elif self.checkpoint.target_names:
            figures = f"all labels right {np.mean(((self.P > 0.5) == self.y).all(axis=1)):.2%}"
        else:
            figures = f"accuracy {np.mean(self.predicted == self.y):.2%}"
        return f"{figures} ({len(self.y):,} examples)"

    @cached_property
    def class_names(self):
        return tuple(map(shown, self.checkpoint.class_names))

    def feature_name(self, i):
        names = self.checkpoint.feature_names
        return shown(names[i]) if names else f"feature {i + 1}"
