"""An adversarial input: noise that hardly shows, and changes the class of an image.

"An adversarial input, overlaid on a typical image, can cause a classifier to miscategorize" (lecture 14, "ReLU"). Its
size is that of its largest change of a pixel, the norm L-infinity. Two are computed:

    gradient sign     x + e sign(dJ/dx), with the smallest e that changes the class (Goodfellow et al. 2015)
    smallest found    first linear programmes: where the outputs, made linear at the last image, reach another class
                      within the smallest box around x (as Moosavi-Dezfooli et al. 2016); then smaller boxes by
                      halving, in each of which the outputs are followed upwards to every other class (Madry et al.
                      2018)

The second is exact for a linear model. For others it is an upper bound: a smaller one may exist.
"""

from typing import NamedTuple

import numpy as np

from hw5.errors import InputError
from hw5.nn.input_gradient import InputGradient

_LEVELS = 256  # steps that are tried along the gradient's sign
_HALVINGS = 14
_PROGRAMMES = 10
_BOXES, _CLIMBS = 8, 24
_BEYOND = 1e-4  # of a step, so that it does not end on the boundary itself


class Change(NamedTuple):
    """An image x (d,) whose class is another, the largest change of a pixel, and the predicted class."""

    image: np.ndarray
    step: float
    predicted: int


class Attack:
    """Looks for images near an image that a Predictor takes for another class.

    Raises InputError if the model has no images, or no classes.
    """

    def __init__(self, model):
        its = model.checkpoint
        if not its.image_shape or not its.class_names:
            raise InputError("adversarial images need a model that classifies images; train one, such as --data digits")
        self.model, self.low, self.high = model, its.data.darkest, its.data.brightest
        device, loss = model.network.device, its.settings.loss
        self.gradient = InputGradient(device, its.parameters, its.layers(), loss, its.standardisation)
        m = len(its.class_names)
        self._of_class = np.eye(m) if model.network.outputs == m else np.array([[0.0], [1.0]])  # one z: logits (0, z)

    def classes(self, X):
        """The predicted classes (n,) of the images X (n, d), as hw5 predict gives them."""
        return self.model.predict(np.float32(X)).argmax(axis=1)

    def by_gradient_sign(self, x):
        """The Change by the smallest step along the sign of the loss's gradient, or None if none changes the class."""
        predicted = self.classes(x[np.newaxis])
        sign = np.sign(self.gradient.of_loss(np.float32(x[np.newaxis]), predicted)[0])
        farthest, steps = self._moved(x, sign, self.high - self.low), np.linspace(0, self.high - self.low, _LEVELS)
        changed = self.classes([_within(farthest, x, step) for step in steps]) != predicted
        if not changed.any():
            return None
        first = changed.argmax()
        return self._shortest(x, farthest, steps[max(first - 1, 0)], steps[first], predicted)

    def smallest(self, x):
        """The smallest Change found; None if there is none."""
        predicted = self.classes(x[np.newaxis])
        towards = np.delete(self._of_class, predicted, axis=0) - self._of_class[predicted]  # each other class
        found = [self.by_gradient_sign(x), *self._by_programmes(x, predicted, towards)]
        best = min(filter(None, found), key=lambda change: change.step, default=None)
        return self._in_smaller_boxes(x, predicted, towards, best)

    def _by_programmes(self, x, predicted, towards):
        """Yield the Change, or None, of one linear programme after the other, each at the image of the last."""
        at = x
        for _ in range(_PROGRAMMES):
            z, G = self.gradient.of_outputs(np.float32(np.tile(at, (len(towards), 1))), towards)
            steps = [self._step_to(margin, g, x, at) for margin, g in zip((z * towards).sum(axis=1), G.astype(float))]
            nearest = int(np.argmin(steps))
            step = min(steps[nearest], self.high - self.low) * (1 + _BEYOND)
            at = self._moved(x, np.sign(G[nearest]), step)
            change = self._shortest(x, at, 0.0, step, predicted)
            yield change
            at = change.image if change else at

    def _in_smaller_boxes(self, x, predicted, towards, best):
        """The smallest Change in boxes around x, halving below that of the best one so far, or of all pixels' range."""
        low, high = 0.0, best.step if best else self.high - self.low
        for _ in range(_BOXES):
            size = (low + high) / 2
            image = self._climbed(x, size, predicted, towards)
            if image is None:
                low = size
            else:
                best = self._shortest(x, image, low, size, predicted)
                high = best.step
        return best

    def _climbed(self, x, size, predicted, towards):
        """An image of another class within a box around x, or None."""
        at = np.tile(x, (len(towards), 1))
        for left in np.linspace(1, 0, _CLIMBS):
            z, G = self.gradient.of_outputs(np.float32(at), towards)
            there = (z * towards).sum(axis=1) > 0
            if there.any():
                image = at[there.argmax()]
                return image if self.classes([image])[0] != predicted else None
            at = _within(self._moved(at, np.sign(G), left * size), x, size)
        return None

    def _step_to(self, margin, g, x, at):
        """The smallest step e for which x + e sign(g), within the range of pixels, has margin 0.

        The margin is that of the gradient g at `at`.

        The margin there is piecewise linear in e, and grows: pixels that have reached the end of the range stay.
        """
        room = np.where(g > 0, self.high - x, x - self.low)
        order = np.argsort(room)
        room, slopes = room[order], np.abs(g)[order]
        at_zero = margin + g @ (x - at)
        left = slopes.sum() - np.cumsum(slopes) + slopes  # the slope up to each pixel's end
        ends = at_zero + np.cumsum(np.diff(room, prepend=0) * left)
        reached = np.flatnonzero(ends >= 0)
        if not len(reached):
            return np.inf
        i = reached[0]
        return max(room[i] - ends[i] / left[i], 0.0) if left[i] else room[i]

    def _moved(self, x, sign, step):
        return np.clip(x + step * sign, self.low, self.high)

    def _shortest(self, x, image, low, high, predicted):
        """The Change within the smallest box between two sizes, of which the second must change the class; or None."""
        if self.classes([_within(image, x, high)])[0] == predicted:
            return None
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.classes([_within(image, x, middle)])[0] == predicted:
                low = middle
            else:
                high = middle
        found = np.float32(_within(image, x, high))
        return Change(found, float(np.abs(found - x).max()), int(self.classes(found[np.newaxis])[0]))


def _within(image, x, size):
    """The image, each pixel at most this far from that of x."""
    return np.clip(image, x - size, x + size)


def draw(path, view, example, changes):
    """Draw the image, the noise and the result for each of {name: Change} in a row of a PNG file; view: a View."""
    from hw5.plots.style import DIVERGING, page, pictures, show_image

    x, shape, names = np.float32(view.X[example]), view.checkpoint.image_shape, view.class_names
    low, high = view.checkpoint.data.darkest, view.checkpoint.data.brightest
    with page(path, (8, 0.5 + 2.9 * len(changes)), view.title) as figure:
        rows = figure.subplots(len(changes), 3, squeeze=False)
        for axes, (name, change) in zip(rows, changes.items()):
            noise = change.image - x
            P = view.model.predict(np.stack([x, change.image]))
            of_classes = [f"{names[p.argmax()]} ({p.max():.0%})" for p in P]
            for axis, image in zip(axes[::2], pictures(np.stack([x, change.image]), shape)):
                show_image(axis, image, cmap="gray", vmin=low, vmax=high)
            largest = np.abs(noise).max()
            grey = noise.reshape(*shape[:2], -1).mean(axis=2)
            bar = show_image(axes[1], grey, cmap=DIVERGING, vmin=-largest, vmax=largest)
            figure.colorbar(bar, ax=axes[1], shrink=0.8)
            of_range = f"{change.step / (high - low):.1%} of the range"
            for axis, title in zip(
                axes, (of_classes[0], f"{name}:\nup to {change.step:.3g}, {of_range}", of_classes[1])
            ):
                axis.set_title(title, fontsize=9)
