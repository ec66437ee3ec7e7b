"""The page of hw5 train --watch in a browser."""

import re
import signal

import pytest

from tests.browser import launched, listen

from .test_watch import started

browser = pytest.fixture(scope="module")(launched)
ENDLESS = "--epochs", 1_000_000


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of a training; in the end, nothing complained, and nothing was asked elsewhere."""
    complaints, processes = [], []

    def open_page(*options):
        process, address = started(tmp_path / "model.npz", *options)
        processes.append(process)
        page = browser.new_page()
        listen(page, complaints, address)
        page.goto(address)
        return page, process

    yield open_page
    for process in processes:
        process.kill()
        process.wait()
    assert complaints == []


def epochs_shown(page):
    """The epoch of the last point of the loss."""
    label = page.locator("#curves svg").first.get_attribute("aria-label")
    return int(re.search(r"training [\d.e-]+ at (\d+)", label)[1])


@pytest.mark.slow
def test_it_follows_the_training_to_its_end(opened):
    page, process = opened("--data", "xor", "--hidden", 6, *ENDLESS)
    page.wait_for_selector("#curves svg")
    page.wait_for_selector("#confusion td.right")
    assert page.locator("#title").inner_text() == "xor: mlp 2-6-2"
    first = epochs_shown(page)
    page.wait_for_function(
        "() => document.querySelectorAll('#curves svg').length === 2 && !document.getElementById('regions').hidden"
    )
    page.wait_for_function(
        f"() => Number(document.querySelector('#curves svg').getAttribute('aria-label').match(/at (\\d+)/)[1]) > {first}"
    )
    assert page.get_by_role("progressbar").count() == 1 and page.get_by_role("status").inner_text() == "Training."
    counts = [int(text or 0) for text in page.locator("#confusion td").all_inner_texts()]
    assert sum(counts) == 40  # of 400 training examples, a tenth for validation
    process.send_signal(signal.SIGINT)
    page.wait_for_function("() => document.getElementById('state').textContent.startsWith('The training was stopped.')")
    assert process.wait(timeout=30) == 130


@pytest.mark.slow
def test_a_closed_browser_is_nothing_to_the_training_and_a_second_one_sees_it_all(opened, browser):
    page, process = opened("--hidden", "conv:4x3,pool:2,8", *ENDLESS)
    page.wait_for_selector("#filters canvas")
    address = page.url
    page.close()
    again = browser.new_page()
    again.goto(address)
    again.wait_for_selector("#filters canvas")
    assert again.locator("#filters canvas").count() == 4 and process.poll() is None
    again.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130


@pytest.mark.slow
def test_text_of_the_data_is_only_text(opened, tmp_path):
    names = ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; alert(1); '"]
    rows = [f"{i % 7},{i % 5}," + '"' + names[i % 3].replace('"', '""') + '"' for i in range(90)]
    table = tmp_path / "<b>bold.csv"
    table.write_text("\n".join(["x,y,kind", *rows]) + "\n")
    page, process = opened("--data", table, "--label-column", "kind", *ENDLESS)
    page.wait_for_selector("#regions .legend li")
    page.wait_for_selector("#confusion td")
    assert page.locator("#title").inner_text().startswith("<b>bold.csv: mlp 2-")
    assert set(page.locator(".legend li").all_text_contents()) == set(names)
    assert page.locator("img, b").count() == 0 and page.locator("script").count() == 1
