"""show.tape: the records of a tape as a table."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from ..explain import names
from ..recorder import Exit, Record
from ..tensor import Tensor
from .numbers import in_full, number, printable, shape_text, shortened, span

MOST = 200  # rows; of a longer tape the middle is left out

STYLE = """
.autodiff-tape{border-collapse:collapse;font:14px/1.6 ui-monospace,Consolas,Menlo,monospace}
.autodiff-tape th,.autodiff-tape td{text-align:left!important;padding:2px 16px 2px 0!important;
border:0;border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent);white-space:normal;
vertical-align:top;background:none;font-size:14px}
.autodiff-tape th{font-family:system-ui,sans-serif;font-weight:600;white-space:nowrap!important}
.autodiff-tape td:nth-child(2){overflow-wrap:anywhere;min-width:14ch}
.autodiff-tape td.q,.autodiff-tape tr.left td{opacity:.75}
.autodiff-tape tr.left td{font-style:italic}
"""


def tape(tape: Any) -> TapeTable:
    """See the records of a tape: each with your line, what went in, and what came out.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> show.tape(tape)
    <Tape: 1 record: multiply>

    What depends on nothing watched is left out, since no gradient flows through it. Where something
    watched left the tape, as through ``.numpy()``, a row in italics says so.
    """
    return TapeTable(tape)


class TapeTable:
    """The records of a tape as a table; shown by being the last line of a cell."""

    def __init__(self, tape: Any):
        self.records = tape.records
        live = {id(t) for r in self.records for t in (*r.inputs, *r.outputs)}
        live |= {id(w) for w, _ in tape._watched.values()}
        own = {id(r) for r in self.records}
        self.rows = [
            r
            for r in tape._records
            if id(r) in own or (isinstance(r.op, Exit) and any(id(t) in live for t in r.inputs))
        ]
        self._names = names(tape)

    def __repr__(self) -> str:
        names = [r.op.name for r in self.records]
        if len(names) > 8:
            names = [*names[:4], "...", *names[-3:]]
        count = len(self.records)
        return f"<Tape: {count} record{'s' * (count != 1)}{': ' * bool(names)}{', '.join(names)}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{h}</th>" for h in ("", "your line", "op", "in → out", "value"))
        rows, step = [], 0
        for record in self.rows:
            step += not isinstance(record.op, Exit)
            rows.append(self._row(record, step))
        if len(rows) > MOST:
            gone = len(rows) - MOST
            half = MOST // 2
            rows[half:-half] = [f'<tr><td></td><td colspan="4">… {gone:,} more …</td></tr>']
        return (
            f"<style>{STYLE}</style><table class='autodiff-tape'><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )

    def _row(self, record: Record, step: int) -> str:
        place = record.place
        line = (
            f"<td title='{html.escape(str(place))}'>{html.escape(printable(place.text)[:200])}</td>"
        )
        inputs = ", ".join(map(self._tensor, record.inputs))
        if isinstance(record.op, Exit):
            return (
                f"<tr class='left'><td></td>{line}<td>{record.op.name}</td><td>{inputs} left the "
                "tape</td><td></td></tr>"
            )
        outputs = ", ".join(map(self._tensor, record.outputs))
        values = ", ".join(_short(t) for t in record.outputs)
        return (
            f"<tr><td class='q'>{step}</td>{line}<td>{html.escape(printable(record.op.name))}</td>"
            f"<td>{inputs} → {outputs}</td><td>{values}</td></tr>"
        )

    def _tensor(self, tensor: Tensor) -> str:
        name = html.escape(shortened(printable(self._names.get(id(tensor), "?"))))
        return f"{name} {shape_text(tensor._value)}" if tensor.ndim else name


def _short(tensor: Tensor) -> str:
    """A value in a table: in full if it is short, else its range."""
    value = tensor._value
    return in_full(value) or f"{span(value)}, mean {number(np.mean(value), 3)}"
