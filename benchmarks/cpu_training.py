"""Benchmark training on a CPU: hw5, plain NumPy, JAX, PyTorch, scikit-learn, and the machine's limit.

    python benchmarks/cpu_training.py                  measure, append to results/cpu_training.jsonl, write the report
    python benchmarks/cpu_training.py --cells LeNet    only the cells with this text in their name
    python benchmarks/cpu_training.py --report         write tables and plot of the last measurements

Each contender is a process that runs one cell (layer sizes, minibatch). All get the same random examples in MNIST's
shape, initial weights and permutations. They warm up for one epoch, after which their weights are compared with those
of the NumPy device. Then they take turns: one trains a part of an epoch, a burst, while the others sleep. A figure is
the median over bursts. A ratio is the median over rounds, each with a burst of both contenders, so that other load
affects both.

hw5 stores the examples as bytes and standardises each minibatch; the others get standardised float32. Contenders whose
package is not installed are skipped. Some also run with one thread, because their threads can slow each other down.
One cell is also measured with other busy processes, and hw5 alone by hidden units and by examples. Networks with
convolutions are in cpu_images.py; PyTorch also runs them with channels last, and JAX with a call per minibatch.
The floor is the time that this machine needs for the multiply-adds of the products, from registers, or for reading the
rows in random order, whichever is longer (benchmarks/floor.cpp).
"""

import argparse
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import perf_counter, sleep

import cpu_images
import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "cpu_training"
EXAMPLES, ETA, MEAN, SCALE = 60000, np.float32(0.01), np.float32(127.5), np.float32(1 / 73.6)
BURSTS = {32: 3, 128: 3, 512: 2, 4096: 1}  # per epoch, by minibatch size


@dataclass(frozen=True)
class Cell:
    """One measurement: layer sizes, minibatch size, number of examples, and number of other busy processes.

    Or the features and classes of a network of cpu_images.py, by name.
    """

    sizes: tuple
    minibatch: int
    examples: int = EXAMPLES
    neighbours: int = 0
    network: str = ""

    def __str__(self):
        name = f"{self.network or '-'.join(map(str, self.sizes))}, {self.minibatch}"
        name += f" ({self.examples:,} examples)" * (self.examples != EXAMPLES)
        return name + f" (other busy processes: {self.neighbours})" * (self.neighbours > 0)


CELLS = [Cell(sizes, k) for sizes in ((784, 10), (784, 128, 10), (784, 1024, 10)) for k in BURSTS]
CELLS += [Cell((784, 256, 128, 10), 128)]
CELLS += [Cell((784, 128, 10), 128, neighbours=n) for n in (1, 2, 4)]
IMAGE_CELLS = [Cell((784, 10), k, network="LeNet-5") for k in (32, 128, 512)]
IMAGE_CELLS += [Cell((3072, 10), 128, 6000, network="32C3-64C3-128")]
SCALING = [Cell((784, h, 10), 128) for h in (256, 512, 2048, 4096)]  # hw5 only
SCALING += [Cell((784, 128, 10), 128, n) for n in (7500, 15000, 30000, 120000, 240000)]


class Problem:
    """Examples, initial parameters and permutation of a cell."""

    def __init__(self, cell):
        from hw5.nn.hidden import dense_layers
        from hw5.nn.network import initial_parameters

        rng = np.random.default_rng(0)
        self.sizes, self.k = sizes, k = cell.sizes, cell.minibatch
        self.has_images = bool(cell.network)
        self.layers = cpu_images.layers_of_network(cell.network, sizes[-1]) if cell.network else dense_layers(sizes, "relu")
        self.X = rng.integers(0, 256, (cell.examples, sizes[0]), dtype=np.uint8)
        self.y = rng.integers(0, sizes[-1], cell.examples)
        self.parameters = initial_parameters(self.layers, 0)
        steps = cell.examples // k // BURSTS[k] * BURSTS[k]
        self.order = rng.permutation(cell.examples)[: steps * k]
        self.bursts = np.split(self.order, BURSTS[k])  # whole minibatches

    @property
    def standardised(self):
        return (self.X - MEAN) * SCALE

    @property
    def flops(self):
        """Floating-point operations in the matrix products of a burst."""
        first, *others = (layer.places * layer.fan_in * layer.units for layer in self.layers if layer.weighted)
        return 2 * len(self.bursts[0]) * (2 * first + 3 * sum(others))


def hw5_on(name):
    """hw5 on a device. Like each contender, it returns burst(order), which trains, and weights(): [(W, b), ...]."""

    def prepare(problem):
        from hw5.devices import open_device
        from hw5.devices.base import Rates, Tally
        from hw5.nn.network import Network

        device, d = open_device(name), problem.sizes[0]
        data = device.upload_data(problem.X, problem.y, np.full(d, MEAN), np.full(d, SCALE))
        network, tally = Network(device, problem.parameters, layers=problem.layers), Tally(device, problem.k)
        return lambda order: device.stepper(network, data).train(
            order, problem.k, Rates(float(ETA)), tally
        ), network.parameters

    return prepare


def numpy_by_the_book(problem):
    """Softmax regression or an MLP in plain NumPy."""
    X, y = problem.standardised, problem.y
    Ws, bs = map(list, zip(*problem.parameters))
    identity = np.eye(problem.sizes[-1], dtype=np.float32)

    def step(rows):
        outputs = [X[rows]]
        for W, b in zip(Ws[:-1], bs[:-1]):
            outputs.append(np.maximum(outputs[-1] @ W.T + b, 0))
        Z = outputs[-1] @ Ws[-1].T + bs[-1]
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        Delta = (P - identity[y[rows]]) / np.float32(len(rows))
        for l in reversed(range(len(Ws))):
            gradient, mean = Delta.T @ outputs[l], Delta.sum(axis=0)
            if l:
                Delta = (Delta @ Ws[l]) * (outputs[l] > 0)
            Ws[l] = Ws[l] - ETA * gradient
            bs[l] = bs[l] - ETA * mean

    def burst(order):
        for rows in order.reshape(-1, problem.k):
            step(rows)

    return burst, lambda: list(zip(Ws, bs))


def jax(by_step):
    """JAX with donated parameters: one jit-compiled scan over the minibatches of a burst, or a call for each.

    In a scan, XLA does not use its fast convolutions.
    """
    return lambda problem: _jax(problem, by_step)


def _jax(problem, by_step):
    import jax
    import jax.numpy as jnp

    X, y = jnp.asarray(problem.standardised), jnp.asarray(problem.y)
    if problem.has_images:
        logits, parameters = cpu_images.jax_logits(problem), cpu_images.to_jax(problem)
    else:
        logits, parameters = _dense_logits, [(W.T, b) for W, b in problem.parameters]
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters]

    def loss(parameters, x, labels):
        log_p = jax.nn.log_softmax(logits(parameters, x))
        return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))

    def step(parameters, rows):
        value, gradients = jax.value_and_grad(loss)(parameters, X[rows], y[rows])
        return jax.tree.map(lambda p, g: p - ETA * g, parameters, gradients), value

    if by_step:
        run = jax.jit(step, donate_argnums=0)
    else:
        run = jax.jit(lambda parameters, order: jax.lax.scan(step, parameters, order), donate_argnums=0)

    def burst(order):
        nonlocal parameters
        total, orders = 0.0, order.reshape(-1, problem.k)
        for part in orders if by_step else [orders]:
            parameters, losses = run(parameters, jnp.asarray(part))
            total += losses.sum()
        jax.block_until_ready(parameters)
        float(total)

    return burst, lambda: cpu_images.from_jax(parameters)


def _dense_logits(parameters, x):
    import jax

    for W, b in parameters[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = parameters[-1]
    return x @ W + b


def pytorch(compiled, channels_last=False):
    """ReLU networks with fused SGD; if compiled, model and loss go through torch.compile."""

    def prepare(problem):
        import torch

        X, y = torch.from_numpy(problem.standardised), torch.from_numpy(problem.y)
        if problem.has_images:
            h, w, c = problem.layers[0].window.image
            X = X.reshape(-1, h, w, c).permute(0, 3, 1, 2).contiguous()
            modules, parameters = cpu_images.pytorch_modules(problem), cpu_images.to_pytorch(problem)
        else:
            linear = [torch.nn.Linear(d, m) for d, m in zip(problem.sizes, problem.sizes[1:])]
            modules, parameters = [m for layer in linear for m in (layer, torch.nn.ReLU())][:-1], problem.parameters
        model = torch.nn.Sequential(*modules)
        weighted = [module for module in modules if hasattr(module, "weight")]
        for layer, (W, b) in zip(weighted, parameters):
            layer.weight.data.copy_(torch.from_numpy(W.reshape(layer.weight.shape)))
            layer.bias.data.copy_(torch.from_numpy(b))
        if channels_last:
            X, model = (each.to(memory_format=torch.channels_last) for each in (X, model))
        optimizer = torch.optim.SGD(model.parameters(), lr=float(ETA), fused=True)

        def loss(rows):
            return torch.nn.functional.cross_entropy(model(X[rows]), y[rows])

        if compiled:
            loss = torch.compile(loss)

        def burst(order):
            total = 0.0
            for rows in torch.from_numpy(order).split(problem.k):
                optimizer.zero_grad()
                value = loss(rows)
                value.backward()
                optimizer.step()
                total += value.detach()
            float(total)

        def weights():
            pairs = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in weighted]
            return cpu_images.from_pytorch(problem, pairs) if problem.has_images else pairs

        return burst, weights

    return prepare


def scikit_learn(problem):
    """MLPClassifier.partial_fit with plain SGD, one call per burst."""
    from sklearn.neural_network import MLPClassifier

    X, y = problem.standardised, problem.y
    model = MLPClassifier(
        problem.sizes[1:-1],
        solver="sgd",
        alpha=0,
        batch_size=problem.k,
        learning_rate_init=float(ETA),
        momentum=0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    classes = np.arange(problem.sizes[-1])
    model.partial_fit(X[: problem.k], y[: problem.k], classes=classes)
    for coefficients, intercepts, (W, b) in zip(model.coefs_, model.intercepts_, problem.parameters):
        coefficients[...], intercepts[...] = W.T, b
    return (
        lambda order: model.partial_fit(X[order], y[order]),
        lambda: [(W.T, b) for W, b in zip(model.coefs_, model.intercepts_)],
    )


def floor(problem):
    """Multiply-adds from registers, and reading rows in random order. burst returns the seconds."""
    from hw5.compiler import build_shared_library
    from hw5.devices import native

    include = f"-I{Path(native.__file__).parent}"
    library = ctypes.CDLL(str(build_shared_library(HERE / "floor.cpp", ("-O3", "-march=native", "-pthread", include))))
    products, reading = library.seconds_of_products, library.seconds_of_reading
    products.restype = reading.restype = ctypes.c_double
    products.argtypes = [ctypes.c_double, ctypes.c_int64]
    reading.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    threads, X = native.usable_cores(), problem.X
    return (
        lambda order: max(
            products(problem.flops, threads),
            reading(X.ctypes.data, X.shape[1], order.ctypes.data, len(order), threads),
        ),
        lambda: problem.parameters,
    )


# name: (function that prepares it, package that it needs, number of threads if not its own choice)
CONTENDERS = {
    "floor": (floor, "hw5", None),
    "hw5": (hw5_on("cpu"), "hw5", None),
    "hw5 on NumPy": (hw5_on("numpy"), "hw5", 1),  # the default of the command hw5
    "NumPy by the book": (numpy_by_the_book, "numpy", None),
    "NumPy by the book (1 thread)": (numpy_by_the_book, "numpy", 1),
    "JAX": (jax(by_step=False), "jax", None),
    "JAX by step": (jax(by_step=True), "jax", None),
    "PyTorch": (pytorch(compiled=False), "torch", None),
    "PyTorch (1 thread)": (pytorch(compiled=False), "torch", 1),
    "torch.compile": (pytorch(compiled=True), "torch", None),
    "PyTorch, channels last": (pytorch(compiled=False, channels_last=True), "torch", None),
    "PyTorch, channels last (1 thread)": (pytorch(compiled=False, channels_last=True), "torch", 1),
    "torch.compile, channels last": (pytorch(compiled=True, channels_last=True), "torch", None),
    "scikit-learn": (scikit_learn, "sklearn", None),
    "scikit-learn (1 thread)": (scikit_learn, "sklearn", 1),
}


FOR_IMAGES = ("floor", "hw5", "JAX by step", *(name for name in CONTENDERS if "torch" in name.lower()))
FOR_IMAGES_ALONE = ("JAX by step", *(name for name in CONTENDERS if "channels last" in name))


def contenders_for(cell, names):
    """Those of the names that are measured in a cell."""
    if cell in SCALING:
        return ["floor", "hw5"]
    return [name for name in names if (name in FOR_IMAGES if cell.network else name not in FOR_IMAGES_ALONE)]


def serve(name, cell, weights):
    """Run a contender: train an epoch and save the weights, then run a burst for each line on standard input."""
    problem = Problem(cell)
    prepare, _, _ = CONTENDERS[name]
    burst, parameters = prepare(problem)
    for order in problem.bursts:
        burst(order)
    np.savez(weights, *(array for pair in parameters() for array in pair))
    print("ready", flush=True)
    for i, _ in enumerate(sys.stdin):
        began = perf_counter()
        answer = burst(problem.bursts[i % len(problem.bursts)])
        print(answer if name == "floor" else perf_counter() - began, flush=True)


class Contender:
    """A contender's process, as the measuring process sees it."""

    def __init__(self, name, cell, folder):
        self.name, self.weights = name, Path(folder) / f"{name}.npz"
        command = [sys.executable, __file__, "--serve", name, json.dumps(asdict(cell)), str(self.weights)]
        _, _, threads = CONTENDERS[name]
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS") if threads else ()
        environment = os.environ | dict.fromkeys(variables, str(threads))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"{name} failed at {cell}: see its output above")

    def burst(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def difference(self, other):
        """The largest difference of a weight after the first epoch, relative to the largest weight."""
        with np.load(self.weights) as mine, np.load(other.weights) as theirs:
            return max(float(abs(mine[key] - theirs[key]).max() / abs(theirs[key]).max()) for key in theirs)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def busy_neighbours(count):
    """Run this number of busy processes."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def measure(cell, names, rounds):
    """Measure a cell; return its record, with the seconds per epoch of each contender in each burst."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        contenders = [Contender(name, cell, folder) for name in names]
        seconds = {name: [] for name in names}
        reference = next((c for c in contenders if c.name == "hw5 on NumPy"), contenders[-1])
        differences = {c.name: c.difference(reference) for c in contenders if c.name != "floor"}
        with busy_neighbours(cell.neighbours):
            for contender in rounds * contenders:
                sleep(0.05)  # until the previous contender's threads sleep
                seconds[contender.name].append(contender.burst() * BURSTS[cell.minibatch])
        for contender in contenders:
            contender.close()
    return asdict(cell) | {"seconds": seconds, "difference_after_an_epoch": differences}


def cell_of(record):
    """The Cell of a record, or of a Cell read from JSON. Old records have no field that had its default."""
    given = {name: record[name] for name in ("minibatch", "examples", "neighbours", "network") if name in record}
    return Cell(tuple(record["sizes"]), **given)


def environment():
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=HERE)
    lines = open("/proc/cpuinfo").read().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    from hw5.devices import open_device

    device = open_device("cpu")
    packages = ("numpy", "jax", "torch", "scikit-learn")
    return {
        "date": date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores",
        "device": f"{device.name} ({device.how})",
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages if _is_installed(name)},
    }


def _is_installed(package):
    return importlib.util.find_spec({"scikit-learn": "sklearn"}.get(package, package)) is not None


def ratio(record, name, over):
    """Median over the rounds of the ratio of two contenders' times."""
    return statistics.median(a / b for a, b in zip(record["seconds"][name], record["seconds"][over]))


def table(run):
    """The full table of a run, in Markdown."""
    names = [name for name in CONTENDERS if any(name in record["seconds"] for record in run)]
    measured = {
        f"{record['date']}, {record['machine']}, {record['device']}, commit {record['commit']}, load {record['load']:.1f}"
        + (f" ({record['network']})" if record.get("network") else "")
        + "."
        for record in run
    }
    lines = [
        *sorted(measured),
        "Milliseconds per epoch of 60,000 examples (unless stated): median and quartiles over the bursts.",
        "Second line: time relative to hw5.",
        "",
        "| network, minibatch | " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    for record in run:
        cells = []
        for name in names:
            times = record["seconds"].get(name)
            if not times:
                cells.append("")
                continue
            low, middle, high = (1000 * q for q in statistics.quantiles(times, n=4))
            cells.append(f"{middle:.0f} ({low:.0f}-{high:.0f})<br>{ratio(record, name, 'hw5'):.2f}")
        lines.append(f"| {cell_of(record)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


# Columns of the README's table; each shows the fastest of its contenders
FAMILIES = {
    "hw5": ("hw5",),
    "NumPy by the book": ("NumPy by the book", "NumPy by the book (1 thread)"),
    "JAX": ("JAX", "JAX by step"),
    "PyTorch": tuple(name for name in CONTENDERS if "torch" in name.lower()),
    "scikit-learn": ("scikit-learn", "scikit-learn (1 thread)"),
}


def short_table(run):
    """The README's table: medians of the cells without other busy processes."""
    lines = ["| network, minibatch | " + " | ".join(FAMILIES) + " |", "| --- |" + " ---: |" * len(FAMILIES)]
    for record in run:
        medians = {name: 1000 * statistics.median(times) for name, times in record["seconds"].items()}
        if cell_of(record) in CELLS + IMAGE_CELLS and not record["neighbours"]:
            times = [[medians[name] for name in names if name in medians] for names in FAMILIES.values()]
            lines.append(f"| {cell_of(record)} | " + " | ".join(f"{min(ms):.0f}" if ms else "" for ms in times) + " |")
    return "\n".join(lines) + "\n"


def replace_table(page, table):
    """Replace the table of a page that has the same heading."""
    text = page.read_text()
    heading, _, _ = table.partition("\n")
    begin = text.index(heading)
    page.write_text(text[:begin] + table + text[text.index("\n\n", begin) + 1 :])


def plot(run, path):
    """Plot the time relative to hw5 for each cell, and hw5's time by hidden units and by examples."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["cells", "cells"], ["hidden units", "examples"]], figsize=(11, 8), layout="constrained"
    )
    calm = [record for record in run if record["neighbours"] == 0]
    _plot_cells(axes["cells"], [record for record in calm if len(record["seconds"]) > 2])
    two_layers = [record for record in calm if not record.get("network") and len(record["sizes"]) == 3 and record["minibatch"] == 128]
    by_units = [(record["sizes"][1], record) for record in two_layers if record["examples"] == EXAMPLES]
    _plot_scaling(axes["hidden units"], by_units, "hidden units: 784-h-10, minibatch 128")
    by_examples = [(record["examples"], record) for record in two_layers if record["sizes"][1] == 128]
    _plot_scaling(axes["examples"], by_examples, "examples: 784-128-10, minibatch 128")
    figure.savefig(path, dpi=120)


def _plot_cells(axes, cells):
    for name in CONTENDERS:
        shown = [(i, ratio(record, name, "hw5")) for i, record in enumerate(cells) if name in record["seconds"]]
        if shown:
            axes.plot(*zip(*shown), "-" if name in ("hw5", "floor") else "o", label=name)
    labels = [str(cell_of(record)).replace(", ", "\n") for record in cells]
    axes.set_xticks(range(len(cells)), labels, fontsize=7, rotation=30)
    axes.set_yscale("log")
    axes.set_ylabel("epoch time relative to hw5")
    axes.legend(ncols=4, fontsize=8)


def _plot_scaling(axes, records, label):
    """Plot medians with quartiles, and a line proportional to the largest."""
    sizes, records = zip(*sorted(records, key=lambda pair: pair[0]))
    low, middle, high = zip(*(statistics.quantiles(record["seconds"]["hw5"], n=4) for record in records))
    spread = [[m - l for m, l in zip(middle, low)], [h - m for m, h in zip(middle, high)]]
    axes.plot([0, sizes[-1]], [0, middle[-1]], color="0.7")
    axes.errorbar(sizes, middle, spread, fmt="o", capsize=3)
    axes.set_xlabel(label)
    axes.set_ylabel("seconds per epoch")


def report():
    """Write the tables (also the README's) and the plot of the last measurement of each cell."""
    records = [json.loads(line) for line in RESULTS.with_suffix(".jsonl").read_text().splitlines()]
    last = {cell_of(record): record for record in records}
    run = [last[cell] for cell in CELLS + IMAGE_CELLS + SCALING if cell in last]
    RESULTS.with_suffix(".md").write_text("# Training on a CPU\n\n" + table(run))
    replace_table(HERE.parent / "README.md", short_table(run))
    print(table(run))
    if _is_installed("matplotlib"):
        plot(run, RESULTS.with_suffix(".png"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="contender to run; can be repeated")
    parser.add_argument("--cells", default="", help="measure only the cells whose name contains this text")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        name, cell, weights = options.serve
        return serve(name, cell_of(json.loads(cell)), weights)
    if not options.report:
        names = [name for name in options.only or CONTENDERS if _is_installed(CONTENDERS[name][1])]
        RESULTS.parent.mkdir(exist_ok=True)
        where = environment() | {"run": f"{date.today().isoformat()} {os.getpid()}"}
        for cell in [cell for cell in CELLS + IMAGE_CELLS + SCALING if options.cells in str(cell)]:
            record = where | measure(cell, contenders_for(cell, names), options.rounds)
            with RESULTS.with_suffix(".jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            shown = {name: f"{1000 * statistics.median(times):.0f} ms" for name, times in record["seconds"].items()}
            print(cell, shown, record["difference_after_an_epoch"], flush=True)
    report()


if __name__ == "__main__":
    sys.exit(main())
