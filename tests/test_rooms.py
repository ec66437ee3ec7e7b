"""The structure of the code: no import circles, rooms that depend downward only, and a core that is small."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {"hw5": ROOT / "hw5", "hw5.cli": ROOT / "cli"}
ROOMS = (  # from the top down; each may import those below it
    {"__main__"},
    {"cli"},
    {"api", "lectures", "sklearn", "watch"},
    {"train"},
    {"verify"},
    {"export", "plots"},
    {"nn"},
    {"devices"},
    {"datasets"},
    {"tables"},
    {"emulator"},
    {"dialect"},
    {"compiler", "metrics", "text"},
    {"cache"},
    {"files", "interrupts", "opening", "random_streams", "scratch"},
    {"errors"},
)
CORE = (  # in the order in which the README suggests to read them
    "hw5/nn/network.py",
    "hw5/nn/layers.py",
    "hw5/nn/losses.py",
    "hw5/devices/activations.py",
    "hw5/devices/cpu.py",
    "hw5/devices/stepper.py",
    "hw5/train/training.py",
)


def modules():
    """{dotted name: path} of every module of hw5."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def imports():
    """{module: the modules of hw5 that it imports anywhere in its text}, lazy imports included."""
    names = modules()
    return {name: set(_imported(name, path, names)) - {name} for name, path in names.items()}


def _imported(name, path, names):
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            for alias in node.names:  # a module of a package, or something that a module defines
                of_package = f"{module}.{alias.name}"
                yield from {of_package if of_package in names else module} & names.keys()


def room(module):
    """The number of the module's room, from the top down."""
    name = module.split(".")[1] if "." in module else None
    return next((number for number, rooms in enumerate(ROOMS) if name in rooms), None)


def lines(path):
    return len(path.read_text("utf-8").splitlines())


def test_every_module_has_a_room():
    assert {module for module in imports() if room(module) is None} == {"hw5"}


def test_no_import_circle():
    """TopologicalSorter raises CycleError, which names the circle."""
    assert set(TopologicalSorter(imports()).static_order()) == imports().keys()


def test_rooms_depend_downward_only():
    arrows = [(a, b) for a, others in imports().items() for b in others if "." in a and "." in b]
    up = [(a, b) for a, b in arrows if room(a) >= room(b) and a.split(".")[1] != b.split(".")[1]]
    assert len(arrows) > 100 and up == []


def test_no_room_holds_more_than_a_quarter_of_the_lines():
    sizes = {}
    for folder in (*(ROOT / "hw5").iterdir(), ROOT / "cli", ROOT / "kernels"):
        files = [folder] if folder.is_file() else folder.rglob("*")
        code = [file for file in files if file.suffix in (".py", ".h", ".cpp", ".cu", ".cuh")]
        sizes[folder.name] = sum(map(lines, code))
    largest = max(sizes, key=sizes.get)
    assert sizes[largest] <= sum(sizes.values()) / 4, f"{largest}: {sizes}"


def test_the_core_is_as_small_as_the_readme_says_and_listed_there_in_order():
    readme = (ROOT / "README.md").read_text("utf-8")
    claim = re.search(r"about\s+([\d,]+)\s+lines\s+in\s+(\d+)\s+files", readme)
    count, claimed = sum(lines(ROOT / file) for file in CORE), int(claim[1].replace(",", ""))
    assert count <= 1200 and abs(count - claimed) <= 50, count
    listed = re.findall(r"\[`(hw5/\w+/\w+\.py)`\]", readme[claim.end() :])[: len(CORE)]
    assert tuple(listed) == CORE and int(claim[2]) == len(CORE)
