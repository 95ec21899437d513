"""Draw the README's picture again: the stepper in the middle of a backward pass.

    python tests/browser/picture.py

(with the Python of .venv; Chromium must be installed, or CHROMIUM say where it is). It writes
docs/stepper.png, 1280 pixels wide, in the light theme.
"""

import os
import runpy
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from autodiff_lesson import show

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "stepper.png"
WIDTH = 1280
STEP = 8  # sin has answered, and one of the two factors of x * x
CODE = """\
import autodiff_lesson as tf

x = tf.constant(3.0)
with tf.GradientTape() as tape:
    tape.watch(x)
    u = x * x
    v = tf.sin(x)
    y = u + v
"""


def draw(to: Path, step: int = STEP) -> None:
    """Open the stepper in a browser and photograph it."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        code, file = Path(folder) / "example.py", Path(folder) / "stepper.html"
        code.write_text(CODE, encoding="utf-8")
        made = runpy.run_path(str(code))
        picture = show.backward(made["tape"], made["y"], made["x"], step=step)
        style = f"<style>body{{margin:0;padding:16px;width:{WIDTH - 32}px;background:#fff}}</style>"
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>stepper</title>{style}'
        file.write_text(f'{head}<body id="all">{picture._repr_html_()}', encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.goto(file.as_uri())
        page.locator(".box").first.wait_for()
        page.locator("#all").screenshot(path=to, animations="disabled")
        browser.close()


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    draw(PICTURE)
