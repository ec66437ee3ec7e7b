"""Training curves for TensorBoard, by tensorboardX."""

from hw5.errors import InputError


class TensorBoard:
    """Writes the figures of every epoch into a folder of event files; None writes nothing.

    Raises InputError where tensorboardX is not installed, or the folder cannot be made.
    """

    def __init__(self, folder):
        self._writer = folder and _open(folder)

    def see(self, progress):
        """Write the figures if an epoch ends here."""
        if not (self._writer and progress.epoch_ends):
            return
        for name in ("loss", "accuracy"):
            for prefix, part in (("", "train"), ("validation_", "validation")):
                figure = getattr(progress, prefix + name)
                if figure is not None:
                    self._writer.add_scalar(f"{name}/{part}", figure, progress.epoch)
        self._writer.add_scalar("examples per second", progress.examples_per_second, progress.epoch)

    def close(self):
        """Write what still waits; the writer has a thread of its own."""
        if self._writer:
            self._writer.close()


def _open(folder):
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise InputError("--tensorboard needs tensorboardX: pip install 'hw5[tensorboard]'") from error
    try:
        return SummaryWriter(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"--tensorboard {folder}: no files can be written there: {reason}; name a folder") from error
