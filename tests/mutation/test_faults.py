"""Which faults are planted in a text."""

from tests.mutation.faults import faults_of


def planted(text, is_python):
    return [fault.planted_in(text) for fault in faults_of(text, is_python)]


def test_faults_in_python():
    """Whole division is an operator; comments and strings stay."""
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
