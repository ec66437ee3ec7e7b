"""Writes what the pages have from the code: python docs/tables.py."""

import inspect
from pathlib import Path

from hw5 import api
from hw5.devices.activations import ACTIVATIONS, Activation

DOCS = Path(__file__).parent
HEADER = "| name | θ(z) | parameter a; default | gain |\n| --- | --- | --- | --- |\n"
REFERENCE = "## Reference\n\n"


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


def reference():
    """What hw5 offers to Python: signatures and docstrings."""
    for function in (api.fit, api.load_data, api.load_model):
        yield from _entry(f"hw5.{function.__name__}", function)
    yield f"### hw5.Model\n\n{inspect.getdoc(api.Model)}\n\n"
    for name, member in vars(api.Model).items():
        if isinstance(member, property):
            kind = member.fget.__annotations__.get("return")
            yield f"**`{name}`**" + (f" `{inspect.formatannotation(kind)}`" if kind else "")
            yield f": {' '.join(inspect.getdoc(member).split())}\n\n"
        elif inspect.isfunction(member) and not name.startswith("_"):
            yield from _entry(f"Model.{name}", member)


def _entry(name, function):
    signature = inspect.signature(function)
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    shown = str(signature.replace(parameters=parameters)).replace("'Model'", "Model").replace("numpy.", "np.")
    yield f"### {name}\n\n    {name}{shown}\n\n{inspect.getdoc(function)}\n\n"


def with_reference(text):
    """The text of python.md with its reference, the last section, as the code has it."""
    return text.partition(REFERENCE)[0] + REFERENCE + "".join(reference()).rstrip() + "\n"


PAGES = {"models.md": with_tables, "python.md": with_reference}


if __name__ == "__main__":
    for page, rewritten in PAGES.items():
        text = (DOCS / page).read_text("utf-8")
        if text != rewritten(text):
            (DOCS / page).write_text(rewritten(text), "utf-8")
