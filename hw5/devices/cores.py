"""How many cores of the CPU this process may use."""

import math
import os
from pathlib import Path


def usable_cores():
    """The number of physical cores that this process may use, at most its CPU quota rounded up."""
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.is_file() else cpu)
    return math.ceil(min(len(cores), _quota()))


def _quota(membership=Path("/proc/self/cgroup"), root=Path("/sys/fs/cgroup")):
    """The CPU quota of this process's control groups (version 2), in cores; infinity without a limit."""
    lines = membership.read_text().splitlines() if membership.is_file() else []
    groups = [root / line[len("0::/") :] for line in lines if line.startswith("0::/")]
    limits = [folder / "cpu.max" for group in groups for folder in (group, *group.parents)]
    quotas = [limit.read_text().split() for limit in limits if limit.is_file()]
    return min((int(time) / int(period) for time, period in quotas if time != "max"), default=math.inf)
