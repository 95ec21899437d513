"""GradientTape: records what runs, and is asked for gradients (`backward` makes them)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np

from . import nest
from .arguments import tensor_of
from .backward import Backward, BackwardStep, seeded, value_of
from .errors import warn
from .jacobian import in_batches, of_elements, of_examples, one_tensor
from .lines import here, place_of, user_frame
from .ops.elementwise import stop_gradient
from .recorder import LEFT, Exit, Record, Recorder, silence, thread
from .tensor import Tensor


class UnconnectedGradients(Enum):
    """What `GradientTape.gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


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
        # id of a variable -> its value before it was watched, which is a number for this tape
        self._earlier: dict[int, Tensor] = {}
        # id of a watched variable -> its values that were read, by their ids
        self._reads: dict[int, dict[int, Tensor]] = {}
        # (name of a function, or None at its end, number of records at that time)
        self._calls: list[tuple[str | None, int]] = []
        # where calls of custom gradients began that have not ended, and (begin, end) of the others
        self._begun: list[int] = []
        self._inside: list[tuple[int, int]] = []

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an "
                "already-active tape."
            )
        if self._used_at is not None:  # a one-shot tape that has given its gradient starts afresh
            self._forget()
            self._used_at = None
        self._recording = True
        thread.active.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        if self._recording:
            self._stop()

    @property
    def ended(self) -> bool:  # type: ignore[override]
        """Whether it has left its ``with``, or a one-shot tape its only gradient."""
        return not self._recording

    def _stop(self) -> None:
        self._recording = False
        if thread.active[-1:] == [self]:
            thread.active.pop()
        else:
            thread.active = [r for r in thread.active if self not in (r, getattr(r, "tape", None))]

    # What recorders are told

    def read(self, variable: Any, tensor: Tensor) -> None:
        """A variable was read: if it is trainable, watch it from now on."""
        reads = self._reads.get(id(variable))
        if reads is None:
            if not (self._watches_variables and variable.trainable):
                return
            self._watched[id(variable)] = (variable, 0)  # no record before can hold its value
            reads = self._reads[id(variable)] = {}
        reads[id(tensor)] = tensor

    def left(self, tensor: Tensor, how: str) -> None:
        """A value left: note it, so that `explain.why_none` can say where."""
        if how != "bool":
            frame = user_frame(2)
            self.append(Record(LEFT[how], (tensor,), {}, None, frame.f_code, frame.f_lasti))

    def begins(self, what: str) -> None:
        """The call of a custom gradient begins."""
        if what == "custom":
            self._begun.append(len(self._records))

    def customized(self, record: Record) -> None:
        """The call of a custom gradient ends: it is one record more, after those inside."""
        if self._begun:
            self._inside.append((self._begun.pop(), len(self._records)))
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
                warn(
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got "
                    "tf.%s at %s. Write tf.constant(3.0), not tf.constant(3), or use tf.cast.",
                    item.dtype.name,
                    here(),
                )
                continue
            if isinstance(item, Tensor):
                self._watched.setdefault(id(item), (item, len(self._records)))
            elif id(item) not in self._watched:
                self._earlier[id(item)] = item._renew()
                self._watched[id(item)] = (item, 0)
                self._reads[id(item)] = {}

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
        zeros = _wants_zeros(unconnected_gradients)
        self._use()
        flat = [sources] if type(sources) is Tensor else nest.flatten(sources)
        found = self._backward(flat).gradients(target, output_gradients)
        if zeros:
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
        zeros = _wants_zeros(unconnected_gradients)
        self._use()
        target, flat = one_tensor(target), nest.flatten(sources)
        found = of_elements(self._backward(flat), target, flat, zeros)
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
        _wants_zeros(unconnected_gradients)  # zeros either way, but it must be one of the two
        target, tensor = in_batches(target, source)
        self._use()
        return of_examples(self._backward([source]), target, tensor)

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
            if pause in thread.active:  # else a gradient of a one-shot tape has ended it
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
        self._forget()

    def watched_variables(self) -> tuple:
        """The variables that this tape watches, in the order in which they were made."""
        found: list[Any] = [w for w, _ in self._watched.values() if type(w) is not Tensor]
        return tuple(sorted(found, key=lambda v: getattr(v, "_number", 0)))

    @property
    def records(self) -> list[Record]:
        """The records that depend on something watched: what a gradient can flow through.

        A custom gradient is one record; what ran inside counts if something outside uses it.
        """
        reached = self._backward([w for w, _ in self._watched.values()]).records
        if not self._inside:
            return reached
        inside = {id(r) for begin, end in self._inside for r in self._records[begin:end]}
        used: set[int] = set()
        kept = []
        for record in reversed(reached):
            if id(record) not in inside or not used.isdisjoint(map(id, record.outputs)):
                kept.append(record)
                used.update(map(id, record.inputs))
        return kept[::-1]

    def walk(
        self, target: Any, sources: Any, output_gradients: Any = None
    ) -> Iterator[BackwardStep]:
        """Play the recording backward, one `BackwardStep` per record, values as NumPy arrays.

        All steps are made before the first is given, so that what the caller does between them is
        not part of the walk.
        Looking is free: a tape may be walked as often as one likes, before and after `gradient`.
        """
        flat = nest.flatten(sources)
        for recorder in thread.active:
            if not recorder.is_tape:  # what a function records must not depend on these values
                recorder.left(tensor_of(nest.flatten(target)[0]), "numpy")
        steps: list[BackwardStep] = []
        with silence():
            adjoints = seeded(target, output_gradients, value_of)
            self._backward(flat).play(adjoints, value_of, [steps.append])
        yield from steps

    # How it works

    def _forget(self) -> None:
        self._records.clear()
        self._watched.clear()
        self._earlier.clear()
        self._reads.clear()
        self._calls.clear()
        self._begun.clear()
        self._inside.clear()

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

    def _backward(self, sources: list) -> Backward:
        """The recording made ready to be played backward to these sources."""
        starts, late = [], False
        for source in sources:
            begin, ids = self._start(source)
            starts.append((begin is not None, ids))
            late = late or bool(begin)
        # watched late it counts also before, in what was recorded for another's sake
        return Backward(self._tracked()[0] if late else self._records, starts)

    def _start(self, source: Any) -> tuple[int | None, tuple[int, ...]]:
        """From which record on a source counts, and the ids under which its adjoints are kept.

        A variable's are the ids of the values that were read, and of its value now, which may be
        the target itself.
        """
        key = id(source)
        if isinstance(source, Tensor):
            ids: tuple[int, ...] = (key,)
        elif hasattr(source, "_read"):
            reads = self._reads.get(key, {})
            now = id(getattr(source, "_tensor", source))
            ids = tuple(reads) if now in reads else (*reads, now)
        else:
            raise TypeError(
                f"a source of gradient() is {source!r}: it must be a tensor or a variable that "
                "the tape watched"
            )
        watched = self._watched.get(key)
        if watched is not None:
            return watched[1], ids
        in_the_middle = type(source) is Tensor and key in self._tracked()[1]
        return 0 if in_the_middle else None, ids

    def _tracked(self) -> tuple[list[Record], set[int]]:
        """What ran on something that was watched by then, or made of that; and the ids of those.

        Also by operations that have no gradient themselves, like round; but not by stop_gradient.
        """
        begins: dict[int, list[int]] = {}
        for watched, number in self._watched.values():
            begins.setdefault(number, []).extend(self._start(watched)[1])
        tracked: list[Record] = []
        ids: set[int] = set()
        for number, record in enumerate(self._records):
            ids.update(begins.get(number, ()))
            cut = type(record.op) is Exit or record.op is stop_gradient
            if not cut and not ids.isdisjoint(map(id, record.inputs)):
                tracked.append(record)
                ids.update(id(t) for t in record.outputs if t._value.dtype.kind == "f")
        return tracked, ids


class _Pause(Recorder):
    """Takes a tape's place while it is stopped: what runs is noted as cut off from the tape."""

    is_tape = True

    def __init__(self, tape: GradientTape):
        self.tape = tape
        note = tape.append

        def cut_off(record: Record) -> None:
            stop = LEFT["stop_recording"]
            note(Record(stop, record.inputs, {}, record.output, record.code, record.instruction))

        self.append = cut_off

    @property
    def ended(self) -> bool:  # type: ignore[override]
        return self.tape.ended


def _wants_zeros(unconnected: Any) -> bool:
    if type(unconnected) is not UnconnectedGradients:
        try:
            unconnected = UnconnectedGradients(getattr(unconnected, "value", unconnected))
        except ValueError:
            raise ValueError(
                f"Unknown value for unconnected_gradients: {unconnected!r}. Write 'none' or 'zero'"
            ) from None
    return unconnected is UnconnectedGradients.ZERO
