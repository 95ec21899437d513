"""Listening to one call of a function: what it read, ran, assigned and let out."""

from __future__ import annotations

from typing import Any

from ..lines import here, user_frame
from ..ops.elementwise import identity
from ..recorder import LEFT, Exit, Record, Recorder, thread
from ..tensor import Tensor

ASSIGN = LEFT["assign"]
GUARD = Exit("bool")
READ = Exit("read")
BEGIN = Exit("custom gradient begins")
END = Exit("custom gradient ends")

_WAYS_OUT = {
    "numpy": "Return the tensor and call .numpy() on the result, outside",
    "array": "Use the tf function of that name; NumPy's sees numbers, not a recording",
    "constant": "Write tf.stack([a, b]) in place of tf.constant([a, b])",
    "float": "Keep it a tensor, or print it with tf.print",
    "int": "Keep it a tensor (tf.cast makes it whole), pass a Python number as an argument, or "
    "loop with `while i < n` in place of `for i in tf.range(n)`",
    "index": "What decides about shapes is a Python number or list, for example one passed as an "
    "argument. To pick rows use tf.gather, to leave some out tf.where",
    "format": "Print it with tf.print, which prints at every call",
}


class Tracing(Recorder):
    """A recorder that hears one call of a Python function on real values.

    Attributes:
        records: everything that ran, and the guards, assignments and reads, in order.
        variables: id of each variable that was read -> (it, the tensor of its value at first).
        sections: for each record 'forward', 'backward' or 'update'.
        adjoints: id of a tensor -> (its adjoint as far as it is known, the tensor).
        contributions: what backward passes added to adjoints, by ids.
        before: id of each variable that was assigned -> (it, its tensor before).
        created: the variables that were made.
    """

    def __init__(self, arguments: list[Tensor]):
        self.arguments = arguments
        self.records: list[Record] = []
        self.variables: dict[int, tuple[Any, Tensor]] = {}
        self.sections: list[str] = []
        self._backward = 0  # where in the records the latest backward pass begins, or goes on
        self.adjoints: dict[int, tuple[Tensor, Tensor]] = {}
        self.contributions: dict[int, Tensor] = {}
        self.before: dict[int, tuple[Any, Tensor]] = {}
        self.created_variables: list = []
        self._known: dict[int, Any] = {}  # id of a tensor -> the variable whose value it was
        self._linked: set[int] = set()  # ids of those that an identity connects with it
        self._now: dict[int, Tensor] = {}  # id of a variable -> its value now
        self._moving = {id(t) for t in arguments}  # what may differ at the next call
        self._seen = 0

    def append(self, record: Record) -> None:
        """Something ran."""
        self.records.append(record)
        # what runs after a backward pass, with no tape listening, is there for the update
        after = self._backward and thread.active[-1] is self
        self.sections.append("update" if after else "forward")
        if record.op is ASSIGN:
            variable = record.attributes["variable"]
            self.before.setdefault(id(variable), (variable, variable._tensor))
            self._known[id(record.output)] = variable
            self._now[id(variable)] = record.output

    def read(self, variable: Any, tensor: Tensor) -> None:
        """A variable was read. At the first time its value gets a Tensor object of its own.

        Without that, a value that was also handed in, or captured as a constant, could not be
        told from the variable.
        """
        if id(tensor) in self._known:
            if id(tensor) not in self._linked:  # else it would count twice
                self._note(READ, (tensor,), {"variable": variable}, None)
            return
        now = self._now.get(id(variable))
        if now is None:
            fresh = Tensor(tensor._value)
            if variable._tensor is tensor:  # another thread may have assigned
                variable._tensor = fresh
            self.variables[id(variable)] = (variable, fresh)
            self._known[id(fresh)] = variable
            self._now[id(variable)] = fresh
            self._moving.add(id(fresh))
            for other in thread.active:
                if other is not self:
                    other.read(variable, fresh)
        else:  # another recorder has given the value an object of its own too
            self._known[id(tensor)] = variable
            self._linked.add(id(tensor))
            self._note(identity, (now,), {}, tensor)

    def left(self, tensor: Tensor, how: str) -> None:
        """A value leaves: a bool becomes a guard, anything else that may change is an error."""
        if not self._depends(tensor):
            return
        if how == "bool":
            self._note(GUARD, (tensor,), {"value": bool(tensor._value)}, None)
            return
        raise TypeError(
            f"{here()}: a tensor inside a function became a plain value ({how}). The recording "
            "would repeat the value of this call for ever, although it depends on an argument or "
            f"a variable. {_WAYS_OUT[how]}; or write "
            "tf.config.run_functions_eagerly(True) while you look for something"
        )

    def created(self, variable: Any) -> None:
        """A variable was made."""
        self.created_variables.append(variable)

    def begins(self, what: str) -> None:
        """A backward pass or a custom gradient's call begins."""
        if what == "backward":
            self._backward = len(self.records)
        else:
            self._note(BEGIN, (), {}, None)

    def customized(self, record: Record) -> None:
        """A custom gradient's call ends."""
        self._note(END, record.inputs, {"op": record.op}, record.output)

    def stepped(self, step: Any) -> None:
        """A step of it was recorded: note what is whose adjoint, for the names."""
        start, self._backward = self._backward, len(self.records)
        self.sections[start:] = ["backward"] * (self._backward - start)
        for _, tensor, _, value, adjoint in step.contributions:
            self.contributions[id(value.tensor)] = value.tensor
            self.adjoints[id(tensor)] = (adjoint.tensor, tensor)

    def restore(self) -> None:
        """Give every variable that was assigned the value it had before."""
        for variable, tensor in self.before.values():
            variable._take_back(tensor)

    def _note(self, op: Any, inputs: tuple, attributes: dict, output: Any) -> None:
        frame = user_frame(3)
        self.append(Record(op, inputs, attributes, output, frame.f_code, frame.f_lasti))

    def _depends(self, tensor: Tensor) -> bool:
        """Whether a tensor was made of an argument, a variable or a draw."""
        moving = self._moving
        for record in self.records[self._seen :]:
            drawn = not record.inputs and record.op is not BEGIN
            if drawn or any(id(t) in moving for t in record.inputs):
                moving.update(map(id, record.outputs))
        self._seen = len(self.records)
        return id(tensor) in moving
