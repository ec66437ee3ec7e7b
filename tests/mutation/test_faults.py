"""Which faults are planted in a text, and how they are judged and counted."""

import json

import pytest

from hw5.emulator.occupancy import nvcc_path
from tests.mutation.__main__ import chosen
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.faults import Fault, faults_of
from tests.mutation.planting import ROOT, Workplace
from tests.mutation.table import read, row


def planted(text, is_python):
    return [fault.planted_in(text) for fault in faults_of(text, is_python)]


def test_faults_in_python():
    """Whole division is an operator; comments and strings stay."""
    assert planted("@dataclass(frozen=True)\nclass A:\n    a: float\n", True) == []
    assert planted('x = a // 2  # b + c\ny = "d * e"\n', True) == [
        'x = a * 2  # b + c\ny = "d * e"\n',
        'x = a // 3  # b + c\ny = "d * e"\n',
        'x = a // 1  # b + c\ny = "d * e"\n',
    ]


def test_faults_in_cpp():
    """Comments and the preprocessor stay."""
    text = "#define N 4\nif (a < b) c += 0.5f;  // d - e\n"
    assert [str(fault) for fault in faults_of(text, False)] == [
        "line 2: < -> <=",
        "line 2: < -> >",
        "line 2: += -> -=",
        "line 2: 0.5f -> (0.5f + 0.25f)",
    ]


def test_the_line_of_a_fault():
    text = "a;\n  b + c;\n"
    assert faults_of(text, False)[0].lines_in(text) == ("b + c;", "b - c;")


@pytest.mark.parametrize(("file", "line", "faulty"), EQUIVALENT, ids=lambda text: text[:40])
def test_equivalent_faults_can_be_planted(file, line, faulty):
    """A line that was changed since is not listed: its fault may no longer be equivalent.

    Nor is one that is there twice.
    """
    text = (ROOT / file).read_text("utf-8")
    assert [other.strip() for other in text.splitlines()].count(line) == 1
    assert (line, faulty) in [fault.lines_in(text) for fault in faults_of(text, file.endswith(".py"))]


def test_a_run_continues_and_plants_again_what_was_not_found(tmp_path):
    (tmp_path / "a.py").write_text("a + b\nc * d\ne < f\n")
    part, known = {"*.py": ("tests",)}, []

    def planted_now(count):
        return [record["fault"] for *_, record in chosen(tmp_path, part, known, count, seed=1)]

    first = planted_now(2)
    assert len(planted_now(9)) == 4 and planted_now(9)[:2] == first
    known = [record | {"outcome": "found"} for *_, record in chosen(tmp_path, part, [], 2, seed=1)]
    assert planted_now(2) == [] and len(planted_now(3)) == 1
    known[1]["outcome"] = "survived"
    assert planted_now(0) == first[1:]


def test_the_last_outcome_of_a_fault_counts(tmp_path):
    log = tmp_path / "kernels.jsonl"
    outcomes = [("a", "survived"), ("b", "found"), ("c", "does not compile"), ("d", "the same code"), ("a", "found")]
    faults = [{"file": "f", "line": 1, "text": "", "fault": fault, "outcome": outcome} for fault, outcome in outcomes]
    faults.append({"file": "g", "line": 1, "text": "", "fault": "a", "outcome": "survived"})
    log.write_text("".join(f"{json.dumps(fault)}\n" for fault in faults))
    assert row("kernels", read(log)) == "| kernels | 5 | 1 | 1 | 0 | 3 | 2 | 1 | 66.7% |"
    assert read(tmp_path / "none.jsonl") == []


ROW = "const int row = window.rows.start(u) + in_window.row;"
CONDITION = "if (row >= 0 && row < h && column >= 0 && column < w)"
UNFOLD = {  # the line without and with the fault
    "found": (CONDITION, CONDITION.replace("row < h", "row <= h")),
    "does not compile": ("x = load<N>(X", "x = load>N>(X"),
    "the same code": (ROW, ROW.replace("rows", "columns")),  # both have the same stride and padding
}


@pytest.mark.slow
@pytest.mark.parametrize("expected", UNFOLD)
def test_kernels_are_judged_by_contracts(workplace, expected):
    if expected == "the same code" and not nvcc_path():
        pytest.skip("nvcc is not installed")
    assert outcome(workplace, "kernels/unfold.cu", None, *UNFOLD[expected]) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "faulty", "expected"),
    [
        ("if epoch <= settings.warmup:", "if epoch > settings.warmup:", "found"),
        ("for option, value in", "for option, value not in", "does not compile"),
    ],
)
def test_python_is_judged_by_tests(workplace, line, faulty, expected):
    tests = ("tests/test_text.py", "tests/train/test_schedules.py -k 'not nothing'")
    assert outcome(workplace, "hw5/train/schedules.py", tests, line, faulty) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "faulty", "expected"),
    [
        ("NN_VECTORS * LANES;", "NN_VECTORS * LANES);", "does not compile"),
        ("NN_VECTORS * LANES;", "NN_VECTORS*LANES;", "the same code"),
    ],
)
def test_cpp_is_judged_by_tests(workplace, line, faulty, expected):
    tests = ("-p tests.mutation.quick_build tests/devices/test_native.py -k 'no_examples and threads-3'",)
    assert outcome(workplace, "hw5/devices/native/stretch.h", tests, line, faulty) == expected


@pytest.mark.slow
def test_tests_that_fail_without_a_fault_are_no_judges(workplace):
    with pytest.raises(SystemExit, match="fails without a fault"):
        outcome(workplace, "hw5/train/schedules.py", ("tests/not_there.py",), "t //", "t *")


@pytest.fixture(scope="module")
def workplace():
    with Workplace() as workplace:
        yield workplace


def outcome(workplace, file, tests, line, faulty):
    text = (ROOT / file).read_text("utf-8")
    return workplace.outcome(file, tests, Fault(1, text.index(line), line, faulty))
