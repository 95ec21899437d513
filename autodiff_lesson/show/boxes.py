"""Boxes: how large they are, and what stands in them."""

from __future__ import annotations

from .numbers import fitted

CHARACTER = 8.5  # width of one, of the monospaced 14 px text in a box
LINE = 23
HEAT = 64, 44  # a heat map in a box is at most this large
CELL = 15  # one of its cells
BETWEEN = 10  # the heat maps of a value and of its adjoint
ONE_LINE = 20  # characters; if "name = value" is longer, the name gets a line of its own


def node_size(node: dict, adjoint: int, heat: list[list]) -> tuple[float, float]:
    """Width and height of a node's box.

    ``adjoint`` is the number of characters of the longest text that its adjoint has.
    """
    name, v = node["n"], node["v"]
    if not isinstance(v, str):
        wide, high = map_size(heat[v])
        second = max(wide, adjoint * CHARACTER) + BETWEEN if adjoint else 0
        text = len(heading(node)) * CHARACTER
        return max(text, wide + second) + 24, LINE + max(high, CELL) + 18
    v = fitted(v)
    if "l" in node:
        length, lines = max(len(name), len(v), adjoint), 2 + (adjoint > 0)
    else:
        first = len(name) + 3 if name else 0
        length, lines = first + max(len(v), adjoint), 1 + (adjoint > 0)
    width = -(-length // 2) * 2 * CHARACTER + 24  # in steps: turns of a loop look alike
    return max(width, 56), LINE * lines + 12


def group_size(group: dict) -> tuple[float, float]:
    """Width and height of the box of a folded group."""
    text = max(len(group["n"]), len(counted(group["b"] - group["a"])))
    return text * CHARACTER + 48, 2 * LINE + 16


def heading(node: dict) -> str:
    """What stands above a heat map: the name, and the shape where there is room."""
    named = f"{node['n']} {node['s'].partition(' ')[2]}"
    return named if len(named) <= ONE_LINE else node["n"]


def map_size(heat: list) -> tuple[float, float]:
    """Width and height of a heat map in a box."""
    rows, columns, *_ = heat
    return columns * min(HEAT[0] / columns, CELL), rows * min(HEAT[1] / rows, CELL)


def sign_width(sign: str, folded: bool = False) -> float:
    """The width of an operation's sign; of a folded call's, which has a plus."""
    return max(28.0, len(sign) * CHARACTER + 18) + 18 * folded


def counted(records: int) -> str:
    """A number of records, in words.

    >>> counted(1), counted(1200)
    ('1 record', '1,200 records')
    """
    return f"{records:,} record{'s' * (records != 1)}"
