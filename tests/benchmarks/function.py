"""How fast a replayed training step is, as ratios to the same step written by hand in NumPy.

Run from the project's folder::

    OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.function [more seconds per contender]

Each contender does the same work on the same numbers. Rounds are interleaved, the clock is the
process' CPU time, and the ratio of the medians is printed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import autodiff_lesson as tf


def compare(contenders: dict[str, Callable], seconds: float = 0.4, rounds: int = 9) -> dict:
    """Seconds per call of each contender: the median over interleaved rounds."""
    counts = {}
    for name, call in contenders.items():
        call()
        call()
        start = time.process_time()
        call()
        once = max(time.process_time() - start, 1e-7)
        counts[name] = max(int(seconds / rounds / once), 1)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.process_time()
            for _ in range(counts[name]):
                call()
            times[name].append((time.process_time() - start) / counts[name])
    return {name: statistics.median(found) for name, found in times.items()}


def small_mlp() -> dict[str, Callable]:
    """2-16-16-1, batch 64, squared error, one step of gradient descent."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype("f")
    y = rng.normal(size=(64, 1)).astype("f")
    shapes = [(2, 16), (16,), (16, 16), (16,), (16, 1), (1,)]
    start = [(rng.normal(size=s) * 0.3).astype("f") for s in shapes]
    w = [p.copy() for p in start]
    n = np.float32(64)

    def numpy() -> None:
        w1, b1, w2, b2, w3, b3 = w
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        d = h2 @ w3 + b3 - y
        np.square(d).mean()
        d3 = 2 / n * d
        d2 = d3 @ w3.T * (1 - h2 * h2)
        d1 = d2 @ w2.T * (1 - h1 * h1)
        grads = [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)]
        for p, g in zip(w, grads, strict=True):
            p -= 0.01 * g

    v = [tf.Variable(p) for p in start]
    tx, ty = tf.constant(x), tf.constant(y)

    def step(x, y):
        with tf.GradientTape() as tape:
            h = tf.tanh(x @ v[0] + v[1])
            h = tf.tanh(h @ v[2] + v[3])
            loss = tf.reduce_mean(tf.square(h @ v[4] + v[5] - y))
        for p, g in zip(v, tape.gradient(loss, v), strict=True):
            p.assign_sub(0.01 * g)
        return loss

    replay = tf.function(step)
    return {
        "numpy": numpy,
        "function": lambda: replay(tx, ty),
        "eager": lambda: step(tx, ty),
    }


def large_mlp() -> dict[str, Callable]:
    """784-256-128-10, batch 128, softmax cross-entropy, Adam."""
    from autodiff_lesson.keras import optimizers

    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 784)).astype("f")
    labels = rng.integers(0, 10, 128)
    hot = np.eye(10, dtype="f")[labels]
    shapes = [(784, 256), (256,), (256, 128), (128,), (128, 10), (10,)]
    start = [(rng.normal(size=s) * 0.05).astype("f") for s in shapes]
    w = [p.copy() for p in start]
    m = [np.zeros_like(p) for p in w]
    s = [np.zeros_like(p) for p in w]
    made = [0]

    def numpy() -> None:
        w1, b1, w2, b2, w3, b3 = w
        a1 = x @ w1 + b1
        h1 = np.maximum(a1, 0)
        a2 = h1 @ w2 + b2
        h2 = np.maximum(a2, 0)
        z = h2 @ w3 + b3
        z -= z.max(1, keepdims=True)
        e = np.exp(z)
        total = e.sum(1, keepdims=True)
        -((z - np.log(total)) * hot).sum(1).mean()
        d3 = (e / total - hot) / np.float32(128)
        d2 = d3 @ w3.T * (a2 > 0)
        d1 = d2 @ w2.T * (a1 > 0)
        grads = [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)]
        made[0] += 1
        rate = np.float32(0.001 * np.sqrt(1 - 0.999 ** made[0]) / (1 - 0.9 ** made[0]))
        for p, g, mean, square in zip(w, grads, m, s, strict=True):
            mean += (g - mean) * np.float32(0.1)
            square += (g * g - square) * np.float32(0.001)
            p -= mean * rate / (np.sqrt(square) + np.float32(1e-7))

    v = [tf.Variable(p) for p in start]
    optimizer = optimizers.Adam(0.001)
    optimizer.build(v)
    tx, ty = tf.constant(x), tf.constant(hot)

    def step(x, y):
        with tf.GradientTape() as tape:
            h = tf.nn.relu(x @ v[0] + v[1])
            h = tf.nn.relu(h @ v[2] + v[3])
            logits = h @ v[4] + v[5]
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
        optimizer.apply(tape.gradient(loss, v), v)
        return loss

    replay = tf.function(step)
    return {
        "numpy": numpy,
        "function": lambda: replay(tx, ty),
        "eager": lambda: step(tx, ty),
    }


def chain() -> dict[str, Callable]:
    """10,000 operations on a scalar: multiply, add, sine."""

    def steps(x, sin):
        for _ in range(3333):
            x = sin(x * 1.01 + 0.1)
        return x

    start, up, more = np.float32(0.5), np.float32(1.01), np.float32(0.1)

    def numpy() -> None:
        x = start
        for _ in range(3333):
            x = np.sin(x * up + more)

    replay = tf.function(lambda x: steps(x, tf.sin))
    tx = tf.constant(start)
    return {
        "numpy": numpy,
        "function": lambda: replay(tx),
        "eager": lambda: steps(tx, tf.sin),
    }


def hessian() -> dict[str, Callable]:
    """The Hessian of Rosenbrock's function of ten variables."""
    x = np.linspace(-1, 1, 10)

    def numpy() -> None:
        h = np.diag(-400 * x[:-1], 1) - np.diag(400 * x[:-1], -1)
        diagonal = np.zeros_like(x)
        diagonal[0] = 1200 * x[0] ** 2 - 400 * x[1] + 2
        diagonal[-1] = 200
        diagonal[1:-1] = 202 + 1200 * x[1:-1] ** 2 - 400 * x[2:]
        h + np.diag(diagonal)

    def f(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                a, b = x[:-1], x[1:]
                y = tf.reduce_sum(100.0 * tf.square(b - tf.square(a)) + tf.square(1.0 - a))
            g = inner.gradient(y, x)
        return outer.jacobian(g, x)

    replay = tf.function(f)
    tx = tf.constant(x)
    return {"numpy": numpy, "function": lambda: replay(tx), "eager": lambda: f(tx)}


def optimizers() -> dict[str, Callable]:
    """Eight optimizers, one step of each on a surface of two variables."""
    from autodiff_lesson.keras import optimizers as keras_optimizers

    names = ("SGD", "SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "Nadam", "AdamW")
    made = [
        getattr(keras_optimizers, name)(0.01, **({"momentum": 0.9} if i == 1 else {}))
        for i, name in enumerate(names)
    ]
    points = [tf.Variable([1.0, -1.0]) for _ in made]
    for optimizer, p in zip(made, points, strict=True):
        optimizer.build([p])

    def one(optimizer, p):
        with tf.GradientTape() as tape:
            x, y = p[0], p[1]
            z = tf.square(1.0 - x) + 5.0 * tf.square(y - x * x)
        optimizer.apply([tape.gradient(z, p)], [p])

    def step():
        for optimizer, p in zip(made, points, strict=True):
            one(optimizer, p)

    state = [[np.array([1.0, -1.0], "f"), np.zeros(2, "f"), np.zeros(2, "f")] for _ in made]
    count = [0]

    def numpy() -> None:
        f = np.float32
        count[0] += 1
        t = count[0]
        for i, (p, a, b) in enumerate(state):
            x, y = p
            d = y - x * x
            g = np.array([-2 * (1 - x) - 20 * d * x, 10 * d], "f")
            if i == 0:
                p -= f(0.01) * g
            elif i == 1:
                a *= f(0.9)
                a -= f(0.01) * g
                p += a
            elif i == 2:
                a += g * g
                p -= f(0.01) * g / np.sqrt(a + f(1e-7))
            elif i == 3:
                a += (g * g - a) * f(0.05)
                d = np.sqrt(b + f(1e-7)) * g / np.sqrt(a + f(1e-7))
                b += (d * d - b) * f(0.05)
                p -= f(0.01) * d
            elif i == 4:
                a += (g * g - a) * f(0.1)
                p -= f(0.01) * g / np.sqrt(a + f(1e-7))
            else:
                if i == 7:
                    p -= p * f(0.004 * 0.01)
                a += (g - a) * f(0.1)
                b += (g * g - b) * f(0.001)
                rate = f(0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t))
                p -= a * rate / (np.sqrt(b) + f(1e-7))

    replay = tf.function(step)
    return {"numpy": numpy, "function": replay, "eager": step}


def conv() -> dict[str, Callable]:
    """3x3 convolution to 8 channels, mean, dense; 32 images of 28x28; one step."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 28, 28, 1)).astype("f")
    hot = np.eye(10, dtype="f")[rng.integers(0, 10, 32)]
    start = [(rng.normal(size=s) * 0.1).astype("f") for s in [(3, 3, 1, 8), (8,), (8, 10), (10,)]]
    w = [p.copy() for p in start]
    n = np.float32(26 * 26)

    def numpy() -> None:
        k, kb, d, db = w
        patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        columns = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9)
        a = (columns @ k.reshape(9, 8)).reshape(32, 26, 26, 8) + kb
        h = np.maximum(a, 0)
        pooled = h.mean((1, 2))
        z = pooled @ d + db
        z -= z.max(1, keepdims=True)
        e = np.exp(z)
        total = e.sum(1, keepdims=True)
        -((z - np.log(total)) * hot).sum(1).mean()
        dz = (e / total - hot) / np.float32(32)
        dh = np.broadcast_to((dz @ d.T / n)[:, None, None], a.shape) * (a > 0)
        flat = dh.reshape(-1, 8)
        grads = [(columns.T @ flat).reshape(k.shape), flat.sum(0), pooled.T @ dz, dz.sum(0)]
        for p, g in zip(w, grads, strict=True):
            p -= 0.01 * g

    v = [tf.Variable(p) for p in start]
    tx, ty = tf.constant(x), tf.constant(hot)

    def step(x, y):
        with tf.GradientTape() as tape:
            h = tf.nn.relu(tf.nn.conv2d(x, v[0]) + v[1])
            logits = tf.reduce_mean(h, axis=[1, 2]) @ v[2] + v[3]
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
        for p, g in zip(v, tape.gradient(loss, v), strict=True):
            p.assign_sub(0.01 * g)
        return loss

    replay = tf.function(step)
    return {"numpy": numpy, "function": lambda: replay(tx, ty), "eager": lambda: step(tx, ty)}


WORK = {
    "MLP 2-16-16-1, batch 64, SGD": (small_mlp, 0.7),
    "MLP 784-256-128-10, batch 128, Adam": (large_mlp, 0.95),
    "conv 3x3x8, mean, dense, batch 32": (conv, 0.5),
    "chain of 10,000 operations": (chain, 1.0),
    "eight optimizers, a step each": (optimizers, 1.0),
    "Hessian, 10-D Rosenbrock": (hessian, 5.0),
}


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0.4
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    print(f"{'work':38} {'numpy':>10} {'function':>9} {'goal':>6} {'eager':>8}")
    for name, (make, goal) in WORK.items():
        if wanted in name:
            found = compare(make(), seconds)
            base = found["numpy"]
            print(
                f"{name:38} {base * 1e6:7.1f} us {found['function'] / base:9.2f} {goal:6.2f} "
                f"{found['eager'] / base:8.2f}"
            )


if __name__ == "__main__":
    main()
