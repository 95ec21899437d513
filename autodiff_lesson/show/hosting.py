"""What explorers share: one ES module each, shown by a kernel's widget or by the page itself."""

from __future__ import annotations

import base64
import functools
import html
import json
import math
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..tensor import Tensor
from .palette import style_sheet

_HERE = Path(__file__).parent
_PACKED = 6_000  # characters of data from which on it is compressed


class Explorer:
    """Something to play with that needs no kernel; shown by being the last line of a cell."""

    def __init__(self, script: str, data: dict, chosen: dict, fact: str, image: str = ""):
        self.script = script
        self.data = data
        self.chosen = chosen
        self.fact = fact
        self.image = image
        self.key = new_key()

    def __repr__(self) -> str:
        return f"<{self.fact}>"

    def _repr_html_(self) -> str:
        state = {"data": self.data, "chosen": self.chosen, "kernel": False}
        return page(state, self.image, self.fact, _module(self.script), self.key)


def live(explorer: Explorer, respond: Callable[[dict], dict] | None = None) -> Any:
    """The same as a widget beside a running kernel.

    Its trait ``chosen`` holds what was chosen with the mouse and the keys, ``data`` what is drawn.
    What ``respond`` makes of a choice is drawn next: it puts into ``data`` what has changed, and
    gives only that, so that the rest need not be sent again.
    """
    return _live_class(explorer.script)(explorer, respond)


@functools.cache
def module_of(*names: str, style: str = "") -> str:
    """The text of an ES module: scripts of this folder, with what all share, and style sheets."""
    texts = {name: (_HERE / name).read_text(encoding="utf-8") for name in ("hosts.js", *names)}
    script = "\n".join(text for name, text in texts.items() if name.endswith(".js"))
    # each saved notebook holds it: a sixth is indentation and comments, which nobody reads there
    lines = (line.strip() for line in script.splitlines())
    script = "\n".join(line for line in lines if line and not line.startswith("//"))
    style = "".join(text for name, text in texts.items() if name.endswith(".css")) + style
    return script.replace('"/* style */"', json.dumps(style, ensure_ascii=False))


def _module(script: str) -> str:
    return module_of(
        "explorers.js", f"{script}.js", "backward.css", "explorers.css", style=style_sheet()
    )


def new_key() -> str:
    """A name by which a script finds its place in a page."""
    return uuid.uuid4().hex[:12]


def page(state: dict, image: str, title: str, script: str, key: str = "") -> str:
    """A module as HTML that needs no kernel and no network.

    The module, its data and a still picture are inside.
    """
    key = key or new_key()
    script = script.replace("export default { render };", "").replace("</", "<\\/")
    alt = html.escape(title)
    picture = f'<img alt="{alt}" src="{image}">' if image else alt
    return (
        f'<div data-autodiff="{key}">{picture}</div>'
        f'<script type="module">{script}\nhost("{key}", {_literal(state)});</script>'
    )


def _literal(state: dict) -> str:
    """The state as a JavaScript value in which nothing can end the script; packed if it is long."""
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= _PACKED:
        return (
            text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        )
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return f'"{packed}"'


@functools.cache
def _live_class(script: str) -> type:
    """A widget's class, made when the first one is wanted: ipywidgets loads slowly."""
    import anywidget
    import traitlets

    class LiveExplorer(anywidget.AnyWidget):
        """An explorer with a kernel behind it."""

        _esm = _module(script)
        data = traitlets.Dict().tag(sync=True)
        chosen = traitlets.Dict().tag(sync=True, echo_update=False)
        answer = traitlets.Dict().tag(sync=True)
        kernel = traitlets.Bool(True).tag(sync=True)
        key = traitlets.Unicode().tag(sync=True)

        def __init__(self, explorer: Explorer, respond: Callable[[dict], dict] | None):
            self.explorer = explorer
            super().__init__(data=explorer.data, chosen=explorer.chosen, key=explorer.key)
            if respond:
                self.observe(
                    lambda change: self.set_trait("answer", respond(change["new"])), "chosen"
                )

        def __repr__(self) -> str:
            return repr(self.explorer)

        def _ipython_display_(self) -> None:
            show_both(self._repr_mimebundle_(), self.explorer)

    return LiveExplorer


def show_both(widget: Any, explorer: Any) -> None:
    """Show a page that needs no kernel, and a widget, given as its bundle, that takes its place.

    A saved notebook does not hold a widget's state: there the page is what remains.
    """
    from IPython.display import display

    page = {"text/plain": repr(explorer), "text/html": explorer._repr_html_()}
    display(page, raw=True)
    data, metadata = widget if isinstance(widget, tuple) else (widget, {})
    display({**data, "text/plain": ""}, metadata=metadata, raw=True)


def function_name(f: Any) -> str:
    """What a function is called, or an operation; of what else can be called, its class."""
    return str(getattr(f, "__name__", None) or getattr(f, "name", type(f).__name__))


def scalar(y: Any, what: str) -> Tensor:
    """What a function gave, if that is one number in a tensor."""
    if isinstance(y, Tensor) and y.shape.rank == 0:
        return y
    gave = f"a tensor of shape {y.shape}" if isinstance(y, Tensor) else repr(y)[:80]
    raise ValueError(f"{what} must give a scalar tensor; it gave {gave}")


def rounded(values: Any, digits: int = 6) -> list:
    """Numbers as JSON has them: few digits, and null for what is no number."""
    return [
        (float(f"{v:.{digits}g}") if math.isfinite(v) else None)
        for v in np.asarray(values, float).reshape(-1).tolist()
    ]
