"""What there is to draw of a model: the checkpoint, some examples, and what it says of them."""

from functools import cached_property

import numpy as np

from hw5.metrics import r2_and_rmse


class View:
    """A checkpoint, and where panels need examples, its Model and the Subset to judge; name is what to call the data.

    X (n, d) and y (n,) are those of the examples, P what Model.predict says of them and found (n,) the classes in it.
    """

    def __init__(self, checkpoint, name, model=None, part=None):
        self.checkpoint, self.name, self.model, self.part = checkpoint, name, model, part

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
        title = f"{self.name}, {settings.model} {'-'.join(map(str, sizes))}{theta}"
        return f"{title}: {self._figures}" if self.part else title

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
