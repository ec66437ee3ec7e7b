"""hw5 train --watch: a page that follows a training, from a server that ends with it.

The training only hands over what it has anyway, and now and then a picture of the model; whatever happens to the page,
the server or a browser, the training continues, to the same bits.
"""

import math
from contextlib import contextmanager
from time import perf_counter

from hw5.watch.server import Feed, Server
from hw5.watch.snapshot import Snapshots

_ALL_OF_FIRST = 200  # epochs, however short; later ones are passed on a few times a second
_SECONDS_BETWEEN_FIGURES = 0.05
_SECONDS_BETWEEN_PICTURES = 0.4
_SHARE = 10  # of the time: the next picture waits for at least so many times what the last one took
_FIGURES = ("loss", "accuracy", "validation_loss", "validation_accuracy")


@contextmanager
def watching(run, name, tell, warn):
    """Serve the page of a Run; yield its Watcher, or None if there can be no server, of which one line warns.

    name: of the data. tell(address) is called once.
    """
    watcher = Watcher(run, name, warn)
    try:
        server = Server(watcher.feed)
    except (OSError, RuntimeError) as error:  # no loopback, or no more threads
        warn(f"--watch has no page: {getattr(error, 'strerror', None) or error}; training continues")
        yield None
        return
    tell(server.address)
    try:
        yield watcher
    finally:
        server.close("The training has ended." if run.training.is_over else "The training was stopped.")


class Watcher:
    """Passes on the progress of a training to a Feed. error: None, since no page is ever missed."""

    error = None

    def __init__(self, run, name, warn):
        self.feed, self._snapshots, self._warn = Feed(), None, warn
        self._run, self._works = run, True
        self._next_picture = self._next_figures = 0.0
        settings = run.settings
        title = f"{name}: {settings.model} {run.network}"
        about = {"title": title, "epochs": settings.epochs, "classes": list(run.dataset.class_names)}
        self.feed.publish("about", about)
        for row in run.history:  # of a training that is resumed
            self.feed.append("epoch", {"epoch": row["epoch"]} | {name: _finite(row[name]) for name in _FIGURES})

    def update(self, progress):
        """Publish the progress, and at the end of some epochs a picture. Never raises an Exception."""
        if not self._works:
            return
        try:
            self._publish(progress)
        except Exception as error:  # the page is a guest: it must not end the training
            self._works = False
            self._warn(f"--watch stops following: {type(error).__name__}: {error}; training continues")

    def _publish(self, progress):
        began, is_last = perf_counter(), self._run.training.is_over
        if progress.epoch > _ALL_OF_FIRST and began < self._next_figures and not is_last:
            return
        self._next_figures = began + _SECONDS_BETWEEN_FIGURES
        figures = {name: _finite(getattr(progress, name)) for name in _FIGURES}
        done = progress.epoch - 1 + progress.examples / progress.of
        self.feed.publish("now", {"done": done} | figures)
        if not progress.epoch_ends:
            return
        self.feed.append("epoch", {"epoch": progress.epoch} | figures)
        if began >= self._next_picture or is_last:
            self._snapshots = self._snapshots or Snapshots(self._run)
            for name, content in self._snapshots.take():
                self.feed.publish(name, {"epoch": progress.epoch} | content)
            now = perf_counter()
            self._next_picture = now + max(_SECONDS_BETWEEN_PICTURES, _SHARE * (now - began))


def _finite(x):
    """The number for JSON, which has neither nan nor infinity."""
    return x if x is not None and math.isfinite(x) else None
