"""Playing a trace: fast when nobody listens, through the rows when a tape or a function does."""

from __future__ import annotations

import functools
import marshal
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from ..errors import InvalidArgumentError
from ..lines import display_name
from ..ops.elementwise import identity
from ..ops.random import source as draws
from ..tensor import Tensor
from .flat import Flat
from .hearing import announced, check_guards, play_heard
from .program import Program, Step
from .source import Writer
from .tracing import END

REMEMBERED = 1 << 14  # letters; a longer text is compiled each time, rather than kept


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
        self._namespace = writer.namespace
        self._own_name = writer.name
        self._reads = writer.reads
        self._made = len(writer.results)
        # what was fused comes first and is written together; a large variable by itself
        self._fused = [variables for _, variables in writer.targets if len(variables) > 1]
        self._targets = [Flat(self._fused)] if self._fused else []
        self._targets += [Flat([them]) for _, them in writer.targets if len(them) == 1]
        self._sources = [variables for _, variables in writer.sources]
        self._rooms = len(writer.targets)
        self._assigned = [*writer.assigned, *(v for flat in self._targets for v in flat.variables)]
        self._draws = any(step.outputs for step in program.steps if not step.inputs)
        if END not in [step.op for step in program.steps]:
            program.tensors = {}  # the values of the traced call are not needed any more

    @functools.cached_property
    def play(self) -> Callable[[list[Tensor]], list[Tensor]]:
        """One call: what it returns, once everything is assigned."""
        run = self._around()
        if not self._draws:
            return run
        return functools.partial(undrawn_if_failed, run, assigned=self._assigned)

    def _around(self) -> Callable:
        """What is around the replay in a call; it assigns everything at the end, or nothing.

        It is written out, since loops over a few tensors would cost as much as a small program. Of
        two tensors, one variable that is assigned and one result it becomes::

            def run(tensors):
             t0, t1,  = tensors
             try: m0, m1,  = replay(t0._value, t1._value, read0._tensor._value)
             except (ValueError, TypeError, IndexError) as error:
              raise explained(error) from None
             results = [Tensor(m0)]
             v0._tensor,  = Tensor(m1),
             return results

        Ctrl-C cannot come between the assignments, which are one statement: Python looks at signals
        where something is called and where a loop turns, and between its stores are neither.
        """
        meaning = self._namespace
        exec(_compiled(self.text, self._filename), meaning)  # not before it is played
        known: dict[str, Any] = {"__name__": meaning["__name__"], "Tensor": Tensor}
        known |= {"replay": meaning[self._own_name], "memories": []}
        known["memory"] = meaning.get("memory")
        known["explained"] = functools.partial(_explained, self._filename, self._steps_at)

        def names(letter: str, things: Iterable) -> list[str]:
            new = {f"{letter}{i}": thing for i, thing in enumerate(things)}
            known.update(new)
            return list(new)

        assigned = [f"{v}._tensor" for v in names("v", self._assigned)]
        tensors = [f"t{i}" for i, _ in enumerate(self.program.arguments)]
        flats = names("flat", self._targets)
        given = [f"{t}._value" for t in tensors]
        given += [f"{v}._tensor._value" for v in names("read", self._reads)]
        now = {_key(variables): f"now{i}" for i, variables in enumerate(self._fused)}
        others = [variables for variables in self._sources if _key(variables) not in now]
        flats_of_others = names("source", [Flat([variables]) for variables in others])
        reads = {_key(v): f"*{f}.read()" for v, f in zip(others, flats_of_others, strict=True)}
        given += [(now | reads)[_key(variables)] for variables in self._sources]
        given += ["kept"] * bool(known["memory"])
        given += [f"*room_{flat}.arrays" for flat in flats]
        made = [f"m{i}" for i in range(self._made)]
        results = [f"Tensor({m})" for m in made]
        returned = len(self.program.outputs)
        new = results[returned:] + [f"*room_{flat}.tensors" for flat in flats]
        lines = [
            "def run(tensors):",
            f" {_several(tensors)} = tensors",
            *[f" {_several(now.values())} = flat0.read()"] * bool(now),
            *(f" room_{flat} = {flat}.room()" for flat in flats),
            # taken out of the list while it is used: other threads and inner calls get another
            *[" try: kept = memories.pop()"] * bool(known["memory"]),
            *[" except IndexError: kept = memory()"] * bool(known["memory"]),
            f" try: {_several(made + ['_'] * self._rooms)} = replay({', '.join(given)})",
            " except (ValueError, TypeError, IndexError) as error:",
            "  raise explained(error) from None",
            *[" memories.append(kept)"] * bool(known["memory"]),
            f" results = [{', '.join(results[:returned])}]",
            *[f" {_several(assigned)} = {_several(new)}"] * bool(new),
            *(f" {flat}.assigned(room_{flat})" for flat in flats),
            " return results",
        ]
        inside = f"{__file__} (around a replay)"  # tracebacks leave out what is in this folder
        exec(_compiled("\n".join(lines), inside), known)
        return known.pop("run")  # so that the variables go with it, and not at some collection

    def play_heard(self, tensors: list[Tensor]) -> list[Tensor]:
        """The same through the rows of the table, so that whoever listens hears every step."""
        return undrawn_if_failed(self._run_heard, tensors, self._assigned)

    def _run_heard(self, tensors: list[Tensor]) -> list[Tensor]:
        program = self.program
        have: dict[int, Tensor] = dict(program.constants)
        have.update(zip(program.arguments, tensors, strict=True))
        check_guards(program, have | {slot: v._tensor for v, slot in program.variables})
        have.update((slot, v._read()) for v, slot in program.variables)
        try:
            with announced(self._name):
                play_heard(program, have)
        except BaseException:
            for variable, _ in program.assigned:  # who has heard of an assignment hears that it
                variable._take_back(variable._tensor)  # has not come about
            raise
        variables, slots = zip(*program.assigned, strict=True) if program.assigned else ((), ())
        # in C from end to end: Ctrl-C comes before or after
        deque(map(setattr, variables, repeat("_tensor"), [have[slot] for slot in slots]), 0)
        given = set(program.arguments)  # handed back, it is a tensor of its own
        return [identity(have[s]) if s in given else have[s] for s in program.outputs]


def _compiled(text: str, filename: str) -> Any:
    """The code of a text. One that a screen or two can hold is compiled once: a cell runs often."""
    if len(text) > REMEMBERED:
        return compile(text, filename, "exec")
    return marshal.loads(_marshalled(text, filename))  # as from a .pyc file: it shares nothing


@functools.lru_cache(maxsize=64)
def _marshalled(text: str, filename: str) -> bytes:
    return marshal.dumps(compile(text, filename, "exec"))


def _explained(filename: str, steps_at: dict[int, Step | None], error: Exception) -> Exception:
    """The same error as without the replay: which operation, on which of the user's lines."""
    trace = error.__traceback__
    while trace is not None:
        step = steps_at.get(trace.tb_lineno)
        if step and trace.tb_frame.f_code.co_filename == filename:
            place = f"{display_name(step.where[0])}, line {step.where[1]}"
            return InvalidArgumentError(f"{step.op.name} at {place}: {error}")
        trace = trace.tb_next
    return error


def _key(variables: list) -> tuple[int, ...]:
    """Which they are."""
    return tuple(map(id, variables))


def _several(names: Iterable[str]) -> str:
    """A tuple of them, as it is written."""
    return "".join(f"{name}, " for name in names) or "()"
