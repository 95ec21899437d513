"""Many small steps: optimizers on a surface, and `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rules import EIGHT, RATE, adam
from work import F, Work, eager


class Optimizers(Work):
    """A step of each; 200 of them cost 200 times as much.

    By hand: the slope as a formula of two scalars, each rule in the order of its formula.
    """

    name = "eight optimizers on a 2-D surface"
    aims = 5, 1
    tolerance = 1e-2
    start = F([0.5, -0.5])

    def hand(self) -> Callable:
        return self.stepping(self.slope)

    def slope(self, p: np.ndarray) -> np.ndarray:
        x, y = p
        d = y - x * x
        return np.array([-2 * (1 - x) - 20 * d * x, 10 * d], F)

    def stepping(self, slope: Callable) -> Callable:
        """With any way to the gradient: for NumPy, autograd and mygrad."""
        rules = [rule for *_, rule, _ in EIGHT]
        state = [
            (self.start, *(np.full_like(self.start, slot) for slot in slots)) for *_, slots in EIGHT
        ]
        t = 0

        def step():
            nonlocal t
            t += 1
            for i, rule in enumerate(rules):
                p, *slots = state[i]
                state[i] = rule(np, t, p, slope(p), *slots)
            return [p for p, *_ in state]

        return step

    def surface(self, p: Any) -> Any:
        x, y = p[0], p[1]
        return (1.0 - x) ** 2 + 5.0 * (y - x * x) ** 2

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        def stepper(name, options):
            p = tf.Variable(self.start)
            optimizer = getattr(tf.keras.optimizers, name)(RATE, **options)
            optimizer.build([p])

            def step():
                with tf.GradientTape() as tape:
                    x, y = p[0], p[1]
                    z = tf.square(1.0 - x) + 5.0 * tf.square(y - x * x)
                optimizer.apply([tape.gradient(z, p)], [p])
                return p

            return wrap(step)

        steppers = [stepper(name, options) for name, options, *_ in EIGHT]
        return lambda: [step() for step in steppers]

    def torch(self, torch: Any) -> Callable:
        points = [torch.tensor(self.start, requires_grad=True) for _ in EIGHT]
        optimizers = [
            getattr(torch.optim, name)([p], RATE, **options)
            for p, (_, _, name, options, *_) in zip(points, EIGHT)
        ]

        def step():
            for p, optimizer in zip(points, optimizers):
                optimizer.zero_grad()
                self.surface(p).backward()
                optimizer.step()
            return points

        return step

    def jax(self, jax: Any) -> Callable:
        slope = jax.grad(self.surface)

        def stepper(rule, slots):
            one = jax.jit(lambda t, p, *slots: rule(jax.numpy, t, p, slope(p), *slots))
            start = jax.numpy.asarray(self.start)
            state = start, *(0 * start + slot for slot in slots)
            t = 0

            def step():
                nonlocal state, t
                t += 1
                state = one(t, *state)
                return state[0]

            return step

        steppers = [stepper(rule, slots) for *_, rule, slots in EIGHT]
        return lambda: jax.block_until_ready([step() for step in steppers])

    def autograd(self, autograd: Any) -> Callable:
        return self.stepping(autograd.grad(self.surface))

    def mygrad(self, mg: Any) -> Callable:
        def slope(p):
            x = mg.tensor(p)
            self.surface(x).backward()
            return x.grad

        return self.stepping(slope)


class Fit(Work):
    """`fit` with a train_step of one's own; the others in a loop. Returns the last epoch's loss.

    By hand: shuffled anew in each epoch, means of loss and absolute error over it, as `fit` keeps.
    """

    name = "fit, Dense(1), 3 epochs, own train_step"
    aims = None, 1.6
    tolerance = 0.2  # everybody shuffles in an order of their own
    epochs, batch = 3, 32

    def __init__(self) -> None:
        super().__init__()
        self.x = self.random.random((1000, 32), F)
        self.y = self.x @ self.draw(32, 1) + self.draw(1000, 1)
        self.w, self.b = self.draw(32, 1, scale=0.1), np.zeros(1, F)

    def hand(self) -> Callable:
        def loss_and_gradients(x, y, w, b):
            error = x @ w + b - y
            g = 2 / len(x) * error
            return np.mean(error * error), np.mean(abs(error)), (x.T @ g, g.sum(0))

        return self.looping(loss_and_gradients)

    def looping(self, loss_and_gradients: Callable) -> Callable:
        """With any way to the gradients: for NumPy, autograd and mygrad."""
        order = np.random.default_rng(1)
        p = [self.w, self.b]
        slots = [(np.zeros_like(v), np.zeros_like(v)) for v in p]
        t = 0

        def fit():
            nonlocal t
            for _ in range(self.epochs):
                loss = error = 0.0
                shuffled = order.permutation(len(self.x))
                for i in range(0, len(shuffled), self.batch):
                    rows = shuffled[i : i + self.batch]
                    of_batch, error_of_batch, gradients = loss_and_gradients(
                        self.x[rows], self.y[rows], *p
                    )
                    t += 1
                    for k, g in enumerate(gradients):
                        p[k], *slots[k] = adam(np, t, p[k], g, *slots[k])
                    loss += of_batch * len(rows)
                    error += error_of_batch * len(rows)
            return loss / len(self.x)

        return fit

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        keras = tf.keras

        class CustomModel(keras.Model):
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    y_pred = self(x, training=True)
                    loss = self.compute_loss(y=y, y_pred=y_pred)
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
                for metric in self.metrics:
                    if metric.name == "loss":
                        metric.update_state(loss)
                    else:
                        metric.update_state(y, y_pred)
                return {m.name: m.result() for m in self.metrics}

        inputs = keras.Input(shape=(32,))
        model = CustomModel(inputs, keras.layers.Dense(1)(inputs))
        model.compile(
            optimizer=keras.optimizers.Adam(RATE),
            loss="mse",
            metrics=["mae"],
            run_eagerly=wrap is eager,
        )

        model.set_weights([self.w, self.b])

        def fit():
            return model.fit(self.x, self.y, epochs=self.epochs, verbose=0).history["loss"][-1]

        return fit

    def torch(self, torch: Any) -> Callable:
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        p = [torch.tensor(v, requires_grad=True) for v in (self.w, self.b)]
        optimizer = torch.optim.Adam(p, RATE)

        def fit():
            for _ in range(self.epochs):
                loss = error = 0.0
                for rows in torch.randperm(len(x)).split(self.batch):
                    optimizer.zero_grad()
                    difference = x[rows] @ p[0] + p[1] - y[rows]
                    of_batch = (difference * difference).mean()
                    of_batch.backward()
                    optimizer.step()
                    loss += of_batch.item() * len(rows)
                    error += difference.detach().abs().mean().item() * len(rows)
            return loss / len(x)

        return fit

    def jax(self, jax: Any) -> Callable:
        def loss_and_error(p, x, y):
            difference = x @ p[0] + p[1] - y
            return (difference * difference).mean(), abs(difference).mean()

        @jax.jit
        def one(p, slots, t, x, y):
            (loss, error), g = jax.value_and_grad(loss_and_error, has_aux=True)(p, x, y)
            found = [adam(jax.numpy, t, *both, *kept) for *both, kept in zip(p, g, slots)]
            return [p for p, *_ in found], [kept for _, *kept in found], loss, error

        order = np.random.default_rng(1)
        p = [jax.numpy.asarray(v) for v in (self.w, self.b)]
        slots = [[0 * v, 0 * v] for v in p]
        t = 0

        def fit():
            nonlocal p, slots, t
            for _ in range(self.epochs):
                loss = error = 0.0
                shuffled = order.permutation(len(self.x))
                for i in range(0, len(shuffled), self.batch):
                    rows = shuffled[i : i + self.batch]
                    t += 1
                    p, slots, *of_batch = one(p, slots, t, self.x[rows], self.y[rows])
                    loss += float(of_batch[0]) * len(rows)
                    error += float(of_batch[1]) * len(rows)
            return loss / len(self.x)

        return fit

    def autograd(self, autograd: Any) -> Callable:
        def loss(p, x, y):
            difference = x @ p[0] + p[1] - y
            return (difference * difference).mean()

        both = autograd.value_and_grad(loss)

        def loss_and_gradients(x, y, *p):
            value, gradients = both(p, x, y)
            return value, np.mean(abs(x @ p[0] + p[1] - y)), gradients

        return self.looping(loss_and_gradients)

    def mygrad(self, mg: Any) -> Callable:
        def loss_and_gradients(x, y, *p):
            w, b = (mg.tensor(v) for v in p)
            difference = x @ w + b - y
            loss = (difference * difference).mean()
            loss.backward()
            return loss.item(), np.mean(abs(difference.data)), (w.grad, b.grad)

        return self.looping(loss_and_gradients)
