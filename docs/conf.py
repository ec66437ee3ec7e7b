"""The documentation as a site, of the README and all pages: make site."""

project = html_title = "hw5"
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "kernels/*.md", "data/*.md", "benchmarks/results/*.md"]
extensions = ["myst_parser"]
html_theme = "furo"
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing"]  # links to directories; tests/test_docs.py follows every link

_CONTENTS = """

```{toctree}
:hidden:
:glob:

docs/*
kernels/README
data/README
benchmarks/results/*
CONTRIBUTING
CHANGELOG
CODE_OF_CONDUCT
```
"""


def setup(app):
    """The README gets the table of contents, which would be of no use elsewhere."""
    app.connect("source-read", lambda app, page, text: text.append(text.pop() + _CONTENTS * (page == root_doc)))
