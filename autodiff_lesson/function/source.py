"""Writing a program down as a Python function of NumPy calls.

Everything in the text comes from the table of operations, from numbers, and from names that were
checked to be identifiers. The user's own lines appear in comments only.
"""

from __future__ import annotations

import functools
import linecache
import math
from collections import Counter
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from ..ops.shape import embed, order_of
from ..primitive import Primitive
from ..printing import show_line
from ..tensor import Tensor
from .flat import Fused, fuse, parts_of
from .following import Line, Lines, Value, follow
from .memory import LARGE, Plan, takes_out
from .names import Names, comment, common, hints, identifier
from .program import Program, Step
from .tracing import ASSIGN, BEGIN, END, GUARD, READ

_INFIX = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/", np.matmul: "@",
    np.power: "**",
    np.greater: ">", np.greater_equal: ">=", np.less: "<", np.less_equal: "<=",
    np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_EMBED = embed.__wrapped__  # type: ignore[attr-defined]
_name_of = functools.cache(attrgetter("name"))  # of dtypes, which look it up anew each time
SCREEN = 60  # lines; what fits is written so that it reads best
LONG = 1000  # lines; what is as long is not read


class OtherWay(Exception):
    """A guard did not hold: the Python function would have gone another way."""


class Writer:
    """Writes one program.

    Attributes:
        lines: the calls, in order, while they are written.
        text: the source.
        namespace: what the names in it mean.
        steps_at: line number -> the step that it belongs to, or None.
        reads: the variables whose values are handed in, each by itself.
        sources, targets: those whose values are handed in, and come out, in one flat array;
            and large ones, whose new values are written into an array that is handed in.
        assigned: those that get a value which is returned by itself.
    """

    def __init__(
        self, program: Program, name: str, names: list[str], heading: str, called: Callable
    ):
        self._program = program
        self._names = Names()
        self.name = self._names.new(name, "f")
        self.namespace: dict[str, Any] = {
            "__name__": __package__ + ".replay",
            "np": np,
            "OtherWay": OtherWay,
        }
        self._constants: dict[Any, str] = {}
        self._functions: dict[Any, str] = {}
        noted = Lines()
        self.lines: Any = noted
        self._values = _Values(program.tensors, noted)
        self._called = called
        self.sources: list[tuple[Value, list]] = []
        self.targets: list[tuple[Value, list]] = []
        self._parts: list[Line] = []  # the views of flat arrays that are written one by one
        self.assigned: list = []
        self.results: list[Value] = []
        self._lay_out(names)
        self._follow()
        self._fuse()
        self.steps_at: dict[int, Step | None] = {}
        self.text = self._write(heading)
        noted.release()

    # ---------------------------------------------------------------- from steps to lines
    def _lay_out(self, names: list[str]) -> None:
        """Arguments and variables get their values and names first."""
        program = self._program
        for slot, name in zip(program.arguments, names, strict=True):
            if slot in self._values:  # one tensor in two places
                continue
            value = self._values.enter(slot, "argument")
            value.name = self._names.new(name, "x")
        for variable, slot in program.variables:
            value = self._values.enter(slot, "variable")
            value.name = self._names.new(self._called(variable), "variable")

    def _follow(self) -> None:
        program, values, lines = self._program, self._values, self.lines
        hint = hints(program, {slot: value.name for slot, value in values.items()})
        alone = program.contributed if len(program.steps) < SCREEN else set()
        guarded = 0  # the lines up to the last guard
        for step in program.steps:
            if not step.moving:
                continue
            args = tuple(map(values.__getitem__, step.inputs))
            lines.step = step
            if isinstance(step.op, Primitive):
                lines.sharing = alone.isdisjoint(step.outputs)
                array = program.tensors[step.outputs[0]]._value
                made = follow(lines, step.op, args, step.attributes, array)
                for slot, value in zip(step.outputs, made, strict=True):
                    values[slot] = value
                    if value.origin == "line" and not value.hint:
                        value.hint = hint.get(slot, "")
            elif step.op is ASSIGN:
                values[step.outputs[0]] = args[0]
            elif step.op is GUARD:
                lines.append(Line(GUARD, args, step.attributes, (), step=step))
                guarded = len(lines)
            elif step.op not in (READ, BEGIN, END):  # print
                say = functools.partial(show_line, **step.attributes)
                lines.append(Line(say, args, {}, (), step=step))
        for variable, slot in program.assigned:
            value = values[slot]
            value.hint = value.hint or f"new_{self._called(variable)}"
        # what is printed waits until the last guard has held: else it would be printed twice
        lines[:guarded] = sorted(lines[:guarded], key=lambda line: _prints(line.function))

    def _embed_together(self, given_out: list[Value]) -> None:
        """What stands in different places of zeros, and is added, comes into one array of zeros.

        It is added there too, not only put there: 0.0 + -0.0 is 0.0.
        """
        placed = [n for n in self.lines if n.function is _EMBED and _places(n)]
        embeds = {id(line.results[0]): line for line in placed}
        if len(embeds) < 2:
            return
        uses = Counter(id(value) for line in self.lines for value in line.values)
        uses.update(map(id, given_out))
        gone: set[int] = set()
        for number, line in enumerate(self.lines):
            if line.function is np.add and all(uses[id(v)] == 1 for v in line.args):
                parts = [embeds[id(v)] for v in line.args if id(v) in embeds]
                places = [place for part in parts for place in _places(part)]
                alike = len({value.shape for value in (*line.args, *line.results)}) == 1
                if len(parts) == 2 and alike and len(set(places)) == len(places):
                    values = tuple(value for part in parts for value in part.args)
                    together = {"places": places}
                    joined = Line(_EMBED, values, together, line.results, step=line.step)
                    self.lines[number] = embeds[id(line.results[0])] = joined
                    gone.update(map(id, parts))
        self.lines = [line for line in self.lines if id(line) not in gone]

    # ---------------------------------------------------------------- many variables at once
    def _fuse(self) -> None:
        """Put the same update of several variables into one, on flat arrays."""
        given = [(variable, self._values[slot]) for variable, slot in self._program.assigned]
        returned = [self._values[slot] for slot in self._program.outputs]
        self._embed_together([*returned, *(value for _, value in given)])
        of = {id(value): variable for variable, value in given}
        of.update((id(self._values[slot]), v) for v, slot in self._program.variables)
        at_end: list[Line] = []
        for fused in fuse(self.lines, returned, [value for _, value in given]):
            at_end += self._take_place(fused, of, set(map(id, returned)))
        self.lines += at_end
        at_once = {id(v) for _, variables in self.targets for v in variables}
        alone = [(variable, value) for variable, value in given if id(variable) not in at_once]
        makers = {id(line.results[0]): line for line in self.lines if alone and line.results}
        self.results = list(returned)
        goes = Counter(map(id, [*returned, *(value for _, value in alone)]))
        for variable, value in alone:
            maker = makers.get(id(value)) if goes[id(value)] == 1 else None  # nobody else has it
            if maker and takes_out(maker, LARGE):
                self.targets.append((value, [variable]))
            else:
                self.assigned.append(variable)
                self.results.append(value)
        used = {*map(id, chain(self.results, *[line.values for line in self.lines]))}
        slots = {id(v): slot for v, slot in self._program.variables}
        self.reads = [v for v, slot in self._program.variables if id(self._values[slot]) in used]
        self._given = [*self._program.arguments, *(slots[id(v)] for v in self.reads)]
        for _, slot in self._program.variables:
            if slot not in self._given:
                self._names.free(self._values[slot].name)
        for flat, _ in self.sources:
            flat.name = self._names.new(flat.hint, "flat")

    def _take_place(self, fused: Fused, of: dict, returned: set[int]) -> list[Line]:
        """Put what the lanes begin with together; the lines that are to come after all of that."""
        old, made = set(map(id, fused.old)), {id(line.results[0]) for line in fused.lines}
        self.lines = [line for line in self.lines if id(line) not in old]
        step = fused.lines[0].step
        after = []
        for flat, column in fused.columns:
            variables = [of[id(value)] for value in column if id(value) in of]
            if id(flat) not in made and flat.origin != "variable":
                self.lines += self._put_together(flat, column, step)
            elif variables:
                flat.hint = common([self._called(v) for v in variables], "variables")
                if id(flat) in made:
                    flat.hint = "new_" + flat.hint
                    self.targets.append((flat, variables))
                    if not returned.isdisjoint(map(id, column)):
                        after.append(_taken_apart(flat, column, step))
                else:
                    self.sources.append((flat, variables))
        return fused.lines + after

    def _put_together(self, flat: Value, column: list[Value], step: Step) -> list[Line]:
        """The lines that move what the lanes begin with into one array."""
        names = [value.hint or value.name for value in column]
        name = "gradients" if all(n.startswith("d_") for n in names) else common(names, "")
        flat.name = flat.hint = self._names.new(name, "flat")
        parts = [Value(value.array, value.lines, "part") for value in column]
        for part in parts:
            part.name = self._names.new("", "part")
        self._parts.append(_taken_apart(flat, parts, step))
        pairs = zip(parts, column, strict=True)
        return [Line("put", pair, {}, (), step=step) for pair in pairs]

    # ---------------------------------------------------------------- from lines to text
    def _write(self, heading: str) -> str:
        rooms = [(flat, self._names.new("", "room")) for flat, _ in self.targets]
        given_out = [*self.results, *(flat for flat, _ in rooms)]
        plan = self.plan = Plan(self.lines, given_out, rooms, self._parts, self._names.new)
        body: list[str] = []
        steps: list[Step | None] = []  # of each line in the body
        section, where = "", ("", 0)
        ending = self._ending()
        free: list[str] = []
        for number, line in enumerate(self.lines):
            step = line.step
            fixed = id(line) in plan.fixed
            if step.section != section:
                section = step.section
                body += ["", f"    # ---- {section}"]
                steps += [None, None]
            if step.where != where:
                where = step.where
                body.append(f"    # {comment(linecache.getline(*where).strip())}")
                steps.append(None)
            for result in line.results:
                if not result.name:
                    again = free and not result.hint and not fixed
                    result.name = free.pop() if again else self._names.new(result.hint, "v")
            if not fixed:
                body.append("    " + self._statement(line))
                steps.append(step)
                if number in ending:
                    free += [value.name for value in ending[number]]
        given_back = self._tuple([*self.results, *(flat for flat, _ in self.targets)])
        body.append(f"    return {given_back}")
        slots = self._given
        given = [
            self._names.new("", "again") if slot in slots[:i] else self._values[slot].name
            for i, slot in enumerate(slots)
        ]
        given += [flat.name for flat, _ in self.sources]
        head = [f"# {comment(part)}" for part in heading.splitlines()]
        head += [line for flat, them in self.sources for line in self._members(flat, them)]
        for constant, thing in self.namespace.items():
            if isinstance(thing, (np.ndarray, np.generic)):
                head.append(f"# {constant} = {_shown(thing)}")
        if rooms:
            head.append(f"# {rooms[0][1]} ...: arrays that new values of variables go into")
        if plan.arrays:
            head += self._memory(plan)
            given.append("memory")
        given += [name for _, name in rooms]
        head.append(f"def {self.name}({', '.join(given)}):")
        if plan.arrays:
            head.append(f"    {self._kept(plan)} = memory")
        self.steps_at = dict(enumerate(steps, len(head) + 1))
        return "\n".join([*head, *body, ""])

    def _ending(self) -> dict[int, list[Value]]:
        """The values that nothing needs after a line, by its number: others get their names.

        So large arrays are freed. And in a program too long to be read, all names are used again:
        memory that is used again is faster than new memory.
        """
        views = [value for view in self.plan.views for value in view.results]
        long = len(self.lines) >= LONG
        made = chain.from_iterable([line.results for line in self.lines])
        if not long and max([value.array.nbytes for value in made], default=0) < LARGE:
            return {}
        kept = {*map(id, [*self.results, *views]), *([] if long else self.plan.out)}
        ending: dict[int, list[Value]] = {}
        for number in range(len(self.lines) - 1, -1, -1):
            for value in self.lines[number].values:
                if id(value) in kept:
                    continue
                kept.add(id(value))
                big = long or value.array.nbytes >= LARGE
                if big and value.origin == "line" and not value.hint:
                    ending.setdefault(number, []).append(value)
        return ending

    def _members(self, flat: Value, variables: list) -> list[str]:
        """What lies in a flat array, if that can be said in names."""
        value = {id(v): self._values[slot] for v, slot in self._program.variables}
        names = [value[id(v)].name for v in variables]
        if not {value[id(v)].name for v in self.reads}.issuperset(names):
            return []
        names = names if len(names) < 7 else [*names[:2], "...", names[-1]]
        return [f"# {flat.name} = {', '.join(names)} in one array"]

    def _memory(self, plan: Plan) -> list[str]:
        """The function that makes the arrays which are written again at each call."""
        lines = ["", "def memory():", "    # made once, and written into at each call"]
        for name, array in plan.arrays.items():
            lines.append(f"    {name} = {self._empty(array)}")
        for line in plan.views:
            (source,) = line.values
            source.name, before = plan.out.get(id(source), source.name), source.name
            lines.append(f"    {self._statement(line)}")
            source.name = before
        return [*lines, f"    return {self._kept(plan)}", "", ""]

    def _empty(self, array: np.ndarray) -> str:
        """An array of the same layout in memory."""
        order = order_of(array)
        shape = tuple(array.shape[axis] for axis in order)
        text = self._new("empty", shape, array.dtype)
        back = tuple(sorted(range(array.ndim), key=order.__getitem__))
        return text if order == sorted(order) else f"{text}.transpose({back})"

    def _new(self, how: str, shape: tuple, dtype: np.dtype) -> str:
        return f"np.{how}({shape}, {self._text(dtype)})"

    def _kept(self, plan: Plan) -> str:
        names = [*plan.arrays, *(value.name for line in plan.views for value in line.results)]
        return ", ".join(names) + ("," if len(names) == 1 else "")

    def _statement(self, line: Line) -> str:
        function, results = line.function, line.results
        if function is GUARD:
            test = "if not" if line.kwargs["value"] else "if"
            return f"{test} {self._text(line.args[0])}: raise OtherWay"
        if function is _EMBED:
            return self._embedding(line)
        out = self.plan.out.get(id(results[0])) if results else None
        call = self._written_method(line, out) if type(function) is str else self._call(line, out)
        if len(results) == 1:
            return f"{results[0].name}{',' * line.several} = {call}"
        return ", ".join([value.name for value in results]) + f" = {call}" if results else call

    def _embedding(self, line: Line) -> str:
        (result,), places = line.results, line.kwargs.get("places")
        put = [f"{result.name} = {self._new('zeros', result.shape, result.dtype)}"]
        for what, key in zip(line.args, places or [line.kwargs["key"]], strict=True):
            how = "+=" if places else "="
            put.append(f"{result.name}[{self._key(key)}] {how} {self._text(what)}")
        return "; ".join(put)

    def _written_method(self, line: Line, out: str | None) -> str:
        """What is done with an array by its methods and by brackets."""
        first, name = self._text(line.args[0]), line.function
        if name == "T":
            return f"{first}.T"
        if name == "getitem":
            return f"{first}[{self._key(line.args[1])}]"
        if name == "put":
            return f"{first}[...] = {self._text(line.args[1])}"
        if out:  # of astype
            return f"{out}; {line.results[0].name}[...] = {first}"
        return f"{first}.{name}({', '.join(map(self._text, line.args[1:]))})"

    def _call(self, line: Line, out: str | None) -> str:
        function, args = line.function, line.args
        if not isinstance(function, np.ufunc):
            texts = [self._text(a) for a in args]
        elif function is np.negative and not out:
            return f"-{self._text(args[0])}"
        else:
            texts = self._operands(args)
            if function in _INFIX and not out:
                left, right = texts
                if function is np.power and left.startswith("-"):
                    left = f"({left})"
                return f"{left} {_INFIX[function]} {right}"
        texts += [f"{key}={self._text(value)}" for key, value in line.kwargs.items()]
        texts += [f"out={out}"] if out else []
        name = self._functions.get(function)
        if name is None:
            name = self._functions[function] = self._function(function)
        return f"{name}({', '.join(texts)})"

    def _function(self, function: Any) -> str:
        if type(function) is tuple:
            return f"np.{function[0].__name__}.reduce"
        if _prints(function):
            return self._bound(function, "tf_print")
        own = getattr(function, "__name__", "")
        if isinstance(function, Primitive) or vars(np).get(own) is not function:
            forward = getattr(function, "forward", function)
            forward = getattr(forward, "__wrapped__", forward)
            name = getattr(function, "name", own)
            return self._bound(forward, identifier(name, "kernel"))
        return self._bound(function, own) if len(self.lines) >= LONG else f"np.{own}"

    def _operands(self, args: tuple) -> list[str]:
        # constants have no names
        return [a.name if type(a) is Value and a.name else self._operand(a, args) for a in args]

    def _operand(self, a: Any, args: tuple) -> str:
        """Between scalars a number is written as it is; beside an array, and in a program that is
        too long to be read anyway, a bound one is faster."""
        if not _is_plain_number(a):
            return self._text(a)
        if any(map(_ndim, args)):
            return self._constant(np.asarray(getattr(a, "array", a)))
        return _number(a) if len(self.lines) < LONG else self._text(a)

    def _text(self, a: Any) -> str:
        """How an argument is written."""
        if type(a) is Value:
            return a.name if a.origin != "constant" else self._constant(a.array)
        if a is None or a is Ellipsis or isinstance(a, (bool, int, str)):
            return repr(a) if a is not Ellipsis else "..."
        if type(a) is float:
            return repr(a) if math.isfinite(a) else self._bound(a, _word(a))
        if isinstance(a, (tuple, list)) and not hasattr(a, "_fields"):
            return self._tuple(a)
        if isinstance(a, np.dtype):
            if a.kind == "b":
                return "np.bool"  # bool is taken
            return self._constants.get(id(a)) or self._bound(a, identifier(_name_of(a), "dtype"))
        if isinstance(a, (np.ndarray, np.generic)):
            return self._constant(a)
        return self._bound(a, identifier(type(a).__name__, "c"))

    def _tuple(self, items: Any) -> str:
        texts = [self._text(item) for item in items]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    def _key(self, key: Any) -> str:
        """An index, spelled with colons."""
        parts = key if type(key) is tuple else (key,)
        texts = []
        for part in parts:
            if type(part) is slice:
                ends = ["" if e is None else self._text(e) for e in (part.start, part.stop)]
                step = "" if part.step is None else ":" + self._text(part.step)
                texts.append(":".join(ends) + step)
            else:
                texts.append(self._text(int(part) if isinstance(part, np.integer) else part))
        return ", ".join(texts) + ("," if type(key) is tuple and len(texts) == 1 else "") or "()"

    def _constant(self, array: Any) -> str:
        """The name under which an array of the traced call is bound; equal scalars share one."""
        if array.ndim:
            return self._bound(array, _spelled(array))
        key = (type(array), array.dtype, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self._bound(array, _spelled(array))
        return self._constants[key]

    def _bound(self, thing: Any, hint: str) -> str:
        """A name for something that is not written out."""
        name = self._constants.get(id(thing))
        if name is None:
            name = self._constants[id(thing)] = self._names.new(hint, "c")
            self.namespace[name] = thing
        return name


class _Values(dict[int, Value]):
    """The values of slots; of a slot that no line makes and nobody hands in, a constant."""

    def __init__(self, tensors: dict[int, Tensor], lines: Lines):
        self._tensors = tensors
        self._lines = lines

    def __missing__(self, slot: int, origin: str = "constant") -> Value:
        value = self[slot] = Value(self._tensors[slot]._value, self._lines, origin)
        return value

    enter = __missing__


def _taken_apart(flat: Value, parts: list[Value], step: Step) -> Line:
    """The line that makes views of a flat array."""
    shapes = tuple(part.shape for part in parts)
    return Line(parts_of, (flat, shapes), {}, tuple(parts), several=True, step=step)


def _places(line: Line) -> list[int]:
    """Where along the first axis a line puts what it embeds in zeros; nothing if elsewhere."""
    places = line.kwargs.get("places") or [line.kwargs["key"]]
    return places if all(type(i) is int and i >= 0 for i in places) else []


def _prints(function: Any) -> bool:
    return isinstance(function, functools.partial)


def _ndim(a: Any) -> int:
    return a.array.ndim if type(a) is Value else getattr(a, "ndim", 0)


def _is_plain_number(a: Any) -> bool:
    array = a.array if type(a) is Value and a.origin == "constant" else a
    if not isinstance(array, (np.generic, np.ndarray)):
        return False
    return not array.ndim and array.dtype.kind in "iuf" and bool(np.isfinite(array))


def _number(a: Any) -> str:
    """The shortest Python number that is this one again in its own dtype."""
    array = getattr(a, "array", a)
    return str(int(array)) if array.dtype.kind in "iu" else str(array[()])


def _spelled(array: Any) -> str:
    """A name that says what is in a constant, where that is short: ``c_0_5``, ``ones``."""
    if array.ndim:
        return {"1.0": "ones", "0.0": "zeros"}.get(_everywhere(array), "array")
    number = array[()]
    return f"c_{_word(number)}" if len(str(number)) < 7 else ""


def _word(number: Any) -> str:
    """A number as it can stand in a name: ``1e_07``, ``minus_inf``."""
    return str(number).removesuffix(".0").replace("e-", "e_").replace("-", "minus_")


def _shown(array: Any) -> str:
    if array.ndim == 0:
        return f"{array[()]}"
    filled = _everywhere(array)
    shape = f"an array of shape {array.shape}, {_name_of(array.dtype)}"
    return f"{shape}, all {filled}" if filled else shape


def _everywhere(array: np.ndarray) -> str:
    """The number that stands everywhere in an array, or nothing."""
    first = array[(0,) * array.ndim] if array.size else None
    return str(first) if first is not None and (array == first).all() else ""
