"""Weights of examples: how often an example is trained on.

Whole weights repeat the example in every epoch, which is the same as if the data had it so often. Others are
proportions: see hw5.train.order.weighted_rows.
"""

import numpy as np

from hw5.datasets.preprocessing import Subset
from hw5.errors import InputError

_MOST_REPEATS = 16  # of the average example; larger weights are proportions, or an epoch would be as much longer


def weighted(splits, weights):
    """The splits of examples with weights (n,), and the weights of the training rows, or None if all are 1.

    An example of weight 0 is left out. Raises InputError if the weights are no weights.
    """
    if weights is None:
        return splits, None
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("sample_weight has numbers that are not weights; give numbers of 0 or more")
    if not weights[splits["train"].rows].any():
        raise InputError("sample_weight is 0 for all training examples; give some of them a weight")
    is_whole = (weights % 1 == 0).all() and weights.mean() <= _MOST_REPEATS
    times = weights.astype(int) if is_whole else (weights > 0).astype(int)
    repeated = {
        name: Subset(each.examples, np.repeat(each.rows, times[each.rows]))
        for name, each in splits.items()
        if times[each.rows].any()
    }
    return repeated, None if is_whole else weights[repeated["train"].rows]
