"""A link with a delay between two network namespaces: each has an interface, and this process carries the packets.

    python benchmarks/delayed_link.py hw5-a hw5-b hw5 2    2 milliseconds each way, by interfaces named hw5; needs root

Prints a line when the interfaces are there, and runs until it is ended. Linux has this as netem, which many kernels of
containers and virtual machines lack.
"""

import ctypes
import fcntl
import os
import select
import struct
import sys
from collections import deque
from time import monotonic

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
_LARGEST = 1 << 16  # bytes of a packet


def interface(namespace, name):
    """The descriptor of a new interface in a network namespace, where this process then is."""
    with open(f"/run/netns/{namespace}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"network namespace {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def carry(a, b, seconds):
    """Carry packets both ways, each with a delay in seconds."""
    waiting, other = deque(), {a: b, b: a}  # (when it is due, where it goes, the packet)
    while True:
        left = max(waiting[0][0] - monotonic(), 0) if waiting else None
        for device in select.select([a, b], [], [], left)[0]:
            waiting.append((monotonic() + seconds, other[device], os.read(device, _LARGEST)))
        while waiting and waiting[0][0] <= monotonic():
            _, device, packet = waiting.popleft()
            try:
                os.write(device, packet)
            except OSError:  # the interface is not up yet, or its queue is full: as if the packet were lost
                pass


if __name__ == "__main__":
    _, *namespaces, name, milliseconds = sys.argv
    devices = [interface(namespace, name) for namespace in namespaces]
    print("ready", flush=True)
    carry(*devices, float(milliseconds) / 1000)
