"""A heat map of a kernel's source: what each line costs in memory."""

from pathlib import Path

from hw5.plots.style import BLUE, GREY, VERMILION, page

_MOST_LINES, _AROUND, _LETTERS = 70, 2, 100


def plot_heat(profile, path):
    """Plot the lines of a hw5.emulator.profile.Profile to a PNG file, as dark as what they cost.

    The cost is in sectors of global memory and wavefronts of shared memory; the red part is what is beyond the ideal.
    """
    shown = _lines(profile)
    most = max((cost for _, _, cost, _ in shown), default=0) or 1
    with page(path, (11, 1.2 + 0.24 * len(shown)), f"{profile.kernel}: sectors and wavefronts by line") as figure:
        _draw(figure.subplots(), shown, most)


def _lines(profile):
    """(number, text, cost, ideal) of the lines around those that access memory, of the file that has most of them."""
    costs = {}
    for line in profile.lines:
        cost, ideal = costs.setdefault(line.file, {}).get(line.line, (0, 0))
        costs[line.file][line.line] = cost + line.cost, ideal + line.ideal
    source = Path(profile.source)
    if not costs:
        return []
    file = source.name if source.name in costs else max(costs, key=lambda name: len(costs[name]))
    text = source.with_name(file).read_text("utf-8", errors="replace").splitlines()
    first = max(min(costs[file]) - _AROUND, 1)
    last = min(max(costs[file]) + _AROUND, len(text), first + _MOST_LINES - 1)
    return [(n, text[n - 1].expandtabs(4), *costs[file].get(n, (0, 0))) for n in range(first, last + 1)]


def _draw(axes, shown, most):
    rows = range(len(shown))
    ideals = [min(ideal, cost) for _, _, cost, ideal in shown]
    axes.barh(rows, [ideal / most for ideal in ideals], 0.9, color=BLUE, alpha=0.45, label="ideal")
    beyond = [(cost - ideal) / most for (_, _, cost, _), ideal in zip(shown, ideals)]
    axes.barh(
        rows, beyond, 0.9, [ideal / most for ideal in ideals], color=VERMILION, alpha=0.6, label="beyond the ideal"
    )
    for row, (number, text, cost, ideal) in enumerate(shown):
        axes.text(-0.01, row, str(number), ha="right", va="center", family="monospace", fontsize=8, color=GREY)
        axes.text(0.005, row, text[:_LETTERS], va="center", family="monospace", fontsize=8)
        if cost:
            ratio = f"{cost:,} ({cost / ideal:.2f} of the ideal)" if ideal else f"{cost:,}"
            axes.text(1.01, row, ratio, va="center", fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.legend(loc="lower right", fontsize=8)
