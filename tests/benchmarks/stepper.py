"""What a stepper costs, for short and long tapes: python tests/benchmarks/stepper.py

Prints how long `show.backward` takes to build, the bytes it adds to a saved notebook, and how long
after a key the next picture is painted. Times of building are processor time. Times of keys are by
the clock on the wall, in a real browser: they need a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import autodiff_lesson as tf
from autodiff_lesson import show
from autodiff_lesson.show.hosting import page
from autodiff_lesson.show.stepper import module

RECORDS = (10, 100, 1_000, 10_000)
BASE, EACH, STILL = 60_000, 300, 20_000  # bytes aimed at: in all, per record, of the still picture
PAINT = 50  # milliseconds aimed at
# so that the walk is seen at both ends; the way to the end is a jump, and is not counted
KEYS = ["ArrowRight"] * 10 + ["End"] + ["ArrowLeft"] * 10


def recorded(records: int) -> tuple:
    """A scalar loop of exactly that many records: one before it, three in a turn."""
    x, c = tf.constant(0.5), tf.constant(0.9)
    with tf.GradientTape() as tape:
        tape.watch([x, c])
        u = x * x
        for _ in range((records - 1) // 3):
            v = tf.sin(u)
            u = c * v + x
    assert len(tape.records) == records
    return tape, u, [x, c]


# ---- building


def milliseconds(work: tuple) -> tuple[float, float]:
    """Processor time of making the picture's data, and of writing it as HTML: medians."""
    made, written = [], []
    for _ in range(3 if len(work[0].records) > 1_000 else 9):
        start = time.process_time()
        shown = show.backward(*work)
        between = time.process_time()
        shown._repr_html_()
        made.append(1e3 * (between - start))
        written.append(1e3 * (time.process_time() - between))
    return statistics.median(made), statistics.median(written)


# ---- bytes


def size(text: str) -> int:
    return len(text.encode())


def parts(shown: Any) -> tuple[int, int, int]:
    """Bytes of the HTML: what every stepper holds, the still picture, and what the tape adds."""
    text = shown._repr_html_()
    image = text.partition(' src="')[2].partition('"')[0] if "<img " in text else ""
    base = size(page({}, "", shown.picture.title, module()))
    return base, size(image), size(text) - base - size(image)


def in_a_notebook(shown: Any) -> int:
    """Bytes of the HTML as a notebook's file has it: a JSON list of indented lines."""
    lines = shown._repr_html_().splitlines(keepends=True)
    return sum(len(f"       {json.dumps(line, ensure_ascii=False)},\n".encode()) for line in lines)


# ---- painting

# A task posted from an animation frame runs when that frame has been laid out and painted.
LISTEN = """
() => {
  window.took = [];
  addEventListener("keydown", (event) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => took.push(performance.now() - event.timeStamp);
    port2.postMessage(0);
  }), true);
}
"""


def browser_path() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def key_to_paint(texts: list[str]) -> Iterator[list[float]]:
    """For each text, the milliseconds from each arrow key to the end of the frame after it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        for k, text in enumerate(texts):
            path = Path(folder, f"{k}.html")
            path.write_text(f'<!doctype html><meta charset="utf-8">{text}', encoding="utf-8")
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(path.as_uri())
            tab.locator("div.box").first.focus()
            tab.evaluate(LISTEN)
            count = tab.locator(".count").first
            before = count.inner_text()
            for n, key in enumerate(KEYS, 1):
                tab.keyboard.press(key)
                tab.wait_for_function(f"took.length === {n}")
                after = count.inner_text()
                assert after != before, f"{key} did not move the stepper from {before}"
                before = after
            took = tab.evaluate("took")
            yield [ms for ms, key in zip(took, KEYS, strict=True) if key.startswith("Arrow")]
            tab.close()
        browser.close()


def why_no_browser() -> str:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Times of keys are left out: playwright is not installed."
    if browser_path() is None:
        return "Times of keys are left out: no Chromium on the PATH; or set CHROMIUM to its path."
    return ""


# ---- the tables


def main() -> None:
    shown = {}
    print(f"{'records':>8} {'data ms':>9} {'HTML ms':>9} {'us per record, both':>20}")
    for n in RECORDS:
        work = recorded(n)
        made, written = milliseconds(work)
        print(f"{n:8,} {made:9.1f} {written:9.1f} {1e3 * (made + written) / n:20.0f}")
        shown[n] = show.backward(*work)

    print(f"\nBytes of the HTML (aim: base {BASE:,}, {EACH} per record, still at most {STILL:,})")
    names = ("base", "still", "per record", "in all", "aim", "in the file")
    print(f"{'records':>8}" + "".join(f"{name:>12}" for name in names))
    for n, stepper in shown.items():
        base, still, rest = parts(stepper)
        aim = BASE + EACH * n + STILL
        print(
            f"{n:8,}{base:12,}{still:12,}{rest / n:12.1f}{base + still + rest:12,}{aim:12,}"
            f"{in_a_notebook(stepper):12,}"
        )

    if reason := why_no_browser():
        print(f"\n{reason}")
        return
    print(f"\nKey to paint, {len(KEYS) - 1} arrow keys (aim: {PAINT} ms)")
    print(f"{'records':>8} {'median ms':>10} {'slowest ms':>11}")
    texts = [stepper._repr_html_() for stepper in shown.values()]
    for n, took in zip(RECORDS, key_to_paint(texts), strict=True):
        print(f"{n:8,} {statistics.median(took):10.1f} {max(took):11.1f}")


if __name__ == "__main__":
    main()
