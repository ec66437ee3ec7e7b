"""A minibatch in slices, whose gradients are added in a tree: the same bits for any number of ranks that share them.

A rank takes some adjacent slices. What it adds, and what is added of several ranks, are nodes of one binary tree over
the slices, which depends on the minibatch and --slices alone.
"""

from functools import cached_property
from itertools import accumulate

ALIGNED = 16  # a slice has a multiple of this number of examples: that is what a vector of the compiled step holds


class Division:
    """A minibatch of k examples in at most `slices` slices of `size` examples, shared by ranks.

    The last slice may be shorter.
    """

    def __init__(self, k, slices, ranks=1):
        self.k, self.ranks = k, ranks
        self.size = -(-k // (slices * ALIGNED)) * ALIGNED
        self.slices = -(-k // self.size)

    def share(self, rank):
        """The slices of a rank, from first to before last."""
        return self.slices * rank // self.ranks, self.slices * (rank + 1) // self.ranks

    def examples(self, first, last):
        """The examples of the minibatch in some adjacent slices, from first to before last."""
        return min(first * self.size, self.k), min(last * self.size, self.k)

    @cached_property
    def tree(self):
        """The nodes, as (first, last) slices, each after its two parts; those of one slice have none."""
        return list(_nodes(0, self.slices))

    def additions(self, rank):
        """How many times the last two sums become one after each slice of the rank is pushed onto its stack of sums."""
        first, last = self.share(rank)
        counts = []
        for node in self.tree:
            if first <= node[0] and node[1] <= last:
                if node[1] - node[0] == 1:
                    counts.append(0)
                else:
                    counts[-1] += 1
        return counts

    def depths(self, rank):
        """The number of sums on the rank's stack when each of its slices is pushed."""
        return list(accumulate((1 - times for times in self.additions(rank)), initial=0))[:-1]

    def sums(self, rank):
        """The nodes that are left on the rank's stack in the end."""
        first, last = self.share(rank)
        stack = []
        for node in self.tree:
            if first <= node[0] and node[1] <= last:
                stack = [other for other in stack if other[0] < node[0]] + [node]
        return stack


def _nodes(first, last):
    if last - first > 1:
        middle = (first + last + 1) // 2
        yield from _nodes(first, middle)
        yield from _nodes(middle, last)
    if last > first:
        yield first, last
