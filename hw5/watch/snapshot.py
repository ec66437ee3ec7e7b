"""Pictures of a model in training: its confusion matrix, and its regions, curve or filters.

They are computed from examples of their own, on the same device, and change nothing of the training.
"""

import base64

import numpy as np

from hw5.datasets import Examples
from hw5.datasets.preprocessing import Subset
from hw5.metrics import confusion_matrix
from hw5.nn.hidden import example_shape, first_weighted

_MOST_EXAMPLES = 2000
_MOST_CLASSES = 30  # of a confusion matrix
_MOST_REGIONS = 8  # classes, of which each has a colour
_MOST_POINTS = 300
_SIDE = 64  # points of a map
_MOST_FILTERS = 48


class Snapshots:
    """Takes pictures of a Run."""

    def __init__(self, run):
        self.run = run
        subset = run.splits.get("validation") or run.splits["train"]
        rows = subset.rows[:_MOST_EXAMPLES]
        self.X, self.y = subset.examples.X[rows], subset.examples.y[rows]
        self._on = "validation" if "validation" in run.splits else "training"
        self._whole = Subset.whole(Examples(self.X, self.y))

    def take(self):
        """Yield (name, content for JSON) for each picture that suits the model."""
        classes, features = len(self.run.dataset.class_names), self.X.shape[1]
        if 0 < classes <= _MOST_CLASSES:
            yield "confusion", self._confusion(classes)
        if 0 < classes <= _MOST_REGIONS and features == 2:
            yield "regions", self._regions()
        if not classes and features == 1 and self.y.ndim == 1:
            yield "curve", self._curve()
        if self.run.dataset.image_shape:
            yield "filters", self._filters()

    def _confusion(self, classes):
        C = confusion_matrix(self.y, self.run.predicted(self._whole), classes)
        return {"counts": C.tolist(), "on": self._on}

    def _regions(self):
        low, high = self._range()
        across, up = np.meshgrid(*(np.linspace(low[i], high[i], _SIDE) for i in range(2)))
        P = self.run.predict(np.float32(np.stack([across.ravel(), up.ravel()], axis=1)))
        return {
            "side": _SIDE,
            "low": low.tolist(),
            "high": high.tolist(),
            "classes": _bytes(P.argmax(axis=1)),
            "sureness": _bytes(255 * P.max(axis=1)),
            "points": self.X[:_MOST_POINTS].tolist(),
            "labels": self.y[:_MOST_POINTS].tolist(),
        }

    def _range(self):
        low, high = np.float64(self.X.min(axis=0)), np.float64(self.X.max(axis=0))
        margin = 0.1 * np.maximum(high - low, 1e-6)
        return low - margin, high + margin

    def _curve(self):
        (low,), (high,) = self._range()
        x = np.linspace(low, high, 2 * _SIDE, dtype=np.float32)[:, np.newaxis]
        points = np.column_stack([self.X[:_MOST_POINTS, 0], self.y[:_MOST_POINTS]])
        curve = np.column_stack([x, self.run.predict(x)[:, :1]])
        return {"curve": curve.tolist(), "points": points.tolist()}

    def _filters(self):
        """The weights of the first layer that has some, as images: bytes, of which 128 is 0."""
        shape = example_shape(self.run.dataset.image_shape, 0)
        _, (height, width, channels) = first_weighted(self.run.network.layers, shape)
        W = self.run.network.parameters()[0][0][:_MOST_FILTERS].reshape(-1, height, width, channels).mean(axis=3)
        largest = np.abs(W).max() or 1
        return {"n": len(W), "height": height, "width": width, "weights": _bytes(128 + 127 * W / largest)}


def _bytes(numbers):
    return base64.b64encode(np.round(numbers).clip(0, 255).astype(np.uint8).tobytes()).decode()
