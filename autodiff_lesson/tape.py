"""GradientTape: records what runs, and plays it backward.

The backward pass in prose. Give the target the adjoint 1. Go through the records from the last to
the first. A record whose output has an adjoint ``g`` hands ``g`` to its rules; each rule answers
with a contribution to the adjoint of one input. If the input was broadcast on the way forward, the
contribution is summed back to the input's shape. Contributions to the same tensor add up, and they
are all there when the walk comes to the record that made that tensor, since everything that used
it ran later. What remains at the sources are the gradients.

Adjoints live in a dict of the one walk, not on the tensors: nothing has to be zeroed, and asking
twice gives the same answer twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from . import nest
from .errors import InvalidArgumentError
from .lines import here, place_of, user_frame
from .ops.shape import reshape, stack, sum_to
from .primitive import Lifted, tensor_of
from .recorder import LEFT, Record, Recorder, silence, thread
from .tensor import Tensor, as_value

_log = logging.getLogger("autodiff_lesson")
_value_of = attrgetter("_value")


class UnconnectedGradients(Enum):
    """What `GradientTape.gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


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


class GradientTape(Recorder):
    """Record what runs inside a ``with``, then ask for gradients.

    >>> import autodiff_lesson as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> print(tape.gradient(y, x))
    tf.Tensor(6.0, shape=(), dtype=float32)

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched as soon as they are read.
    """

    is_tape = True

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._records: list[Record] = []
        self.append = self._records.append
        self._persistent = persistent
        self._watches_variables = watch_accessed_variables
        self._recording = False
        self._used_at: tuple | None = None
        self._reset_at: tuple | None = None
        # id -> (what is watched, number of records at that time). The reference is what keeps the
        # id: a freed tensor's id is given to the next one
        self._watched: dict[int, tuple[Any, int]] = {}
        # id of a watched variable -> its values that were read, by their ids
        self._reads: dict[int, dict[int, Tensor]] = {}
        # (name of a function, or None at its end, number of records at that time)
        self._calls: list[tuple[str | None, int]] = []

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an "
                "already-active tape."
            )
        self._recording = True
        thread.active.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        if self._recording:
            self._stop()

    def _stop(self) -> None:
        self._recording = False
        thread.active.remove(self)

    # What recorders are told

    def read(self, variable: Any, tensor: Tensor) -> None:
        """A variable was read: if it is trainable, watch it from now on."""
        reads = self._reads.get(id(variable))
        if reads is None:
            if not (self._watches_variables and variable.trainable):
                return
            self._watched[id(variable)] = (variable, len(self._records))
            reads = self._reads[id(variable)] = {}
        reads[id(tensor)] = tensor

    def left(self, tensor: Tensor, how: str) -> None:
        """A value left: note it, so that `explain.why_none` can say where."""
        if how != "bool":
            frame = user_frame(2)
            self.append(Record(LEFT[how], (tensor,), {}, None, frame.f_code, frame.f_lasti))

    def customized(self, record: Record) -> None:
        """The call of a custom gradient is one record."""
        self.append(record)

    def called(self, name: str | None) -> None:
        """The call of a function is many records: note where they begin and end."""
        self._calls.append((name, len(self._records)))

    # What a user does with a tape

    def watch(self, tensor: Any) -> None:
        """Watch a tensor, a variable, or a nest of them: gradients can be asked for them.

        Watching integers is of no use, and says so; watching a number is a ValueError.
        """
        for item in (tensor,) if type(tensor) is Tensor else nest.flatten(tensor):
            if not (isinstance(item, Tensor) or hasattr(item, "_read")):
                raise ValueError(
                    f"Passed in object {item!r} of type {type(item).__name__!r}, not tf.Tensor or "
                    f"tf.Variable. Make a tensor of it first: x = tf.constant({item!r})"
                )
            if item._value.dtype.kind != "f" if type(item) is Tensor else item.dtype.is_integer:
                _log.warning(
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got "
                    "tf.%s at %s. Write tf.constant(3.0), not tf.constant(3), or use tf.cast.",
                    item.dtype.name,
                    here(),
                )
                continue
            self._watched.setdefault(id(item), (item, len(self._records)))
            if type(item) is not Tensor:
                self._reads.setdefault(id(item), {})

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of ``target`` (its sum, and the sum of several) by each of ``sources``.

        Args:
            target: a tensor or a nest of them.
            sources: watched tensors or variables, or a nest of them.
            output_gradients: what to start with in place of ones, in the shape of ``target``.
            unconnected_gradients: ``'none'`` or ``'zero'``: what to give where nothing connects.

        Returns:
            Tensors in the structure of ``sources``, each of its source's shape and dtype.
            None where the target does not depend on the source by recorded, differentiable steps.
        """
        unconnected = _unconnected(unconnected_gradients)
        self._use()
        flat = nest.flatten(sources)
        found = self._gradients(target, flat, output_gradients)
        if unconnected is UnconnectedGradients.ZERO:
            found = [
                Tensor(np.zeros(s.shape, s.dtype.dtype)) if g is None else g
                for g, s in zip(found, flat, strict=True)
            ]
        return found[0] if type(sources) is Tensor else nest.pack_sequence_as(sources, found)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: Any = True,
    ) -> Any:
        """The derivative of every element of ``target`` by every element of each source.

        Returns:
            Tensors of shape ``target.shape + source.shape`` in the structure of ``sources``.
        """
        unconnected = _unconnected(unconnected_gradients)
        self._use()
        target = tensor_of(target)
        sources_flat = nest.flatten(sources)
        seeds = np.eye(target._value.size, dtype=target._value.dtype)
        rows = self._rows(target, sources_flat, seeds.reshape(-1, *target.shape))
        shape = tuple(target.shape)
        found = [
            _stacked(row, 0, shape + tuple(s.shape), unconnected, target)
            for row, s in zip(rows, sources_flat, strict=True)
        ]
        return nest.pack_sequence_as(sources, found)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: Any = True,
    ) -> Any:
        """The Jacobian of each example, where example i of ``target`` depends on i of ``source``.

        Args:
            target: shape (batch, ...).
            source: shape (batch, ...).

        Returns:
            A tensor of shape ``(batch,) + target.shape[1:] + source.shape[1:]``.
        """
        unconnected = _unconnected(unconnected_gradients)
        target, source_tensor = tensor_of(target), tensor_of(source)
        if not target.ndim or not source_tensor.ndim or len(target) != len(source_tensor):
            raise ValueError(
                "Need first dimension of target shape "
                f"({target.shape}) and source shape ({source_tensor.shape}) to match."
            )
        self._use()
        batch, *rest = target.shape
        size = int(np.prod(rest, dtype=int))
        seeds = np.eye(size, dtype=target._value.dtype).reshape(size, 1, *rest)
        seeds = np.broadcast_to(seeds, (size, batch, *rest))
        (row,) = self._rows(target, [source], seeds)
        shape = (batch, *rest, *source_tensor.shape[1:])
        return _stacked(row, 1, shape, unconnected, target)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Inside this ``with``, nothing is recorded on this tape."""
        if not self._recording:
            raise RuntimeError(
                "Tape is not recording. stop_recording belongs inside the tape's own `with`"
            )
        pause = _Pause(self)
        thread.active[thread.active.index(self)] = pause
        try:
            yield
        finally:
            thread.active[thread.active.index(pause)] = self

    def reset(self) -> None:
        """Forget everything recorded and watched so far; go on recording."""
        if not self._recording:
            raise ValueError(
                "reset was called outside the tape's `with`: there is nothing to go on recording. "
                "Make a new tape instead"
            )
        frame = user_frame()
        self._reset_at = (frame.f_code, frame.f_lasti)
        self._records.clear()
        self._watched.clear()
        self._reads.clear()
        self._calls.clear()

    def watched_variables(self) -> tuple:
        """The variables that this tape watches, in the order in which they were first read."""
        return tuple(w for w, _ in self._watched.values() if type(w) is not Tensor)

    @property
    def records(self) -> list[Record]:
        """The records that depend on something watched: what a gradient can flow through."""
        live = self._reached([w for w, _ in self._watched.values()])
        return [r for r in self._records if r.op.rules and any(id(t) in live for t in r.outputs)]

    def walk(
        self, target: Any, sources: Any, output_gradients: Any = None
    ) -> Iterator[BackwardStep]:
        """Play the recording backward, one `BackwardStep` per record, values as NumPy arrays.

        Looking is free: a tape may be walked as often as one likes, before and after `gradient`.
        """
        flat = nest.flatten(sources)
        for recorder in thread.active:
            if not recorder.is_tape:  # what a function records must not depend on these values
                recorder.left(tensor_of(nest.flatten(target)[0]), "numpy")
        with silence():
            adjoints = self._seeded(target, output_gradients, _value_of)
        walk = self._walk(adjoints, self._reached(flat), self._keys(flat), _value_of)
        while True:
            with silence():  # only while a step is made: between steps the caller's code runs
                step = next(walk, None)
            if step is None:
                return
            record, g, contributions = step
            yield BackwardStep(record, g, [Contribution(*c) for c in contributions])

    # How it works

    def _use(self) -> None:
        if self._used_at is not None:
            first = place_of(*self._used_at)
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                f"(or jacobians). This one was used at {first}: "
                f"`{first.text}`. Ask for everything at once, gradient(y, [a, b]), or "
                "write GradientTape(persistent=True)"
            )
        if not self._persistent:
            if self._recording:
                self._stop()
            frame = user_frame(2)
            self._used_at = (frame.f_code, frame.f_lasti)

    def _gradients(self, target: Any, sources: list, output_gradients: Any) -> list:
        """The gradients of the target by each source, as tensors or None."""
        for source in sources:
            if not (isinstance(source, Tensor) or hasattr(source, "_read")):
                raise TypeError(
                    f"a source of gradient() is {source!r}: it must be a tensor or a variable that "
                    "the tape watched"
                )
        # raw arrays when nobody listens, lifted tensors when the backward pass is recorded too
        lift = Lifted if thread.active else _value_of
        adjoints = self._seeded(target, output_gradients, lift)
        own = [self._keys([source]) for source in sources]
        self._play(adjoints, self._reached(sources), set().union(*own), lift)
        return [_summed(adjoints, keys) for keys in own]

    def _rows(self, target: Tensor, sources: list, seeds: Any) -> list[list]:
        """For each source, its gradient for each of the seeds."""
        lift = Lifted if thread.active else _value_of
        reached, keys = self._reached(sources), self._keys(sources)
        own = [self._keys([s]) for s in sources]
        rows: list[list] = [[] for _ in sources]
        for seed in seeds:
            adjoints = self._seeded(target, Tensor(seed), lift)
            self._play(adjoints, reached, keys, lift)
            for row, k in zip(rows, own, strict=True):
                row.append(_summed(adjoints, k))
        return rows

    def _play(self, *walk: Any) -> None:
        """Walk to the end; whoever records the backward pass is told what each step was."""
        listening = list(thread.active)
        for recorder in listening:
            recorder.begins("backward")
        for step in self._walk(*walk):
            for recorder in listening:
                recorder.stepped(step)

    def _keys(self, sources: Sequence) -> dict[int, None]:
        """The ids under which adjoints of the sources are kept: a variable's are its reads'.

        A dict for its order: adjoints of several reads are to be added in the same one always.
        """
        keys: dict[int, None] = {}
        for source in sources:
            if type(source) is Tensor:
                keys[id(source)] = None
            else:
                keys.update(dict.fromkeys(self._reads.get(id(source), ())))
        return keys

    def _reached(self, sources: Sequence) -> set[int]:
        """The ids of all tensors that depend on a source from where it is watched.

        One sweep over the records, forward. Only inputs in this set need their rule.
        """
        starts: dict[int, set[int]] = {}
        watched = self._watched
        for source in sources:
            if id(source) in watched:
                starts.setdefault(watched[id(source)][1], set()).update(self._keys([source]))
            elif type(source) is Tensor and self._made_from_watched(source):
                starts.setdefault(0, set()).add(id(source))
        reached: set[int] = set()
        begins = sorted(starts)
        for begin, end in zip(begins, [*begins, len(self._records)][1:], strict=True):
            reached |= starts[begin]
            for record in self._records[begin:end]:
                if record.op.rules:
                    for tensor in record.inputs:
                        if id(tensor) in reached:
                            output = record.output
                            if type(output) is tuple:
                                reached.update(map(id, output))
                            else:
                                reached.add(id(output))
                            break
        return reached

    def _made_from_watched(self, tensor: Tensor) -> bool:
        """Whether a tensor in the middle was recorded as depending on something watched."""
        return id(tensor) in self._reached([w for w, _ in self._watched.values()])

    def _seeded(self, target: Any, output_gradients: Any, lift: Any) -> dict[int, Any]:
        """The adjoints to start with: one for each target, or what the caller gives."""
        targets = nest.flatten(target)
        given = (
            nest.flatten(output_gradients)
            if output_gradients is not None
            else [None] * len(targets)
        )
        if len(given) != len(targets):
            raise ValueError(
                f"output_gradients has {len(given)} tensors for {len(targets)} targets"
            )
        adjoints: dict[int, Any] = {}
        for item, start in zip(targets, given, strict=True):
            tensor = tensor_of(item)
            if type(tensor) is not Tensor:
                raise TypeError(
                    f"the target of a gradient must be a tensor, not {item!r} of type "
                    f"{type(item).__name__!r}: compute it with tf operations inside the `with`"
                )
            if tensor._value.dtype.kind != "f":
                continue
            seed = lift(_seed(tensor, start))
            before = adjoints.get(id(tensor))
            adjoints[id(tensor)] = seed if before is None else before + seed
        return adjoints

    def _walk(
        self, adjoints: dict[int, Any], reached: set[int], keep: dict[int, None], lift: Any
    ) -> Iterator[tuple]:
        """The backward pass: see the head of this file. ``lift`` makes what rules compute with.

        Yields the fields of a `BackwardStep` with those of its contributions, as plain tuples.
        """
        for record in reversed(self._records):
            op, output = record.op, record.output
            if not op.rules:
                continue
            if type(output) is tuple:
                g: Any = tuple(adjoints.pop(id(part), None) for part in output)
                if all(part is None for part in g):
                    continue
                adjoints.update((id(o), a) for o, a in zip(output, g, strict=True) if id(o) in keep)
                if reached.isdisjoint(map(id, output)):  # it ran before its inputs were watched
                    continue
                # an output that no gradient came back to counts as one with the gradient 0
                g = tuple(
                    lift(Tensor(np.zeros_like(o._value))) if part is None else part
                    for part, o in zip(g, output, strict=True)
                )
                z: Any = tuple(map(lift, output))
            else:
                g = adjoints.pop(id(output), None)
                if g is None:
                    continue
                if id(output) in keep:
                    adjoints[id(output)] = g
                if id(output) not in reached:
                    continue
                z = lift(output)
            inputs, attributes = record.inputs, record.attributes
            values = [*map(lift, inputs)]
            rules = op.rules if op.fixed else op.rules_for(record, g, lift)
            contributions = []
            for position, tensor in enumerate(inputs):
                rule = rules[position]
                if rule is None or id(tensor) not in reached:
                    continue
                local = rule(g, z, *values, **attributes)
                shape = tensor._value.shape
                value = local if local.shape == shape else sum_to(local, shape=shape)
                before = adjoints.get(id(tensor))
                total = value if before is None else before + value
                adjoints[id(tensor)] = total
                contributions.append((position, tensor, local, value, total))
            if contributions:
                yield record, g, contributions


class _Pause(Recorder):
    """Takes a tape's place while it is stopped: what runs is noted as cut off from the tape."""

    is_tape = True

    def __init__(self, tape: GradientTape):
        note = tape.append

        def cut_off(record: Record) -> None:
            stop = LEFT["stop_recording"]
            note(Record(stop, record.inputs, {}, record.output, record.code, record.instruction))

        self.append = cut_off


def _seed(tensor: Tensor, given: Any) -> Tensor:
    value = tensor._value
    if given is None:
        return Tensor(np.ones(value.shape, value.dtype) if value.ndim else value.dtype.type(1))
    start = tensor_of(given)
    if type(start) is not Tensor:
        start = Tensor(as_value(start, value.dtype))
    if start._value.shape != value.shape:
        raise InvalidArgumentError(
            f"output_gradients has shape {start.shape} for a target of shape {tensor.shape}: "
            "they must be equal"
        )
    return start


def _summed(adjoints: dict[int, Any], keys: dict[int, None]) -> Tensor | None:
    """The adjoints under ``keys`` added up, as a tensor; None if there is none."""
    total = None
    for key in keys:
        adjoint = adjoints.get(key)
        if adjoint is not None:
            total = adjoint if total is None else total + adjoint
    if total is None:
        return None
    return total.tensor if type(total) is Lifted else Tensor(total)


def _stacked(
    rows: list, axis: int, shape: tuple, unconnected: UnconnectedGradients, target: Tensor
) -> Tensor | None:
    if not rows or rows[0] is None:
        if unconnected is UnconnectedGradients.NONE and not (not rows and 0 in shape):
            return None
        return Tensor(np.zeros(shape, target._value.dtype))
    return reshape(stack(rows, axis=axis), shape)


def _unconnected(given: Any) -> UnconnectedGradients:
    if type(given) is UnconnectedGradients:
        return given
    try:
        return UnconnectedGradients(getattr(given, "value", given))
    except ValueError:
        raise ValueError(
            f"Unknown value for unconnected_gradients: {given!r}. Write 'none' or 'zero'"
        ) from None
