"""Optimizers: rules that turn gradients into steps, from plain descent to AdamW.

Each optimizer is a ``rule``: from the gradient, the variable, the learning rate and what the
optimizer remembers of this variable (its *slots*) to the new variable and the new slots. The legend
of names is the same in every rule and docstring: g the gradient, x the variable, lr the learning
rate, t the number of the step, from 1. The rules and their defaults are those of Keras 3.

Like a backward rule, an update rule computes on arrays when nobody listens, and on `Lifted` tensors
when a `function` records it, so that a replayed training step contains it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arguments import tensor_of
from ..ops.elementwise import cast, cast_kernel, clip_by_value
from ..ops.reduce import clip_by_global_norm, clip_by_norm
from ..recorder import silence
from ..tensor import Tensor
from ..variable import Variable
from . import schedules as schedules
from .names import hint_for, resolve, snake_case, unwritten
from .variables import assign, operands
from .warn import warn


class Optimizer:
    """Base of optimizers: subclass it and write the ``rule``.

    >>> import autodiff_lesson as tf
    >>> class SignDescent(Optimizer):
    ...     def rule(self, g, x, lr):
    ...         return (x - lr * np.sign(g),)
    >>> x = tf.Variable([1.0, -1.0])
    >>> SignDescent(learning_rate=0.25).apply([tf.constant([3.0, -0.1])], [x])
    >>> x.numpy()
    array([ 0.75, -0.75], dtype=float32)

    A rule that remembers something names it in ``slots``, a dict of names and first values: slots
    have the shape and dtype of their variable, follow ``lr`` in the arguments, and their new values
    follow the variable's. Optimizers written for Keras, with ``build``, ``update_step`` and
    ``add_variable_from_reference``, work too.

    Args:
        learning_rate: a float, or a schedule: a function of the number of steps made.
        weight_decay: before each step a variable shrinks by this times the rate times itself.
        clipnorm: each gradient longer than this is shortened to it.
        clipvalue: each number of a gradient is kept between minus this and this.
        global_clipnorm: all gradients, taken as one vector, are shortened to this.
        name: what it is called; by default its class's name in small letters.
    """

    slots: dict[str, float] = {}  # noqa: RUF012  (replaced, never changed)

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        if unknown:
            raise ValueError(
                f"Argument(s) not recognized: {unknown}. {hint_for(type(self), unknown)}"
            )
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: value for key, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: {given}"
            )
        if any(value <= 0 for value in given.values()):
            raise ValueError(f"gradients are clipped to a positive number; received {given}")
        if not (callable(learning_rate) or isinstance(learning_rate, float)):
            raise ValueError(
                "Argument `learning_rate` should be float, or a LearningRateSchedule. "
                f"Received: {learning_rate!r}"
            )
        self.weight_decay = weight_decay
        self.name = name or snake_case(type(self).__name__)
        self.built = False
        self._slots: dict[int, list[Variable]] = {}  # by the id of the variable
        self.iterations = _state(0, np.int64, "iteration")  # how many steps it has made
        self._learning_rate = learning_rate
        self._variables = [self.iterations]
        if not callable(learning_rate):
            self._learning_rate = _state(learning_rate, np.float32, "learning_rate")
            self._variables.append(self._learning_rate)

    # What a user does with an optimizer

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a variable, or the tensor that the schedule gives.

        Assign a float to change it at any time, or a schedule to follow it from now on.
        """
        rate = self._learning_rate
        return rate if type(rate) is Variable else rate(self.iterations)

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        now = self._learning_rate
        if callable(rate):
            self._variables = [v for v in self._variables if v is not now]
            self._learning_rate = rate
        elif isinstance(now, Variable):
            now.assign(cast(rate, np.dtype(np.float32)))
        else:
            raise TypeError(
                f"the learning rate follows {now!r}, so it cannot be set to {rate!r}. Make the "
                f"optimizer with a float to change it by hand: {type(self).__name__}({rate!r})"
            )

    @property
    def variables(self) -> list[Variable]:
        """Everything it remembers: the number of steps, the learning rate, the slots."""
        return list(self._variables)

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots for these variables. `apply` does it by itself on its first call."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        for v in self._trainable_variables:
            self._slots[id(v)] = [
                self.add_variable_from_reference(v, *slot) for slot in self.slots.items()
            ]
        self.built = True

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Make one step, given pairs: ``apply_gradients(zip(gradients, variables))``."""
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError(
                "apply_gradients got no pairs. A zip can be gone through only once: write "
                "apply_gradients(zip(gradients, variables)) anew for each step"
            )
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(
        self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """Make one step: change each variable by its gradient, a tensor of its shape.

        Variables whose gradient is None are left as they are, with a warning. If anything goes
        wrong on the way, or Ctrl-C is pressed, no variable has changed.
        """
        gradients = list(grads)
        if not gradients:
            return
        if isinstance(gradients[0], tuple):
            raise ValueError(
                "apply takes two lists, apply(gradients, variables). Pairs are for "
                "apply_gradients(zip(gradients, variables))"
            )
        variables = self._known(len(gradients), trainable_variables)
        pairs = self._paired(gradients, variables)
        changing = [*self._variables, *variables]
        before = [variable._tensor for variable in changing]
        try:
            self._step(pairs)
        except BaseException:
            for variable, tensor in zip(changing, before):
                variable._take_back(tensor)
            raise

    # What a rule is made of

    def rule(self, *args: Any, **kwargs: Any) -> tuple:
        """``rule(g, x, lr, *slots)`` gives ``(new x, *new slots)``: operators, NumPy functions."""
        raise unwritten(self, "rule(self, g, x, lr, *slots)")

    def prepare(self, lr: Any, n: Any) -> tuple:
        """What the rule gets for ``lr``: what is the same for all variables is worked out once in a
        step, from the rate and the number of steps made before."""
        return (lr,)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Change one variable. The gradient and the rate come in the variable's dtype."""
        slots = self.state(variable)
        g, x, *kept = operands(gradient, variable, *slots)
        assign((variable, *slots), self.rule(g, x, *self._prepared(learning_rate), *kept))

    def state(self, variable: Variable) -> list[Variable]:
        """The slots of a variable, in the order of ``slots``."""
        return self._slots[id(variable)]

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str = "var", initializer: Any = 0.0
    ) -> Variable:
        """A new variable to remember something in, of the shape and dtype of another."""
        start = 0.0 if initializer == "zeros" else initializer
        like = reference_variable._tensor._value
        owner = getattr(reference_variable, "path", reference_variable.name)
        full_name = f"{owner}_{name}".replace("/", "_").replace(":", "_")
        made = _state(np.full(like.shape, start, like.dtype), like.dtype, full_name)
        self._variables.append(made)
        return made

    def assign(self, variable: Variable, value: Any) -> None:
        """``variable.assign(value)``, as Keras' own rules write it."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """``variable.assign_add(value)``."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """``variable.assign_sub(value)``."""
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        return list(self._slots).index(id(variable))

    # How a step goes

    def _step(self, pairs: list[tuple[Tensor, Variable]]) -> None:
        rate = lr = tensor_of(self.learning_rate)
        (self._n,) = operands(self.iterations)
        self._rates: dict[Any, tuple] = {}
        for gradient, variable in self._clipped(pairs):
            dtype = variable._tensor._value.dtype
            if type(lr) is not Tensor or lr._value.dtype is not dtype:
                lr = cast(rate, dtype)
            if self.weight_decay:
                self._decay(variable, lr)
            self.update_step(gradient, variable, lr)
        assign((self.iterations,), (self._n + 1,))

    def _prepared(self, learning_rate: Tensor) -> tuple:
        dtype = learning_rate._value.dtype
        if dtype not in self._rates:
            (lr,) = operands(learning_rate)
            self._rates[dtype] = self.prepare(lr, self._n)
        return self._rates[dtype]

    def _decay(self, variable: Variable, learning_rate: Tensor) -> None:
        x, lr = operands(variable, learning_rate)
        assign((variable,), (x - x * (self.weight_decay * lr),))

    def _clipped(self, pairs: list[tuple[Tensor, Variable]]) -> list[tuple[Tensor, Variable]]:
        if self.clipnorm:
            return [(clip_by_norm(g, self.clipnorm), v) for g, v in pairs]
        if self.clipvalue:
            return [(clip_by_value(g, -self.clipvalue, self.clipvalue), v) for g, v in pairs]
        if self.global_clipnorm:
            clipped, _ = clip_by_global_norm([g for g, _ in pairs], self.global_clipnorm)
            return [(g, v) for g, (_, v) in zip(clipped, pairs, strict=True)]
        return pairs

    def _known(self, count: int, variables: Iterable[Variable] | None) -> list[Variable]:
        """The variables that the gradients belong to; state is made for them if there is none."""
        if variables is None and not self.built:
            raise ValueError(
                "apply(gradients) alone needs optimizer.build(variables) first. Or write "
                "apply(gradients, variables)"
            )
        own = list(self._trainable_variables if variables is None else variables)
        if len(own) != count:
            raise ValueError(f"there are {count} gradients for {len(own)} variables")
        for variable in own:
            if not isinstance(variable, Variable):
                raise ValueError(
                    f"an optimizer changes variables, and this is none: {variable!r}. The order "
                    "is gradients first: zip(gradients, variables)"
                )
        if not self.built:
            with silence():  # a function need not know: slots are made once
                self.build(own)
        return own

    def _paired(self, gradients: list, variables: list) -> list[tuple[Tensor, Variable]]:
        """(gradient, variable) where there is a gradient, as a tensor of the variable's dtype."""
        pairs, missing = [], []
        for gradient, variable in zip(gradients, variables):
            now = variable._tensor._value
            if id(variable) not in self._slots:
                known = ", ".join(map(_called, self._trainable_variables))
                raise ValueError(
                    f"Unknown variable: {_called(variable)}. This optimizer was built for {known}. "
                    "Make a new optimizer for other variables, or compile the model again"
                )
            if gradient is None:
                missing.append(variable.name)
                continue
            if type(gradient) is not Tensor or gradient._value.dtype is not now.dtype:
                gradient = cast(gradient, now.dtype)
            if gradient._value.shape != now.shape:
                raise ValueError(
                    f"variable '{variable.name}' has shape {variable.shape}, its gradient "
                    f"{gradient.shape}. Are gradients and variables in the same order?"
                )
            pairs.append((gradient, variable))
        if missing:
            why = (
                "The loss does not depend on them by differentiable steps recorded on the tape; "
                "explain.why_none(tape, loss, variable) names the missing link"
            )
            if not pairs:
                raise ValueError(f"No gradients provided for any variable: {missing}. {why}")
            warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss: they "
                f"are left as they are. {why}"
            )
        return pairs

    def __repr__(self) -> str:
        rate = self._learning_rate
        shown = f"{rate._tensor._value:g}" if isinstance(rate, Variable) else repr(rate)
        steps = self.iterations._tensor._value
        return f"<{type(self).__name__}: learning_rate {shown}, {steps} steps made>"


def _as(other: Any, value: Any) -> Any:
    """The value, in the dtype of the other."""
    return value if value.dtype is other.dtype else cast_kernel(value, dtype=other.dtype)


def _called(variable: Variable) -> str:
    return getattr(variable, "path", variable.name)


def _state(start: Any, dtype: Any, name: str) -> Variable:
    return Variable(start, trainable=False, dtype=dtype, name=name)


class SGD(Optimizer):
    """Gradient descent: ``x -= lr * g`` (Cauchy 1847; on samples, Robbins & Monro 1951).

    With momentum ``v = momentum * v - lr * g; x += v`` (Polyak 1964). With ``nesterov`` the step
    looks ahead, ``x += momentum * v - lr * g`` (Nesterov 1983, in the form of Sutskever, Martens,
    Dahl & Hinton 2013).
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between 0 and 1. Received: {momentum!r}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.slots = {"momentum": 0.0} if momentum else {}

    def rule(self, g: Any, x: Any, lr: Any, v: Any = None) -> tuple:
        if not self.momentum:
            return (x - lr * g,)
        v = self.momentum * v - lr * g
        return x + (self.momentum * v - lr * g if self.nesterov else v), v


class Adagrad(Optimizer):
    """Smaller steps where gradients were large: ``a += g**2; x -= lr * g / sqrt(a + epsilon)``.

    Duchi, Hazan & Singer 2011. The sum a starts at ``initial_accumulator_value`` and only grows.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.epsilon = epsilon
        self.slots = {"accumulator": initial_accumulator_value}

    def rule(self, g: Any, x: Any, lr: Any, a: Any) -> tuple:
        a = a + g * g
        return x - lr * g / np.sqrt(a + self.epsilon), a


class Adadelta(Optimizer):
    """Steps in the units of the variable, from the means of squares of g and of past steps.

    ``a = rho * a + (1 - rho) * g**2``, ``d = sqrt((b + epsilon) / (a + epsilon)) * g``,
    ``b = rho * b + (1 - rho) * d**2``, ``x -= lr * d`` (Zeiler 2012, where lr is 1).
    """

    slots = {"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}  # noqa: RUF012

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **kwargs: Any
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, g: Any, x: Any, lr: Any, a: Any, b: Any) -> tuple:
        a = self.rho * a + (1 - self.rho) * (g * g)
        d = np.sqrt((b + self.epsilon) / (a + self.epsilon)) * g
        b = self.rho * b + (1 - self.rho) * (d * d)
        return x - lr * d, a, b


class RMSprop(Optimizer):
    """Adagrad that forgets: ``a = rho * a + (1 - rho) * g**2; x -= lr * g / sqrt(a + epsilon)``.

    Tieleman & Hinton 2012 (lecture 6.5 of a course). With ``centered`` the square of a running mean
    of g is taken off a (Graves 2013); with ``momentum`` the steps add up as in `SGD`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        wanted = {"velocity": True, "momentum": momentum > 0, "average_gradient": centered}
        self.slots = {name: 0.0 for name, used in wanted.items() if used}

    def rule(self, g: Any, x: Any, lr: Any, a: Any, *others: Any) -> tuple:
        a = spread = self.rho * a + (1 - self.rho) * (g * g)
        new = []
        if self.centered:
            mean = self.rho * others[-1] + (1 - self.rho) * g
            new, spread = [mean], a - mean * mean
        step = lr * g / np.sqrt(spread + self.epsilon)
        if self.momentum > 0:
            step = self.momentum * others[0] + step
            new = [step, *new]
        return x - step, a, *new


class Adam(Optimizer):
    """Running means of g and of its square, freed of their start at zero.

    ``m += (g - m) * (1 - beta_1)``, ``v += (g**2 - v) * (1 - beta_2)``,
    ``x -= lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)``
    (Kingma & Ba 2015; epsilon in the place of the formula before their section 2.1). With
    ``amsgrad`` the largest v so far is used (Reddi, Kale & Kumar 2018).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        names = ("momentum", "velocity", "velocity_hat") if amsgrad else ("momentum", "velocity")
        self.slots = dict.fromkeys(names, 0.0)

    def prepare(self, lr: Any, n: Any) -> tuple:
        t = _as(lr, n) + 1
        return (lr * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t),)

    def rule(self, g: Any, x: Any, lr: Any, m: Any, v: Any, largest: Any = None) -> tuple:
        m = m + (g - m) * (1 - self.beta_1)
        v = v + (g * g - v) * (1 - self.beta_2)
        if not self.amsgrad:
            return x - m * lr / (np.sqrt(v) + self.epsilon), m, v
        largest = np.maximum(largest, v)
        return x - m * lr / (np.sqrt(largest) + self.epsilon), m, v, largest


class AdamW(Adam):
    """`Adam` with weight decay beside the gradient, not in it (Loshchilov & Hutter 2019)."""

    def __init__(
        self, learning_rate: Any = 0.001, weight_decay: float = 0.004, *args: Any, **kwargs: Any
    ):
        if weight_decay is None:
            raise ValueError("AdamW without weight_decay is Adam: write Adam, or give a float")
        super().__init__(learning_rate, *args, weight_decay=weight_decay, **kwargs)


class Nadam(Optimizer):
    """`Adam` that looks ahead as Nesterov does, with a momentum that warms up (Dozat 2016).

    ``u(t) = beta_1 * (1 - 0.5 * 0.96**t)`` is the momentum of step t and U the product of those up
    to now. m and v are Adam's; ``x -= lr * n / (sqrt(v / (1 - beta_2**t)) + epsilon)`` with
    ``n = m * u(t+1) / (1 - U * u(t+1)) + g * (1 - u(t)) / (1 - U)``.
    """

    slots = {"momentum": 0.0, "velocity": 0.0}  # noqa: RUF012

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Iterable[Variable]) -> None:
        if not self.built:
            super().build(variables)
            own = self._trainable_variables
            dtype = own[0].dtype.dtype if own else np.float32
            self._u_product = _state(1.0, dtype, "u_product")
            self._variables.append(self._u_product)

    def _step(self, pairs: list[tuple[Tensor, Variable]]) -> None:
        n, product = operands(self.iterations, self._u_product)
        assign((self._u_product,), (product * self._u(_as(product, n) + 1),))
        super()._step(pairs)

    def prepare(self, lr: Any, n: Any) -> tuple:
        t, product = _as(lr, n) + 1, _as(lr, *operands(self._u_product))
        now, following = self._u(t), self._u(t + 1)
        of_mean = following / (1 - product * following)
        return lr, of_mean, (1 - now) / (1 - product), 1 - self.beta_2**t

    def rule(
        self, g: Any, x: Any, lr: Any, of_m: Any, of_g: Any, of_v: Any, m: Any, v: Any
    ) -> tuple:
        m = m + (g - m) * (1 - self.beta_1)
        v = v + (g * g - v) * (1 - self.beta_2)
        ahead = m * of_m + g * of_g
        return x - ahead * lr / (np.sqrt(v / of_v) + self.epsilon), m, v

    def _u(self, t: Any) -> Any:
        return self.beta_1 * (1 - 0.5 * 0.96**t)


_KNOWN = {
    name: optimizer
    for optimizer in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Nadam)
    for name in (optimizer.__name__.lower(), optimizer.__name__)
}


def get(identifier: Any) -> Optimizer:
    """The optimizer of a name, with its defaults; an optimizer is itself.

    >>> get("adam")
    <Adam: learning_rate 0.001, 0 steps made>
    """
    if isinstance(identifier, Optimizer):
        return identifier
    found = resolve("optimizer", identifier, _KNOWN)
    if isinstance(found, Optimizer):
        return found
    raise ValueError(f"an optimizer is one of keras.optimizers or its name, not {identifier!r}")
