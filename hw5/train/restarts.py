"""Several trainings that differ only in the seed of their weights and of the order of their examples."""

from dataclasses import replace

from hw5.datasets.preprocessing import require_validation
from hw5.train.run import Run


def restarts(device, dataset, settings, source, n):
    """Yield the Runs of n seeds: settings.seed and those that follow.

    The held-out examples are the same for all, so that their figures can be compared. Raises InputError if there are no
    examples to compare them on.
    """
    for seed in range(settings.seed, settings.seed + n):
        run = Run(device, dataset, _with_seed(settings, seed), source)
        require_validation(run.splits, settings, "--restarts")
        yield run


def _with_seed(settings, seed):
    """The settings with another seed and the same splits; those of the first are as they were given."""
    return settings if seed == settings.seed else replace(settings, seed=seed, split_seed=settings.seed_of_splits)
