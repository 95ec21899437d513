"""Work on a few numbers, where the price of an operation is all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from work import F, Work


class Square(Work):
    """By hand: two products of NumPy scalars; 2x is what anybody writes for the gradient."""

    name = "x*x, one cycle"
    aims = 32, None

    def hand(self) -> Callable:
        x = F(3)

        def cycle():
            y = x * x
            return y, 2 * x

        return cycle

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        x = tf.constant(3.0)

        def cycle(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = x * x
            return y, tape.gradient(y, x)

        cycle = wrap(cycle)
        return lambda: cycle(x)

    def torch(self, torch: Any) -> Callable:
        x = torch.tensor(3.0, requires_grad=True)

        def cycle():
            y = x * x
            return y, *torch.autograd.grad(y, x)

        return cycle

    def jax(self, jax: Any) -> Callable:
        x = jax.numpy.float32(3)
        cycle = jax.jit(jax.value_and_grad(lambda x: x * x))
        return lambda: jax.block_until_ready(cycle(x))

    def autograd(self, autograd: Any) -> Callable:
        cycle = autograd.value_and_grad(lambda x: x * x)
        return lambda: cycle(3.0)

    def mygrad(self, mg: Any) -> Callable:
        x = mg.tensor(3.0)

        def cycle():
            y = x * x
            y.backward()
            return y, x.grad

        return cycle


class Bar(Work):
    """By hand: the product, the ones that come from upstream, and the two products of the rule."""

    name = "bar, both gradients"
    aims = 6, None
    x, y = F([2, 5]), F([3, 8])

    def hand(self) -> Callable:
        x, y = self.x, self.y

        def both():
            z = x * y
            upstream = np.ones_like(z)
            return z, upstream * y, upstream * x

        return both

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        x, y = tf.constant(self.x), tf.constant(self.y)

        @tf.custom_gradient
        def bar(x, y):
            def grad(upstream):
                return upstream * y, upstream * x

            return x * y, grad

        def both(x, y):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(x)
                tape.watch(y)
                z = bar(x, y)
            return z, tape.gradient(z, x), tape.gradient(z, y)

        both = wrap(both)
        return lambda: both(x, y)

    def torch(self, torch: Any) -> Callable:
        class Bar(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return x * y

            @staticmethod
            def backward(ctx, upstream):
                x, y = ctx.saved_tensors
                return upstream * y, upstream * x

        x, y = (torch.tensor(array, requires_grad=True) for array in (self.x, self.y))
        ones = torch.ones(2)

        def both():
            z = Bar.apply(x, y)
            (x_bar,) = torch.autograd.grad(z, x, ones, retain_graph=True)
            (y_bar,) = torch.autograd.grad(z, y, ones)
            return z, x_bar, y_bar

        return both

    def jax(self, jax: Any) -> Callable:
        x, y = jax.numpy.asarray(self.x), jax.numpy.asarray(self.y)
        bar = jax.custom_vjp(lambda x, y: x * y)
        bar.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, up: (up * kept[1], up * kept[0]))
        ones = jax.numpy.ones(2)

        def both():
            z, vjp = jax.vjp(bar, x, y)
            return jax.block_until_ready((z, *vjp(ones)))

        return both

    def autograd(self, autograd: Any) -> Callable:
        bar = autograd.extend.primitive(lambda x, y: x * y)
        autograd.extend.defvjp(
            bar, lambda z, x, y: lambda g: g * y, lambda z, x, y: lambda g: g * x
        )
        ones = np.ones(2, F)

        def both():
            vjp, z = autograd.make_vjp(lambda both: bar(*both))((self.x, self.y))
            return z, *vjp(ones)

        return both

    def mygrad(self, mg: Any) -> Callable:
        class Bar(mg.operation_base.Operation):
            def __call__(self, x, y):
                self.variables = x, y
                return x.data * y.data

            def backward_var(self, grad, index, **_):
                return grad * self.variables[1 - index].data

        x, y = mg.tensor(self.x), mg.tensor(self.y)

        def both():
            z = mg.execute_op(Bar, x, y)
            z.backward()
            return z, x.grad, y.grad

        return both


class Chain(Work):
    """By hand: NumPy scalars, the operator for the operation, what the sine's slope needs kept."""

    name = "chain of 10,000 scalar operations"
    aims = 6, 1
    without = ("tf.function",)  # builds a graph of 10,000 nodes
    turns = 3333
    start, factor, shift = F(0.5), F(1.0001), F(0.001)

    def run(self, v: Any, factor: Any, shift: Any, sin: Callable) -> Any:
        for _ in range(self.turns):
            v = sin(v * factor + shift)
        return v

    def hand(self) -> Callable:
        turns, start, factor, shift = self.turns, self.start, self.factor, self.shift

        def both_ways():
            v, kept = start, []
            for _ in range(turns):
                u = v * factor + shift
                kept.append(u)
                v = np.sin(u)
            g = F(1)
            for u in reversed(kept):
                g = g * np.cos(u) * factor
            return v, g

        return both_ways

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        start, factor, shift = map(tf.constant, (self.start, self.factor, self.shift))

        def both_ways(start):
            with tf.GradientTape() as tape:
                tape.watch(start)
                v = self.run(start, factor, shift, tf.sin)
            return v, tape.gradient(v, start)

        both_ways = wrap(both_ways)
        return lambda: both_ways(start)

    def torch(self, torch: Any) -> Callable:
        start, factor, shift = map(torch.tensor, map(float, (self.start, self.factor, self.shift)))
        start.requires_grad_()

        def both_ways():
            v = self.run(start, factor, shift, torch.sin)
            return v, *torch.autograd.grad(v, start)

        return both_ways

    def autograd(self, autograd: Any) -> Callable:
        sin = autograd.numpy.sin
        both_ways = autograd.value_and_grad(lambda v: self.run(v, self.factor, self.shift, sin))
        return lambda: both_ways(self.start)

    def mygrad(self, mg: Any) -> Callable:
        start = mg.tensor(self.start)

        def both_ways():
            v = self.run(start, self.factor, self.shift, mg.sin)
            v.backward()
            return v, start.grad

        return both_ways


class Hessian(Work):
    """By hand: the formula, for all ten at once. The function is Rosenbrock's (1960)."""

    name = "Hessian, 10-D Rosenbrock"
    aims = 35, 5
    point = np.linspace(-1, 1, 10, dtype=F)

    def hand(self) -> Callable:
        x, n = self.point, len(self.point)
        i = np.arange(n - 1)

        def hessian():
            h = np.zeros((n, n), F)
            a, b = x[:-1], x[1:]
            h[i, i] = 1200 * a * a - 400 * b + 2
            h[i + 1, i + 1] += 200
            h[i, i + 1] = h[i + 1, i] = -400 * a
            return h

        return hessian

    def rosenbrock(self, x: Any) -> Any:
        a, b = x[:-1], x[1:]
        return (100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2).sum()

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        point = tf.constant(self.point)

        def hessian(x):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    a, b = x[:-1], x[1:]
                    y = tf.reduce_sum(100.0 * tf.square(b - a * a) + tf.square(1.0 - a))
                slope = inner.gradient(y, x)
            return outer.jacobian(slope, x)

        hessian = wrap(hessian)
        return lambda: hessian(point)

    def torch(self, torch: Any) -> Callable:
        point = torch.tensor(self.point)
        return lambda: torch.autograd.functional.hessian(self.rosenbrock, point)

    def jax(self, jax: Any) -> Callable:
        point = jax.numpy.asarray(self.point)
        hessian = jax.jit(jax.hessian(self.rosenbrock))
        return lambda: jax.block_until_ready(hessian(point))

    def autograd(self, autograd: Any) -> Callable:
        hessian = autograd.hessian(self.rosenbrock)
        return lambda: hessian(self.point)
