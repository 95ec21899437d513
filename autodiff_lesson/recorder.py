"""The recording: what an operation leaves behind, and who is listening.

Every operation that runs becomes a `Record`, appended to every active recorder of the thread.
A recording is a plain list. The order in which things ran already is an order in which every
input comes before what was made of it, so the backward pass is that list read from its end.
"""

from __future__ import annotations

import sys
import threading
from types import CodeType
from typing import TYPE_CHECKING, Any

from .lines import INSIDE, Place, place_of

if TYPE_CHECKING:
    from .tensor import Tensor


class Record:
    """One operation that ran: what it was, what went in, what came out, and where.

    Only the code object and the instruction's offset are kept of the place, since this is made
    for every operation; `place` looks the line up when somebody wants to see it.
    """

    __slots__ = ("op", "inputs", "attributes", "output", "code", "instruction")

    def __init__(
        self,
        op: Any,
        inputs: tuple[Tensor, ...],
        attributes: dict[str, Any],
        output: Any,
        code: CodeType,
        instruction: int,
    ):
        self.op = op
        self.inputs = inputs
        self.attributes = attributes
        self.output = output  # a Tensor, a tuple of them, or None
        self.code = code
        self.instruction = instruction

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that came out, as a tuple also when there is one or none."""
        if self.output is None:
            return ()
        return self.output if type(self.output) is tuple else (self.output,)

    @property
    def place(self) -> Place:
        """The user's line on which this ran."""
        return place_of(self.code, self.instruction)

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(t.shape)) for t in self.inputs)
        made = ", ".join(str(tuple(t.shape)) for t in self.outputs)
        return f"<Record: {self.op.name} {shapes or '()'} -> {made or 'nothing'}>"


class Exit:
    """Stands in a record for an op when a value left the recording instead of being computed.

    It has no rules, so nothing flows back through it: that is what it is there to say.
    """

    rules: tuple = ()

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"<Exit: {self.name}>"


LEFT = {
    how: Exit(how)
    for how in ("numpy", "array", "float", "int", "index", "format", "assign", "stop_recording")
}


class Recorder:
    """Somebody who listens: a tape, or a `function` that is being traced.

    ``append`` takes each record. It is an attribute, not a method, so that it can be the list's
    own ``append``: that is the whole cost of listening.
    """

    is_tape = False
    ended = False
    """Whether it has stopped listening for good."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self.append = self._records.append

    def read(self, variable: Any, tensor: Tensor) -> None:
        """A Variable is read; ``tensor`` is its value, the same object until it is assigned."""

    def left(self, tensor: Tensor, how: str) -> None:
        """The value of ``tensor`` leaves for plain Python or NumPy: ``how`` is a key of LEFT, or
        'bool' for a condition."""

    def created(self, variable: Any) -> None:
        """A Variable was made."""

    def begins(self, what: str) -> None:
        """What is recorded from here on is a 'backward' pass, or the inside of a 'custom' call."""

    def stepped(self, step: Any) -> None:
        """The backward pass made a step: a `backward.BackwardStep`, lifted."""

    def customized(self, record: Record) -> None:
        """The call of a custom gradient ends; tapes see it as this one record."""

    def called(self, name: str | None) -> None:
        """The call of a `function` of that name begins; with None, the latest to begin ends."""


class _Thread(threading.local):
    """Each thread has recorders of its own: two tapes in two threads do not see each other."""

    def __init__(self) -> None:
        self.active: list[Recorder] = []


thread = _Thread()


def record(
    active: list[Recorder], op: Any, inputs: tuple, attributes: dict[str, Any], output: Any
) -> None:
    """Tell the ``active`` recorders that ``op`` ran."""
    frame: Any = sys._getframe(2)  # see `user_frame`, whose call would cost a tenth
    code = frame.f_code
    while INSIDE[code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
        code = frame.f_code
    made = Record(op, inputs, attributes, output, code, frame.f_lasti)
    for recorder in active:
        recorder.append(made)


def left(tensor: Tensor, how: str) -> None:
    """Tell every active recorder that the value of ``tensor`` leaves the recording."""
    for recorder in thread.active:
        recorder.left(tensor, how)


class only:
    """For the length of a ``with``, keep just the recorders that ``choose`` picks.

    The old list comes back whatever happens inside, so an exception leaves nobody listening
    who did not listen before; nor does a tape come back whose gradient was asked for inside.
    """

    __slots__ = ("_choose", "_before")

    def __init__(self, choose: Any):
        self._choose = choose

    def __enter__(self) -> None:
        self._before = thread.active
        thread.active = [r for r in self._before if self._choose(r)]

    def __exit__(self, *error: object) -> None:
        thread.active = self._before  # nothing is called before, where Ctrl-C could come between
        for recorder in self._before:
            if recorder.ended:
                thread.active = [r for r in self._before if not r.ended]
                break


def silence() -> only:
    """For the length of a ``with``, nobody listens."""
    return only(lambda recorder: False)
