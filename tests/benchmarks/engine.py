"""The eager engine beside hand-written NumPy: python tests/benchmarks/engine.py

Each row is one piece of work, forward and backward, written out in NumPy by hand and done by a
tape. Prints microseconds, the ratio to NumPy, and the ratio aimed at. Then bytes per record and the
time of the import.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

from timing import compare  # first: it sets the number of threads

# isort: split

import numpy as np

import autodiff_lesson as tf
from autodiff_lesson.keras.optimizers import Adam

F = np.float32
random = np.random.default_rng(0)


def draw(*shape: int, scale: float = 0.3) -> np.ndarray:
    return (random.normal(size=shape) * scale).astype(F)


def square():
    x, number = tf.constant(3.0), F(3.0)

    def by_hand():
        y = number * number
        return y, F(1) * number + F(1) * number

    def tape():
        with tf.GradientTape() as t:
            t.watch(x)
            y = x * x
        return t.gradient(y, x)

    return by_hand, tape


def bar():
    a, b = F([2, 5]), F([3, 8])
    x, y = tf.constant(a), tf.constant(b)

    def by_hand():
        z = a * b
        up = np.ones_like(z)
        return z, up * b, up * a

    @tf.custom_gradient
    def rule(x, y):
        def grad(upstream):
            return upstream * y, upstream * x

        return x * y, grad

    def tape():
        with tf.GradientTape(persistent=True) as t:
            t.watch(x)
            t.watch(y)
            z = rule(x, y)
        return t.gradient(z, x), t.gradient(z, y)

    return by_hand, tape


CHAIN = 9999


def chain():
    factor, shift, start = F(1.0001), F(0.001), F(0.5)
    t_factor, t_shift, t_start = map(tf.constant, (factor, shift, start))

    def by_hand():
        v, inputs = start, []
        for _ in range(CHAIN // 3):
            v = v * factor
            v = v + shift
            inputs.append(v)
            v = np.sin(v)
        g = F(1)
        while inputs:
            g = g * np.cos(inputs.pop())
            g = g * factor
        return g

    def tape():
        v = t_start
        with tf.GradientTape() as t:
            t.watch(v)
            for _ in range(CHAIN // 3):
                v = v * t_factor
                v = v + t_shift
                v = tf.sin(v)
        return t.gradient(v, t_start)

    return by_hand, tape


def small_mlp():
    x, y = draw(64, 2, scale=1), draw(64, 1, scale=1)
    start = [draw(2, 16), draw(16), draw(16, 16), draw(16), draw(16, 1), draw(1)]
    p = [array.copy() for array in start]
    v = [tf.Variable(array) for array in start]
    tx, ty = tf.constant(x), tf.constant(y)

    def by_hand():
        w1, b1, w2, b2, w3, b3 = p
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        e = h2 @ w3 + b3 - y
        loss = np.mean(np.square(e))
        g3 = e * F(2 / 64)
        g2 = (g3 @ w3.T) * (1 - h2 * h2)
        g1 = (g2 @ w2.T) * (1 - h1 * h1)
        grads = (x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ g3, g3.sum(0))
        for array, g in zip(p, grads, strict=True):
            array -= F(0.01) * g
        return loss

    def tape():
        with tf.GradientTape() as t:
            h1 = tf.tanh(tx @ v[0] + v[1])
            h2 = tf.tanh(h1 @ v[2] + v[3])
            loss = tf.reduce_mean(tf.square(h2 @ v[4] + v[5] - ty))
        for variable, g in zip(v, t.gradient(loss, v), strict=True):
            variable.assign_sub(0.01 * g)
        return loss

    return by_hand, tape


def large_mlp():
    x, labels = draw(128, 784, scale=1), random.integers(0, 10, 128)
    hot = np.eye(10, dtype=F)[labels]
    sizes = [(784, 256), (256,), (256, 128), (128,), (128, 10), (10,)]
    start = [draw(*size, scale=0.05) for size in sizes]
    p = [array.copy() for array in start]
    m, s = ([np.zeros_like(array) for array in start] for _ in range(2))
    steps = [0]
    v = [tf.Variable(array) for array in start]
    tx, t_labels = tf.constant(x), tf.constant(labels)
    adam = Adam(0.001)

    def by_hand():
        w1, b1, w2, b2, w3, b3 = p
        h1 = np.maximum(x @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        o = h2 @ w3 + b3
        e = np.exp(o - o.max(1, keepdims=True))
        q = e / e.sum(1, keepdims=True)
        loss = -np.mean(np.log(q[np.arange(128), labels]))
        g3 = (q - hot) * F(1 / 128)
        g2 = (g3 @ w3.T) * (h2 > 0)
        g1 = (g2 @ w2.T) * (h1 > 0)
        grads = (x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ g3, g3.sum(0))
        steps[0] += 1
        rate = F(0.001 * np.sqrt(1 - 0.999 ** steps[0]) / (1 - 0.9 ** steps[0]))
        for i, g in enumerate(grads):
            m[i] += (g - m[i]) * F(0.1)
            s[i] += (g * g - s[i]) * F(0.001)
            p[i] -= rate * m[i] / (np.sqrt(s[i]) + F(1e-7))
        return loss

    def tape():
        with tf.GradientTape() as t:
            h1 = tf.nn.relu(tx @ v[0] + v[1])
            h2 = tf.nn.relu(h1 @ v[2] + v[3])
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(t_labels, h2 @ v[4] + v[5])
            loss = tf.reduce_mean(each)
        adam.apply_gradients(zip(t.gradient(loss, v), v, strict=True))
        return loss

    return by_hand, tape


def convolution():
    """3x3x8 over 28x28, mean, dense; by hand with windows laid out as columns (im2col)."""
    x, y = draw(32, 28, 28, 1, scale=1), draw(32, 10, scale=1)
    w, d = draw(3, 3, 1, 8), draw(8, 10)
    vw, vd = tf.Variable(w), tf.Variable(d)
    tx, ty = tf.constant(x), tf.constant(y)

    def by_hand():
        views = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        columns = views.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9)
        h = np.maximum(columns @ w.reshape(9, 8), 0)
        pooled = h.reshape(32, -1, 8).mean(1)
        e = pooled @ d - y
        g = e * F(2 / e.size)
        g_pool = (g @ d.T) / F(26 * 26)
        g_h = np.repeat(g_pool, 26 * 26, axis=0) * (h > 0)
        return np.mean(e * e), (columns.T @ g_h).reshape(w.shape), pooled.T @ g

    def tape():
        with tf.GradientTape() as t:
            h = tf.nn.relu(tf.nn.conv2d(tx, vw, 1, "VALID"))
            loss = tf.reduce_mean(tf.square(tf.reduce_mean(h, [1, 2]) @ vd - ty))
        return t.gradient(loss, [vw, vd])

    return by_hand, tape


def hessian():
    """The Hessian of the 10-dimensional Rosenbrock function (Rosenbrock 1960)."""
    point = np.linspace(-1, 1, 10)
    x = tf.constant(point)

    def by_hand():
        h = np.zeros((10, 10))
        first, second = point[:-1], point[1:]
        i = np.arange(9)
        h[i, i] += 1200 * first**2 - 400 * second + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] = h[i + 1, i] = -400 * first
        return h

    def tape():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                a, b = x[:-1], x[1:]
                y = tf.reduce_sum(100.0 * tf.square(b - a * a) + tf.square(1.0 - a))
            g = inner.gradient(y, x)
        return outer.jacobian(g, x)

    assert np.allclose(by_hand(), tape().numpy())
    return by_hand, tape


WORK = {
    "x*x, one cycle": (square, 32),
    "bar, both gradients": (bar, 6),
    f"chain of {CHAIN} scalar operations": (chain, 6),
    "MLP 2-16-16-1, batch 64, SGD": (small_mlp, 1.5),
    "MLP 784-256-128-10, batch 128, Adam": (large_mlp, 1.1),
    "convolution 3x3x8, batch 32": (convolution, 0.5),
    "Hessian, 10-D Rosenbrock": (hessian, 35),
}


def bytes_per_record() -> float:
    x = tf.constant(0.5)
    factor = tf.constant(1.0001)
    with tf.GradientTape() as t:
        t.watch(x)
        v = x * factor
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000):
            v = v * factor
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    return grown / 10_000


def import_milliseconds(module: str) -> float:
    code = (
        "import time; t = time.perf_counter(); "
        f"import {module}; print(1e3 * (time.perf_counter() - t))"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(9)
    ]
    return sorted(times)[4]


def main() -> None:
    print(f"{'work':38} {'NumPy us':>10} {'tape us':>10} {'ratio':>7} {'aim':>6}")
    for name, (make, aim) in WORK.items():
        by_hand, tape = make()
        found = compare({"NumPy": by_hand, "tape": tape})
        hand, ours = found["NumPy"][0], found["tape"][0]
        print(f"{name:38} {hand:10.1f} {ours:10.1f} {found['tape'][1]:7.2f} {aim:6}")
    print(f"bytes per record of a scalar chain: {bytes_per_record():.0f} (aim 350)")
    numpy, ours = import_milliseconds("numpy"), import_milliseconds("autodiff_lesson")
    print(f"import: {ours:.0f} ms, NumPy alone {numpy:.0f} ms (aim: 30 ms more)")


if __name__ == "__main__":
    main()
