"""The page of hw5 export --format html: its numbers are those of predict, and drawing and forms change the answer."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hw5
from hw5.datasets.fetch import find_downloaded
from hw5.export import Predicted, export
from tests.browser import launched, listen
from tests.cli.helpers import hw5 as program
from tests.cli.helpers import refused
from tests.strokes import STROKES, draw, settle

ROOT = Path(__file__).parents[1]
NODE = shutil.which("node")
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


def page_of(model, path, **options):
    export(model.checkpoint, "html", path, **options)
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


def test_the_program_shows_the_test_split_if_it_can(tmp_path):
    model, page = tmp_path / "model.npz", tmp_path / "page.html"
    frame = flowers()
    frame.to_csv(tmp_path / "flowers.csv", index=False)
    program("train", "--data", tmp_path / "flowers.csv", "--label-column", "kind", "--epochs", 1, "--out", model)
    assert program("export", model, "--out", page).stderr.count("no test examples") == 0
    found = described(page.read_text("utf-8"))
    assert found["tested"] == 18 and found["wrong"] >= len(found["mistakes"]) > 0
    (tmp_path / "flowers.csv").rename(tmp_path / "others.csv")
    assert "page.html shows no test examples: " in program("export", model, "--out", page).stderr
    assert described(page.read_text("utf-8"))["mistakes"] == []
    program("export", model, "--out", page, "--data", tmp_path / "others.csv", "--float16")
    again = described(page.read_text("utf-8"))
    assert again["tested"] == 18 and again["layers"][0]["isHalf"]
    table = (tmp_path / "others.csv").read_text()
    program("train", "--data", "-", "--label-column", "kind", "--epochs", 1, "--out", model, input=table)
    read_again = program("export", model, "--out", page, input=table)
    assert "page.html shows no test examples: the model was trained on standard input" in read_again.stderr
    for option in (("--float16",), ("--data", "digits")):
        sentence = refused("export", model, "--out", tmp_path / "a.npz", *option)
        assert f"{option[0]} needs --format html; leave it out" in sentence
    assert "no such file" in refused("export", model, "--out", page, "--data", tmp_path / "none.csv")


browser = pytest.fixture(scope="module")(launched)


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of a model; in the end, nothing was asked of another address, and nothing complained."""
    complaints = []

    def open_page(model, options=None, **how):
        page = browser.new_page(**how)
        listen(page, complaints, "file:")
        page_of(model, tmp_path / "page.html", **options or {})
        page.goto((tmp_path / "page.html").as_uri())
        return page

    yield open_page
    assert complaints == []


def shown(page):
    """{class: percentage} of the bars."""
    rows = page.locator("#classes li").all_inner_texts()
    return {row.split("\n")[0]: float(row.split("\n")[-1].rstrip("%")) for row in rows}


def test_what_is_drawn_is_predicted(opened):
    model = hw5.fit("digits", hidden="conv:8x3+1,pool:2,32", epochs=20, progress=False, device="cpu")
    page, right = opened(model), 0
    for digit in ("0", "1", "7"):
        draw(page, digit)
        bars, pixels = shown(page), np.array(page.evaluate("window.pixels"), np.float32)
        predicted = dict(zip(model.class_names, 100 * model.probabilities(pixels[np.newaxis])[0]))
        assert bars == pytest.approx(predicted, abs=0.06)  # one decimal is shown
        right += max(bars, key=bars.get) == digit
    assert right >= 2


@pytest.mark.slow
def test_lenet_reads_ten_drawn_digits(opened, tmp_path):
    """At least nine, as hw5 predict reads the picture of the pad; the page takes less than a megabyte."""
    if find_downloaded("mnist", None) is None:
        pytest.skip("MNIST is not here; HW5_DATA says where it is")
    model = hw5.fit("mnist", model="lenet", epochs=2, progress=False, device="cpu", threads=1)
    page, right = opened(model), 0
    for digit in STROKES:
        draw(page, digit)
        pixels = np.array(page.evaluate("window.pixels"), np.float32)
        bars = shown(page)
        assert max(bars, key=bars.get) == str(model.predict(pixels[np.newaxis])[0])
        right += max(bars, key=bars.get) == digit
    assert right >= 9 and (tmp_path / "page.html").stat().st_size < 1_000_000


def test_the_keyboard_draws(opened):
    model = hw5.fit("digits", hidden=16, **QUICK)
    page = opened(model)
    pad = page.get_by_role("application", name="Drawing pad")
    pad.focus()
    empty = page.evaluate("window.pixels")
    for key in (*["ArrowUp"] * 9, " ", *["ArrowDown"] * 18, " ", *["ArrowRight"] * 4):
        pad.press(key)
    settle(page)
    pixels = np.array(page.evaluate("window.pixels"), np.float32)
    assert pixels.reshape(8, 8)[:, 3:5].mean() > 2 * pixels.mean() > 2 and not np.array_equal(pixels, empty)
    predicted = dict(zip(model.class_names, 100 * model.probabilities(pixels[np.newaxis])[0]))
    assert shown(page) == pytest.approx(predicted, abs=0.06)
    page.wait_for_function("() => /^[0-9], [0-9.]+%$/.test(document.getElementById('said').textContent)")
    pad.press("Delete")
    settle(page)
    assert page.evaluate("window.pixels") == empty


def predicted_of(model, dataset):
    """The Predicted of a data set's examples."""
    return Predicted(dataset.train.X, dataset.train.y, model.probabilities(dataset.train.X))


def test_mistakes_of_images_are_clicked_through(opened):
    model = hw5.fit("digits", hidden=3, **QUICK)
    shown_examples = predicted_of(model, hw5.load_data("digits"))
    X, y, P = shown_examples
    wrong = np.flatnonzero(P.argmax(axis=1) != y)
    surest = wrong[np.argsort(-P[wrong].max(axis=1), kind="stable")][:24]
    page = opened(model, {"tested": shown_examples})
    assert page.get_by_text(f"wrong on {len(wrong)} of 1797 test examples").count() == 1
    for number, example in enumerate(surest[:3], start=1):
        page.get_by_role("button", name="Next mistake").click()
        assert page.get_by_text(f"Mistake {number} of 24: example {example + 1} is {y[example]}.").count() == 1
        expected = dict(zip(model.class_names, 100 * model.probabilities(X[example : example + 1])[0]))
        assert shown(page) == pytest.approx(expected, abs=0.06)
    page.get_by_role("button", name="Previous").click()
    assert page.get_by_text("Mistake 2 of 24").count() == 1
    draw(page, "1")  # on an empty pad again
    pixels = np.array(page.evaluate("window.pixels"), np.float32)
    assert pixels.reshape(8, 8)[:, 3:5].mean() > 4 > pixels.reshape(8, 8)[:, [0, 7]].mean()


def flowers(n=90):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"width": rng.normal(5, 2, n), "site": rng.choice(["n", "s", "e"], n)})
    frame["day"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(np.arange(n) * 9, "D")
    frame["kind"] = np.where(rng.random(n) < 0.3, "other", np.where(frame.width > 5, frame.site, "none"))
    return frame


def test_mistakes_of_a_table_fill_the_form(opened):
    frame = flowers()
    model = hw5.fit(frame, label_column="kind", epochs=3, progress=False, device="numpy")
    X = model._features(frame)
    y = np.array([model.class_names.index(name) for name in frame.kind])
    P = model.probabilities(frame)
    page = opened(model, {"tested": Predicted(X, y, P)})
    wrong = np.flatnonzero(P.argmax(axis=1) != y)
    example = wrong[np.argmax(P[wrong].max(axis=1))]
    page.get_by_role("button", name="Next mistake").click()
    row = frame.iloc[example]
    assert float(page.get_by_label("width, as a number").input_value()) == pytest.approx(row.width, abs=1e-4)
    assert page.get_by_label("site").input_value() == row.site
    assert page.get_by_label("day").input_value() == str(row.day.date())
    assert shown(page) == pytest.approx(dict(zip(model.class_names, 100 * P[example])), abs=0.06)


def sensitivity(page, name):
    return page.locator("label", has_text=name).locator("output").inner_text()


def test_the_sensitivity_of_a_form_is_a_difference_of_predictions(opened):
    frame = flowers()
    model = hw5.fit(frame, label_column="kind", epochs=20, progress=False, device="numpy")
    page = opened(model)
    page.get_by_label("width, as a number").fill("5.5")
    page.get_by_label("day").fill("2021-01-10")
    page.get_by_label("site").select_option("s")
    row = pd.DataFrame({"width": [5.5], "site": ["s"], "day": [pd.to_datetime("2021-01-10")]})
    best = model.probabilities(row)[0].argmax()

    def p(**changes):
        return model.probabilities(row.assign(**changes))[0, best]

    half = 0.5 / model.checkpoint.standardisation.scale[0]
    change = p(width=[5.5 + half]) - p(width=[5.5 - half])
    assert sensitivity(page, "width") == f"{'−' if change < 0 else '+'}{abs(100 * change):.1f}%"
    of_sites = [p(site=[site]) for site in "nse"]
    assert float(sensitivity(page, "site").strip("±%")) == pytest.approx(100 * np.ptp(of_sites), abs=0.06)
    assert re.fullmatch(r"[+−][\d.]+%", sensitivity(page, "day"))


def test_the_point_of_two_features_is_dragged_over_their_regions(opened):
    model = hw5.fit("xor", hidden=8, epochs=20, progress=False, device="numpy")
    dataset = hw5.load_data("xor")
    page = opened(model, {"tested": predicted_of(model, dataset)})
    plane = page.get_by_role("application", name="Regions of the classes by feature 1 and feature 2")
    box = plane.bounding_box()
    fields = [page.get_by_label(f"feature {i}, as a number") for i in (1, 2)]

    def example():
        return np.float32([[float(field.input_value()) for field in fields]])

    found = []
    for across, up in ((0.2, 0.75), (0.8, 0.8)):
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"], steps=5)
        page.mouse.up()
        low, high = dataset.train.X.min(axis=0), dataset.train.X.max(axis=0)
        np.testing.assert_allclose(example()[0], low + [across, up] * (high - low), atol=0.02 * (high - low).max())
        assert shown(page) == pytest.approx(dict(zip("01", 100 * model.probabilities(example())[0])), abs=0.06)
        found.append(max(shown(page), key=shown(page).get))
    assert found == ["1", "0"]
    before = example()
    plane.press("ArrowLeft")
    assert example()[0, 0] < before[0, 0] and example()[0, 1] == pytest.approx(before[0, 1], abs=1e-4)
    assert shown(page) == pytest.approx(dict(zip("01", 100 * model.probabilities(example())[0])), abs=0.06)


def test_the_curve_of_a_regression_has_a_point_to_drag(opened):
    model = hw5.fit("sine", task="regression", hidden=16, epochs=30, progress=False, device="numpy")
    page = opened(model, {"tested": predicted_of(model, hw5.load_data("sine", task="regression"))})
    box = page.get_by_role("application", name="The answer by feature 1").bounding_box()
    for across in (0.25, 0.75):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + 0.5 * box["height"])
        x = np.float32([[float(page.get_by_label("feature 1, as a number").input_value())]])
        assert x[0, 0] == pytest.approx(-np.pi + across * 2 * np.pi, abs=0.1)
        assert float(page.locator("#number").inner_text()) == pytest.approx(model.predict(x)[0], rel=1e-4, abs=1e-5)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_half_precision_takes_half_the_space_and_is_decoded(tmp_path):
    """The numbers are those of weights that are rounded to float16, as NumPy rounds them."""
    model = hw5.fit((PLAIN, np.arange(60) % 3), hidden=(100, 100), **QUICK)
    sizes = [len(page_of(model, tmp_path / "page.html", float16=half)) for half in (False, True)]
    own = len(page_of(hw5.fit((PLAIN, np.arange(60) % 3), hidden=1, **QUICK), tmp_path / "page.html"))
    assert 1.9 < (sizes[0] - own) / (sizes[1] - own) < 2.1
    halves = np.float32(np.float16([*np.geomspace(1e-8, 6e4, 60), -1.5, 0, -2e-7, 1 / 3]))
    assert decoded(halves.astype("<f2"), tmp_path).tolist() == halves.tolist()


def test_weights_that_half_precision_cannot_hold_stay_as_they_are(tmp_path):
    """The top layer of a regression is in the units of its targets."""
    model = hw5.fit((PLAIN, 1e7 * PLAIN[:, 0] + 1e8), task="regression", **QUICK)
    bottom, top = described(page_of(model, tmp_path / "page.html", float16=True))["layers"]
    assert bottom["isHalf"] and "isHalf" not in top


def decoded(halves, tmp_path):
    text = base64.b64encode(halves.tobytes()).decode()
    script = f"""
        const m = require({json.dumps(str(ROOT / "hw5" / "export" / "page" / "model.js"))});
        const layers = [{{ kind: "dense", isHalf: true, W: {json.dumps(text)}, b: "" }}];
        console.log(JSON.stringify(Array.from(m.decoded({{ layers, mean: "", scale: "" }}).layers[0].W)));
    """
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    return np.float32(json.loads(done.stdout))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_phone_shows_the_whole_width_and_every_control_has_a_name(opened, scheme):
    frame = flowers().rename(columns={"width": "a very long name of a column, of the width"})
    for model in (hw5.fit(frame, label_column="kind", **QUICK), hw5.fit("digits", hidden=16, **QUICK)):
        page = opened(model, color_scheme=scheme, viewport={"width": 340, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        ink, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert contrast(ink, paper) > 7  # as WCAG's level AAA asks
        for control in page.locator("input, select, button, canvas[tabindex]").all():
            assert control.get_attribute("aria-label") or control.inner_text()
        assert page.get_by_role("status").count() >= 1


def contrast(*colours):
    """The contrast ratio of two colours, rgb(r, g, b), as WCAG defines it."""

    def luminance(text):
        c = np.array([int(part) for part in re.findall(r"\d+", text)[:3]]) / 255
        return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


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


def test_hostile_text_is_only_text_on_regions_and_mistakes(opened):
    frame = pd.DataFrame(
        {
            HOSTILE[0]: rng.normal(size=40),
            HOSTILE[1]: rng.normal(size=40),
            "kind": [HOSTILE[0], HOSTILE[1], HOSTILE[3], HOSTILE[0]] * 10,
        }
    )
    model = hw5.fit(frame, label_column="kind", **QUICK)
    y = np.array([model.class_names.index(name) for name in frame.kind])
    page = opened(model, {"tested": Predicted(model._features(frame), y, model.probabilities(frame))})
    page.get_by_role("button", name="Next mistake").click()
    assert set(page.locator(".legend li").all_text_contents()) == set(model.class_names)
    assert page.locator("img").count() == 0 and page.locator("script").count() == 3


def test_a_finger_draws(opened):
    page = opened(
        hw5.fit("digits", hidden=16, **QUICK), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    box = page.locator("#pad").bounding_box()
    assert not np.any(page.evaluate("window.pixels"))
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    settle(page)
    assert np.any(page.evaluate("window.pixels"))
