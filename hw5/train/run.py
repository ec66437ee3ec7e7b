"""Training runs, from data set to checkpoint."""

from hw5.datasets.preprocessing import Standardisation, class_weights, require_validation, split_dataset
from hw5.errors import InputError
from hw5.metrics import r2_and_rmse
from hw5.nn.hidden import example_shape
from hw5.nn.losses import LOSSES
from hw5.train.checkpoint import HISTORY, Checkpoint
from hw5.train.data_source import DataSource, has_digest
from hw5.train.networks import NetworkPlan
from hw5.train.standardised import Standardised, evaluate
from hw5.train.training import Training


class Run:
    """A data set and settings on a device: everything between loading the data and saving the model.

    With a checkpoint, the training resumes from it; every pause_every steps it reports. splits: as split_dataset gives
    them, the default. weights: of the rows of the training split, as Order takes them. start: a Checkpoint of other
    data, whose weights and standardisation a new training begins with.
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
        self.splits = splits or split_dataset(dataset, settings.validation, settings.holdout, settings.seed_of_splits)
        if settings.patience and settings.validation:
            require_validation(self.splits, settings, "--patience")
        train = self.splits["train"]
        if checkpoint:
            self._require_the_data_of(checkpoint)
        before, plan = checkpoint or start, self._network_plan()
        how = (before.standardisation, before.of_targets) if before else self._standardisations(train)
        self.network = plan.on(device)
        self._standardised = Standardised(self.network, *how)
        if start:
            self.network.assign(start.parameters)
        self.history = list(checkpoint.history) if checkpoint else []
        self.stepper = self._standardised.stepper(dataset.train)
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
        """What trains: the stepper or, if minibatches have slices, one that trains by them, on all ranks."""
        slices, ranks = self.settings.slices, self.network.device.ranks
        if slices == 1:
            return self.stepper
        if ranks is None:
            from hw5.devices.slices import SlicedStepper

            return SlicedStepper(self.stepper, slices)
        from hw5.train.ranks import RankedStepper

        return RankedStepper(self.stepper, slices, ranks, plan, self._standardised.arrays(self.dataset.train))

    def _stepper_for(self, subset):
        is_uploaded = subset.examples is self.dataset.train
        return self.stepper if is_uploaded else self._standardised.stepper(subset.examples)

    def train(self):
        """Train, yielding Progress; the history gains a row at the end of every epoch."""
        for progress in self.training:
            if progress.epoch_ends:
                self.history.append({column: getattr(progress, column) for column in HISTORY})
            yield progress

    def evaluate(self, name):
        """Mean loss and accuracy (None for a regression) on "train", "validation" or "test"."""
        subset = self.splits[name]
        loss, accuracy, _ = evaluate(self._stepper_for(subset), subset)
        return loss, accuracy if self.network.loss.classes else None

    def regression_figures(self, name):
        """Mean loss, R^2 and root mean square error (in units of the targets) on "train", "validation" or "test"."""
        subset = self.splits[name]
        loss, predicted = self._standardised.regress(self._stepper_for(subset), subset)
        return loss, *r2_and_rmse(subset.examples.y[subset.rows], predicted)

    def predicted(self, subset):
        """The classes (n,) that the network predicts now for a Subset of any examples."""
        return evaluate(self._standardised.stepper(subset.examples), subset)[2]

    def predict(self, X):
        """The predictions of the network now for examples X (n, d), as those of Predictor.predict."""
        return self._standardised.predictions(self._standardised.outputs(X))

    def checkpoint(self):
        """The Checkpoint of this moment."""
        return Checkpoint(
            state=self.training.state(),
            standardisation=self._standardised.of_features,
            settings=self.settings,
            data=self.data_source,
            class_names=self.dataset.class_names,
            feature_names=self.dataset.feature_names,
            image_shape=self.dataset.image_shape,
            history=list(self.history),  # which grows
            of_targets=self._standardised.of_targets,
            arithmetic=self.stepper.arithmetic,
            columns=self.dataset.columns,
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
