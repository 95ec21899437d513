"""Folding a recording: what belongs together is one box, which opens.

The call of a function always is. A long recording is cut where a loop turns and where another
layer's variables come in. Pieces of a list in which everything comes before what is made of it can
be drawn as boxes without making a cycle.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..recorder import Record

MOST = 24
"""Boxes in one picture, about."""


class Piece(NamedTuple):
    """A run of records, from ``start`` up to but not with ``end``."""

    start: int
    end: int
    name: str
    parts: list[Piece]
    """What in it is folded; its other records are not."""
    call: bool = False
    """Whether it is the call of a function."""

    @property
    def size(self) -> int:
        """How many boxes it is when it is open, without what it is made from."""
        inside = sum(part.end - part.start for part in self.parts)
        return self.end - self.start - inside + len(self.parts)


def folded(
    records: Sequence[Record],
    layers: dict[int, str],
    most: int,
    calls: Sequence[tuple[str, int, int]] = (),
) -> Piece:
    """The whole recording as a piece.

    Args:
        records: in the order in which they ran.
        layers: the layer whose variable a tensor is, by the tensor's id.
        most: how many boxes may be left; if there are more, pieces of the recording are folded too.
        calls: of functions, none inside of another: name, first record, end.
    """
    functions = [Piece(a, b, f"{name}()", [], call=True) for name, a, b in calls]
    whole = Piece(0, len(records), "", functions)
    if whole.size <= most:
        return whole
    pieces: list[Piece] = []
    borders = [0, *(i for piece in functions for i in (piece.start, piece.end)), len(records)]
    for k, (start, end) in enumerate(itertools.pairwise(borders)):
        cut = _cut(records, start, end, layers)
        if k % 2:
            piece = functions[k // 2]
            pieces.append(piece._replace(parts=cut if len(cut) > 1 else []))
        else:
            pieces += cut
    return whole._replace(parts=_bundled(pieces))


def _cut(records: Sequence[Record], begin: int, end: int, layers: dict[int, str]) -> list[Piece]:
    """At the turns of loops and at the borders of layers; what is still long, evenly."""
    starts, names = [begin], [""]
    layer, turn = "", 1
    before: Any = None
    for k in range(begin, end):
        record = records[k]
        here = next((layers[id(t)] for t in record.inputs if id(t) in layers), layer)
        turned = (
            before is not None
            and record.code is before.code
            and record.instruction <= before.instruction
            and here == layer
            and not here
        )
        if turned:
            turn += 1
        if turned or here != layer:
            starts.append(k)
            names.append(f"turn {turn}" if turned else here)
            if turned and len(names) > 1 and names[-2] == "":
                names[-2] = f"turn {turn - 1}"
            layer = here
        before = record
    ends = [*starts[1:], end]
    pieces = [
        Piece(a, b, name, []) for a, b, name in zip(starts, ends, names, strict=True) if a < b
    ]
    return [part for piece in pieces for part in _even(piece)]


def _even(piece: Piece) -> list[Piece]:
    """A piece that is too long for one picture, in even parts."""
    length = piece.end - piece.start
    if length <= MOST or len(piece.name.split()) > 2:
        return [piece]
    count = -(-length // MOST)
    cuts = [piece.start + length * i // count for i in range(count + 1)]
    return [
        Piece(a, b, piece.name and f"{piece.name}, part {i}", [])
        for i, (a, b) in enumerate(itertools.pairwise(cuts), 1)
    ]


def _bundled(pieces: list[Piece], inside: bool = False) -> list[Piece]:
    """At most MOST boxes: neighbours are put together, and again, until they are that few.

    Inside of what was put together, small pieces are too, up to what fits in one picture.
    """
    size = -(-len(pieces) // MOST)
    if inside:
        length = (pieces[-1].end - pieces[0].start) / len(pieces)
        size = max(size, int(MOST / length))
    if size <= 1:
        return pieces
    groups = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    return [_together(group) for group in groups]


def _together(group: list[Piece]) -> Piece:
    start, end = group[0].start, group[-1].end
    first, last = group[0].name, group[-1].name
    turns = first.split()[-1], last.split()[-1] if last else ""
    if len({piece.name for piece in group}) == 1 and first:
        name = f"{first} × {len(group)}"
    elif first.startswith("turn ") and last.startswith("turn "):
        name = f"turns {turns[0]}–{turns[1]}"
    else:
        name = f"records {start + 1}–{end}"
    small = end - start <= MOST
    return Piece(start, end, name, [] if small else _bundled(group, inside=True))
