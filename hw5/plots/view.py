"""What there is to draw of a model: the checkpoint, some examples, and what it says of them."""

from functools import cached_property

import numpy as np

from hw5.metrics import r2_and_rmse


class View:
    """A checkpoint, and a Part that its Model has predicted; these may be None where no panel needs examples.

    X (n, d) and y (n,) are those of the examples, P what Model.predict says of them and found (n,) the classes in it.
    name is what to call them.
    """

    def __init__(self, checkpoint, model=None, part=None, name=""):
        self.checkpoint, self.model, self.part, self.name = checkpoint, model, part, name

    @cached_property
    def X(self):
        return self.part.examples.X[self.part.rows]

    @cached_property
    def y(self):
        return self.part.examples.y[self.part.rows]

    @cached_property
    def P(self):
        return self.model.predict(self.X)

    @cached_property
    def found(self):
        return self.P.argmax(axis=1)

    @property
    def title(self):
        settings = self.checkpoint.settings
        sizes = [W.shape[1] for W, _ in self.checkpoint.parameters] + [len(self.checkpoint.parameters[-1][1])]
        theta = f" {settings.activation}" if settings.hidden else ""
        model = f"{settings.model} {'-'.join(map(str, sizes))}{theta}"
        return f"{self.name}, {model}: {self._figures}" if self.part else model

    @property
    def _figures(self):
        if self.checkpoint.settings.is_regression:
            r2, rmse = r2_and_rmse(self.y, self.P[:, 0])
            figures = f"R² {r2:.4f}, RMSE {rmse:.4g}"
        else:
            figures = f"accuracy {np.mean(self.found == self.y):.2%}"
        return f"{figures} ({len(self.y):,} examples)"

    def feature_name(self, i):
        names = self.checkpoint.feature_names
        return names[i] if names else f"feature {i + 1}"
