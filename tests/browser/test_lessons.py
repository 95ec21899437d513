"""Every lesson in a real JupyterLab: run from a clean start, drawn, stepped, at two widths."""

from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))

# What JupyterLab says of itself when a kernel is restarted soon after its start.
OF_JUPYTERLAB = ("Could not restore the debugger state",)

# What each code cell has come to, by JupyterLab's own account of the notebook.
CELLS = """window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(({ model }) => ({
    count: model.executionCount,
    source: model.sharedModel.getSource(),
    tags: model.getMetadata('tags') ?? [],
    errors: model.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.evalue),
  }))"""

# That all have run; or that one failed which should not, after which JupyterLab runs no more.
DONE = f"""{CELLS}.every(cell => cell.count) ||
  {CELLS}.some(cell => cell.errors.length && !cell.tags.includes('raises-exception'))"""

SIDES = """parts => parts.map(part => part.getBoundingClientRect())
  .map(({ width, height }) => [width, height])"""

# Outputs, and parts of them, that reach beyond the room they have.
TOO_WIDE = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node, wrong = [];
  for (const output of panel.querySelectorAll('.jp-OutputArea-output')) {
    const cell = output.closest('.jp-Cell').getBoundingClientRect();
    const room = Math.min(output.getBoundingClientRect().right, cell.right) + 1;
    const say = (el, by) => wrong.push(
      `${el.tagName}.${el.getAttribute('class') ?? ''} by ${Math.round(by)} pixels: ` +
      `${(el.textContent ?? '').trim().slice(0, 60)}`);
    if (output.scrollWidth > output.clientWidth + 1)
      say(output, output.scrollWidth - output.clientWidth);
    for (const el of output.querySelectorAll('img, svg, canvas, table, pre, .autodiff-graph')) {
      const { right, width } = el.getBoundingClientRect();
      if (width && right > room) say(el, right - room);
    }
    for (const host of output.querySelectorAll('*'))
      for (const el of
           host.shadowRoot?.querySelectorAll('.box, .title, section, svg, .buttons') ?? [])
        if (!el.closest('.canvas') && el.getBoundingClientRect().right > room)
          say(el, el.getBoundingClientRect().right - room);
  }
  return wrong;
}"""

# Pages that stand in for a widget, and are seen beside it.
TWICE = """() => [...window.jupyterapp.shell.currentWidget.node.querySelectorAll('[data-autodiff]')]
  .filter(page => page.offsetHeight &&
    page.closest('.jp-OutputArea-child').nextElementSibling?.querySelector('.jupyter-widgets')
  ).length"""


@pytest.fixture(scope="module")
def desk(lab, browser):
    """A browser's tab with JupyterLab in it, and what its console complained of."""
    for lesson in LESSONS:
        book = nbformat.read(lesson, as_version=4)
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.update(execution_count=None, outputs=[])
        nbformat.write(book, lab[1] / lesson.name)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto(f"{lab[0]}/lab?token=t&reset")
    page.wait_for_function("window.jupyterapp?.restored")
    page.evaluate("window.jupyterapp.restored")
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    yield page, complaints
    context.close()


@pytest.fixture(params=LESSONS, ids=[lesson.stem[:2] for lesson in LESSONS])
def lesson(request, desk):
    """A lesson after Restart & Run All, in JupyterLab's page."""
    page, complaints = desk
    complaints.clear()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate(
        "async path => { const app = window.jupyterapp;"
        " const panel = await app.commands.execute('docmanager:open', { path });"
        " app.shell.activateById(panel.id); await panel.revealed;"
        " await panel.sessionContext.ready; }",
        request.param.name,
    )
    run_all(page)
    yield page
    page.evaluate(
        "async () => { const panel = window.jupyterapp.shell.currentWidget;"
        " await panel.sessionContext.shutdown(); panel.context.model.dirty = false;"
        " panel.close(); }"
    )


def run_all(page):
    """Kernel | Restart Kernel and Run All Cells, as the menu does it, until the last is done."""
    status = "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"
    page.wait_for_function(f"{status} === 'idle'")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:restart-run-all')")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(DONE)


def test_a_lesson_in_jupyterlab(lesson, desk):
    page, complaints = lesson, desk[1]
    cells = page.evaluate(CELLS)
    for cell in cells:
        meant = "raises-exception" in cell["tags"]
        assert bool(cell["errors"]) == meant, f"{cell['errors']} in:\n{cell['source']}"
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))

    boxes = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) div.box:visible")
    shown = sum("show.backward(" in cell["source"] for cell in cells)
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)  # what watches its size draws anew
        assert page.evaluate(TOO_WIDE) == [], f"too wide at {width} pixels"
        steppers = 0
        for box in boxes.all():
            if box.locator(".canvas").count():
                steppers += 1
                step_through(page, box)
            else:
                move(page, box)
        assert steppers >= shown
        assert page.evaluate(TWICE) == 0
    assert [c for c in complaints if not any(own in c for own in OF_JUPYTERLAB)] == []


def step_through(page, box):
    """A stepper draws its nodes, and the keys lead through all its steps."""

    def count():
        return [int(n) for n in box.locator(".count").text_content().split() if n.isdigit()]

    box.scroll_into_view_if_needed()
    sides = box.locator(".canvas .item").evaluate_all(SIDES)
    assert len(sides) >= 2
    assert min(map(min, sides)) > 20
    box.focus()
    page.keyboard.press("Home")
    start, last = count()
    assert start == 0 < last
    page.keyboard.press("ArrowRight")
    assert count() == [1, last]
    first = box.locator(".what").text_content()
    page.keyboard.press("End")
    while box.get_by_role("button", name="Show me").count():  # a question stands in the way
        box.get_by_role("button", name="Show me").click()
        page.keyboard.press("End")
    assert count() == [last, last]
    assert box.locator(".what").text_content() not in ("", first)
    assert box.locator(".canvas .reached, .canvas .now").count() > 0
    page.keyboard.press("Home")


def move(page, box):
    """An explorer has drawn something; its slider moves by key, or its line can be written."""
    box.scroll_into_view_if_needed()
    written = box.locator("input[type='text']")
    if written.count():
        assert box.locator("table td").count() > 0
        cells, before = page.locator(".jp-Cell").count(), written.input_value()
        written.press("End")
        page.keyboard.type("xx")  # in the notebook around it, x takes a cell out
        assert written.input_value() == before + "xx"
        assert page.locator(".jp-Cell").count() == cells
        written.fill(before)
        return
    for _ in range(100):  # it draws once it is in view and knows its width
        sides = box.locator("svg.plot path").evaluate_all(SIDES)
        if drawn := max(map(max, sides), default=0) > 50:
            break
        page.wait_for_timeout(100)
    assert drawn
    slider = box.locator("input[type='range']:enabled").first
    before = slider.input_value()
    key = "ArrowLeft" if before == slider.get_attribute("max") else "ArrowRight"
    slider.press(key)
    assert slider.input_value() != before
