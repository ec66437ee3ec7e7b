"""How often a training reports its progress."""

_SECONDS_BETWEEN_REPORTS = 0.25


class Pace:
    """How many examples to train on until the next report: whole minibatches, by the speed so far.

    A device whose epochs are shorter than the time between two reports trains whole epochs without waiting.
    """

    def __init__(self, batch_size):
        self.batch_size, self.examples = batch_size, 8 * batch_size

    def update(self, examples, seconds):
        minibatches = examples / seconds * _SECONDS_BETWEEN_REPORTS / self.batch_size
        self.examples = max(1, round(minibatches)) * self.batch_size
