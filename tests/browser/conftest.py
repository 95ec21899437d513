"""A browser, where there is one; and pages that hold a stepper, cut off from the network."""

import os
import shutil
import unicodedata

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """An installed Chromium, driven by Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium was found on the PATH; install it, or set CHROMIUM to its path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
        )
        yield browser
        browser.close()


class Stepper:
    """A stepper in a page, as somebody at the keyboard sees it."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator("div.box").first
        self.box.wait_for()

    def press(self, *keys):
        self.box.focus()
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def step(self):
        return int(self.box.locator(".count").inner_text().split()[1])

    @property
    def last(self):
        return int(self.box.locator(".count").inner_text().split()[3])

    def text(self, selector):
        return unicodedata.normalize("NFD", self.box.locator(selector).first.text_content())

    def texts(self, selector):
        found = self.box.locator(selector).all_text_contents()
        return [unicodedata.normalize("NFD", text) for text in found]


@pytest.fixture
def show_page(browser, tmp_path):
    """Put HTML into a page that can reach nothing; answers with its stepper."""
    contexts, complaints = [], []

    def open_page(html, width=1280, height=900, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        body = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>test</title>{html}'
        path.write_text(body, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.route("http://**", lambda route: route.abort())
        context.route("https://**", lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(path.as_uri())
        return Stepper(page)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
