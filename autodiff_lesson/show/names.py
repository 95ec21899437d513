"""What to call a tensor. (Stand-in until explain has it.)"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..lines import user_frame
from ..recorder import Record
from ..tensor import Tensor

DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def namer(tape: Any, records: list[Record]) -> Callable[[Tensor], str]:
    names: dict[int, str] = {}
    frame = user_frame(2)
    for scope in (frame.f_globals, frame.f_locals):
        for key, v in scope.items():
            if not key.startswith("_"):
                if type(v) is Tensor:
                    names[id(v)] = key
                elif hasattr(v, "_read"):
                    names.update(dict.fromkeys(tape._reads.get(id(v), ()), key))
    last: dict[tuple, Record] = {}
    made: dict[str, list[int]] = {}

    def settle(record: Record) -> None:
        try:
            line = ast.parse(record.place.text).body[0]
        except (SyntaxError, IndexError):
            return
        target = line.targets[0] if isinstance(line, ast.Assign) else None
        if isinstance(target, ast.Name) and record.outputs:
            made.setdefault(target.id, []).append(id(record.outputs[0]))

    for record in records:
        place = record.place[:2]
        if place in last and last[place].instruction >= record.instruction:
            settle(last.pop(place))
        last[place] = record
    for record in last.values():
        settle(record)
    for name, ids in made.items():
        for k, key in enumerate(ids):
            names[key] = name + (str(k + 1).translate(DIGITS) if len(ids) > 1 else "")
    for v in tape.watched_variables():
        name = v.name.removesuffix(":0")
        if name != "Variable":
            names.update(dict.fromkeys(tape._reads.get(id(v), ()), name))
    counted: dict[int, str] = {}

    def name(tensor: Tensor) -> str:
        found = tensor.name or names.get(id(tensor))
        return found or counted.setdefault(id(tensor), f"v{len(counted) + 1}")

    return name
