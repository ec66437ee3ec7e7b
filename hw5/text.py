"""Text that comes from data, escaped for the place where it is written, so that no name or label in a file acts there.

Ordinary text of any language stays as it is. Escaped are control characters, which a terminal obeys, separators of
lines, marks that reverse the direction of the text after them, and halves of characters (surrogates), which stand for
bytes of a file name that are not UTF-8.
"""

import io
import json
import re

_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text, keep=""):
    r"""`text` for a terminal, a picture or a comment: in one line, with escapes such as \n, \x1b and \u202e.

    keep: characters to leave as they are, such as a line break that the program wrote.
    """
    return _ACTIVE.sub(lambda match: match[0] if match[0] in keep else repr(match[0])[1:-1], text)


def lines_of(text):
    r"""The lines of a text with their ends, as rows have them: \n, \r or \r\n.

    str.splitlines() takes more, such as U+2028.
    """
    return io.StringIO(text, newline="").readlines()


def counted(n, noun):
    """1 slice, 2,000 slices."""
    return f"{n:,} {noun}" + "s" * (n != 1)


def shortened(text):
    """`text` cut to 40 characters."""
    return text if len(text) <= 40 else text[:37] + "..."


def quoted(text):
    """`text` in quotes, cut to 40 characters."""
    return repr(shortened(text))


def listed(names):
    """The first ten of `names`, quoted."""
    return ", ".join(map(quoted, names[:10])) + (", ..." if len(names) > 10 else "")


_LONGEST = 900  # characters of a sentence


def without_middle(sentence):
    """The sentence without the middle if a value in it is very long, which would hide what is wrong and what to do."""
    if len(sentence) <= _LONGEST:
        return sentence
    return f"{sentence[: _LONGEST // 3]} ... {sentence[-_LONGEST // 3 :]}"


def encodable(text):
    """`text` for a file in UTF-8, which has no surrogates: they become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def toml_string(text):
    """`text` as a string of TOML, which reads back as encodable(text)."""
    quoted = json.dumps(encodable(text), ensure_ascii=False)  # TOML has all escapes of JSON but "\/", which is not used
    return _ACTIVE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
