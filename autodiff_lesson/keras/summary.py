"""The table that ``model.summary()`` prints."""

from __future__ import annotations

from typing import Any

from .. import nest


def table(model: Any) -> str:
    """The layers of a model with output shapes and numbers of weights, as Keras draws them."""
    rows = [(f"{x.name} ({type(x).__name__})", _shape(x), _count(x)) for x in model.layers]
    if model._graph is not None:
        rows = [
            (f"{x.name} ({type(x).__name__})", _shape(x), _count(x)) for x in model._graph_layers
            if x in model.layers or type(model).__name__ != "Sequential"
        ]  # fmt: skip
    heads = ("Layer (type)", "Output Shape", "Param #")
    widths = [
        max(least, *(len(row[i]) for row in [heads, *rows])) for i, least in enumerate((31, 22, 13))
    ]
    lines = [
        f'Model: "{model.name}"',
        _rule(("┏", "┳", "┓"), "━", widths),
        _row("┃", heads, widths),
        _rule(("┡", "╇", "┩"), "━", widths),
    ]
    for i, row in enumerate(rows):
        if i:
            lines.append(_rule(("├", "┼", "┤"), "─", widths))
        lines.append(_row("│", row, widths))
    lines.append(_rule(("└", "┴", "┘"), "─", widths))
    trainable = model.trainable_variables
    every = model.weights
    ids = {id(v) for v in trainable}
    rest = [v for v in every if id(v) not in ids]
    compiled = model._compiled
    own = compiled.optimizer.variables if compiled is not None and compiled.optimizer else []
    groups = {"Total": every + own, "Trainable": trainable, "Non-trainable": rest}
    for name, group in (groups | ({"Optimizer": own} if own else {})).items():
        numbers = sum(v.shape.num_elements() for v in group)
        size = sum(v.shape.num_elements() * v.dtype.size for v in group)
        lines.append(f" {name} params: {numbers:,} ({_bytes(size)})")
    return "\n".join(lines)


def _shape(layer: Any) -> str:
    if hasattr(layer, "_symbol"):
        return str(layer.output.shape)
    if layer._nodes:
        return ", ".join(str(t.shape) for t in nest.flatten(layer._nodes[-1].outputs))
    return "?" if layer._output_shape is None else str(layer._output_shape)


def _count(layer: Any) -> str:
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _rule(ends: tuple[str, str, str], line: str, widths: list[int]) -> str:
    left, middle, right = ends
    return left + middle.join(line * (w + 2) for w in widths) + right


def _row(edge: str, cells: tuple, widths: list[int]) -> str:
    first, second, third = cells
    padded = (first.ljust(widths[0]), second.ljust(widths[1]), third.rjust(widths[2]))
    return edge + edge.join(f" {cell} " for cell in padded) + edge


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
