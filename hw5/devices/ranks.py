"""The processes that an MPI launcher started: what they tell each other, and the sum of their gradients.

Rank 0 is the program, and tells the others what to do. mpi4py connects them; nothing of it is used without a launcher.
"""

import fcntl
import os
import socket
import stat
import termios
import warnings
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import numpy as np

from hw5.devices.cores import usable_cores
from hw5.devices.launcher import launch
from hw5.errors import InputError, RunError
from hw5.interrupts import is_interrupt

_SMALL = 1 << 16  # bytes of all sums together, which every rank adds up by itself: one exchange instead of two
_PAUSE = 0.0005  # seconds between two looks for a message
_MOST_SECONDS = 10  # of waiting for the reader of the last words
_PIECE = 1 << 28  # bytes of an array in one message


class Ranks:
    """The ranks of this program. Methods that communicate are called by all of them, in the same order."""

    voice = 2  # the descriptor for the last words

    def __init__(self, communicator):
        self._all = communicator
        self.rank, self.size = communicator.rank, communicator.size
        self._sums = None

    @classmethod
    def join(cls, arguments):
        """The Ranks that the launcher started with these arguments. Raises InputError if they cannot train together."""
        launched = launch()
        started = f"the MPI launcher started {launched.ranks} processes"
        MPI = _imported_mpi(started)
        if MPI.COMM_WORLD.size != launched.ranks:
            library = MPI.Get_library_version().split("\n")[0].strip("\0 ")
            raise InputError(
                f"{started}, and mpi4py's MPI library ({library}) connects {MPI.COMM_WORLD.size}: it is not the "
                "launcher's; use the mpiexec of that library"
            )
        if len(set(map(tuple, MPI.COMM_WORLD.allgather(arguments)))) > 1:
            raise InputError(
                f"{started} with different arguments, and they would train one model together; for a model each, start "
                "them without MPI (srun --mpi=none)"
            )
        return cls(MPI.COMM_WORLD)

    def executor(self):
        """A context manager: at rank 0 mpi4py's executor, at the others None.

        The others do the executor's tasks until rank 0 leaves it.
        """
        from mpi4py.futures import MPICommExecutor

        return MPICommExecutor(self._all, root=0)

    def tell(self, message):
        """Rank 0 tells the others."""
        self._all.Ibcast(np.zeros(1, np.int8)).Wait()
        self._all.bcast(message)

    def hear(self):
        """What rank 0 tells. Waits without keeping a core busy, which rank 0 may need."""
        request = self._all.Ibcast(np.zeros(1, np.int8))
        while not request.Test():
            sleep(_PAUSE)
        return self._all.bcast(None)

    def gather(self, answer):
        """The answers of all ranks, at rank 0; None elsewhere."""
        return self._all.gather(answer)

    def copy_of(self, array):
        """Rank 0's array, at each rank."""
        shape, dtype = self._all.bcast((array.shape, array.dtype) if self.rank == 0 else None)
        array = np.ascontiguousarray(array) if self.rank == 0 else np.empty(shape, dtype)
        content = array.reshape(-1).view(np.uint8)
        for start in range(0, len(content), _PIECE):
            self._all.Bcast(content[start : start + _PIECE])
        return array

    def threads(self, asked=None):
        """This rank's share of the threads that were asked for on each machine, or of the cores that it may use."""
        places = self._all.allgather((socket.gethostname(), frozenset(os.sched_getaffinity(0))))
        host, cores = places[self.rank]
        here = [others for its_host, others in places if its_host == host]
        if asked is not None:
            return max(1, asked // len(here))
        return max(1, usable_cores() // sum(not cores.isdisjoint(others) for others in here))

    def number_here(self):
        """The number of this rank among those of its machine, from 0."""
        hosts = self._all.allgather(socket.gethostname())
        return hosts[: self.rank].count(hosts[self.rank])

    def add_up(self, stack, count, division):
        """Make stack[0] the sum over all slices, of the rows that each rank has.

        These are the first rows of stack (height, n).
        """
        if self._sums is None or not self._sums.fits(stack.shape[1], division):
            self._sums = _Sums(self._all, stack.shape[1], division)
        self._sums.add_up(stack, count)

    @contextmanager
    def undivided(self):
        """What the others wait for: an exception in the block ends all ranks at once, with one sentence."""
        try:
            yield
        except BaseException as error:
            is_stopped = is_interrupt(error)
            what = "interrupted" if is_stopped else str(error) or type(error).__name__
            if not (is_stopped or isinstance(error, (InputError, RunError))):
                what = f"{type(error).__name__}: {what}"
            with suppress(OSError):
                os.write(self.voice, f"hw5: rank {self.rank}: {what}; all ranks end\n".encode(errors="replace"))
                _wait_until_read(self.voice)
            code = 130 if is_stopped else 1
            self._all.Abort(code)
            os._exit(code)  # it returns where the launcher is busy


def _imported_mpi(started):
    """mpi4py's module MPI. Raises InputError, which begins with what was started."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another library's launcher, which is an error of Ranks.join
            from mpi4py import MPI
    except ImportError as error:
        raise InputError(
            f"{started}, and mpi4py, which connects them, is not installed; pip install 'hw5[mpi]', or start hw5 "
            "without the launcher"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"{started}, and mpi4py finds no MPI library ({str(error).splitlines()[0]}); load the launcher's, or "
            "pip install mpich and use its mpiexec"
        ) from error
    return MPI


def _wait_until_read(descriptor):
    """Wait until a pipe's reader, a launcher, has read what was written, which an abort would take from it."""
    deadline = monotonic() + _MOST_SECONDS
    while stat.S_ISFIFO(os.fstat(descriptor).st_mode) and monotonic() < deadline:
        unread = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
        if not any(unread):
            return
        sleep(_PAUSE)


class _Sums:
    """Adds up n numbers over the ranks.

    Each rank adds a part of them, over all nodes of the tree, or all if they are few.
    """

    def __init__(self, communicator, n, division):
        self._all, self.n, self.division = communicator, n, division
        rank, ranks = communicator.rank, communicator.size
        self._counts = np.array([len(division.sums(each)) for each in range(ranks)])
        nodes = [node for each in range(ranks) for node in division.sums(each)]
        self.program = list(_pairs(division.tree, nodes))
        self._is_small = 4 * n * len(nodes) <= _SMALL
        self._cuts = np.array([n * each // ranks for each in range(ranks + 1)])
        self._mine = slice(0, n) if self._is_small else slice(*self._cuts[rank : rank + 2])
        self._received = np.empty((len(nodes), self._mine.stop - self._mine.start), np.float32)

    def fits(self, n, division):
        """Whether these are n numbers of minibatches that are divided in this way."""
        return (self.n, self.division.k, self.division.slices) == (n, division.k, division.slices)

    def add_up(self, stack, count):
        """As Ranks.add_up."""
        sums, received, widths = stack[:count], self._received, np.diff(self._cuts)
        if self._is_small:
            self._all.Allgatherv(sums, [received, self._counts * self.n])
        else:
            by_rank = [sums[:, a:b].ravel() for a, b in zip(self._cuts, self._cuts[1:])]
            parts = sums if len(sums) == 1 else np.concatenate(by_rank)
            self._all.Alltoallv([parts, widths * len(sums)], [received, self._counts * received.shape[1]])
        for left, right in self.program:
            received[left] += received[right]
        if self._is_small:
            stack[0] = received[0]
        else:
            self._all.Allgatherv(received[0], [stack[0], widths])


def _pairs(tree, nodes):
    """The indices of the pairs that are added, in order, to get from some nodes of the tree to its root."""
    indices, stack = {node: i for i, node in enumerate(nodes)}, []
    for first, last in tree:
        if (first, last) in indices:
            stack.append(((first, last), indices[first, last]))
        elif len(stack) > 1 and stack[-2][0][0] == first and stack[-1][0][1] == last:
            (_, right), (_, left) = stack.pop(), stack.pop()
            yield left, right
            stack.append(((first, last), left))
