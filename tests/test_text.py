"""Text from data, escaped for a terminal and for TOML."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw5.text import encodable, printable, toml_string, without_middle

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ESCAPED = {
    "\x1b[2J": r"\x1b[2J",
    "\x9b2J": r"\x9b2J",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\nb\r\tc": r"a\nb\r\tc",
    "\0\x7f\x85": r"\x00\x7f\x85",
    "\u2028\u2029": r"\u2028\u2029",
    "\u202eabc\u2066": r"\u202eabc\u2066",
    "caf\udce9": r"caf\udce9",
}
ORDINARY = ("тюльпан", "菊", "👩\u200d🚀", "می\u200cخواهم", "naïve \\n \"'[bold]", "")


@pytest.mark.parametrize("text", ESCAPED)
def test_what_a_terminal_obeys_is_escaped(text):
    assert printable(text) == ESCAPED[text]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_of_any_language_stays_as_it_is(text):
    assert printable(text) == encodable(text) == text


def test_all_characters():
    """Every control character and surrogate is escaped, and nothing that has an ordinary meaning."""
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Zl", "Zp"):
            assert printable(character) != character
        elif category not in ("Cf", "Cn", "Co"):
            assert printable(character) == character


def test_line_breaks_of_the_program_can_be_kept():
    assert printable("a\nb\tc\x1b", keep="\n\t") == "a\nb\tc\\x1b"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_of_toml_reads_back(text):
    written = toml_string(text)
    assert tomllib.loads(f"a = {written}\nb = 1") == {"a": text, "b": 1}
    assert written == printable(written)


@given(st.text())
def test_surrogates_become_escapes(text):
    assert tomllib.loads(f"a = {toml_string(text)}")["a"] == encodable(text)
    encodable(text).encode()


def test_a_long_sentence_keeps_its_beginning_and_its_end():
    assert without_middle("x" * 900) == "x" * 900
    cut = without_middle(f"hw5: --epochs {'9' * 4000} is out of range")
    assert cut.startswith("hw5: --epochs 9") and cut.endswith("9 is out of range") and " ... " in cut and len(cut) < 700
