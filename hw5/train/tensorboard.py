"""Training curves for TensorBoard, by tensorboardX."""

from hw5.errors import InputError


class TensorBoard:
    """Writes the metrics of every epoch to event files in a folder; None writes nothing.

    Raises InputError if tensorboardX is not installed, or the folder cannot be created.
    """

    def __init__(self, folder):
        self._writer = folder and _open(folder)

    def update(self, progress):
        """Write the metrics if this is the end of an epoch."""
        if not (self._writer and progress.epoch_ends):
            return
        for name in ("loss", "accuracy"):
            for prefix, split in (("", "train"), ("validation_", "validation")):
                value = getattr(progress, prefix + name)
                if value is not None:
                    self._writer.add_scalar(f"{name}/{split}", value, progress.epoch)
        self._writer.add_scalar("examples per second", progress.examples_per_second, progress.epoch)

    def close(self):
        """Flush the writer, which has its own thread."""
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
        raise InputError(f"--tensorboard {folder} cannot be written: {reason}; choose another directory") from error
