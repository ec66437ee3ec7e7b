"""Grids and blocks: how many threads run a kernel, and how they are arranged."""

THREADS = 256  # per block: enough to hide latency, few enough for several blocks per multiprocessor
WARP = 32  # threads that run together, and whose loads of neighbours are one
WIDEST_WARP_ROW = 256  # packs; a whole block reduces a longer row


def blocks(items, per_block):
    """The number of blocks: items / per_block, rounded up."""
    return -(-items // per_block)


def power_of_two(items, most):
    """The smallest power of two that is at least items, but no more than most."""
    return min(1 << (items - 1).bit_length(), most)


def packs(columns):
    """The number of loads for an aligned row (kernels/pack.cuh)."""
    return columns // 4 if columns % 4 == 0 else columns


def by_example(Z):
    """Grid and block of a kernel with one thread per example."""
    return (blocks(len(Z), THREADS),), (THREADS,)


def by_rows(Z):
    """Grid and block (lanes, rows) of a kernel that reduces every row (kernels/reduce.cuh)."""
    loads = packs(Z.shape[1])
    lanes = power_of_two(loads, most=WARP) if loads <= WIDEST_WARP_ROW else THREADS
    rows = THREADS // lanes
    return (blocks(len(Z), rows),), (lanes, rows)


def by_columns(k, loads, most_blocks, widest=THREADS):
    """Grid and block (columns, rows) of a kernel that loops over k rows of so many loads.

    The grid has up to most_blocks blocks of rows, and a block up to `widest` columns.
    """
    columns = power_of_two(loads, most=widest)
    rows = THREADS // columns
    return (blocks(loads, columns), min(blocks(k, rows), most_blocks)), (columns, rows)
