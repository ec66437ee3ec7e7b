"""The page of hw5 export in Chromium: its size, digits that it reads right, and the time from a stroke to its answer.

    python benchmarks/page.py model.npz

Ten digits are drawn with the mouse. The time is that from each pointer event until the page has the answer for it.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from hw5.export import export  # noqa: E402
from hw5.train.checkpoint import Checkpoint  # noqa: E402
from tests.browser import launched  # noqa: E402
from tests.strokes import STROKES, draw  # noqa: E402

_WATCH = """() => {
  window.times = [];
  let began = null;
  const pad = document.getElementById("pad");
  for (const name of ["pointerdown", "pointermove"]) pad.addEventListener(name, () => (began ??= performance.now()), true);
  new MutationObserver(() => {
    if (began !== null) window.times.push(performance.now() - began), (began = null);
  }).observe(document.getElementById("classes"), { childList: true });
}"""


def main(checkpoint):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        export(Checkpoint.load(checkpoint), "html", path)
        print(f"{os.path.getsize(path) / 1000:.0f} kB")
        for browser in launched():
            page = browser.new_page()
            page.goto(path.as_uri())
            page.evaluate(_WATCH)
            right, first = 0, []
            for digit in STROKES:
                page.evaluate("window.times.length = 0")
                draw(page, digit)
                first.append(page.evaluate("window.times[0]"))
                right += page.locator("#classes li.best span").first.inner_text() == digit
            print(f"{right} of 10 digits are right")
            low, median, high = np.percentile(first, [0, 50, 100])
            print(f"first answer after a stroke begins: {median:.0f} ms (from {low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
