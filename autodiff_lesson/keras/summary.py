"""The table that ``model.summary()`` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import nest


def print_summary(model: Any, print_fn: Callable | None = None) -> None:
    """Print a table of its layers: their output shapes, and how many weights they have."""
    (print_fn or print)(_table(model))


def _table(model: Any) -> str:
    rows = [("Layer (type)", "Output Shape", "Param #")]
    for layer in model.layers:
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        rows.append((f"{layer.name} ({type(layer).__name__})", _shape(layer), count))
    widths = [max(least, *map(len, column)) for least, column in zip((31, 22, 13), zip(*rows))]
    lines = [f'Model: "{model.name}"', _rule("┏━┳┓", widths), _row("┃", rows[0], widths)]
    for i, row in enumerate(rows[1:]):
        lines += [_rule("├─┼┤" if i else "┡━╇┩", widths), _row("│", row, widths)]
    lines.append(_rule("└─┴┘", widths))
    optimizer: Any = getattr(model, "optimizer", None)
    own = optimizer.variables if getattr(optimizer, "built", False) else []
    groups = {
        "Total": model.weights + own,
        "Trainable": model.trainable_variables,
        "Non-trainable": model.non_trainable_variables,
    } | ({"Optimizer": own} if own else {})
    for name, group in groups.items():
        numbers = sum(v.shape.num_elements() for v in group)
        size = sum(v.shape.num_elements() * v.dtype.size for v in group)
        lines.append(f" {name} params: {numbers:,} ({_bytes(size)})")
    return "\n".join(lines)


def _shape(layer: Any) -> str:
    if layer._nodes:
        return ", ".join(str(t.shape) for t in nest.flatten(layer._nodes[-1].outputs))
    return "?" if layer._output_shape is None else str(layer._output_shape)


def _rule(drawn: str, widths: list[int]) -> str:
    left, line, middle, right = tuple(drawn)
    return left + middle.join(line * (width + 2) for width in widths) + right


def _row(edge: str, cells: tuple[str, str, str], widths: list[int]) -> str:
    name, shape, count = cells
    first, second, third = widths
    return f"{edge} {name:<{first}} {edge} {shape:<{second}} {edge} {count:>{third}} {edge}"


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
