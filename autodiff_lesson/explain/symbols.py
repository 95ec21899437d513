"""Symbols: what a backward rule is applied to so that it writes down what it does.

Rules are ordinary Python. On arrays they compute, on lifted tensors they are recorded, and on the
symbols of this file they leave an expression. A symbol carries the value that the rule would
see, hence its shape and dtype too, so whatever a rule asks of its arguments has an answer.
"""

from __future__ import annotations

from typing import Any

from ..lifted import StandIn
from ..primitive import Primitive


class Symbol(StandIn):
    """What stands for an array while a rule is written down: an expression, and its value."""

    def __init__(self, array: Any, name: str = "", row: Any = None, args: tuple = (), **attributes):
        self.array = array
        self.name = name
        self.row = row
        self.args = args
        self.attributes = attributes

    def _run(self, row: Primitive, inputs: tuple, attributes: dict) -> Any:
        arrays = [x.array if type(x) is Symbol else x for x in inputs]
        return Symbol(row.forward(*arrays, **attributes), row=row, args=inputs, **attributes)
