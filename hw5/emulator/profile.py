"""Count what a kernel does to memory, as Nsight Compute counts it on a GPU, from a record of all its accesses.

A warp's lanes execute a load or store together, as one *request*. In global memory a request costs the 32-byte
*sectors* that it touches; ideally they hold nothing but what is asked for. In shared memory it costs *wavefronts*: one,
unless lanes need different 4-byte words of the same of 32 *banks*.

Lanes are matched by how often they have executed the instruction, which is exact unless they leave a loop and enter it
again separately.
"""

from dataclasses import dataclass, field

import numpy as np

SECTOR, BANKS, WARP = 32, 32, 32
_RECORD = np.dtype(
    [("address", "u8"), ("pc", "u4"), ("thread", "u4"), ("size", "u2"), ("kind", "u1"), ("space", "u1"), ("_", "u4")]
)
_SHARED, _CONSTANT = (2, 3), 5  # enum class Space
_NAMES = ("load", "store", "atomic", "atomic")  # enum class AccessKind


@dataclass(frozen=True)
class Line:
    """What one line of the source does to memory.

    operation: "load", "store" or "atomic". space: "global", "shared" or "constant". requests: of warps. lanes: accesses
    of single threads. cost: sectors of global memory, or wavefronts of shared memory; ideal: the least for these lanes.
    nbytes: that the threads ask for.
    """

    file: str
    line: int
    operation: str
    space: str
    requests: int
    lanes: int
    cost: int
    ideal: int
    nbytes: int

    @property
    def ratio(self):
        """The cost in units of the ideal."""
        return self.cost / self.ideal

    @property
    def active(self):
        """The mean number of active lanes of a request, of 32."""
        return self.lanes / self.requests

    @property
    def advice(self):
        """What to do, or "" if there is nothing."""
        if self.space == "shared" and self.ratio > 1.05:
            return (
                f"{self.cost / self.requests:.3g}-way bank conflicts: let lanes use different banks, for instance by "
                "padding the rows by one element"
            )
        if self.space == "global" and self.ratio > 1.05:
            return (
                f"{self.cost / self.requests:.3g} sectors per request, ideally {self.ideal / self.requests:.3g}: let "
                "neighbouring lanes access neighbouring elements, from a multiple of 32 bytes on"
            )
        if self.active < WARP / 2 and self.requests > 1:
            return f"{self.active:.3g} of 32 lanes are active: let whole warps take the same branch"
        return ""


@dataclass(frozen=True)
class Profile:
    """Figures of a launch. lines: a Line for each line and operation, in the order of the source.

    source: the .cu file. threads: per block. shared: bytes of dynamic shared memory per block.

    accesses: of threads. distinct: bytes of the sectors of global memory touched at least once. barriers: that blocks
    passed. is_complete: whether all accesses were examined.
    """

    kernel: str
    lines: list = field(default_factory=list)
    accesses: int = 0
    distinct: int = 0
    barriers: int = 0
    is_complete: bool = True
    source: str = ""
    threads: int = 0
    shared: int = 0

    @property
    def sectors(self):
        return sum(line.cost for line in self.lines if line.space == "global")

    @property
    def ideal_sectors(self):
        return sum(line.ideal for line in self.lines if line.space == "global")

    @property
    def worst(self):
        """The line that wastes most, or None."""
        wasteful = [line for line in self.lines if line.advice]
        return max(wasteful, key=lambda line: line.cost - line.ideal, default=None)

    def least_seconds(self, gpu):
        """A bound: no GPU of the bandwidth of GPUS[gpu] needs less time, if the data is not in its caches."""
        return self.distinct / GPUS[gpu]


GPUS = {  # bytes per second of memory, from NVIDIA's data sheets
    "h100": 3.35e12,
    "h200": 4.8e12,
    "a100": 1.555e12,
    "v100": 900e9,
    "l4": 300e9,
    "t4": 320e9,
    "rtx4090": 1008e9,
    "rtx3060": 360e9,
}


def record(runtime, kernel, launch, capacity, by_line=True):
    """The Profile of a Kernel while launch() runs it; by_line: with its lines, which take longest to find."""
    records, counts = np.zeros(capacity, _RECORD), np.zeros(2, np.uint64)
    runtime.profile(records.ctypes.data, capacity)
    try:
        launch()
        runtime.profiled(counts.ctypes.data)
    finally:
        runtime.profile(None, 0)
    count = int(counts[0])
    used = records[: min(count, capacity)]
    lines = _by_line(_requests(used), kernel) if by_line and len(used) else []
    in_global = used[~np.isin(used["space"], (*_SHARED, _CONSTANT))]
    distinct = len(np.unique(_sectors_of(in_global)[0])) * SECTOR
    return Profile(
        kernel.name, lines, count, distinct, int(counts[1]), count <= capacity, str(kernel.source), *kernel.last_launch
    )


def _requests(used):
    """Records sorted by request, and the number of the request of each."""
    order = np.lexsort((used["thread"], used["pc"]))  # stable: in the order of execution
    used = used[order]
    start = np.r_[True, (used["pc"][1:] != used["pc"][:-1]) | (used["thread"][1:] != used["thread"][:-1])]
    occurrence = np.arange(len(used)) - np.flatnonzero(start)[np.cumsum(start) - 1]
    warp = used["thread"] // WARP
    order = np.lexsort((occurrence, warp, used["kind"], used["pc"]))
    used, warp, occurrence = used[order], warp[order], occurrence[order]
    keys = (used["pc"], used["kind"], warp, occurrence)
    changes = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return used, np.r_[0, np.cumsum(changes)]


def _by_line(requests, kernel):
    used, request = requests
    shared = np.isin(used["space"], _SHARED)
    cost, ideal = np.zeros(request[-1] + 1), np.zeros(request[-1] + 1)
    for chosen, count in ((~shared, _count_sectors), (shared, _count_wavefronts)):
        if chosen.any():
            numbers, costs, ideals = count(used[chosen], request[chosen])
            cost[numbers] += costs
            ideal[numbers] += ideals
    first = np.flatnonzero(np.r_[True, request[1:] != request[:-1]])
    lanes = np.diff(np.r_[first, len(used)])
    totals = {}
    places = _places(np.unique(used["pc"]), kernel)
    nbytes = np.add.reduceat(used["size"].astype(np.int64), first)
    space = np.where(shared[first], "shared", np.where(used["space"][first] == _CONSTANT, "constant", "global"))
    keys = [
        (*places[pc], _NAMES[kind], where) for pc, kind, where in zip(used["pc"][first], used["kind"][first], space)
    ]
    for key, *values in zip(keys, lanes, cost, ideal, nbytes):
        total = totals.setdefault(key, [0, 0, 0, 0, 0])
        for i, value in enumerate((1, *values)):
            total[i] += int(value)
    return [Line(*key, *total) for key, total in sorted(totals.items())]


def _places(addresses, kernel):
    """{code address: (file, line)}"""
    places = {}
    for address, trace in zip(addresses, kernel.lines.resolve([int(a) for a in addresses])):
        file, line = trace[0] if trace else (kernel.source, 0)
        places[address] = (file.name, line)
    return places


def _sectors_of(used):
    """The sectors that accesses touch, and which access touches each."""
    first = used["address"] // SECTOR
    last = (used["address"] + np.maximum(used["size"], 1).astype(np.uint64) - np.uint64(1)) // SECTOR
    count = (last - first + np.uint64(1)).astype(np.int64)
    access = np.repeat(np.arange(len(used)), count)
    return first[access] + (np.arange(len(access)) - (np.cumsum(count) - count)[access]).astype(np.uint64), access


def _count_sectors(used, request):
    """(requests, sectors, least sectors)"""
    sectors, access = _sectors_of(used)
    pairs = np.unique(np.stack([request[access].astype(np.uint64), sectors]), axis=1)
    numbers, cost = np.unique(pairs[0].astype(np.int64), return_counts=True)
    elements = np.unique(np.stack([request.astype(np.uint64), used["address"], used["size"].astype(np.uint64)]), axis=1)
    nbytes = np.bincount(elements[0].astype(np.int64), elements[2].astype(float), numbers[-1] + 1)[numbers]
    return numbers, cost, np.ceil(nbytes / SECTOR)


def _count_wavefronts(used, request):
    """(requests, wavefronts, least wavefronts). 8 bytes per lane are moved by half warps, 16 by quarters."""
    lane = used["thread"] % WARP
    group = np.maximum(used["size"], 4) // 4
    part = request * 4 + lane // (WARP // np.minimum(group, 4))
    words = np.maximum((used["size"] + 3) // 4, 1).astype(np.int64)
    access = np.repeat(np.arange(len(used)), words)
    word = used["address"][access] // 4 + (np.arange(len(access)) - (np.cumsum(words) - words)[access]).astype(
        np.uint64
    )
    distinct = np.unique(np.stack([part[access].astype(np.uint64), word % BANKS, word]), axis=1)[:2]
    banks, depth = np.unique(distinct, axis=1, return_counts=True)
    parts, start = np.unique(banks[0], return_index=True)
    deepest = np.maximum.reduceat(depth, start)
    numbers, first = np.unique(parts // 4, return_index=True)
    cost = np.add.reduceat(deepest, first)
    return numbers.astype(np.int64), cost, np.add.reduceat(np.ones(len(parts)), first)
