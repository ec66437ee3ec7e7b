"""What data must have in common: with a model, and a test set with its training set."""

from hw5.errors import InputError
from hw5.tables.table import Schema, Table


def require_features_of(schema: Schema, table: Table) -> None:
    """Raise InputError unless a model takes the features of a table."""
    d, shapes = table.X.shape[1], (table.image_shape, schema.image_shape)
    if d != schema.features:
        raise InputError(
            f"{table.where}: each example has {d} feature{'s' * (d != 1)}, but the model takes {schema.features}; "
            "give data like the training data"
        )
    if None not in shapes and shapes[0] != shapes[1]:
        given, expected = (" x ".join(map(str, shape)) for shape in shapes)
        raise InputError(f"{table.where}: the images have {given} pixels, but the model takes {expected}; resize them")


def require_same_features(train: Table, test: Table) -> None:
    """Raise InputError unless a test set has the features of its training set."""
    if train.X.shape[1] != test.X.shape[1]:
        raise InputError(
            f"the test set ({test.where}) has {test.X.shape[1]} features, but the training set ({train.where}) has "
            f"{train.X.shape[1]}; give both the same features"
        )
    names = zip(test.feature_names or (), train.feature_names or ())
    for position, (given, expected) in enumerate(names, start=1):
        if given != expected:
            raise InputError(
                f"{test.where}: feature {position} is named {given!r}, but {expected!r} in the training set "
                f"({train.where}); give both the same columns in the same order"
            )


def require_targets(table: Table, names: tuple[str, ...]) -> None:
    """Raise InputError unless an example has a target, or label, for each of these names, or one if there are none."""
    found, wanted = table.y.shape[1] if table.y.ndim == 2 else 1, len(names) or 1
    if found != wanted:
        raise InputError(
            f"{table.where}: each example has {found} targets or labels, but {wanted} are needed; choose their columns "
            "with --label-column"
        )
