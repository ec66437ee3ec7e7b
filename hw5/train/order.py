"""The order of the examples in an epoch: shuffled, and with weights some more often than others."""

import numpy as np

from hw5.devices.division import Division
from hw5.random_streams import Stream

_POOL = 64  # blocks


def epoch_order(rows, seed, epoch, block=None, part=()):
    """The order of the rows in an epoch: a permutation, determined by seed, epoch and number of a part.

    With block, blocks of that number of consecutive rows are shuffled, and then the rows within each 64 of them: a disk
    reads blocks, where row by row would take an access each.
    """
    rng = np.random.default_rng((seed, Stream.ORDER, epoch, *part))
    if block is None:
        return rng.permutation(rows)
    blocks = np.array_split(np.sort(rows), range(block, len(rows), block))
    order = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
    pools = np.array_split(order, range(_POOL * block, len(rows), _POOL * block))
    return np.concatenate([rng.permutation(pool) for pool in pools])


def order_by_slices(rows, seed, epoch, block, division):
    """As epoch_order with block, for minibatches with slices: each takes examples from a part of the data of its own.

    So a rank reads the part of the data for its slices, and no more, but in a short last minibatch.
    """
    rows, n, k = np.sort(rows), len(rows), division.k
    ends = [division.examples(0, slices)[1] for slices in range(division.slices + 1)]
    whole, rest = [], []
    for part, (first, last) in enumerate(zip(ends, ends[1:])):
        order = epoch_order(rows[n * first // k : n * last // k], seed, epoch, block, (part,))
        count = n // k * (last - first)
        whole.append(order[:count].reshape(n // k, last - first))
        rest.append(order[count:])
    return np.concatenate([np.hstack(whole).ravel(), *rest])


def weighted_rows(rows, weights, seed, epoch):
    """len(rows) of the rows for an epoch, each in proportion to its weight; determined by seed and epoch.

    A row that is due 2.3 times is there twice or three times, with an expectation of 2.3 (systematic sampling). So the
    expected gradient is that of the weighted losses, for any device and optimiser.
    """
    rng = np.random.default_rng((seed, Stream.WEIGHTED, epoch))
    shuffled = rng.permutation(len(rows))
    due = np.cumsum(weights[shuffled] / weights.sum()) * len(rows)
    points = np.arange(len(rows)) + rng.random()
    drawn = np.searchsorted(due, points, side="right").clip(0, np.flatnonzero(weights[shuffled]).max())
    return rows[np.sort(shuffled[drawn])]


class Order:
    """The order of data[rows] in every epoch, of(epoch).

    weights (len(rows),): see weighted_rows. block: see epoch_order.
    """

    def __init__(self, rows, settings, block=None, weights=None):
        self.rows, self.settings, self.block, self.weights = rows, settings, block, weights
        self._kept = None, None  # the last epoch that was asked for, and its order

    def of(self, epoch):
        if self._kept[0] != epoch:
            self._kept = epoch, self._order(epoch)
        return self._kept[1]

    def _order(self, epoch):
        rows, seed = self.rows, self.settings.seed
        if self.weights is not None:
            rows = weighted_rows(rows, self.weights, seed, epoch)
        if not self.settings.shuffle:
            return rows
        if self.block and self.settings.slices > 1:
            division = Division(self.settings.minibatch(len(rows)), self.settings.slices)
            return order_by_slices(rows, seed, epoch, self.block, division)
        return epoch_order(rows, seed, epoch, self.block)
