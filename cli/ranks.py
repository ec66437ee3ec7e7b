"""hw5 train and hw5 tune under an MPI launcher: rank 0 is the program, and the others do what it tells."""

import functools
import sys
from contextlib import contextmanager
from typing import Any, NamedTuple

from hw5.cli import launched
from hw5.cli.display import waiting
from hw5.cli.options import open_named
from hw5.devices.launcher import launch
from hw5.errors import InputError

SLICES = 8  # of a minibatch under a launcher, for any number of ranks


def shared(verb):
    """Decorate the function of a verb, which gets the Ranks, or None without a launcher, after the context."""

    @functools.wraps(verb)
    def call(ctx, *arguments, **options):
        if launch() is None:
            return verb(ctx, None, *arguments, **options)
        with _together() as ranks:
            if ranks.rank == 0:
                return verb(ctx, ranks, *arguments, **options)
            from hw5.train.ranks import Worker

            return Worker(ranks).serve()

    return call


class Pool(NamedTuple):
    """The ranks other than 0, which make trials: mpi4py's executor, their number, and the threads of each."""

    executor: Any
    size: int
    threads: int


def pooled(verb):
    """Decorate the function of a verb, which gets a Pool, or None without a launcher, after the context."""

    @functools.wraps(verb)
    def call(ctx, *arguments, **options):
        launched = launch()
        if launched is None or launched.ranks == 1:
            return verb(ctx, None, *arguments, **options)
        from hw5.devices.ranks import Ranks
        from hw5.train.trials import take_part

        ranks = Ranks.join(sys.argv[1:])
        threads, number = ranks.threads(options["threads"]), ranks.number_here()
        if ranks.rank:
            take_part(number)
        with ranks.executor() as executor:
            return verb(ctx, Pool(executor, ranks.size - 1, threads), *arguments, **options) if executor else None

    return call


@contextmanager
def _together():
    """The Ranks. The others end when rank 0 leaves the block, and what goes wrong at one of them ends all."""
    from hw5.devices.ranks import Ranks

    ranks = Ranks.join(sys.argv[1:])
    ranks.voice = launched.voice
    if ranks.rank:
        with ranks.undivided():
            yield ranks
    else:
        try:
            yield ranks
        finally:
            ranks.tell(None)


def open_device(ranks, settings, name, precision, threads, persistent):
    """The device of this name, at all ranks. Raises InputError if they cannot share a training with these settings."""
    if persistent and (ranks or settings.slices > 1):
        raise InputError("--persistent trains whole minibatches in one process; leave it out, or --slices and mpiexec")
    if ranks is None:
        return open_named(name, precision, threads, persistent)
    if settings.slices == 1 and ranks.size > 1:
        raise InputError(
            f"{ranks.size} ranks cannot share minibatches of one slice; add --slices {SLICES}, which rounds in another "
            "way, or start one process"
        )
    from hw5.train.ranks import open_on_ranks

    with waiting(f"compiling for the device {name}"):
        return open_on_ranks(ranks, name, precision, threads)


def idle(run):
    """A sentence on the ranks that have nothing to do in a Run, or None."""
    training, ranks = run.training, run.network.device.ranks
    return training.stepper.idle(training.batch_size) if ranks and run.settings.slices > 1 else None
