"""The links of docs/lectures.md are valid, and its tables list all tests of slides."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "lectures.md"


def test_the_table_names_every_test_of_a_slide_in_its_section():
    sections = [each for each in PAGE.read_text("utf-8").split("\n## ") if "\nTests: " in each]
    assert len(sections) == 3  # a lecture each
    for section in sections:
        (tests,) = re.findall(r"^Tests: .*\(\.\./(.+)\)$", section, re.MULTILINE)
        defined = re.findall(r"^def (test_\w+)", (HERE.parents[1] / tests).read_text("utf-8"), re.MULTILINE)
        assert re.findall(r"\| `(test_\w+)` \|$", section, re.MULTILINE) == defined


def test_every_link_leads_to_a_file_that_has_the_name():
    links = re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", PAGE.read_text("utf-8"))
    assert links
    for name, target in links:
        path = PAGE.parent / target
        assert path.is_file(), target
        if "/" not in name and name != path.name:
            assert re.search(rf"\b{name.split('.')[-1]}\b", path.read_text("utf-8")), (name, target)
