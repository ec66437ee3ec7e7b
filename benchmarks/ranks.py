"""Training on two MPI ranks against one process, the model of its time, and what that predicts for many ranks.

    python benchmarks/ranks.py                 measure, and write results/ranks.md
    python benchmarks/ranks.py --namespaces    the same, and between two network namespaces with limited bandwidth and
                                               delay (root)

The contenders take turns, and a figure is that of the fastest burst of steps, which other programs disturbed least. On
a busy machine that is not enough: a process that waits for a core is slow, and ranks that wait for each other more so.
So the processor seconds of a step are measured, too: of a process of one thread, and of a rank's half without the
exchange, which is measured by itself. On two cores of their own, two threads take at best half of the first, and two
ranks the second and an exchange.

The model: a step on R ranks takes U + c k / R + E, of which U is the update of n weights, c the time of an example on
one thread, and E the exchange of the sums: each rank sends 4 n (R - 1) / R bytes to the others, adds up what it gets,
and sends as many again. U and c are of two steps of one rank, E is of the bandwidth and latency of a network.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time, sleep
from types import SimpleNamespace

import numpy as np

RESULTS = Path(__file__).parent / "results" / "ranks.md"
EXAMPLES = 16384
SECONDS, BURST = 2, 0.05  # of a measurement, and of a part of it
CELLS = (
    ("784-1024-10", "1024", 4096),
    ("784-1024-10", "1024", 128),
    ("784-128-10", "128", 4096),
    ("784-128-10", "128", 128),
)
CELLS += (("LeNet-5", "conv:6x5+2,pool:2,conv:16x5,pool:2,120,84", 512),)
WEIGHTS = {"784-1024-10": 814_090, "784-128-10": 101_770, "LeNet-5": 61_706}
SIZES = (1000, 10_000, 61_706, 101_770, 300_000, 814_090)
NETWORKS = {  # bytes/s, seconds a message takes, and keeps the sender busy
    "10 Gbit/s Ethernet": (1.1e9, 30e-6, 5e-6),
    "100 Gbit/s InfiniBand": (11e9, 2e-6, 0.5e-6),
}
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
HW5 = [sys.executable, "-m", "hw5.cli"]


# Launcher, threads, slices, and whether it is the half of one of two ranks, without the exchange
CONTENDERS = {
    "two threads": ((), 2, 1, False),
    "two ranks": ((MPIEXEC, "-n", 2), 2, 8, False),
    "one thread": ((), 1, 1, False),
    "half of a step": ((), 1, 8, True),
    "one rank": ((), 1, 8, False),
}


def step(who, hidden, k, launcher=None):
    """(seconds, processor seconds) of a step of k examples, each of the fastest burst; launcher replaces its own."""
    own, threads, slices, is_half = CONTENDERS[who]
    return in_a_process(own if launcher is None else launcher, "train", hidden, k, threads, slices, int(is_half))


def exchanges(launcher):
    """{n: seconds} of an exchange of n numbers between two ranks, the fastest of many."""
    return {int(n): seconds for n, seconds in in_a_process(launcher, "exchange").items()}


def in_a_process(launcher, *arguments):
    """What this script returns as a process, or as several ranks, with these arguments."""
    with tempfile.NamedTemporaryFile("r") as file:
        command = [*launcher, sys.executable, __file__, "--child", file.name, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return json.load(file)


def child(path, what, *arguments):
    """Measure, on this rank or in this process; rank 0 writes what was asked for to the file path."""
    from hw5.devices.launcher import launch
    from hw5.devices.ranks import Ranks

    ranks = Ranks.join([]) if launch() else None
    found = _exchange_seconds(ranks) if what == "exchange" else _step_seconds(ranks, *arguments)
    if ranks is None or ranks.rank == 0:
        Path(path).write_text(json.dumps(found))


def _exchange_seconds(ranks):
    from hw5.devices.division import Division

    division, found = Division(4096, 8, ranks.size), {}
    for n in SIZES:
        stack, seconds = np.ones((3, n), np.float32), []
        for _ in range(200 if n < 100_000 else 20):
            ranks.gather(None)
            start = perf_counter()
            ranks.add_up(stack, 1, division)
            seconds.append(perf_counter() - start)
            stack[:] = 1
        found[n] = min(seconds)
    return found


def _step_seconds(ranks, hidden, k, threads, slices, is_half):
    from hw5.devices import open_device
    from hw5.devices.base import Rates, Tally
    from hw5.devices.division import Division
    from hw5.devices.slices import SlicedStepper, slices_of
    from hw5.nn.hidden import read_hidden
    from hw5.train.networks import NetworkPlan
    from hw5.train.ranks import RankedStepper, Worker, open_on_ranks
    from hw5.train.settings import Settings

    if ranks and ranks.rank:
        return Worker(ranks).serve()
    k, threads, slices, is_half = map(int, (k, threads, slices, is_half))
    device = open_on_ranks(ranks, "cpu", "fp32", threads) if ranks else open_device("cpu", threads=threads)
    rng = np.random.default_rng(0)
    data = (
        rng.integers(0, 256, (EXAMPLES, 784)).astype(np.uint8),
        rng.integers(0, 10, EXAMPLES),
        *np.float32([[127] * 784, [0.01] * 784]),
    )
    plan = NetworkPlan(Settings(read_hidden(hidden), slices=slices), (28, 28, 1), 10, None)
    network = plan.on(device)
    stepper = device.stepper(network, device.upload_data(*data))
    if ranks:
        stepper = RankedStepper(stepper, slices, ranks, plan, data)
    elif is_half:
        by_slices, division = slices_of(stepper), Division(k, slices, 2)
        stepper = SimpleNamespace(
            train=lambda order, k, rates, tally: by_slices.train(order, division, 0, rates, tally, lambda *_: None)
        )
    elif slices > 1:
        stepper = SlicedStepper(stepper, slices)
    tally, order, steps, found = Tally(device, k), rng.permutation(EXAMPLES), 1, []
    end = perf_counter() + SECONDS
    while perf_counter() < end or len(found) < 4:
        start, began = perf_counter(), process_time()
        stepper.train(order[: steps * k], k, Rates(1e-5), tally)
        found.append(((perf_counter() - start) / steps, (process_time() - began) / steps))
        steps = max(1, min(int(BURST / found[-1][0]), EXAMPLES // k))
    if ranks:
        ranks.tell(None)
    return [min(each) for each in zip(*found[1:])]


@contextmanager
def namespaces(rate, delay, folder):
    """The launcher of two ranks in network namespaces, with this bandwidth and delay (ms); needs root."""
    script, names = folder / "bootstrap.sh", ("hw5-a", "hw5-b")
    script.write_text(
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\n'
        "case $host in 10.99.0.1) name=hw5-a;; *) name=hw5-b;; esac\n"
        'exec ip netns exec $name unshare -u sh -c "hostname $name; $*"\n'
    )
    script.chmod(0o755)
    run = lambda command: subprocess.run(command.split(), check=True)
    link = None
    try:
        for name in names:
            run(f"ip netns add {name}")
        if delay:
            program = Path(__file__).with_name("delayed_link.py")
            link = subprocess.Popen([sys.executable, program, *names, "hw5", str(delay)], stdout=subprocess.PIPE)
            link.stdout.readline()
        else:
            run("ip link add hw5 netns hw5-a type veth peer name hw5 netns hw5-b")
        for i, name in enumerate(names, start=1):
            run(f"ip -n {name} addr add 10.99.0.{i}/24 dev hw5")
            run(f"ip -n {name} link set hw5 up")
            run(f"ip -n {name} link set lo up")
            run(f"ip netns exec {name} tc qdisc add dev hw5 root tbf rate {rate} burst 128kb latency 50ms")
        sleep(2)  # until the links are up
        yield (
            *(
                "ip",
                "netns",
                "exec",
                "hw5-a",
                MPIEXEC,
                "-hosts",
                "10.99.0.1,10.99.0.2",
                "-ppn",
                1,
                "-n",
                2,
                "-iface",
                "hw5",
            ),
            *(
                "-bootstrap",
                "ssh",
                "-bootstrap-exec",
                script,
                "-genv",
                "UCX_TLS",
                "tcp,self",
                "-genv",
                "UCX_NET_DEVICES",
                "hw5",
            ),
        )
    finally:
        if link:
            link.kill()
        for name in names:
            subprocess.run(["ip", "netns", "del", name])


class Model:
    """The seconds of a step, from those of one rank at two minibatches."""

    def __init__(self, n, steps):
        """steps: {k: seconds} of one rank, two of them."""
        (small, a), (large, b) = sorted(steps.items())
        self.n, self.c = n, (b - a) / (large - small)
        self.update = max(a - self.c * small, 0)

    def on(self, ranks, k, network):
        """With a network of NETWORKS, and as many slices as ranks or 8, of at least 16 examples."""
        bandwidth, latency, busy = network
        slices = min(max(ranks, 8), -(-k // 16))
        share = -(-slices // ranks) / slices
        nbytes = 4 * self.n * (ranks - 1) / ranks
        exchange = 2 * (latency + busy * (ranks - 1) + nbytes / bandwidth) + nbytes / ADDING
        return self.update + self.c * k * share + exchange

    def alone(self, k):
        return self.update + self.c * k


LINKS = (("200mbit", 0), ("50mbit", 0), ("200mbit", 2))  # bandwidth, and milliseconds of delay each way
ADDING = 4e9  # bytes/s that a core adds up


def measure(rounds, links):
    """Measure everything."""
    speed, model, between = {}, {}, {}
    here = exchanges((MPIEXEC, "-n", 2))
    for network, hidden, k in CELLS:
        rows = {who: [] for who in ("two threads", "two ranks", "one thread", "half of a step")}
        for _ in range(rounds):
            for who in rows:
                rows[who].append(step(who, hidden, k))
        speed[network, k] = {who: [min(each) for each in zip(*pairs)] for who, pairs in rows.items()}
        print(network, k, speed[network, k], flush=True)
    alone = {}
    for network, hidden, _ in CELLS:
        if network not in model:
            alone[network] = {k: min(step("one rank", hidden, k)[1] for _ in range(rounds)) for k in (2048, 8192)}
            model[network] = Model(WEIGHTS[network], alone[network])
    for rate, delay in links:
        with tempfile.TemporaryDirectory() as folder, namespaces(rate, delay, Path(folder)) as launcher:
            between |= apart((rate, delay), launcher, here, rounds)
    return speed, model, here, between


def apart(link, launcher, here, rounds):
    """{(link, network, minibatch): (seconds of a step between namespaces, and two predictions)} for large minibatches.

    Predicted from steps of the same minutes on this machine: their time, with another exchange instead of its own: that
    measured between the namespaces, and that of the model, from bandwidth and delay.
    """
    there, found, (rate, delay) = exchanges(launcher), {}, link
    bandwidth = float(rate.removesuffix("mbit")) * 1e6 / 8
    for network, hidden, k in CELLS:
        if k > 128:
            pairs = [[step("two ranks", hidden, k, each)[0] for each in (None, launcher)] for _ in range(rounds)]
            own, measured = map(min, zip(*pairs))
            n = WEIGHTS[network]
            modelled = 2 * (delay / 1000 + 2 * n / bandwidth) + 2 * n / ADDING
            found[link, network, k] = measured, own - here[n] + there[n], own - here[n] + modelled
            print(link, network, k, *found[link, network, k], flush=True)
    return found


def page(speed, model, here, between, rounds, load):
    """The results as Markdown."""
    yield "# Training on several ranks\n"
    yield (
        f"`python benchmarks/ranks.py --rounds {rounds}` on {platform.processor() or platform.machine()}, {os.cpu_count()} "
        f"CPUs, Python {platform.python_version()}, commit {_commit()}, a load of {load:.1f} when it began. "
        f"Milliseconds of a step, of the fastest burst of {BURST} s in {rounds} rounds of {SECONDS} s. By the "
        "clock, the speed of two ranks of one thread is relative to one process of two threads; by processor time, to half "
        "of one thread's time.\n"
    )
    yield "| network, minibatch | two threads | two ranks | speed by the clock | CPU: one thread | half of a step on a rank | exchange | speed by CPU |"
    yield "| --- " + "| ---: " * 7 + "|"
    for (network, k), of in speed.items():
        threads, ranks, (one, half) = (
            of["two threads"][0],
            of["two ranks"][0],
            (of[who][1] for who in ("one thread", "half of a step")),
        )
        exchange = here[WEIGHTS[network]]
        shown = (threads, ranks, one, half, exchange)
        a, b, *others = (f"{1e3 * seconds:.2f}" for seconds in shown)
        by_cpu = one / 2 / (half + exchange)
        yield f"| {network}, {k} | {a} | {b} | {threads / ranks:.2f} | {' | '.join(others)} | {by_cpu:.2f} |"
    yield (
        "\nAn exchange between two ranks of this machine, the least of 20 to 200, in microseconds by the number of weights: "
        + ", ".join(f"{n:,}: {1e6 * seconds:.0f}" for n, seconds in here.items())
    )
    if between:
        yield (
            "\nTwo network namespaces with limited bandwidth and delay, milliseconds of a step; predicted from steps of the same "
            "minutes on this machine, with the exchange between the namespaces instead of their own (and divided by what was "
            "measured):\n"
        )
        yield "| bandwidth, delay | network, minibatch | measured | with the measured exchange | with that of the model |"
        yield "| --- | --- | ---: | ---: | ---: |"
        for ((rate, delay), network, k), (seconds, *predicted) in between.items():
            cells = " | ".join(f"{1e3 * each:.1f} ({each / seconds:.2f})" for each in predicted)
            yield f"| {rate}/s, {delay} ms | {network}, {k} | {1e3 * seconds:.1f} | {cells} |"
    yield "\nPredicted speed relative to one rank, each of one core as here:\n"
    yield "| network, minibatch | gradient, MB | " + " | ".join(f"{name}: 8, 64, 512 ranks" for name in NETWORKS) + " |"
    yield "| --- | ---: " + "| ---: " * len(NETWORKS) + "|"
    for network, its in model.items():
        for k in (128, 512, 4096, 32768):
            cells = (
                ", ".join(f"{its.alone(k) / its.on(ranks, k, numbers):.3g}" for ranks in (8, 64, 512))
                for numbers in NETWORKS.values()
            )
            yield f"| {network}, {k} | {4e-6 * its.n:.2f} | {' | '.join(cells)} |"


def _commit():
    command = ["git", "-C", Path(__file__).parent, "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return child(*asked.child)
    load, _, _ = os.getloadavg()
    found = measure(asked.rounds, LINKS if asked.namespaces else ())
    RESULTS.write_text("\n".join(page(*found, asked.rounds, load)) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
