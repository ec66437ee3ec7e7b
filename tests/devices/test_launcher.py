"""What the launchers leave in the environment."""

import pytest

from hw5.devices.launcher import launch


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({}, None),
        ({"PMI_RANK": "2", "PMI_SIZE": "4"}, (2, 4)),
        ({"PMI_RANK": "0", "PMI_SIZE": "1"}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1"}, (1, 2)),
        ({"PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}, (3, 4)),
        ({"PMI_RANK": "1", "PMI_SIZE": "8", "SLURM_STEP_NUM_TASKS": "8"}, (1, 8)),
        # a shell, or a program, that Slurm runs alone
        ({"PMI_RANK": "0", "PMI_SIZE": "1", "SLURM_STEP_NUM_TASKS": "1"}, None),
        # a batch script, whose programs are no ranks, and srun --mpi=none
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4"}, None),
        ({"PMI_RANK": "x", "PMI_SIZE": ""}, None),
    ],
    ids=str,
)
def test_launch(environment, expected):
    assert launch(environment) == expected
