"""show.backward: step through a backward pass, in the notebook, with the kernel running or not."""

from __future__ import annotations

import functools
import html
import json
import uuid
from pathlib import Path
from typing import Any

from .drawing import data_url
from .picture import Picture

_HERE = Path(__file__).parent


def backward(tape: Any, target: Any, sources: Any, output_gradients: Any = None) -> BackwardPass:
    """Step through the backward pass of ``target``: line by line, record by record.

    Looking is free: the tape may be asked for its gradient before and after.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> show.backward(tape, y, x)
    <BackwardPass: 1 record, dy/dx = 6.0>

    Args:
        tape: a GradientTape that recorded how the target was made.
        target: a tensor, or a nest of them, as for `GradientTape.gradient`.
        sources: tensors or variables, or a nest of them.
        output_gradients: what to start with in place of ones.

    Returns:
        Something that a notebook shows as an animated picture, also after its kernel is gone.
    """
    return BackwardPass(Picture(tape, target, sources, output_gradients))


class BackwardPass:
    """A backward pass to step through; shown by being the last line of a cell."""

    def __init__(self, picture: Picture):
        self.picture = picture

    def __repr__(self) -> str:
        return f"<BackwardPass: {self.picture.summary()}>"

    def _repr_html_(self) -> str:
        return page(self.picture.data, data_url(self.picture))


@functools.cache
def module() -> str:
    """The text of the stepper's ES module, with its style sheet inside."""
    script = (_HERE / "backward.js").read_text(encoding="utf-8")
    style = (_HERE / "backward.css").read_text(encoding="utf-8")
    return script.replace('"/* backward.css */"', json.dumps(style))


def page(data: dict, fallback: str = "") -> str:
    """The stepper as HTML that needs no kernel and no network: module, data and a still picture."""
    key = uuid.uuid4().hex[:12]
    # in a script element only `</` and `<!--` could end it or confuse
    payload = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    script = module().replace("export default { render };", "").replace("</", "<\\/")
    alt = html.escape(data["title"])
    return (
        f'<div data-autodiff="{key}"><img alt="{alt}" src="{fallback}"></div>'
        f'<script type="module">{script}\n'
        f"const data = {payload};\n"
        f"{_SHIM.replace('KEY', key)}</script>"
    )


# What anywidget's model does, without a kernel behind it.
_SHIM = """
for (const el of document.querySelectorAll('[data-autodiff="KEY"]')) {
  if (el.shadowRoot) continue;
  const state = { data, step: 0, playing: false }, heard = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    on: (event, act) => { (heard[event] ??= []).push(act); },
    save_changes: () => {},
  };
  render({ model, el });
}
"""
