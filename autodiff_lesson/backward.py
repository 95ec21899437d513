"""The backward pass: reverse-mode differentiation of a recording.

In prose. Give the target the adjoint 1. Go through the records from the last to the first. A record
whose output has an adjoint ``g`` hands ``g`` to its rules; each rule answers with a contribution to
the adjoint of one input. If the input was broadcast on the way forward, the contribution is summed
back to the input's shape. Contributions to the same tensor add up, and they are all there when the
walk comes to the record that made that tensor, since everything that used it ran later. What
remains at the sources are the gradients.

Adjoints live in a dict of the one walk, not on the tensors: nothing has to be zeroed, and asking
twice gives the same answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from . import nest
from .arguments import tensor_of
from .errors import InvalidArgumentError
from .lifted import Lifted
from .ops.shape import sum_to
from .recorder import Record, thread
from .tensor import Tensor
from .values import as_value

value_of = attrgetter("_value")
"""What rules compute with when nobody records the backward pass: the bare array."""


class Contribution(NamedTuple):
    """What one rule gave to the adjoint of one input."""

    position: int
    """Which input of the record."""
    tensor: Tensor
    """That input."""
    local: Any
    """What the rule gave, in the shape of the output."""
    value: Any
    """The same, summed over the axes along which the input was broadcast."""
    adjoint: Any
    """The adjoint of the input once this is added to it."""


class BackwardStep(NamedTuple):
    """One record played backward: what arrived from above, and what each input got."""

    record: Record
    upstream: Any
    """The adjoint of the output; a tuple of them (None for no gradient) if there are several."""
    contributions: list[Contribution]


class Backward:
    """A recording made ready to be played backward to some sources, from any target.

    Attributes:
        records: those through which something flows back, in the order in which they ran.
        reached: the ids of all tensors that depend on a source. Only inputs among these need their
            rule.
        kept: per source, the ids under which its adjoints are found: a tensor's own, and those of
            the values that a variable had when it was read.
    """

    def __init__(self, records: list[Record], sources: Sequence[tuple[bool, tuple[int, ...]]]):
        """``sources``: of each, whether it is watched, and its ids.

        If it is not, nothing flows back to it; it may still be the target itself.
        """
        self.kept: list[tuple[int, ...]] = []
        self._kept: set[int] = set()
        self.reached: set[int] = set()
        self.records: list[Record] = []
        for watched, ids in sources:
            self.kept.append(ids)
            self._kept.update(ids)
            if watched:
                self.reached.update(ids)
        self._sweep(records)

    def _sweep(self, records: list[Record]) -> None:
        """Forward once: what is made of something reached is reached too."""
        reached, live = self.reached, self.records
        for record in records:
            for tensor in record.inputs:
                if id(tensor) in reached:
                    if record.op.rules:
                        live.append(record)
                        output = record.output
                        if type(output) is tuple:
                            reached.update(map(id, output))
                        else:
                            reached.add(id(output))
                    break

    def play(self, adjoints: dict[int, Any], lift: Any, told: Sequence[Callable] = ()) -> None:
        """The backward pass: see the head of this file. ``lift`` makes what rules compute with.

        Each of ``told`` is called with every `BackwardStep`.
        """
        reached, kept = self.reached, self._kept
        for record in reversed(self.records):
            output = record.output
            if type(output) is tuple:
                g = self._upstreams(adjoints, output, lift)
                if g is None:
                    continue
                z: Any = tuple(map(lift, output))
            else:
                key = id(output)
                g = adjoints.pop(key, None)
                if g is None:
                    continue
                if key in kept:
                    adjoints[key] = g
                z = lift(output)
            contributions = []
            for position, tensor, local in record.op.pull_back(g, z, record, reached, lift):
                shape, key = tensor._value.shape, id(tensor)
                value = local if local.shape == shape else sum_to(local, shape=shape)
                before = adjoints.get(key)
                adjoints[key] = total = value if before is None else before + value
                if told:
                    contributions.append(Contribution(position, tensor, local, value, total))
            if contributions:
                for tell in told:
                    tell(BackwardStep(record, g, contributions))

    def _upstreams(self, adjoints: dict[int, Any], outputs: tuple, lift: Any) -> tuple | None:
        """The adjoints of several outputs; zeros for one that no gradient came back to."""
        found = [adjoints.pop(id(part), None) for part in outputs]
        if all(g is None for g in found):
            return None
        for part, g in zip(outputs, found, strict=True):
            if id(part) in self._kept:
                adjoints[id(part)] = g
        return tuple(
            lift(Tensor(np.zeros_like(part._value))) if g is None else g
            for part, g in zip(outputs, found, strict=True)
        )

    def gradients(self, target: Any, output_gradients: Any = None) -> list[Tensor | None]:
        """The gradient of the target by each source; recorded if anybody listens."""
        listening = thread.active
        if listening:
            adjoints = seeded(target, output_gradients, Lifted)
            for recorder in listening:
                recorder.begins("backward")
            self.play(adjoints, Lifted, [recorder.stepped for recorder in listening])
        else:
            adjoints = seeded(target, output_gradients, value_of)
            self.play(adjoints, value_of)
        return [_summed(adjoints, ids) for ids in self.kept]


def seeded(target: Any, output_gradients: Any, lift: Any) -> dict[int, Any]:
    """The adjoints to start with: one for each target, or what the caller gives."""
    if output_gradients is None and type(target) is Tensor:  # what is asked for nearly always
        value = target._value
        return {id(target): lift(_ones(value))} if value.dtype.kind == "f" else {}
    targets = nest.flatten(target)
    given = [None] * len(targets) if output_gradients is None else nest.flatten(output_gradients)
    if len(given) != len(targets):
        raise ValueError(f"output_gradients has {len(given)} tensors for {len(targets)} targets")
    adjoints: dict[int, Any] = {}
    for item, start in zip(targets, given, strict=True):
        tensor = tensor_of(item)
        if type(tensor) is not Tensor:
            raise TypeError(
                f"the target of a gradient must be a tensor, not {item!r} of type "
                f"{type(item).__name__!r}: compute it with tf operations inside the `with`"
            )
        if tensor._value.dtype.kind == "f":
            seed = lift(_seed(tensor, start))
            before = adjoints.get(id(tensor))
            adjoints[id(tensor)] = seed if before is None else before + seed
    return adjoints


def _ones(value: Any) -> Tensor:
    """The adjoint that a target starts with."""
    return Tensor(np.ones(value.shape, value.dtype) if value.ndim else value.dtype.type(1))


def _seed(tensor: Tensor, given: Any) -> Tensor:
    value = tensor._value
    if given is None:
        return _ones(value)
    start = tensor_of(given)
    if type(start) is not Tensor:
        start = Tensor(as_value(start, value.dtype))
    if start._value.shape != value.shape or start._value.dtype != value.dtype:
        raise InvalidArgumentError(
            f"output_gradients is {start.dtype.name} of shape {start.shape} for a target that is "
            f"{tensor.dtype.name} of shape {tensor.shape}: both must be the same"
        )
    return start


def _summed(adjoints: dict[int, Any], ids: tuple[int, ...]) -> Tensor | None:
    """The adjoints under ``ids`` added up, as a tensor; None if there is none."""
    total = None
    for key in ids:
        adjoint = adjoints.get(key)
        if adjoint is not None:
            total = adjoint if total is None else total + adjoint
    if total is None:
        return None
    return total.tensor if type(total) is Lifted else Tensor(total)
