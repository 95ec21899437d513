"""Playing a trace: fast when nobody listens, through the rows when a tape or a function does."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..errors import InvalidArgumentError
from ..ops.random import source as draws
from ..tensor import Tensor
from ..variable import Variable
from .flat import Flat
from .hearing import called, check_guards, play_heard
from .program import Program
from .source import Writer
from .tracing import END

_give = Variable._tensor.__set__  # type: ignore[misc, attr-defined]  # a slot's setter, in C


def commit(variables: list, tensors: list[Tensor]) -> None:
    """Give every variable its new value, all or none.

    The loop runs in C, where Python handles no signal: Ctrl-C comes before it or after it.
    """
    deque(map(_give, variables, tensors), maxlen=0)


def undrawn_if_failed(run: Any, tensors: list[Tensor], assigned: list) -> list[Tensor]:
    """Run; if that fails before anything was assigned, put random numbers back undrawn."""
    generator = draws.generator
    state = generator.bit_generator.state
    before = [v._tensor for v in assigned[:1]]
    try:
        return run(tensors)
    except BaseException:
        if all(v._tensor is t for v, t in zip(assigned, before, strict=False)):
            generator.bit_generator.state = state
        raise


class Player:
    """Plays one program."""

    def __init__(self, program: Program, writer: Writer, name: str):
        self.program = program
        self.text = writer.text
        self._name = name
        self._filename = f"<function {name}>"
        self._steps_at = writer.steps_at
        self._replay = writer.compiled(self._filename)
        self._makes_memory = writer.namespace.get("memory")
        self._memories: list[tuple] = []
        self._reads = writer.reads
        flats: dict[tuple, Flat] = {}
        for _, variables in (*writer.sources, *writer.targets):
            flats.setdefault(tuple(map(id, variables)), Flat(variables))
        self._sources = [flats[tuple(map(id, them))] for _, them in writer.sources]
        self._targets = [flats[tuple(map(id, them))] for _, them in writer.targets]
        self._assigned = [*writer.assigned, *(v for flat in self._targets for v in flat.variables)]
        self._returned = len(program.outputs)
        self._draws = any(not s.inputs and s.outputs for s in program.steps)
        if not any(step.op is END for step in program.steps):
            program.tensors = []  # the values of the traced call are not needed any more

    def play(self, tensors: list[Tensor]) -> list[Tensor]:
        """One call: what it returns, once everything is assigned."""
        if self._draws:
            return undrawn_if_failed(self._run, tensors, self._assigned)
        return self._run(tensors)

    def _run(self, tensors: list[Tensor]) -> list[Tensor]:
        given = [t._value for t in tensors]
        given += [v._tensor._value for v in self._reads]
        given += [flat.read() for flat in self._sources]
        memory = None
        if self._makes_memory:
            # taken out of the list while it is used: other threads and inner calls get another
            memory = self._memories.pop() if self._memories else self._makes_memory()
            given.append(memory)
        blocks = [flat.room() for flat in self._targets]
        given += [block.array for block in blocks]
        try:
            made = self._replay(*given)
        except (ValueError, TypeError, IndexError) as error:
            raise self._explained(error) from None
        if memory:
            self._memories.append(memory)
        results = list(map(Tensor, made[: len(made) - len(blocks)]))
        if self._assigned:
            new = results[self._returned :]
            del results[self._returned :]
            for block in blocks:
                new += block.tensors
            commit(self._assigned, new)
            for flat, block in zip(self._targets, blocks, strict=True):
                flat.assigned(block)
        return results

    def _explained(self, error: Exception) -> Exception:
        """The same error as without the replay: which operation, on which of the user's lines."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._filename:
                step = self._steps_at.get(trace.tb_lineno)
                if step is not None:
                    return InvalidArgumentError(f"{step.op.name} at {step.place}: {error}")
            trace = trace.tb_next
        return error

    def play_heard(self, tensors: list[Tensor]) -> list[Tensor]:
        """The same through the rows of the table, so that whoever listens hears every step."""
        return undrawn_if_failed(self._run_heard, tensors, self._assigned)

    def _run_heard(self, tensors: list[Tensor]) -> list[Tensor]:
        program = self.program
        have: dict[int, Tensor] = dict(program.constants)
        have.update(zip(program.arguments, tensors, strict=True))
        check_guards(program, have | {slot: v._tensor for v, slot in program.variables})
        have.update((slot, v._read()) for v, slot in program.variables)
        with called(self._name):
            play_heard(program, have)
        variables = [variable for variable, _ in program.assigned]
        commit(variables, [have[slot] for _, slot in program.assigned])
        return [have[slot] for slot in program.outputs]
