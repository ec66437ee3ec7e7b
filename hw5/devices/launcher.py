"""Which MPI launcher started this process, as its environment says; MPI itself is not loaded."""

import os
from typing import NamedTuple

# The rank and the number of ranks
_VARIABLES = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, MVAPICH, and Slurm with --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),  # Slurm with --mpi=pmix
)


class Launch(NamedTuple):
    """This process is number `rank` of `ranks` that a launcher started together."""

    rank: int
    ranks: int


def launch(environ=os.environ):
    """The Launch that the environment describes, or None.

    Slurm describes a step of one task, too, which may be a shell: that is an ordinary process.
    """
    for names in _VARIABLES:
        numbers = [environ.get(name, "") for name in names]
        if all(number.isdecimal() for number in numbers):
            found = Launch(*map(int, numbers))
            return None if found.ranks == 1 and "SLURM_STEP_NUM_TASKS" in environ else found
    return None
