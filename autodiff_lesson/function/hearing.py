"""Playing a program through the rows of the table, so that tapes and other functions hear it.

This is how a function is differentiable, to any order: the tape records what is inside.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ..arguments import tensor_of
from ..custom_gradient import CustomGradient
from ..errors import InvalidArgumentError
from ..lines import display_name, here, user_frame
from ..ops.random import source as draws
from ..printing import Print
from ..recorder import Record, only, record, silence, thread
from ..tensor import Tensor
from .program import Program
from .source import OtherWay
from .tracing import ASSIGN, BEGIN, END, GUARD, READ, Tracing


@contextmanager
def announced(name: str) -> Iterator[None]:
    """Tell whoever listens where the call of the function of that name begins and ends."""
    listening = list(thread.active)
    for recorder in listening:
        recorder.called(name)
    try:
        yield
    finally:
        for recorder in listening:
            recorder.called(None)


def check_guards(program: Program, have: dict[int, Tensor]) -> None:
    """Raise OtherWay if a guard will not hold, before anybody has heard, seen or drawn anything.

    The steps up to the last guard run once more for that, with nobody listening.
    """
    guards = [number for number, step in enumerate(program.steps) if step.op is GUARD]
    if not guards:
        return
    have = have.copy()
    state = draws.generator.bit_generator.state
    try:
        with silence():
            for step in program.steps[: guards[-1] + 1]:
                if step.op not in (BEGIN, END) and not isinstance(step.op, Print):
                    made = _run(step.op, step.attributes, [have[slot] for slot in step.inputs])
                    have.update(zip(step.outputs, made, strict=True))
    finally:
        draws.generator.bit_generator.state = state


def play_heard(program: Program, have: dict[int, Tensor]) -> None:
    """Run every step; ``have`` holds the tensors by their slots, and gets what is made."""
    # for a tape the outputs of a custom gradient come out of the one record of its call
    ends = {slot for step in program.steps if step.op is END for slot in step.outputs}
    for step in program.steps:
        inputs = [have[slot] for slot in step.inputs]
        if step.op is BEGIN:
            for recorder in thread.active:
                recorder.begins("custom")
        elif step.op is END:
            outputs = tuple(have[slot] for slot in step.outputs)
            _customized(step.attributes["op"], inputs, outputs, program, have)
        else:
            with nullcontext() if ends.isdisjoint(step.outputs) else _tapes_deaf():
                try:
                    made = _run(step.op, step.attributes, inputs)
                except InvalidArgumentError as error:  # it names the line of this call
                    place = f"{display_name(step.where[0])}, line {step.where[1]}"
                    raise type(error)(str(error).replace(str(here()), place, 1)) from None
            have.update(zip(step.outputs, made, strict=True))


def _tapes_deaf() -> only:
    return only(lambda recorder: not recorder.is_tape)


def _run(op: Any, attributes: dict, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Run what was recorded again on other tensors."""
    if op is GUARD:
        if bool(inputs[0]) is not attributes["value"]:
            raise OtherWay
        return ()
    if op is READ:
        for recorder in thread.active:
            recorder.read(attributes["variable"], inputs[0])
        return ()
    if op is ASSIGN:
        made = Tensor(inputs[0]._value)
        record(thread.active, ASSIGN, tuple(inputs), attributes, made)
        return (made,)
    output = op(*inputs, **attributes)
    return output if type(output) is tuple else (output,)


def _customized(
    custom: CustomGradient, inputs: list, outputs: tuple, program: Program, have: dict[int, Tensor]
) -> None:
    """Tell the tapes of a call of a custom gradient, and the functions that it ends."""
    op = _Substituted(custom, list(program.tensors.values()), have.copy())
    frame = user_frame()
    made = Record(
        op, tuple(inputs), {}, outputs if len(outputs) > 1 else outputs[0],
        frame.f_code, frame.f_lasti,
    )  # fmt: skip
    for recorder in thread.active:
        recorder.customized(made)


class _Substituted(CustomGradient):
    """A custom gradient in a later call of the function that it was recorded in.

    The user's ``grad`` holds on to tensors of the recorded call. So these have today's values while
    it runs, and whoever listens is told of what it did as done with today's tensors.
    """

    def __init__(self, custom: CustomGradient, old: list[Tensor], replaced: dict[int, Tensor]):
        """``replaced``: what has taken the places of the old ones, by their ids."""
        super().__init__(custom.function, custom.grad, custom.arguments, custom.variables)
        self._custom = custom  # it may be of a function that this one called
        self._old = [tensor for tensor in old if id(tensor) in replaced]
        self._replaced = replaced

    def _ask(self, upstream: list[Tensor]) -> list:
        tracing = Tracing([*self._old, *upstream])
        with only(lambda recorder: False), _lent(self._old, self._replaced):
            thread.active.append(tracing)
            grads = self._custom._ask(upstream)
        now = dict(self._replaced)
        now.update((id(fresh), v._read()) for v, fresh in tracing.variables.values())
        for recorded in tracing.records:
            _tell(recorded, tuple(now.get(id(t), t) for t in recorded.inputs))
        return [now.get(id(tensor_of(grad)), grad) for grad in grads]


_lending = threading.RLock()


@contextmanager
def _lent(old: list[Tensor], replaced: dict[int, Tensor]) -> Iterator[None]:
    """Give tensors the values of those in their places, for a while; one thread at a time."""
    with _lending:
        own = [tensor._value for tensor in old]
        try:
            for tensor in old:
                tensor._value = replaced[id(tensor)]._value
            yield
        finally:
            for tensor, value in zip(old, own, strict=True):
                tensor._value = value


def _tell(recorded: Record, inputs: tuple[Tensor, ...]) -> None:
    """Tell who listens of something that ran, with other inputs in their places."""
    op, attributes = recorded.op, recorded.attributes
    if op in (BEGIN, END):
        return
    made = Record(op, inputs, attributes, recorded.output, recorded.code, recorded.instruction)
    for recorder in thread.active:
        if op is GUARD:
            recorder.left(inputs[0], "bool")
        elif op is READ:
            recorder.read(attributes["variable"], inputs[0])
        else:
            recorder.append(made)
