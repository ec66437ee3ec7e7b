"""The operations of small networks by kernels: their launches (kernels/small_network.cu and small_epoch.cu)."""

from math import prod
from typing import NamedTuple

import numpy as np

from hw5.devices.activations import ELEMENTWISE
from hw5.devices.base import BETA1, BETA2, EPSILON
from hw5.devices.grids import blocks

EPOCH_BLOCK = (32, 16)  # threads of a block of epoch_TYPE
MOST_UNITS_OF_A_PART = 8  # whose gradients a thread sums at once
PARTS = 128  # of a hidden layer, if a part can be as large: as many blocks as a large GPU has multiprocessors
_PARAMETERS = ("W", "V", "S", "b", "Vb", "Sb")


class Tiles(NamedTuple):
    """The kernel of an update, the units and the columns of (x, 1) of a block, and its threads."""

    kernel: str
    side: int
    threads: int

    def cover(self, d, m):
        """The number of tiles of the m units and the d + 1 columns of a layer."""
        return blocks(m, self.side) * blocks(d + 1, self.side)


SMALL_TILES, LARGE_TILES = Tiles("update", 32, 512), Tiles("update_large", 64, 256)
MOST_SMALL_BLOCKS = 256  # about as many as a GPU runs at once; more of them would take turns


class SmallNetworks:
    """What a KernelDevice does to train a small network."""

    # -- a step in three launches

    def hidden_layer(self, data, order, start, layer, H, examples=None):
        """H (k, m) = theta(W^T x + b) of the examples data[order[start : start + k]].

        examples: of a warp, 4 or 8; chosen by the sizes of H.
        """
        (k, m), d, theta = H.shape, data.X.shape[1], layer.theta
        if examples is None:
            examples = 4 if blocks(k, 2 * 4) * blocks(m, 4 * 4) <= MOST_SMALL_BLOCKS else 8
        grid, kernel = (blocks(k, 2 * examples), blocks(m, 4 * 4)), "hidden" if examples == 4 else "hidden_large"
        arguments = (layer.W, layer.b, H, k, d, m, ELEMENTWISE.index(theta.name), float(theta.alpha))
        self._launch(f"{kernel}_{data.X.dtype}", grid, (32, 4, 2), *self._gathered(data, order, start), *arguments)

    def output_layer(self, data, order, start, layer, weights, tally, Delta, t, updates, below=None):
        """The loss's gradient Delta (k, m) at the top layer, and with a layer below its Delta: (its Slot, its theta).

        Without a layer below, the inputs are the examples data[order[start : start + k]]. Adds to the tally, and
        `updates` to t (1,) int32.
        """
        k, m = Delta.shape
        d = data.X.shape[1] if below is None else below[0].X.shape[1]
        # Warps that share the terms of a product, two loads of four terms a lane; fewer where many examples fill the
        # GPU
        parts = min(blocks(d, 256), 4, max(1024 // k, 1))
        grid, block, shared = (k,), (32, 4, parts), (parts + 1) * m * self.dtype.itemsize
        top = (data.y, layer.W, layer.b, weights, tally.loss, tally.correct, Delta, t, updates)
        if below is None:
            inputs, arguments = self._gathered(data, order, start), (*top, k, d, m)
            self._launch(f"output_{data.X.dtype}", grid, block, *inputs, *arguments, shared=shared)
        else:
            slot, theta = below
            inputs = slot.X, order, self.first, start
            arguments = (slot.Delta, k, d, m, ELEMENTWISE.index(theta.name), float(theta.alpha))
            self._launch("output_hidden", grid, block, *inputs, *top, *arguments, shared=shared)

    def update_layers(self, data, order, start, layers, slots, rates, eta, t, tiles=None):
        """The t-th update of one or two layers from their Deltas and inputs; eta (1,) float32 and t (1,) int32.

        The inputs of the first layer are the examples data[order[start : start + k]]. tiles: chosen by the layers'
        sizes.
        """
        (k, m1), d = slots[0].Delta.shape, data.X.shape[1]
        m2 = slots[1].Delta.shape[1] if len(slots) == 2 else 0
        arrays = [(*(getattr(layer, name) for name in _PARAMETERS), slot.Delta) for layer, slot in zip(layers, slots)]
        numbers = (k, d, m1, m2, *_rule(rates, eta, t))
        arguments = (*arrays[0], slots[0].X, *arrays[-1], *numbers)
        sizes = [(d, m1), (m1, m2)]  # m2 = 0 takes no tiles
        if tiles is None:
            few = sum(SMALL_TILES.cover(*size) for size in sizes) <= MOST_SMALL_BLOCKS
            tiles = SMALL_TILES if few else LARGE_TILES
        grid = (sum(tiles.cover(*size) for size in sizes),)
        inputs = self._gathered(data, order, start)
        self._launch(f"{tiles.kernel}_{data.X.dtype}", grid, (tiles.threads,), *inputs, *arguments)

    # -- many steps in one launch

    def train_small(self, data, order, k, launch, layers, slots, weights, rates, tally, t, parts):
        """Steps on minibatches of k examples data[order], the last of which may be smaller.

        layers: one or two, and slots: theirs of a workspace for k examples. t (1,) int32 is the number of updates
        before. launch: epoch_launch for k, and parts: memory for launch.parts floats.
        """
        (bottom, *_), (*_, top) = layers, layers
        (m1, d), m2 = bottom.W.shape, top.W.shape[0] if top is not bottom else 0
        number, alpha = (ELEMENTWISE.index(bottom.theta.name), float(bottom.theta.alpha)) if m2 else (0, 0.0)
        examples = (data.X, data.mean, data.scale, order, data.y, weights)
        parameters = (getattr(layer, name) for layer in (bottom, top) for name in _PARAMETERS)
        space = (tally.loss, tally.correct, parts, slots[0].X, slots[0].Delta, slots[-1].Delta)
        sizes = (len(order), k, d, m1, m2, launch.units, launch.part, int(launch.ahead))
        arguments = (*examples, *parameters, *space, *sizes, number, alpha, *_rule(rates, rates.eta, t))
        grid = (launch.blocks,)
        self._launch(f"epoch_{data.X.dtype}", grid, EPOCH_BLOCK, *arguments, shared=launch.shared, cooperative=True)

    def epoch_launch(self, dtype, k, d, m1, m2):
        """The EpochLaunch for features of this type with as many blocks as can be resident, and whether it fits."""
        launches = EpochLaunch.all(dtype, k, d, m1, m2)
        fitting = (launch for launch in launches if self.can_be_resident(dtype, launch))
        return next(((launch, True) for launch in fitting), (launches[1], False))

    def can_be_resident(self, dtype, launch):
        """Whether all blocks of an EpochLaunch for features of this type can run at once."""
        return launch.blocks <= self.runtime.resident_blocks(f"epoch_{dtype}", prod(EPOCH_BLOCK), launch.shared)

    def _gathered(self, data, order, start):
        """The arguments of a kernel that gathers its inputs."""
        return data.X, data.mean, data.scale, order, self.first, start


class EpochLaunch(NamedTuple):
    """A launch of epoch_TYPE (kernels/small_epoch.cu): its blocks, and the units of a block and of a part.

    ahead: whether a block has memory for the next minibatch. shared: bytes of its shared memory. parts: floats of the
    workspace. The bits depend on the part, which depends on the shape only.
    """

    blocks: int
    units: int
    part: int
    ahead: bool
    shared: int
    parts: int

    @classmethod
    def all(cls, dtype, k, d, m1, m2):
        """Those for minibatches of k examples of d features, and layers of m1 and m2 units; the fastest first."""
        m, part = m2 or m1, 1
        while m2 and part < MOST_UNITS_OF_A_PART and blocks(m1, part) > PARTS:
            part *= 2
        launches, units = [], part
        while not launches or launches[-1].blocks > 1:
            grid = blocks(m1, units)
            parts = k * (m2 * grid * units // part or m1)
            for ahead in True, False:
                shared = _shared(np.dtype(dtype).itemsize, k, d, m2, m, units, part, ahead)
                launches.append(cls(grid, units, part, ahead, shared, parts))
            units *= 2
        return launches


def _shared(itemsize, k, d, m2, m, units, part, ahead):
    """The bytes of shared memory of epoch_TYPE: the arrays of its struct Shared, in order."""
    row, rows = 16 * blocks(d + 1, 16), 4 * blocks(k, 4)
    floats = 3 * units * row + 2 * row + 2 * units * rows + max(part * row, prod(EPOCH_BLOCK))
    floats += 3 * m2 * units + 4 * m + k * m
    return 4 * floats + (itemsize * row + 4) * rows * (1 + ahead)


def _rule(rates, eta, t):
    """The arguments of a kernel that updates: eta and t are a number, or in the memory of the device."""
    of_sgd = (eta, rates.momentum, rates.l1, rates.l2, int(rates.nesterov))
    return *of_sgd, int(rates.adam), t, 1 - BETA1, 1 - BETA2, EPSILON, rates.weight_decay
