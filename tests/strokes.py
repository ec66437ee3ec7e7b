"""Ten digits in plain strokes, in a square of side 1: for each, lists of points to move through with the mouse down."""

import numpy as np


def _arc(x, y, a, b, begin, end, n=14):
    """Points of an ellipse around (x, y); angles in degrees, clockwise on the screen, from the right."""
    return [(x + a * np.cos(t), y + b * np.sin(t)) for t in np.radians(np.linspace(begin, end, n))]


STROKES = {
    "0": [_arc(0.5, 0.5, 0.2, 0.33, -90, 270, 24)],
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "2": [[*_arc(0.5, 0.32, 0.2, 0.17, -170, 30), (0.3, 0.83), (0.74, 0.83)]],
    "3": [[*_arc(0.47, 0.32, 0.19, 0.16, -150, 80), *_arc(0.47, 0.66, 0.22, 0.18, -80, 150)]],
    "4": [[(0.36, 0.18), (0.28, 0.55), (0.74, 0.55)], [(0.64, 0.2), (0.6, 0.86)]],
    "5": [[(0.7, 0.17), (0.36, 0.17), (0.33, 0.45), *_arc(0.48, 0.63, 0.21, 0.2, -110, 140)]],
    "6": [[(0.6, 0.15), (0.42, 0.35), *_arc(0.5, 0.66, 0.18, 0.18, -180, -540, 24)]],
    "7": [[(0.27, 0.2), (0.73, 0.2), (0.45, 0.85)]],
    "8": [[*_arc(0.5, 0.33, 0.15, 0.16, 90, -270, 20), *_arc(0.5, 0.67, 0.18, 0.18, -90, 270, 20)]],
    "9": [[*_arc(0.5, 0.34, 0.17, 0.17, 0, -360, 22), (0.66, 0.5), (0.6, 0.86)]],
}


def draw(page, digit):
    """Draw a digit on the pad with the mouse, and wait until the answer is shown."""
    box = page.locator("#pad").bounding_box()
    page.get_by_role("button", name="Clear").click()
    for (x, y), *others in STROKES[digit]:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        page.mouse.up()
    settle(page)


def settle(page):
    """Wait for two frames, within which the answer is computed."""
    for _ in range(2):
        page.evaluate("() => new Promise(requestAnimationFrame)")
