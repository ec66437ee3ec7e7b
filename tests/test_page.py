"""The page of hw5 export --format html: its numbers are those of predict, and drawing and forms change the answer."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hw5
from hw5.export import export
from tests.cli.helpers import hw5 as program
from tests.cli.helpers import refused

ROOT = Path(__file__).parents[1]
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (60, 9, 8)).astype(np.uint8)
PLAIN = rng.normal(size=(60, 3)).astype(np.float32)
QUICK = {"epochs": 2, "progress": False, "device": "numpy"}
MODELS = {
    "digits": lambda: hw5.fit("digits", hidden=16, **QUICK),
    "linear": lambda: hw5.fit((PLAIN, np.arange(60) % 3), model="linear", **QUICK),
    "images": lambda: hw5.fit((IMAGES, np.arange(60) % 3), hidden="conv:4x3/2+1,pool:2/1+1,dropout:0.5,7", **QUICK),
    "mean pooling": lambda: hw5.fit(
        (IMAGES, np.arange(60) % 2), hidden="meanpool:3/2+1,conv:3x2x1", activation="tanh", **QUICK
    ),
    "maxout": lambda: hw5.fit((IMAGES, np.arange(60) % 2), hidden="conv:4x3,6", activation="maxout:3", **QUICK),
    "colours": lambda: hw5.fit(
        (IMAGES[:, :8].reshape(60, 8, 8, 1).repeat(3, 3), np.arange(60) % 2), hidden="conv:2x3", **QUICK
    ),
    "elu": lambda: hw5.fit((PLAIN, np.arange(60) % 2), activation="elu:0.5", loss="binary-cross-entropy", **QUICK),
    "leaky": lambda: hw5.fit((PLAIN, np.arange(60) % 2), activation="leaky_relu:0.2", **QUICK),
    "sigmoid": lambda: hw5.fit((PLAIN, np.arange(60) % 2), activation="sigmoid", **QUICK),
    "regression": lambda: hw5.fit((PLAIN, 1000 * PLAIN[:, 0]), task="regression", **QUICK),
    "perceptron": lambda: hw5.fit((PLAIN, np.arange(60) % 3), model="perceptron", **QUICK),
}


def page_of(model, path):
    export(model.checkpoint, "html", path)
    return path.read_text("utf-8")


def described(page):
    """The JSON in a page."""
    return json.loads(re.search(r'<script type="application/json" id="model">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_are_those_of_predict(name, tmp_path):
    """To 1e-5: sums in double precision instead of float32."""
    model = MODELS[name]()
    d = model.checkpoint.schema.features
    X = rng.uniform(0, 16, (6, d)).astype(np.float32) if model.checkpoint.image_shape else PLAIN[:6]
    (tmp_path / "model.json").write_text(json.dumps(described(page_of(model, tmp_path / "page.html"))))
    script = f"""
        const m = require({json.dumps(str(ROOT / "hw5" / "export" / "page" / "model.js"))});
        const model = m.decoded(require({json.dumps(str(tmp_path / "model.json"))}));
        console.log(JSON.stringify({json.dumps(X.tolist())}.map((x) => m.answer(model, x))));
    """
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(done.stdout), model.probabilities(X), rtol=1e-5, atol=1e-5)


def test_the_page_is_one_small_file_that_asks_for_nothing(tmp_path):
    page = page_of(hw5.fit("digits", hidden="conv:6x3,pool:2,20", **QUICK), tmp_path / "page.html")
    assert not re.search(r"https?://|src=|@import|url\(|fetch\(|XMLHttp", page)
    assert len(page) < 100_000 and "default-src 'none'" in page


HOSTILE = ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u2028b\x07", "'; alert(1); '"]


def test_text_of_the_data_ends_no_block(tmp_path):
    frame = pd.DataFrame(
        {HOSTILE[1]: rng.normal(size=40), "site": np.array(HOSTILE * 10), "kind": np.array(HOSTILE[:2] * 20)}
    )
    page = page_of(hw5.fit(frame, label_column="kind", **QUICK), tmp_path / "page.html")
    assert page.count("<script") == 3 and page.count("</script>") == 3 and "<img" not in page
    assert set(described(page)["class_names"]) == set(HOSTILE[:2])


def test_the_program_writes_it(tmp_path):
    program("train", "--epochs", 1, "--out", tmp_path / "model.npz")
    program("export", tmp_path / "model.npz", "--out", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    wide = hw5.fit((rng.normal(size=(20, 300)), np.arange(20) % 2), **QUICK)
    wide.save(tmp_path / "wide.npz")
    sentence = refused("export", tmp_path / "wide.npz", "--out", tmp_path / "wide.html")
    assert "makes a form of up to 200 columns, and the model has 300" in sentence


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of a model; in the end, nothing was asked of another address, and nothing complained."""
    complaints = []

    def open_page(model):
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith("file:") or complaints.append(request.url))
        page_of(model, tmp_path / "page.html")
        page.goto((tmp_path / "page.html").as_uri())
        return page

    yield open_page
    assert complaints == []


def shown(page):
    """{class: percentage} of the bars."""
    rows = page.locator("#classes li").all_inner_texts()
    return {row.split("\n")[0]: float(row.split("\n")[-1].rstrip("%")) for row in rows}


STROKES = {  # of digits, in a square of side 1
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "7": [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]],
    "0": [[(0.5 + 0.22 * np.cos(t), 0.5 + 0.35 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 24)]],
}


def test_what_is_drawn_is_predicted(opened):
    model = hw5.fit("digits", hidden="conv:8x3+1,pool:2,32", epochs=20, progress=False, device="cpu")
    page = opened(model)
    box = page.locator("#pad").bounding_box()
    right = 0
    for digit, strokes in STROKES.items():
        page.get_by_role("button", name="Clear").click()
        for (x, y), *others in strokes:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            page.mouse.down()
            for x, y in others:
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            page.mouse.up()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        bars, pixels = shown(page), np.array(page.evaluate("window.pixels"), np.float32)
        predicted = dict(zip(model.class_names, 100 * model.probabilities(pixels[np.newaxis])[0]))
        assert bars == pytest.approx(predicted, abs=0.06)  # one decimal is shown
        right += max(bars, key=bars.get) == digit
    assert right >= 2


def test_a_form_moves_the_answer_as_predict_does(opened):
    frame = pd.DataFrame(
        {"width": rng.normal(5, 2, 90), "site": rng.choice(["n", "s", "e"], 90), "wet": rng.choice(["no", "yes"], 90)}
    )
    frame["day"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(np.arange(90) * 9, "D")
    frame["kind"] = np.where(frame.width > 5, frame.site, frame.wet)
    model = hw5.fit(frame, label_column="kind", epochs=20, progress=False, device="numpy")
    page = opened(model)
    for width, site, wet, day in ((3.5, "e", "yes", "2021-03-01"), (8, "s", "no", "2020-07-15")):
        page.get_by_label("width, as a number").fill(str(width))
        page.get_by_label("site").select_option(site)
        page.get_by_label("wet").select_option(wet)
        page.get_by_label("day").fill(day)
        row = pd.DataFrame({"width": [float(width)], "site": [site], "wet": [wet], "day": [pd.to_datetime(day)]})
        expected = dict(zip(model.class_names, 100 * model.probabilities(row)[0]))
        assert shown(page) == pytest.approx(expected, abs=0.06)


def test_hostile_text_is_only_text(opened):
    frame = pd.DataFrame(
        {HOSTILE[1]: rng.normal(size=40), "site": np.array(HOSTILE * 10), "kind": np.array(HOSTILE[:2] * 20)}
    )
    page = opened(hw5.fit(frame, label_column="kind", **QUICK))
    assert page.locator("img").count() == 0 and page.locator("#classes li").count() == 2
