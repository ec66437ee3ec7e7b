"""Which cells of a table are missing."""

MISSING = {"", "?", "na", "n/a", "n.a.", "#n/a", "<na>", "null", "nan", "-nan", "none", "nil", "-", "--", "---", ".", "..", "*", r"\n",
           "missing", "nat", "#value!", "#div/0!", "#ref!", "#null!", "#num!", "#name?", "0000-00-00", "0000-00-00 00:00:00"}  # fmt: skip
LABEL_MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "null", "nan", r"\n"}  # fewer: most of the above may be classes


def is_missing(cell: str) -> bool:
    """Whether a cell of a feature is missing."""
    return cell.strip().lower() in MISSING


def is_missing_label(text: str) -> bool:
    """Whether a text is no class; NA and nan, which are null where they mean this, are classes, and so is sodium."""
    return text.strip().lower() in LABEL_MISSING and text.strip() not in ("NA", "nan", "Na")


def is_gap_word(word: str) -> bool:
    """Whether a word may stand for missing numbers, as unknown and --- do; 3+ does not."""
    return not any(map(str.isdigit, word))


def missing_mask(strings):
    """Which cells are missing, as a pyarrow array of booleans without nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(pc.utf8_trim_whitespace(strings))
    return pc.or_(pc.is_null(strings), pc.is_in(lower, value_set=pa.array(sorted(MISSING), lower.type)))
