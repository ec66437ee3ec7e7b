"""Training runs, from data set to checkpoint, and models, from checkpoint to predictions."""

import numpy as np

from hw5.datasets import Examples
from hw5.datasets.preprocessing import Standardisation, class_weights, require_validation, split_dataset
from hw5.errors import InputError
from hw5.metrics import r2_and_rmse
from hw5.nn.hidden import example_shape
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network
from hw5.tables.labels import UNKNOWN
from hw5.train.checkpoint import HISTORY, Checkpoint, DataSource, has_digest
from hw5.train.networks import NetworkPlan
from hw5.train.training import Training


class Run:
    """A data set and settings on a device: everything between loading the data and saving the model.

    With a checkpoint, the training resumes from it; every pause_every steps it reports. splits: as split_dataset gives
    them, the default. weights: of the rows of the training split, as Order takes them. start: a Checkpoint of other data,
    whose weights and standardisation a new training begins with.
    """

    def __init__(
        self,
        device,
        dataset,
        settings,
        data_source: DataSource,
        checkpoint=None,
        pause_every=None,
        splits=None,
        weights=None,
        start=None,
    ):
        self.dataset, self.settings, self.data_source = dataset, settings, data_source
        fractions = settings.validation, settings.holdout
        self.splits = splits or split_dataset(dataset, *fractions, settings.seed_of_splits)
        if settings.patience and settings.validation:
            require_validation(self.splits, settings, "--patience")
        train = self.splits["train"]
        if checkpoint:
            self._require_the_data_of(checkpoint)
        if before := checkpoint or start:
            self.standardisation, self.of_targets = before.standardisation, before.of_targets
        else:
            self.standardisation, self.of_targets = self._standardisations(train)
        plan = self._network_plan()
        self.network = plan.on(device)
        if start:
            self.network.assign(start.parameters)
        self.history = list(checkpoint.history) if checkpoint else []
        self.stepper = self._stepper(dataset.train)
        validate = (lambda: self.evaluate("validation")) if "validation" in self.splits else None
        X, trainer = dataset.train.X, self._trainer(plan)
        self.training = Training(trainer, train.rows, settings, validate, pause_every, X, weights)
        if checkpoint:
            self.training.restore(checkpoint.state)

    def _standardisations(self, train):
        """The Standardisation of the features, and that of the targets or None."""
        is_regression, dataset = self.settings.task == "regression", self.dataset
        if not self.settings.standardise:
            of_targets = Standardisation.none(len(dataset.target_names) or 1) if is_regression else None
            return Standardisation.none(train.examples.X.shape[1]), of_targets
        indicators = dataset.columns.indicators if dataset.columns else None
        of_features = Standardisation.fit(train, dataset.image_shape, indicators)
        return of_features, Standardisation.fit_targets(train) if is_regression else None

    def _require_the_data_of(self, checkpoint):
        if not has_digest(self.dataset.train, checkpoint.data.digest):
            raise InputError(
                f"{self.dataset.name} has changed since the checkpoint was written; resume with the original data"
            )

    def _network_plan(self):
        settings, dataset, train = self.settings, self.dataset, self.splits["train"]
        weights, wanted = None, settings.class_weight
        if wanted is not None:
            weights = class_weights(wanted, dataset.class_names, train.examples.y[train.rows])
        shape = example_shape(dataset.image_shape, dataset.train.X.shape[1])
        return NetworkPlan(settings, shape, _units(settings, dataset), weights)

    def _trainer(self, plan):
        """What trains: the stepper or, if minibatches have slices, one that trains by them, on all ranks if there are some."""
        slices, ranks = self.settings.slices, self.network.device.ranks
        if slices == 1:
            return self.stepper
        if ranks is None:
            from hw5.devices.slices import SlicedStepper

            return SlicedStepper(self.stepper, slices)
        from hw5.train.ranks import RankedStepper

        data = _arrays(self.dataset.train, self.standardisation, self.of_targets)
        return RankedStepper(self.stepper, slices, ranks, plan, data)

    def _stepper(self, examples):
        return _stepper(self.network, examples, self.standardisation, self.of_targets)

    def _stepper_for(self, subset):
        return self.stepper if subset.examples is self.dataset.train else self._stepper(subset.examples)

    def train(self):
        """Train, yielding Progress; the history gains a row at the end of every epoch."""
        for progress in self.training:
            if progress.epoch_ends:
                self.history.append({column: getattr(progress, column) for column in HISTORY})
            yield progress

    def evaluate(self, name):
        """Mean loss and accuracy (None for a regression) on "train", "validation" or "test"."""
        subset = self.splits[name]
        loss, accuracy, _ = _evaluate(self._stepper_for(subset), subset)
        return loss, accuracy if self.network.loss.classes else None

    def regression_figures(self, name):
        """Mean loss, R^2 and root mean square error (in units of the targets) on "train", "validation" or "test"."""
        subset = self.splits[name]
        loss, predicted = _regress(self._stepper_for(subset), self.of_targets, subset)
        return loss, *r2_and_rmse(subset.examples.y[subset.rows], predicted)

    def predicted(self, subset):
        """The classes (n,) that the network predicts now for a Subset of any examples."""
        return _evaluate(self._stepper(subset.examples), subset)[2]

    def predict(self, X):
        """The predictions of the network now for examples X (n, d), as those of Model.predict."""
        loss = self.network.loss
        outputs = _unlabelled(self.network, X, self.standardisation).outputs(np.arange(len(X)))
        return loss.classes(outputs) if loss.classes else self.of_targets.inverse_transform(outputs)

    def checkpoint(self):
        """The Checkpoint of this moment."""
        return Checkpoint(
            self.training.state(),
            self.standardisation,
            self.settings,
            self.data_source,
            self.dataset.class_names,
            self.dataset.feature_names,
            self.dataset.image_shape,
            list(self.history),  # which grows
            self.of_targets,
            self.stepper.arithmetic,
            self.dataset.columns,
            target_names=self.dataset.target_names,
        )


def _units(settings, dataset):
    """The units of the top layer. Raises InputError if the data do not fit the loss."""
    m = len(dataset.class_names)
    if settings.loss == "binary-cross-entropy" and m != 2:
        raise InputError(
            f"--loss binary-cross-entropy needs exactly two classes; {dataset.name} has {m} "
            "(the default loss handles them)"
        )
    return LOSSES[settings.loss].units(m or len(dataset.target_names) or 1)


class Model:
    """A checkpoint's network on a device, to use on other examples."""

    def __init__(self, device, checkpoint):
        self.checkpoint = checkpoint
        settings = checkpoint.settings
        self.network = Network(device, checkpoint.parameters, loss=settings.loss, layers=checkpoint.layers())

    def evaluate(self, subset):
        """Mean loss, predicted classes (n,) and P of a Subset, whose labels are numbered as here.

        P (n, m) has the probability of each class or label; it is None if the model has none. An example of another
        class counts as a mistake, and has no loss.
        """
        with np.errstate(all="ignore"):  # numbers beyond float32 show in the loss
            loss, _, classes, outputs = _evaluate_with_outputs(self._stepper(subset.examples), subset)
            return loss, classes, self.network.loss.classes(outputs) if self.network.loss.gives_probabilities else None

    def regress(self, subset):
        """Mean loss, and predictions (n,) or (n, q) in units of the targets, of a Subset."""
        return _regress(self._stepper(subset.examples), self.checkpoint.of_targets, subset)

    @property
    def chunk(self):
        """How many examples are evaluated at once."""
        no_features = np.zeros((1, self.checkpoint.schema.features), np.float32)
        return _unlabelled(self.network, no_features, self.checkpoint.standardisation).chunk

    def predict(self, X):
        """The predictions for the examples X (n, d): each class's or label's probability (n, m), or numbers (n, q).

        A perceptron has no probabilities: it gives 1 to the predicted class. Raises InputError as outputs does.
        """
        outputs, loss = self.outputs(X), self.network.loss
        return loss.classes(outputs) if loss.classes else self.checkpoint.of_targets.inverse_transform(outputs)

    def logits(self, X):
        """Z (n, m) of the top layer for the examples X (n, d), before softmax or sigmoid. Raises InputError as outputs does."""
        return self.outputs(X, LOSSES["perceptron"].output)

    def outputs(self, X, output=None):
        """The outputs of the loss, or of another, for the examples X (n, d), as in Stepper.outputs.

        Raises InputError for an example so far from the training examples that float32 cannot hold the result.
        """
        with np.errstate(all="ignore"):
            stepper = _unlabelled(self.network, X, self.checkpoint.standardisation)
            P = stepper.outputs(np.arange(len(X)), output=output)
        lost = ~np.isfinite(P).all(axis=1)
        if lost.any():
            raise InputError(
                f"example {lost.argmax() + 1} has values too far from the training data; check its units, or remove it"
            )
        return P

    def _stepper(self, examples):
        return _stepper(self.network, examples, self.checkpoint.standardisation, self.checkpoint.of_targets)


def _unlabelled(network, X, standardisation):
    """The Stepper of a network on examples X (n, d) to predict."""
    return _stepper(network, Examples(X, np.zeros(len(X), network.loss.y_type)), standardisation, None)


def _stepper(network, examples, standardisation, of_targets):
    """The Stepper of a network on examples, which it standardises."""
    data = network.device.upload_data(*_arrays(examples, standardisation, of_targets))
    return network.device.stepper(network, data)


def _arrays(examples, standardisation, of_targets):
    """The arguments of Device.upload_data."""
    y = examples.y if of_targets is None else of_targets.transform(examples.y)
    y = y.astype(np.float32) if y.dtype == np.float64 else y
    return examples.X, y, standardisation.mean, standardisation.scale


def _evaluate(stepper, subset, outputs=None):
    """As Stepper.evaluate, of a Subset whose labels may be UNKNOWN."""
    y = subset.examples.y[subset.rows]
    known = y != UNKNOWN
    if known.all() or stepper.network.loss.task != "classification":
        return stepper.evaluate(subset.rows, outputs=outputs)
    of_all, classes = stepper.outputs(subset.rows), np.empty(len(y), np.int64)
    if outputs is not None:
        outputs[:] = of_all
    if known.any():
        loss, accuracy, classes[known] = stepper.evaluate(subset.rows[known])
    else:
        loss, accuracy = np.nan, 0.0
    classes[~known] = stepper.network.loss.classes(of_all[~known]).argmax(axis=1)
    return loss, accuracy * known.mean(), classes


def _evaluate_with_outputs(stepper, subset):
    """As _evaluate, and the loss's outputs (n, m), as those of Stepper.outputs."""
    outputs = np.empty((len(subset.rows), stepper.network.outputs), stepper.device.dtype)
    return *_evaluate(stepper, subset, outputs), outputs


def _regress(stepper, of_targets, subset):
    with np.errstate(all="ignore"):
        loss, *_, outputs = _evaluate_with_outputs(stepper, subset)
        predicted = of_targets.inverse_transform(outputs)
        return loss, predicted[:, 0] if subset.examples.y.ndim == 1 else predicted
