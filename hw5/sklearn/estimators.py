"""The estimators."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from hw5.sklearn.base import Estimator, errors_for_python
from hw5.sklearn.features import checked
from hw5.sklearn.several import LOSS_OF_LABELS, as_labels, names_of_columns
from hw5.tables.labels import names_and_type
from hw5.tables.numeric import offsets
from hw5.train.predictor import Predictor


@dataclass(eq=False, repr=False, kw_only=True)
class _ByGradient(Estimator):
    """The parameters of minibatch stochastic gradient descent."""

    _takes_several = True

    batch_size: int | str | None = None
    lr_schedule: str | None = None
    lr_decay: float | None = None
    lr_step: int | None = None
    warmup: int = 0
    optimizer: str | None = None
    momentum: float = 0.0
    nesterov: bool = False
    l1: float = 0.0
    l2: float | None = None
    weight_decay: float = 0.0


class _Classifier(ClassifierMixin):
    def fit(self, X, y, sample_weight=None):
        """Fit the examples X (n, d) and y, classes (n,), numbers or text, or labels (n, q), each 0 or 1; return self.

        sample_weight (n,): whole weights are as if the examples were there so often; others are proportions. With
        warm_start, the training begins with the weights that the network has, if it was fitted before. Raises
        ValueError or TypeError for bad input, and RunError if training diverges.
        """
        start = self._start()
        X, y, names = self._checked(X, y, start)
        classes = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        if start and not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit."
                f" Previously got {self.classes_}, `y` has {classes}"
            )
        self.classes_ = classes
        return self._train_classes(X, y, names, sample_weight, start)

    def _checked(self, X, y, start):
        """X, y and the names of the labels."""
        X, checked_y = checked(self, X, y, start is None)
        if checked_y.ndim == 2:
            return X, as_labels(checked_y), names_of_columns(checked_y, y, "label")
        check_classification_targets(checked_y)
        return X, checked_y, ()

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on the examples X (n, d) and classes or labels y, after those of earlier calls; return self.

        classes: all that there will be; the first call needs them, but not for labels (n, q). The first call also
        determines how features are standardised. Raises ValueError and TypeError as fit does.
        """
        start = self._require_partial_fit()
        X, y, names = self._checked(X, y, start)
        if start is None and classes is None and y.ndim == 1:
            raise ValueError("classes must be given in the first call of partial_fit: all that there will be")
        known = np.arange(y.shape[1]) if y.ndim == 2 else self.classes_ if classes is None else np.unique(classes)
        if start and not np.array_equal(known, self.classes_):
            raise ValueError(f"classes are {known}, but those of the first call of partial_fit were {self.classes_}")
        if y.ndim == 1 and not np.isin(y, known).all():
            raise ValueError(f"y has classes that are not in classes: {np.setdiff1d(y, known)}")
        self.classes_ = known
        return self._train_classes(X, y, names, sample_weight, start, is_part=True)

    def _train_classes(self, X, y, target_names, sample_weight, start, is_part=False):
        if y.ndim == 2:
            self._label_type, weights = None, getattr(self, "class_weight", None)
            return self._train(X, y, (), weights, sample_weight, start, is_part, target_names)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, but y has one class only: {self.classes_[0]!r}")
        with errors_for_python():
            names, self._label_type = names_and_type(self.classes_)
        codes = np.searchsorted(self.classes_, y).astype(np.int32)
        return self._train(X, codes, names, self._weights(y, names), sample_weight, start, is_part)

    def _weights(self, y, names):
        """class_weight with class names as keys."""
        weights = getattr(self, "class_weight", None)
        if not weights or weights == "balanced":
            return weights or None
        return dict(zip(names, compute_class_weight(weights, classes=self.classes_, y=y).tolist()))

    def predict(self, X):
        """Predict the classes (n,) or labels (n, q) of the examples X (n, d)."""
        P = self._call(X)
        return (P > 0.5).astype(int) if self._has_labels else self.classes_[P.argmax(axis=1)]

    def decision_function(self, X):
        """The outputs z (n, m) for the examples X (n, d); the largest is that of the predicted class.

        For two classes it is one output z (n,), positive for the second class. Those of labels are positive for 1.
        """
        z = self._call(X, Predictor.logits)
        if self._has_labels:
            return z
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0] if z.shape[1] == 2 else z

    def _linear(self):
        W, b = super()._linear()
        return (W[1:] - W[:1], b[1:] - b[:1]) if len(b) == 2 and not self._has_labels else (W, b)

    @property
    def _has_labels(self):
        """Whether it was fitted on several labels per example."""
        return self.checkpoint_.settings.loss == LOSS_OF_LABELS

    @staticmethod
    def _validation_score(row):
        """The accuracy."""
        return row["validation_accuracy"]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = getattr(self, "loss", None) != "binary-cross-entropy"
        tags.classifier_tags.multi_label = self._takes_several
        return tags


class _ClassifierByGradient(_Classifier):
    def predict_proba(self, X):
        """Predict the probabilities (n, m) of the classes, in the order of classes_, or of the labels."""
        return self._call(X)

    def predict_log_proba(self, X):
        """The logarithms of predict_proba; -inf for a probability of 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


@dataclass(eq=False, repr=False, kw_only=True)
class LinearClassifier(_ClassifierByGradient, _ByGradient):
    """Softmax regression; logistic regression with loss="binary-cross-entropy".

    class_weight is "balanced" or {class: weight}.
    """

    loss: str = "cross-entropy"
    class_weight: dict | str | None = None

    _fixed = {"hidden": ()}

    @property
    def feature_importances_(self):
        """The share of each feature (d,) in the sum of all weights, without their signs, for standardised features."""
        sizes = np.abs(self.coefs_[0]).sum(axis=1)
        return sizes / (sizes.sum() or 1)


@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(_ClassifierByGradient, _ByGradient):
    """A multi-layer network for classification.

    hidden has the number of units of each hidden layer. With image_shape, (h, w) or (h, w, channels) of the rows of X,
    there may be convolutions and pooling as for --hidden: "conv:6x5+2,pool:2,120", or a tuple of such entries.
    activation is a name in hw5.devices.activations, which may have its parameter. class_weight is "balanced" or {class:
    weight}.
    """

    hidden: tuple[int | str, ...] | str = (128,)
    image_shape: tuple[int, ...] | None = None
    activation: str = "relu"
    loss: str = "cross-entropy"
    class_weight: dict | str | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(RegressorMixin, _ByGradient):
    """A multi-layer network for regression.

    hidden has the number of units of each hidden layer, () for a linear model; with image_shape, (h, w) or (h, w,
    channels), also convolutions and pooling, as in MLPClassifier. activation is a name in hw5.devices.activations,
    optionally with its parameter.
    """

    hidden: tuple[int | str, ...] | str = (128,)
    image_shape: tuple[int, ...] | None = None
    activation: str = "relu"

    _fixed = {"loss": "squared"}

    def fit(self, X, y, sample_weight=None):
        """Fit the examples X (n, d) and targets y, (n,) or (n, q); return self.

        sample_weight (n,): whole weights are as if the examples were there so often; others are proportions. With
        warm_start, the training begins with the weights that the network has, if it was fitted before. Raises
        ValueError or TypeError for bad input, and RunError if training diverges.
        """
        start = self._start()
        X, y, names = self._checked(X, y, start)
        return self._train(X, y, sample_weight=sample_weight, start=start, target_names=names)

    def partial_fit(self, X, y, sample_weight=None):
        """Train one epoch on the examples X (n, d) and targets y, after those of earlier calls; return self.

        The first call determines how features and targets are standardised. Raises ValueError and TypeError as fit
        does.
        """
        start = self._require_partial_fit()
        X, y, names = self._checked(X, y, start)
        return self._train(X, y, sample_weight=sample_weight, start=start, is_part=True, target_names=names)

    def _checked(self, X, y, start):
        """X, y and the names of the targets."""
        X, checked_y = checked(self, X, y, start is None, y_numeric=True)
        names = names_of_columns(checked_y, y, "target")
        targets = check_array(checked_y, dtype=np.float64, ensure_2d=False, input_name="y")
        if offsets(np.atleast_2d(targets.T)).any():
            return X, targets, names
        return X, check_array(checked_y, dtype=np.float32, ensure_2d=False, input_name="y"), names

    def predict(self, X):
        """Predict the targets, (n,) or (n, q), of the examples X (n, d)."""
        predicted = self._call(X).astype(self._dtype, copy=False)
        return predicted if self.checkpoint_.target_names else predicted[:, 0]

    def _linear(self):
        W, b = super()._linear()
        of_targets = self.checkpoint_.of_targets
        W, b = W / of_targets.scale[:, np.newaxis], b / of_targets.scale + of_targets.mean
        return (W, b) if self.checkpoint_.target_names else (W[0], b[0])

    def _validation_score(self, row):
        """R^2: 1 less the squared error, relative to the variance of the targets; both are added up over several."""
        if self._validated_on is None:
            raise AttributeError("validation_scores_ of a regressor are known only where it was fitted")
        y = self._validated_on
        variance = self.checkpoint_.of_targets.transform(y.astype(np.float64)).var(axis=0).sum()
        return 1 - row["validation_loss"] / variance if variance else 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@dataclass(eq=False, repr=False, kw_only=True)
class Perceptron(_Classifier, Estimator):
    """Rosenblatt's perceptron, for two or more classes."""

    _fixed = {"loss": "perceptron", "hidden": (), "batch_size": 1}
