"""From a recording to a program: what is needed, in order, with numbers for tensors.

A program holds places (slots) instead of tensors, so that it can be played with other values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..lines import line_of
from ..printing import Print
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
    """Whether it has to be played anew at each call."""


class Program:
    """What a function does, as steps between slots: the ids that the tensors had while traced.

    Attributes:
        arguments: the slots of the arguments.
        variables: (variable, slot) of each variable whose value goes in.
        constants: slot -> tensor, of what was made or captured while tracing.
        steps: what is needed, in order.
        outputs: the slots of what is returned.
        assigned: (variable, slot) of each variable that gets a new value.
        adjoints: the slot of an adjoint -> that of what it belongs to.
        contributed: slots of what a backward pass added up: each is worth a line of its own.
        tensors: slot -> tensor of the traced call, while the source is being written.
    """

    def __init__(self, tracing: Tracing, outputs: list[Tensor]):
        self.arguments = [id(t) for t in tracing.arguments]
        self.variables = [(v, id(t)) for v, t in tracing.variables.values()]
        self.outputs = [id(t) for t in outputs]
        final = {id(r.attributes["variable"]): r for r in tracing.records if r.op is ASSIGN}
        self.assigned = [(r.attributes["variable"], id(r.output)) for r in final.values()]
        self.adjoints = {id(adjoint): id(of) for adjoint, of in tracing.adjoints.values()}
        self.contributed = set(tracing.contributions)
        self.tensors = {id(t): t for t in (*tracing.arguments, *outputs)}
        self.tensors.update((id(t), t) for _, t in tracing.variables.values())
        moving = {*self.arguments, *(slot for _, slot in self.variables)}
        self.steps, needed = self._needed(self._made(tracing, moving.copy()))
        inside = moving.union(*[step.outputs for step in self.steps])
        self.constants = {slot: self.tensors[slot] for slot in needed - inside}
        self.variables = [(v, slot) for v, slot in self.variables if slot in needed]

    def _made(self, tracing: Tracing, moving: set[int]) -> list[Step]:
        """Every record as a step; ``moving``: the slots of what may differ at the next call."""
        places: dict[tuple[int, int], tuple[str, int]] = {}
        tensors, made = self.tensors, []
        for record, section in zip(tracing.records, tracing.sections, strict=True):
            op, output = record.op, record.output
            results = output if type(output) is tuple else () if output is None else (output,)
            inputs, outputs = tuple(map(id, record.inputs)), tuple(map(id, results))
            for tensor in record.inputs:
                tensors[id(tensor)] = tensor
            for tensor in results:
                tensors[id(tensor)] = tensor
            drawn = not inputs and op is not BEGIN
            moves = drawn or isinstance(op, Print) or not moving.isdisjoint(inputs)
            if moves:
                moving.update(outputs)
            place = id(record.code), record.instruction
            where = places.get(place)
            if where is None:
                line = line_of(record.code, record.instruction)
                where = places[place] = record.code.co_filename, line
            made.append(Step(op, record.attributes, inputs, outputs, where, section, moves))
        return made

    def _needed(self, made: list[Step]) -> tuple[list[Step], set[int]]:
        """The steps that something uses, and the slots that they use: a sweep from the end."""
        needed = set(self.outputs) | {slot for _, slot in self.assigned}
        kept = []
        customs: list[bool] = []  # whether the custom gradients that we are inside of are needed
        for step in reversed(made):
            op = step.op
            if op is END:
                customs.append(not needed.isdisjoint(step.outputs))
                keep = customs[-1]
            elif op is BEGIN:
                keep = customs.pop()
            else:
                keep = not needed.isdisjoint(step.outputs) or _happens(step, needed)
                if customs and customs[-1] and op not in (GUARD, READ):
                    keep = True  # the user's grad may use it, which nobody sees from here
            if keep:
                needed.update(step.inputs)
                kept.append(step)
        return kept[::-1], needed


def _happens(step: Step, needed: set[int]) -> bool:
    """Whether it must be played although nothing uses what it makes: guards, prints, draws."""
    if step.op is GUARD:
        return step.moving
    if step.op is READ:
        return not needed.isdisjoint(step.inputs)
    return not step.outputs or not step.inputs
