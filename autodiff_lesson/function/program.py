"""From a recording to a program: what is needed, in order, with numbers for tensors.

A program holds places (slots) instead of tensors, so that it can be played with other values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..lines import line_of
from ..tensor import Tensor
from .tracing import ASSIGN, BEGIN, END, GUARD, READ, Tracing


class Step(NamedTuple):
    """One record of the program; numbers stand for tensors."""

    op: Any
    attributes: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    where: tuple[str, int]
    """The file and the line of the user's code."""
    section: str
    """'forward', 'backward' or 'update'."""
    moving: bool
    """Whether it has to be computed anew at each call."""


class Program:
    """What a function does, as steps between slots.

    Attributes:
        arguments: the slots of the arguments.
        variables: (variable, slot) of each variable whose value goes in.
        constants: slot -> tensor, of what was made or captured while tracing.
        steps: what is needed, in order.
        outputs: the slots of what is returned.
        assigned: (variable, slot) of each variable that gets a new value.
        contributed: slots of what a backward pass added up: each is worth a line of its own.
        tensors: slot -> tensor of the traced call, while the source is being written.
    """

    def __init__(self, tracing: Tracing, outputs: list[Tensor]):
        self.tensors: list[Tensor] = []
        self._slots: dict[int, int] = {}
        self.arguments = [self._slot(t) for t in tracing.arguments]
        self.variables = [(v, self._slot(t)) for v, t in tracing.variables.values()]
        made = self._made(tracing)
        self.outputs = [self._slot(t) for t in outputs]
        final = {id(r.attributes["variable"]): r for r in tracing.records if r.op is ASSIGN}
        self.assigned = [(r.attributes["variable"], self._slot(r.output)) for r in final.values()]
        self.steps = self._needed(made)
        inside = {slot for step in self.steps for slot in step.outputs}
        inside.update(self.arguments, (slot for _, slot in self.variables))
        used = {slot for step in self.steps for slot in step.inputs} | set(self.outputs)
        self.constants = {slot: self.tensors[slot] for slot in used - inside}
        self.adjoints = {
            self._slots[id(adjoint)]: self._slots[id(of)]
            for adjoint, of in tracing.adjoints.values()
            if id(adjoint) in self._slots and id(of) in self._slots
        }
        self.contributed = {self._slots[i] for i in tracing.contributions if i in self._slots}
        self._drop_unread_variables(used)

    def _slot(self, tensor: Tensor) -> int:
        slot = self._slots.get(id(tensor))
        if slot is None:
            slot = self._slots[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return slot

    def _made(self, tracing: Tracing) -> list[Step]:
        """Every record as a step."""
        moving = set(self.arguments) | {slot for _, slot in self.variables}
        made = []
        for record, section in zip(tracing.records, tracing.sections, strict=True):
            inputs = tuple(map(self._slot, record.inputs))
            outputs = tuple(map(self._slot, record.outputs))
            drawn = not inputs and record.op is not BEGIN
            moves = drawn or record.op is ASSIGN or not moving.isdisjoint(inputs)
            if moves:
                moving.update(outputs)
            where = record.code.co_filename, line_of(record.code, record.instruction)
            what = (record.op, record.attributes)
            made.append(Step(*what, inputs, outputs, where, section, moves))
        return made

    def _needed(self, made: list[Step]) -> list[Step]:
        """Drop what nothing uses: one sweep from the end."""
        needed = set(self.outputs) | {slot for _, slot in self.assigned}
        kept = []
        customs: list[bool] = []  # whether the custom gradients that we are inside of are needed
        for step in reversed(made):
            if step.op is END:
                customs.append(not needed.isdisjoint(step.outputs))
                keep = customs[-1]
            elif step.op is BEGIN:
                keep = customs.pop()
            else:
                keep = _happens(step, needed) or not needed.isdisjoint(step.outputs)
                if customs and customs[-1] and step.op not in (GUARD, READ):
                    keep = True  # the user's grad may use it, which nobody sees from here
            if keep:
                needed.update(step.inputs)
                kept.append(step)
        return kept[::-1]

    def _drop_unread_variables(self, used: set[int]) -> None:
        self.variables = [(v, slot) for v, slot in self.variables if slot in used]


def _happens(step: Step, needed: set[int]) -> bool:
    """Whether it must be played although nothing uses what it makes: guards, prints, draws."""
    if step.op is GUARD:
        return step.moving
    if step.op is READ:
        return not needed.isdisjoint(step.inputs)
    return not step.outputs or not step.inputs
