"""Writes the tables of the pages that come from the code: python docs/tables.py."""

from pathlib import Path

from hw5.devices.activations import ACTIVATIONS, Activation

MODELS = Path(__file__).parent / "models.md"
HEADER = "| name | θ(z) | parameter a; default | gain |\n| --- | --- | --- | --- |\n"


def activations():
    """The rows of the table of activations."""
    for theta in map(Activation.of, ACTIVATIONS):
        formula, a = theta.formula, theta.formula.parameter
        parameter = f"{a.meaning}, {a.range}; {a.default:g}" if a else ""
        yield f"| `{theta.name}` | {formula.text} | {parameter} | {theta.gain:.3g} |\n"


def with_tables(text):
    """The text of models.md with its table as the code has it."""
    before, header, after = text.partition(HEADER)
    _, blank, rest = after.partition("\n\n")
    return before + header + "".join(activations()) + blank[1:] + rest


if __name__ == "__main__":
    text = MODELS.read_text("utf-8")
    if text != with_tables(text):
        MODELS.write_text(with_tables(text), "utf-8")
