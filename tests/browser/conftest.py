"""A browser, where there is one; pages with a stepper, cut off from the network; JupyterLab."""

import os
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent  # pytest hands over the items of all folders
    for item in items:
        if here in item.path.parents:
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


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A running JupyterLab, with nobody's settings: its address, and its folder of notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{n}_DIR": str(folder / f".{n}") for n in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | own | {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
            "--ServerApp.port_retries=0", "--IdentityProvider.token=t",
            "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=", f"--notebook-dir={folder}",
        ],
        env=environment, stdout=log, stderr=log, cwd=folder,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api/status?token=t", timeout=1)
            break
        except OSError:
            assert server.poll() is None, (folder / "lab.log").read_text()
            time.sleep(0.5)
    yield address, folder
    server.terminate()
    server.wait(timeout=20)
    log.close()
