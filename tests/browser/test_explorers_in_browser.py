"""The explorers in a real browser: what they show is right, by mouse, by key, with a kernel."""

import re

import nbformat
import numpy as np
import pytest

from autodiff_lesson import keras, show
from autodiff_lesson.keras.optimizers import SGD, Adam
from autodiff_lesson.show import surfaces
from autodiff_lesson.show.trials import Trial

HOSTILE = "</script><img src=x onerror=alert(1)>\"'\u202e" + "w" * 500


def cube(x):
    return x * x * x


def product(x, y):
    return x * y


def race(**options):
    optimizers = {"fast": SGD(0.05), "momentum": SGD(0.02, momentum=0.9), "Adam": Adam(0.2)}
    return show.race(surfaces.ravine, optimizers, steps=40, live=False, **options)


def slice_of_a_line():
    x = np.array([[-1.0], [0.0], [1.0]], np.float32)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=SGD(0.2), loss="mse")
    model(x)
    path = []
    for turn in range(5):
        model.set_weights([np.array([[2.0 - 2 / (turn + 1)]]), np.array([1.0 / (turn + 1)])])
        path.append(model.get_weights())
    return show.loss_surface(model, (x, 2 * x), path=path, parameters=[(0, 0, 0), (1, 0)])


def explorers():
    return {
        "tangent": show.tangent(cube, at=1.0),
        "race": race(),
        "loss_surface": slice_of_a_line(),
        "custom_rule": Trial(product, "upstream * y, x", None).explorer(),
    }


def number(text):
    return float(re.search(r"-?\d+\.?\d*(e-?\d+)?", text.replace("−", "-")).group())


def fact(box, row):
    return number(box.locator(".facts tr").nth(row).locator("td").nth(1).inner_text())


def test_tangent_shows_the_gradient_and_the_quotient_at_every_stop(show_page):
    page = show_page(show.tangent(cube, at=1.0, dtype="float64")._repr_html_()).page
    box = page.locator("div.box")
    x, h = box.get_by_label("x", exact=True), box.get_by_label("h", exact=True)
    for slider, keys in ((x, 12 * ["ArrowRight"]), (h, 4 * ["ArrowLeft"]), (x, ["Home"])):
        slider.focus()
        for key in keys:
            page.keyboard.press(key)
        at = number(box.locator(".value").nth(0).inner_text())
        step = number(box.locator(".value").nth(1).inner_text())
        assert fact(box, 0) == pytest.approx(at**3, rel=1e-4)
        assert fact(box, 1) == pytest.approx(3 * at**2, rel=1e-4)
        exact = 10 ** (round(2 * np.log10(step)) / 2)
        assert fact(box, 2) == pytest.approx(3 * at**2 + 3 * at * exact + exact**2, rel=1e-3)
        assert fact(box, 3) == pytest.approx(abs(fact(box, 2) - fact(box, 1)), rel=0.05)


def test_tangent_follows_the_pointer(show_page):
    page = show_page(show.tangent(cube, at=1.0)._repr_html_()).page
    plot = page.locator("svg.plot").first.bounding_box()
    page.mouse.move(plot["x"] + 0.3 * plot["width"], plot["y"] + 100)
    page.mouse.down()
    first = number(page.locator(".value").nth(0).inner_text())
    page.mouse.move(plot["x"] + 0.8 * plot["width"], plot["y"] + 100)
    page.mouse.up()
    assert -2 < first < 0.5 < 2 < number(page.locator(".value").nth(0).inner_text()) < 4


def test_a_race_plays_says_who_diverged_and_opens_any_step(show_page):
    made = race()
    page = show_page(made._repr_html_(), reduced_motion="reduce").page
    run, out = made.data["runs"][1], made.data["runs"][0]["out"]
    assert page.locator(".result").nth(0).inner_text() == f"diverged at step {out}"
    page.get_by_role("button", name="momentum").click()
    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("Home")
    assert "loss" in page.locator(".result").nth(0).inner_text()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    cards = page.locator(".card")
    assert cards.locator("figcaption").all_inner_texts() == ["gradient", "velocity", "the move"]
    points = np.reshape(run["p"], (-1, 2))
    wanted = [run["g"][6:8], run["s"]["velocity"][6:8], points[4] - points[3]]
    for i, (x, y) in enumerate(wanted):
        shown = [number(t) for t in cards.nth(i).locator(".pair div").all_inner_texts()]
        assert shown == pytest.approx([x, y], rel=6e-3, abs=1e-6)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(el =>"
        " el.shadowRoot?.querySelector('.value')?.textContent === '40')"
    )
    assert page.get_by_label("Learning rate of Adam").is_disabled()


def test_the_slice_shows_the_loss_of_each_place(show_page):
    made = slice_of_a_line()
    page = show_page(made._repr_html_()).page
    box = page.locator("div.box")
    page.get_by_label("Place on the path").focus()
    page.keyboard.press("Home")
    for loss in made.data["losses"]:
        assert fact(box, 2) == pytest.approx(loss, rel=1e-3)
        page.keyboard.press("ArrowRight")
    plot = page.locator("svg.plot").first.bounding_box()
    page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + 150)
    assert min(made.data["heights"]) <= fact(box, 3) <= max(made.data["heights"])


def test_a_rule_is_right_or_wrong_at_a_glance(show_page):
    page = show_page(explorers()["custom_rule"]._repr_html_()).page
    assert page.locator(".badge").inner_text() == "✗ wrong"
    assert "gradient of y" in page.locator(".why").inner_text()
    assert page.locator("td[aria-label=wrong]").count() == 2
    right = show_page(Trial(product, "upstream * y, upstream * x", None).explorer()._repr_html_())
    assert right.page.locator(".badge").inner_text() == "✓ right"


CLIPPED = """box => [...box.querySelectorAll('section, header, figure, .racer, td, text, output')]
  .filter((el) => {
    const outer = (el.tagName === 'text' ? el.ownerSVGElement : box).getBoundingClientRect();
    const r = el.getBoundingClientRect();
    return r.width && (r.left < outer.left - 1 || r.right > outer.right + 1);
  }).map((el) => el.tagName + ': ' + el.textContent.slice(0, 40))"""
SMALL = """box => [...box.querySelectorAll('*')].filter((el) =>
    [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
    && parseFloat(getComputedStyle(el).fontSize) < 14).map((el) => el.textContent.slice(0, 40))"""
FAINT = """box => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (el) => {
    for (; el; el = el.parentElement) {
      const c = parse(getComputedStyle(el).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  return [...box.querySelectorAll('*')].filter((el) => [...el.childNodes]
    .some((n) => n.nodeType === 3 && n.textContent.trim()) && el.getBoundingClientRect().width)
    .map((el) => {
      const style = getComputedStyle(el), svg = el instanceof SVGElement;
      const [a, b] = [light(parse(svg ? style.fill : style.color)), light(ground(el))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), el.textContent.slice(0, 40)];
    }).filter(([ratio]) => ratio < 4.5);
}"""


def test_all_is_larger_for_a_projector(show_page):
    page = show_page(race()._repr_html_()).page
    box = page.locator("div.box")
    sides = "el => [el.getBoundingClientRect().left, el.getBoundingClientRect().width]"
    before = box.locator(".plot text").first.bounding_box()["height"]
    box.press("+")
    page.wait_for_timeout(200)
    assert box.locator(".plot text").first.bounding_box()["height"] > 1.2 * before
    left, width = box.locator(".land").evaluate(sides)  # the land lies within the plot's frame
    plot_left, plot_width = box.locator(".plot").first.evaluate(sides)
    assert plot_left < left and left + width < plot_left + plot_width
    assert box.evaluate(CLIPPED) == []


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["tangent", "race", "loss_surface", "custom_rule"])
def test_nothing_is_clipped_small_or_faint(show_page, name, width, scheme):
    html = explorers()[name]._repr_html_()
    page = show_page(html, width=width, color_scheme=scheme).page
    page.wait_for_timeout(100)
    box = page.locator("div.box")
    assert box.evaluate(CLIPPED) == []
    assert box.evaluate(SMALL) == []
    assert box.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unlabelled = "els => els.filter((e) => !e.textContent && !e.getAttribute('aria-label')).length"
    assert box.locator("button, input").evaluate_all(unlabelled) == 0


def test_a_hostile_name_is_shown_as_text(show_page):
    def square(x):
        return x * x

    square.__name__ = HOSTILE
    pages = [
        show.tangent(square),
        show.race(surfaces.bowl, {HOSTILE: SGD(0.1)}, live=False),
        Trial(square, f"upstream * {HOSTILE!r}", None).explorer(),
    ]
    for explorer in pages:
        page = show_page(explorer._repr_html_()).page
        assert "<img src=x onerror" in page.locator("div.box").text_content()
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_beside_a_kernel(lab, browser):
    """In JupyterLab: a click starts the race elsewhere, a rate changes it, a rule is judged."""
    address, folder = lab
    cells = [
        "import autodiff_lesson as tf\nfrom autodiff_lesson import show, keras\n"
        "from autodiff_lesson.show import surfaces",
        "racers = [keras.optimizers.SGD(0.03), keras.optimizers.Adam(0.2)]\n"
        "show.race(surfaces.ravine, racers, steps=40)",
        "def product(x, y):\n    return x * y\nshow.custom_rule(product)",
        "def wave(x, k):\n    y = tf.sin(k * x)\n    return y\n"
        "show.explore(wave, x=(-3.0, 3.0, 1.0), k=(0.5, 4.0, 2.0))",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "explorers.ipynb")
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(30_000)
    page.goto(f"{address}/lab/tree/explorers.ipynb?token=t&reset")
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    session = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
    page.wait_for_function(f"{session}?.session?.kernel?.status === 'idle'")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    box = page.locator("div.box:visible", has_text="A race on ravine")
    box.scroll_into_view_if_needed()
    results = box.locator(".result")
    before = results.all_inner_texts()
    plot = box.locator("svg.plot").first.bounding_box()
    page.mouse.click(plot["x"] + 0.8 * plot["width"], plot["y"] + 0.35 * plot["height"])
    page.wait_for_timeout(1500)
    after = results.all_inner_texts()
    assert after[0] != before[0] and after[1] != before[1]
    box.focus()
    page.keyboard.press("x")
    box.get_by_label("Learning rate of SGD").focus()
    page.keyboard.press("x")
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    box.locator(".mark", has_text="diverged at step").wait_for()
    page.wait_for_timeout(500)
    assert results.nth(1).inner_text() == after[1]

    rule = page.locator("div.box:visible", has_text="The backward rule of product")
    assert rule.locator(".badge").inner_text() == "✗ wrong"
    height = rule.bounding_box()["height"]
    rule.locator("input").fill("upstream *")
    rule.get_by_text("SyntaxError: invalid syntax", exact=True).wait_for()
    assert rule.bounding_box()["height"] == height  # half a line: the page below does not jump
    rule.locator("input").fill("")
    rule.locator("input").press_sequentially("upstream * y, upstream * x")
    rule.get_by_text("✓ right").wait_for()
    assert page.locator(".jp-Cell").count() == len(cells)  # no key went to the notebook

    page.locator(".widget-slider .noUi-handle").first.focus()
    stepper = page.locator("div.box:visible", has_text="What happens now")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    stepper.get_by_text("x = 1.2", exact=True).wait_for()
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert complaints == []

    # saved and opened again without a kernel: the pages stand in for the widgets
    page.evaluate("() => { window.jupyterapp.commands.execute('docmanager:save'); }")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.evaluate("() => { " + session.replace("?", "") + ".shutdown(); }")
    page.goto(f"{address}/lab/tree/explorers.ipynb?token=t&reset")
    page.locator("div.box:visible").nth(2).wait_for()
    assert page.locator("div.box:visible").count() == 3
    assert page.get_by_text("Loading widget").filter(visible=True).count() == 0
    box.get_by_label("Step", exact=True).press("Home")
    assert "from step 0 to 1" in box.locator(".opened-step").inner_text()
    context.close()
