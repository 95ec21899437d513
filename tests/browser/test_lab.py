"""The stepper in a real JupyterLab: run, saved, reopened without a kernel, untrusted, exported."""

import subprocess
import sys

import nbformat
import pytest

pytestmark = pytest.mark.slow

SESSION = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
CELLS = [
    "import autodiff_lesson as tf\nfrom autodiff_lesson import show",
    "x = tf.constant(3.0)\nwith tf.GradientTape() as tape:\n    tape.watch(x)\n"
    "    u = x * x\n    v = tf.sin(x)\n    y = u + v\nshow.backward(tape, y, x)",
    "live = show.backward(tape, y, x, live=True)\nlive",
    "show.graph(tape, y, x)",
    "live.step = 4",
]


@pytest.fixture
def opened(lab, browser):
    """Open a notebook in a tab of its own, once JupyterLab is there."""
    contexts = []

    def open_notebook(name):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{lab[0]}/lab/tree/{name}?token=t&reset")
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        return page

    yield open_notebook
    for context in contexts:
        context.close()


def command(page, name):
    # without waiting for its promise: a dialog of JupyterLab's would hold it for ever
    page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)


def count(box):
    return box.locator(".count").text_content()


def test_in_jupyterlab(lab, opened, browser):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, lab[1] / "steps.ipynb")
    complaints = []
    page = opened("steps.ipynb")
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.wait_for_function(f"{SESSION}.session?.kernel?.status === 'idle'")
    command(page, "notebook:run-all-cells")
    boxes = page.locator("div.box")
    static, stands, live = boxes.nth(0), boxes.nth(1), boxes.nth(2)
    page.wait_for_function("document.querySelectorAll('.jp-OutputArea-output').length >= 3")
    live.wait_for()
    assert not stands.is_visible()  # the page that stands in for the widget where no kernel is

    # the static form
    static.scroll_into_view_if_needed()
    static.focus()
    for key in ("ArrowRight", "ArrowRight", "Space", "Space", "ArrowRight"):
        page.keyboard.press(key)
    assert count(static) == "step 3 of 10"
    assert page.locator(".jp-Cell").count() == len(CELLS)  # no key went to the notebook
    assert page.locator(".autodiff-graph svg").is_visible()
    assert not page.locator(".autodiff-graph img").is_visible()

    # the live form: Python moves it, it tells Python
    page.wait_for_function(
        "[...document.querySelectorAll('.jp-OutputArea-output *')].some(el =>"
        " el.shadowRoot?.querySelector('.count')?.textContent === 'step 4 of 10')"
    )
    live.scroll_into_view_if_needed()
    live.focus()
    page.keyboard.press("ArrowRight")
    assert count(live) == "step 5 of 10"
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert complaints == []

    # saved and opened again, the kernel gone
    command(page, "docmanager:save")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.evaluate("() => { " + SESSION + ".shutdown(); }")
    book = nbformat.read(lab[1] / "steps.ipynb", as_version=4)
    assert book.cells[1].outputs[0].data["text/plain"] == "<BackwardPass: 3 records, dy/dx = 5.01>"
    again = opened("steps.ipynb")
    again.evaluate("() => { " + SESSION + ".shutdown(); }")
    box = again.locator("div.box").first
    box.wait_for()
    box.focus()
    again.keyboard.press("End")
    assert "5.01" in box.locator(".what").text_content()
    stands = again.locator("div.box").nth(1)
    stands.focus()
    again.keyboard.press("End")
    assert "5.01" in stands.locator(".what").text_content()
    assert not again.get_by_text("Loading widget").is_visible()

    # a notebook that is not trusted: no script runs, the pictures stay
    book.cells.append(nbformat.v4.new_markdown_cell("changed by somebody else"))
    nbformat.write(book, lab[1] / "strange.ipynb")
    strange = opened("strange.ipynb")
    pictures = strange.locator(".jp-OutputArea-output img[src^='data:image/svg+xml']")
    pictures.nth(1).wait_for()
    assert strange.locator("div.box").count() == 0
    assert all(pictures.nth(i).bounding_box()["height"] > 200 for i in (0, 1))

    # a web page of it
    subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", str(lab[1] / "steps.ipynb")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = browser.new_context(offline=True)
    exported = context.new_page()
    exported.goto((lab[1] / "steps.html").as_uri())
    box = exported.locator("div.box").first
    box.wait_for()
    box.focus()
    exported.keyboard.press("End")
    assert "5.01" in box.locator(".what").text_content()
    context.close()
