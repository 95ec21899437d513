"""Update rules of optimizers, by hand: ``rule(np, t, p, g, *slots)`` gives p and the slots anew.

``np`` is NumPy or jax.numpy, t the number of the step, from 1. The formulas are those of Keras 3.
"""

from __future__ import annotations

from typing import Any

RATE, SMALL = 0.01, 1e-7


def sgd(np: Any, t: Any, p: Any, g: Any) -> tuple:
    return (p - RATE * g,)


def momentum(np: Any, t: Any, p: Any, g: Any, v: Any) -> tuple:
    v = 0.9 * v - RATE * g
    return p + v, v


def adagrad(np: Any, t: Any, p: Any, g: Any, a: Any) -> tuple:
    a = a + g * g
    return p - RATE * g / np.sqrt(a + SMALL), a


def adadelta(np: Any, t: Any, p: Any, g: Any, a: Any, b: Any) -> tuple:
    a = 0.95 * a + 0.05 * g * g
    d = g * np.sqrt((b + SMALL) / (a + SMALL))
    return p - RATE * d, a, 0.95 * b + 0.05 * d * d


def rmsprop(np: Any, t: Any, p: Any, g: Any, a: Any) -> tuple:
    a = 0.9 * a + 0.1 * g * g
    return p - RATE * g / np.sqrt(a + SMALL), a


def adam(np: Any, t: Any, p: Any, g: Any, m: Any, v: Any) -> tuple:
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    rate = RATE * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
    return p - rate * m / (np.sqrt(v) + SMALL), m, v


def adamw(np: Any, t: Any, p: Any, g: Any, m: Any, v: Any) -> tuple:
    return adam(np, t, p - 0.004 * RATE * p, g, m, v)


def nadam(np: Any, t: Any, p: Any, g: Any, m: Any, v: Any, product: Any) -> tuple:
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    now, following = 0.9 * (1 - 0.5 * 0.96**t), 0.9 * (1 - 0.5 * 0.96 ** (t + 1))
    product = product * now
    ahead = following / (1 - product * following) * m + (1 - now) / (1 - product) * g
    return p - RATE * ahead / (np.sqrt(v / (1 - 0.999**t)) + SMALL), m, v, product


# Keras' name and options, torch's name and options, the rule, the first values of its slots.
EIGHT = [
    ("SGD", {}, "SGD", {}, sgd, ()),
    ("SGD", {"momentum": 0.9}, "SGD", {"momentum": 0.9}, momentum, (0,)),
    ("Adagrad", {}, "Adagrad", {"initial_accumulator_value": 0.1}, adagrad, (0.1,)),
    ("Adadelta", {}, "Adadelta", {"rho": 0.95, "eps": SMALL}, adadelta, (0, 0)),
    ("RMSprop", {}, "RMSprop", {"alpha": 0.9, "eps": SMALL}, rmsprop, (0,)),
    ("Adam", {}, "Adam", {}, adam, (0, 0)),
    ("AdamW", {"weight_decay": 0.004}, "AdamW", {"weight_decay": 0.004}, adamw, (0, 0)),
    ("Nadam", {}, "NAdam", {"momentum_decay": 1.0}, nadam, (0, 0, 1)),
]
