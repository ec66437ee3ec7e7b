"""How the columns of a table are used, in words."""

from hw5.tables.columns import Columns


def described(columns: Columns, most: int = 8) -> list[str]:
    """How the columns are used, in a line for each kind."""
    lines = []
    kinds = {
        "number": "numbers",
        "yes/no": "yes/no",
        "categories": "categories",
        "date": "dates",
        "left out": "left out",
    }
    for kind, plural in kinds.items():
        chosen = [c for c in columns.numbered if c.kind == kind]
        if chosen:
            shown = ", ".join(map(_one, chosen[:most])) + (
                f", ... {len(chosen) - most} more" if len(chosen) > most else ""
            )
            lines.append(f"{plural}: {shown}")
    return lines


def _one(column) -> str:
    name = column.name if column.name else "(no name)"
    if column.kind == "left out":
        return f"{name} ({column.why})"
    notes = []
    if column.kind == "categories":
        notes.append(f"{len(column.values)}{' and others' if column.rare else ''}")
    if column.kind == "yes/no":
        notes.append(f"{column.no} 0, {column.yes} 1")
    if column.kind == "date" and column.cycles:
        notes.append(f"with the {', '.join(column.cycles)}")
    if getattr(column, "gaps", False):
        notes.append("missing: a category" if column.kind == "categories" else _fill(column))
    return f"{name} ({'; '.join(notes)})" if notes else name


def _fill(column) -> str:
    if column.kind == "number":
        return f"missing filled with {column.fill + column.offset:.6g}"
    return "missing filled with the mean"
