"""Training steps of small networks: a loss, its gradients, an optimizer's update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from work import F, Work

Arrays = Sequence[np.ndarray]


class Network(Work):
    """A step over the same batch, again and again, which returns the loss.

    Subclasses write the loss for TensorFlow's names, the loss for the others (with a kit of what
    each of them calls differently), and by hand the loss with its gradients.
    """

    adam = False
    rate = 0.01
    x: np.ndarray
    y: np.ndarray
    start: Arrays

    def loss_and_gradients(self, x: np.ndarray, y: np.ndarray, p: Arrays) -> tuple[Any, Arrays]:
        raise NotImplementedError

    def tf_loss(self, tf: Any, x: Any, y: Any, p: Sequence) -> Any:
        raise NotImplementedError

    def loss(self, kit: Any, x: Any, y: Any, p: Sequence) -> Any:
        raise NotImplementedError

    # ---- updates by hand, in place

    def updates(self) -> Callable[[Arrays, Arrays], None]:
        if not self.adam:
            return self.descend
        m, v = ([np.zeros_like(array) for array in self.start] for _ in range(2))
        t = 0

        def update(p: Arrays, gradients: Arrays) -> None:
            nonlocal t
            t += 1
            rate = self.rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
            for i, g in enumerate(gradients):
                m[i] += (g - m[i]) * 0.1
                v[i] += (g * g - v[i]) * 0.001
                p[i] -= rate * m[i] / (np.sqrt(v[i]) + 1e-7)

        return update

    def descend(self, p: Arrays, gradients: Arrays) -> None:
        for array, g in zip(p, gradients):
            array -= self.rate * g

    # ---- the contenders

    def hand(self) -> Callable:
        p, update = [array.copy() for array in self.start], self.updates()

        def step():
            loss, gradients = self.loss_and_gradients(self.x, self.y, p)
            update(p, gradients)
            return loss

        return step

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        x, y = tf.constant(self.x), tf.constant(self.y)
        variables = [tf.Variable(array) for array in self.start]
        optimizer = tf.keras.optimizers.Adam(self.rate)
        optimizer.build(variables)

        def step(x, y):
            with tf.GradientTape() as tape:
                loss = self.tf_loss(tf, x, y, variables)
            gradients = tape.gradient(loss, variables)
            if self.adam:
                optimizer.apply_gradients(zip(gradients, variables))
            else:
                for v, g in zip(variables, gradients):
                    v.assign_sub(self.rate * g)
            return loss

        step = wrap(step)
        return lambda: step(x, y)

    def torch(self, torch: Any) -> Callable:
        nn = torch.nn.functional
        kit = SimpleNamespace(
            tanh=torch.tanh,
            relu=torch.relu,
            cross_entropy=nn.cross_entropy,
            conv=lambda x, w, b: nn.conv2d(x.reshape(-1, 1, 28, 28), w.permute(3, 2, 0, 1), b),
            areas=(2, 3),
        )
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        p = [torch.tensor(array, requires_grad=True) for array in self.start]
        kind = torch.optim.Adam if self.adam else torch.optim.SGD
        optimizer = kind(p, self.rate)

        def step():
            optimizer.zero_grad()
            loss = self.loss(kit, x, y, p)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def jax(self, jax: Any) -> Callable:
        np, nn = jax.numpy, jax.nn

        def cross_entropy(logits, labels):
            return -nn.log_softmax(logits)[np.arange(len(labels)), labels].mean()

        def conv(x, w, b):
            order = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=order) + b

        kit = SimpleNamespace(
            tanh=np.tanh, relu=nn.relu, cross_entropy=cross_entropy, conv=conv, areas=(1, 2)
        )
        x, y = np.asarray(self.x), np.asarray(self.y)
        p = [np.asarray(array) for array in self.start]
        # p, and if there is something to remember: means of gradients and squares, number of steps
        state = (p, [0 * v for v in p], [0 * v for v in p], 0) if self.adam else (p,)

        @jax.jit
        def one(x, y, p, *memory):
            loss, g = jax.value_and_grad(lambda p: self.loss(kit, x, y, p))(p)
            if not self.adam:
                return loss, [p - self.rate * g for p, g in zip(p, g)]
            m, v, t = memory
            t = t + 1
            m = [m + (g - m) * 0.1 for m, g in zip(m, g)]
            v = [v + (g * g - v) * 0.001 for v, g in zip(v, g)]
            rate = self.rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
            return loss, [p - rate * m / (np.sqrt(v) + 1e-7) for p, m, v in zip(p, m, v)], m, v, t

        def step():
            nonlocal state
            loss, *state = jax.block_until_ready(one(x, y, *state))
            return loss

        return step

    def autograd(self, autograd: Any) -> Callable:
        np = autograd.numpy

        def cross_entropy(logits, labels):
            z = logits - logits.max(1, keepdims=True)
            each = np.log(np.exp(z).sum(1)) - z[np.arange(len(labels)), labels]
            return each.mean()

        kit = SimpleNamespace(
            tanh=np.tanh,
            relu=lambda x: np.maximum(x, 0),
            cross_entropy=cross_entropy,
            conv=lambda x, w, b: (columns(x) @ w.reshape(9, 8)).reshape(len(x), 26, 26, 8) + b,
            areas=(1, 2),
        )
        p, update = [array.copy() for array in self.start], self.updates()
        both = autograd.value_and_grad(lambda p: self.loss(kit, self.x, self.y, p))

        def step():
            loss, gradients = both(p)
            update(p, gradients)
            return loss

        return step

    def mygrad(self, mg: Any) -> Callable:
        from mygrad.nnet import conv_nd, losses, relu

        kit = SimpleNamespace(
            tanh=mg.tanh,
            relu=relu,
            cross_entropy=losses.softmax_crossentropy,
            conv=lambda x, w, b: (
                conv_nd(x.reshape(-1, 1, 28, 28), w.transpose(3, 2, 0, 1), stride=1)
                + b[:, None, None]
            ),
            areas=(2, 3),
        )
        p, update = [array.copy() for array in self.start], self.updates()

        def step():
            tensors = [mg.tensor(array, copy=False) for array in p]
            loss = self.loss(kit, self.x, self.y, tensors)
            loss.backward()
            gradients = [tensor.grad for tensor in tensors]
            value = loss.item()
            del loss, tensors  # the arrays may be written to again
            update(p, gradients)
            return value

        return step


class SmallMLP(Network):
    """By hand: the textbook, one line a layer; a bias's gradient is a sum over the batch."""

    name = "MLP 2-16-16-1, batch 64, SGD"
    aims = 1.5, 0.7

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = self.draw(64, 2), self.draw(64, 1)
        shapes = [(2, 16), (16,), (16, 16), (16,), (16, 1), (1,)]
        self.start = [self.draw(*shape, scale=0.3) for shape in shapes]

    def loss_and_gradients(self, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        error = h2 @ w3 + b3 - y
        loss = np.mean(error * error)
        g3 = 2 / len(x) * error
        g2 = g3 @ w3.T * (1 - h2 * h2)
        g1 = g2 @ w2.T * (1 - h1 * h1)
        return loss, (x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ g3, g3.sum(0))

    def tf_loss(self, tf, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h = tf.tanh(x @ w1 + b1)
        h = tf.tanh(h @ w2 + b2)
        return tf.reduce_mean(tf.square(h @ w3 + b3 - y))

    def loss(self, kit, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h = kit.tanh(x @ w1 + b1)
        h = kit.tanh(h @ w2 + b2)
        return ((h @ w3 + b3 - y) ** 2).mean()


class LargeMLP(Network):
    """By hand: as above; loss and gradient share the softmax; Adam writes in place."""

    name = "MLP 784-256-128-10, batch 128, Adam"
    aims = 1.1, 0.95
    adam, rate = True, 0.001

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = self.draw(128, 784), self.random.integers(0, 10, 128)
        shapes = [(784, 256), (256,), (256, 128), (128,), (128, 10), (10,)]
        self.start = [self.draw(*shape, scale=0.05) for shape in shapes]

    def loss_and_gradients(self, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h1 = np.maximum(x @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        loss, g3 = cross_entropy(h2 @ w3 + b3, y)
        g2 = g3 @ w3.T * (h2 > 0)
        g1 = g2 @ w2.T * (h1 > 0)
        return loss, (x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ g3, g3.sum(0))

    def tf_loss(self, tf, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h = tf.nn.relu(x @ w1 + b1)
        h = tf.nn.relu(h @ w2 + b2)
        logits = h @ w3 + b3
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))

    def loss(self, kit, x, y, p):
        w1, b1, w2, b2, w3, b3 = p
        h = kit.relu(x @ w1 + b1)
        h = kit.relu(h @ w2 + b2)
        return kit.cross_entropy(h @ w3 + b3, y)


class Convolution(Network):
    """By hand: a product with the windows laid out as columns (im2col), in every step anew."""

    name = "conv 3x3x8, mean, dense, batch 32"
    aims = 0.5, 0.5

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = self.draw(32, 28, 28, 1), self.random.integers(0, 10, 32)
        self.start = [self.draw(*s, scale=0.3) for s in [(3, 3, 1, 8), (8,), (8, 10), (10,)]]

    def loss_and_gradients(self, x, y, p):
        w, b, dense, shift = p
        windows = columns(x)
        h = np.maximum(windows @ w.reshape(9, 8) + b, 0)
        pooled = h.reshape(len(x), -1, 8).mean(1)
        loss, g = cross_entropy(pooled @ dense + shift, y)
        g_mean = g @ dense.T / (26 * 26)
        g_h = np.repeat(g_mean, 26 * 26, axis=0) * (h > 0)
        g_w = (windows.T @ g_h).reshape(w.shape)
        return loss, (g_w, g_h.sum(0), pooled.T @ g, g.sum(0))

    def tf_loss(self, tf, x, y, p):
        w, b, dense, shift = p
        h = tf.nn.relu(tf.nn.conv2d(x, w, 1, "VALID") + b)
        logits = tf.reduce_mean(h, [1, 2]) @ dense + shift
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))

    def loss(self, kit, x, y, p):
        w, b, dense, shift = p
        h = kit.relu(kit.conv(x, w, b))
        return kit.cross_entropy(h.mean(kit.areas) @ dense + shift, y)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[Any, np.ndarray]:
    """The mean of the softmax cross-entropies, and its gradient."""
    n = np.arange(len(labels))
    e = np.exp(logits - logits.max(1, keepdims=True))
    q = e / e.sum(1, keepdims=True)
    loss = -np.mean(np.log(q[n, labels]))
    q[n, labels] -= 1
    return loss, q / F(len(labels))


def columns(x: np.ndarray) -> np.ndarray:
    """Each 3x3 window of the images as a row."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9)
