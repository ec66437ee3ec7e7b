"""The likely encoding of text in another alphabet, for a message: a guess by the characters of its words."""

import re
from collections.abc import Callable

_HIGH, _LETTERS = re.compile(rb"[\x80-\xff]"), re.compile(rb"[A-Za-z]")
_MOST = 1 << 16  # bytes
_WORDS = re.compile(rb"[\x80-\xff][\x40-\x7e\x80-\xff]*")  # runs with the second bytes of characters


def _between(first: str, last: str) -> Callable:
    return lambda character: first <= character <= last


def _level(codec: str, first: int, last: int) -> Callable:
    """Whether a character is among the usual ones, which the standard of a codec puts first."""
    return lambda character: first <= int.from_bytes(character.encode(codec), "big") <= last


# (encoding, how its common characters are known), the rarer mistake first where two fit equally
_CANDIDATES = [
    ("EUC-KR", _between("\uac00", "\ud7a3")),
    ("EUC-JP", lambda c: "\u3041" <= c <= "\u30fe" or 0xB0A1 <= int.from_bytes(c.encode("euc_jp"), "big") <= 0xCFD3),
    ("CP932", lambda c: "\u3041" <= c <= "\u30fe" or 0x889F <= int.from_bytes(c.encode("cp932"), "big") <= 0x9872),
    ("GBK", _level("gbk", 0xB0A1, 0xD7F9)),
    ("BIG5", _level("big5", 0xA440, 0xC67E)),
    ("CP1255", _between("א", "ת")),
    ("CP1251", _between("а", "я")),
    ("KOI8-R", _between("а", "я")),
    ("CP866", _between("а", "я")),
    ("ISO-8859-5", _between("а", "я")),
    ("CP1253", _between("ά", "ώ")),
    ("CP1256", _between("ء", "ي")),
]


def likely_encoding(data: bytes) -> str | None:
    """The encoding in which most characters beyond ASCII of these bytes are common ones of its language.

    None if these are few among plain letters, as accents are.
    """
    if 4 * len(_HIGH.findall(data[:_MOST])) < len(_LETTERS.findall(data[:_MOST])):
        return None
    found = _WORDS.findall(data[:_MOST])
    words = b" ".join(found[:-1] if len(data) > _MOST else found)  # the last one may have been cut
    name, share = max(((name, _share(words, name, common)) for name, common in _CANDIDATES), key=lambda pair: pair[1])
    return name if share > 0.6 else None


def _share(words: bytes, encoding: str, is_common: Callable) -> float:
    """The share of common characters, 0 if the bytes are no text in the encoding."""
    try:
        characters = [each for each in words.decode(encoding) if each > "\x7f"]
    except UnicodeDecodeError:
        return 0.0
    return sum(map(is_common, characters)) / max(1, len(characters))
