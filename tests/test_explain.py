"""explain: formulas say what rules do; names are the user's; NaNs and wrong gradients are found."""

import ast
import math
import re
import sys

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import explain
from autodiff_lesson.explain.writing import Style, Symbol, written
from autodiff_lesson.ops import elementwise, linalg, nn, reduce, shape
from autodiff_lesson.primitive import ROWS

# ------------------------------------------------------------------ formulas: a small reader
TOKEN = re.compile(
    r"\s*(\d+\.?\d*(?:e[−-]?\d+)?|[^\W\d²ᵀ](?:[^\W²ᵀ]|[\u0304\u0305])*|[·/@+−^²ᵀ()\[\],=>≥<≤≠∧:'.-])"
)
BINDS = {"∧": 1, **dict.fromkeys("=≠<≤>≥", 2), **dict.fromkeys("+−", 3), **dict.fromkeys("·/@", 4)}
COMPUTES = {
    "∧": np.bitwise_and, "=": np.equal, "≠": np.not_equal, "<": np.less, "≤": np.less_equal,
    ">": np.greater, "≥": np.greater_equal, "+": np.add, "−": np.subtract, "·": np.multiply,
    "/": np.true_divide, "@": np.matmul,
}  # fmt: skip


class Reader:
    """Reads the right side of a formula as a person would, and computes it on numbers."""

    def __init__(self, text, values):
        self.text, self.at, self.values = text, 0, values
        self.functions = {}
        for function, row in ROWS.items():
            self.functions.setdefault(row.name, function)

    def peek(self):
        match = TOKEN.match(self.text, self.at)
        return match[1] if match else None

    def take(self, wanted=None):
        match = TOKEN.match(self.text, self.at)
        assert match and (wanted is None or match[1] == wanted), self.text[self.at :]
        self.at = match.end()
        return match[1]

    def read(self):
        value = self.expression(0)
        assert self.at == len(self.text), self.text[self.at :]
        return value

    def expression(self, at_least):
        left = self.signed()
        while (sign := self.peek()) in BINDS and BINDS[sign] > at_least:
            self.take()
            left = COMPUTES[sign](left, self.expression(BINDS[sign]))
        return left

    def signed(self):
        if self.peek() == "−":
            self.take()
            return np.negative(self.signed())
        value = self.atom()
        while (sign := self.peek()) in ("²", "ᵀ", "^", "["):
            if sign == "[":
                value = value[eval("np.s_" + self.balanced("[]"))]
                continue
            self.take()
            if sign == "^":
                value = np.power(value, self.atom())
            else:
                value = value * value if sign == "²" else np.swapaxes(value, -1, -2)
        return value

    def atom(self):
        token = self.take()
        if token in "([":  # parentheses, or Iverson's brackets
            value = self.expression(0)
            self.take({"(": ")", "[": "]"}[token])
            return value
        if token[0].isdigit():
            return float(token.replace("−", "-"))
        if self.peek() == "(" and token in self.functions:
            return self.call(token)
        return self.values[token]

    def call(self, name):
        self.take("(")
        args, attributes = [], {}
        while self.peek() != ")":
            named = re.match(r"\s*(\w+)=(?=[^=])", self.text[self.at :])
            if named:
                self.at += named.end()
                attributes[named[1]] = self.attribute(named[1])
            else:
                args.append(self.expression(0))
            if self.peek() == ",":
                self.take()
        self.take(")")
        return self.functions[name](*args, **attributes)

    def attribute(self, name):
        if name == "key":
            return eval("np.s_" + self.balanced("[]"))
        if self.text[self.at] == "(":
            return ast.literal_eval(self.balanced("()"))
        raw = re.match(r"'[^']*'|[^,)]+", self.text[self.at :])[0]
        self.at += len(raw)
        return np.dtype(raw) if name == "dtype" else ast.literal_eval(raw)

    def balanced(self, pair):
        start, depth = self.at, 0
        while depth or self.at == start:
            depth += {pair[0]: 1, pair[1]: -1}.get(self.text[self.at], 0)
            self.at += 1
        return self.text[start : self.at]


def numbers(*lengths):
    """Different numbers between 0.2 and 0.9, the same each time."""
    drawn = np.random.default_rng(math.prod(lengths) + len(lengths)).uniform(0.2, 0.9, lengths)
    return tf.constant(drawn)


A, B, C, M, N = numbers(3), numbers(2, 3), numbers(2, 1), numbers(2, 3), numbers(3, 4)
IMAGES, FILTERS = numbers(1, 4, 4, 2), numbers(2, 2, 2, 3)
POOL = {"window": (2, 2), "strides": (2, 2), "padding": "VALID"}
CONV = {"strides": (1, 1), "padding": "SAME"}
SAMPLES = {
    "cast": (elementwise._cast, [A], {"dtype": np.dtype("float32")}),
    "leaky_relu": (elementwise._leaky, [A - 0.5], {"alpha": 0.2}),
    "elu": (elementwise._elu, [A - 0.5], {"alpha": 1.5}),
    "clip_by_value": (elementwise._clip, [B, C, C + 0.3], {}),
    "where": (elementwise._where, [B > 0.5, B, A], {}),
    "sum_to": (shape._sum_to, [B], {"shape": (3,)}),
    "broadcast_to": (shape._broadcast, [A], {"shape": (2, 3)}),
    "laid_out": (shape._laid_out, [M], {"order": [1, 0]}),
    "reshape": (shape._reshape, [B], {"shape": (3, 2)}),
    "transpose": (shape._transpose, [B], {"axes": None}),
    "concat": (shape._concat, [B, C], {"axis": 1}),
    "stack": (shape._stack, [A, A + 1.0], {"axis": 1}),
    "unstack": (shape._unstack, [B], {"axis": 0}),
    "slice": (shape._slice, [B], {"key": (slice(None), np.array([0, 2, 0]))}),
    "slice_embed": (shape._slice_embed, [A], {"key": (1, ...), "shape": (2, 3)}),
    "gather": (shape._gather, [B, tf.constant([1, 0, 1])], {"axis": 0}),
    "scatter_add": (
        shape._scatter_add, [B, tf.constant([1, 1])], {"axis": 0, "shape": (4, 3)}
    ),
    "pad": (shape._pad, [B], {"paddings": ((1, 0), (0, 2)), "value": 0.0}),
    "matmul": (linalg._matmul, [M, N], {}),
    "matrix_transpose": (linalg._swap, [M], {}),
    "einsum": (linalg._einsum, [M, N], {"equation": "ij,jk->k"}),
    "reduce_sum": (reduce._sum, [B], {"axis": 0, "keepdims": False}),
    "reduce_mean": (reduce._mean, [B], {"axis": None, "keepdims": False}),
    "reduce_max": (reduce._max, [B], {"axis": 1, "keepdims": False}),
    "reduce_min": (reduce._min, [B], {"axis": 1, "keepdims": True}),
    "softmax": (reduce._softmax, [B], {"axis": -1}),
    "log_softmax": (reduce._log_softmax, [B], {"axis": -1}),
    "cumsum": (reduce._cumsum, [B], {"axis": 1}),
    "fractions": (nn.fractions, [tf.sigmoid(B)], {}),
    "conv2d": (nn._conv2d, [IMAGES, FILTERS], CONV),
    "conv2d_back_input": (
        nn._conv2d_back_input, [numbers(1, 4, 4, 3), FILTERS], {**CONV, "shape": (1, 4, 4, 2)}
    ),
    "conv2d_back_filters": (
        nn._conv2d_back_filters, [IMAGES, numbers(1, 4, 4, 3)], {**CONV, "shape": (2, 2, 2, 3)}
    ),
    "max_pool2d": (nn._max_pool, [IMAGES], POOL),
    "max_pool2d_scatter": (nn._max_pool_scatter, [numbers(1, 2, 2, 2), IMAGES], POOL),
    "max_pool2d_gather": (nn._max_pool_gather, [IMAGES + 1.0, IMAGES], POOL),
}  # fmt: skip


def table():
    """Every row with a rule."""
    rows = {r.name: r for r in ROWS.values() if r.rules and r.name not in SAMPLES}
    return sorted(rows) + sorted(SAMPLES)


def sample(name):
    """A row with inputs of its own shapes: given above, or one that broadcasts."""
    if name in SAMPLES:
        return SAMPLES[name]
    row = next(r for r in ROWS.values() if r.name == name and r.rules)
    return row, [B, C, A][: len(row.inputs)], {}


def recorded(row, inputs, attributes):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x for x in inputs if x.dtype.is_floating])
        output = row(*inputs, **attributes)
    return tape, output


@pytest.mark.parametrize("name", table())
def test_formula_of_every_row_gives_what_the_rule_gives(name):
    row, inputs, attributes = sample(name)
    tape, output = recorded(row, inputs, attributes)
    outputs = output if isinstance(output, tuple) else (output,)
    seeds = [0.5 + np.arange(o.numpy().size, dtype=float).reshape(o.shape) / 7 for o in outputs]
    seeds = [s.astype(o.numpy().dtype) for s, o in zip(seeds, outputs, strict=True)]
    (step,) = tape.walk(list(outputs), inputs, seeds)
    called = {id(x): letter for x, letter in zip(inputs, "abc", strict=False)}
    called |= {id(o): f"z{i}" for i, o in enumerate(outputs, 1)}
    values = {called[id(x)]: x.numpy() for x in (*inputs, *outputs)}
    values |= {explain.adjoint(f"z{i}"): seed for i, seed in enumerate(seeds, 1)}
    assert step.contributions
    for given in step.contributions:
        formula = explain.formula(step, given.position, names=called)
        left, _, right = formula.text.partition(" = ")
        assert left == explain.adjoint(called[id(given.tensor)])
        read = Reader(right, values).read()
        np.testing.assert_allclose(read, given.local, rtol=1e-6, err_msg=formula.text)
        assert formula.latex.startswith(r"\bar{")
        assert formula.latex.count("{") == formula.latex.count("}")


@pytest.mark.parametrize(
    "op, text, latex",
    [
        (tf.multiply, "x̄ = z̄ · y\nȳ = z̄ · x", None),
        (tf.divide, "x̄ = z̄ / y\nȳ = −z̄ · z / y", None),
        (tf.tanh, "x̄ = z̄ · (1 − z²)", r"\bar{x} = \bar{z} \cdot (1 - z^{2})"),
        (tf.sin, "x̄ = z̄ · cos(x)", r"\bar{x} = \bar{z} \cdot \cos(x)"),
        (tf.maximum, "x̄ = z̄ · [x ≥ y]\nȳ = z̄ · [x < y]", None),
        (tf.matmul, "x̄ = z̄ @ yᵀ\nȳ = xᵀ @ z̄", None),
        (tf.math.log, "x̄ = z̄ / x", r"\bar{x} = \frac{\bar{z}}{x}"),
    ],
)
def test_formula_of_an_operation(op, text, latex):
    assert str(explain.formula(op)) == text
    if latex:
        assert explain.formula(op).latex == latex


def test_formula_of_a_record_uses_its_names_and_numbers():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * x
        loss = u * 2.0
    (second, first) = tape.walk(loss, x)
    assert explain.formula(second).with_numbers() == "ū = 1 · 2 = 2"
    assert explain.formula(first, 0).with_numbers() == "x\u0304 = 2 · 3 = 6"
    assert explain.formula(first).with_numbers() == "x\u0304 = 2 · 3 + 2 · 3 = 12"
    assert repr(explain.formula(tape.records[0])) == (
        "<Formula of multiply: x\u0304 = ū · x + ū · x>"
    )


@pytest.mark.parametrize(
    "power, text",
    [
        (lambda x: x**2, "ȳ = z̄ · 2 · y"),
        (lambda x: x**3.0, "ȳ = z̄ · 3 · y²"),
        (lambda x: x**-1.0, "ȳ = z̄ · (−1) · y^(−2)"),
        (lambda x: x**0.5, "ȳ = z̄ · 0.5 · y^(−0.5)"),
        (lambda x: 2.0**x, "ȳ = z̄ · z · log(2)"),
    ],
)
def test_numbers_in_a_formula_are_reckoned_together(power, text):
    y = tf.constant([0.5, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = power(y)
    (step,) = tape.walk(z, y)
    formula = explain.formula(step)
    assert formula.text == text
    values = {"z̄": np.ones(2), "z": z.numpy(), "y": y.numpy()}
    read = Reader(text.partition(" = ")[2].replace("²", "^2"), values).read()
    np.testing.assert_allclose(read, step.contributions[0].local, rtol=1e-6)


def test_a_power_in_a_rule_is_written_as_a_power():
    x = Symbol(np.float32(3.0), "x")
    made = [x**2, x**1.0, x**3, x**-1, 2.0 * (x * 1.0)]
    assert [written(e, Style()) for e in made] == ["x²", "x", "x^3", "x^(−1)", "2 · x"]


@pytest.mark.parametrize(
    "f, numbers",
    [
        (lambda x: -x, ["x̄ = −1"]),  # and not: −1 = −1
        (lambda x: tf.negative(-x), ["v̄1 = −1", "x̄ = −(−1) = 1"]),
        (lambda x: (0.0 - x) * -4.0, ["v̄1 = 1 · (−4) = −4", "x̄ = −(−4) = 4"]),
        (lambda x: tf.sin(x), ["x̄ = 1 · cos(−0.4) = 0.9211"]),
    ],
)
def test_signs_in_a_formula_with_numbers(f, numbers):
    x = tf.constant(-0.4)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert [explain.formula(step).with_numbers() for step in tape.walk(y, x)] == numbers


def test_formula_of_what_comes_in_twice():
    assert explain.formula(lambda x: x * x).text == "x̄ = z̄ · x + z̄ · x"


def test_formula_says_what_was_summed_over():
    w, b = numbers(4, 3), tf.Variable(np.zeros(3), name="bias")
    with tf.GradientTape() as tape:
        y = w + b
    (step,) = tape.walk(y, b)
    note = explain.formula(step, 1).note
    assert note == f"{explain.adjoint('bias')} is then summed over axis 0: (4, 3) -> (3,)"


def test_formula_of_a_custom_gradient_names_its_source():
    @tf.custom_gradient
    def bar(x, y):
        def grad(upstream):
            return upstream * y, upstream * x

        return x * y, grad

    a, b = tf.constant(2.0), tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        c = bar(a, b)
    formula = explain.formula(next(tape.walk(c, [a, b])))
    assert formula.text == "ā = grad(c\u0304)[0]\nb\u0304 = grad(c\u0304)[1]"
    assert "`return upstream * y, upstream * x`" in formula.note
    assert "test_explain.py, line" in formula.note


def test_formula_that_needs_a_record_says_so():
    with pytest.raises(ValueError, match="several operations"):
        explain.formula(tf.norm)
    with pytest.raises(ValueError, match="Record it"):
        explain.formula(tf.reshape)
    for op in (tf.where, tf.reduce_mean, tf.reduce_sum):
        with pytest.raises(ValueError, match=f"rule of {op.__name__} depends on shapes or arg"):
            explain.formula(op)
    assert explain.formula(tf.floor).text == "nothing flows back through floor"


# ------------------------------------------------------------------ names
def shown(tape):
    return list(explain.names(tape, sys._getframe(1)).values())


def test_names_come_from_the_assignment_and_the_frame():
    x, weight = tf.constant(3.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = tf.sin(x) * weight
        a, b = u + x, u - x  # noqa: F841
    assert shown(tape) == ["x", "weight", "v1", "u", "a", "b"]


def test_names_in_a_loop_are_numbered():
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        for _ in range(3):
            x = tf.sin(x)
    assert shown(tape) == ["x₀", "x₁", "x₂", "x₃"]


def test_counted_names_do_not_look_like_numbered_ones():
    v = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(v)
        for _ in range(2):
            v = tf.sin(v)
        y = tf.cos(tf.exp(v))  # noqa: F841
    assert shown(tape) == ["v₀", "v₁", "v₂", "t1", "y"]


def test_names_of_a_pass_through_several_ops_in_a_loop():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        for _ in range(2):
            n = tf.norm(x)
    named = [name for name in shown(tape) if not name.startswith("v")]
    assert named == ["x", "n₁", "n₂"]
    assert n is not None


def test_names_in_a_function_that_has_returned():
    def line(slope, at):
        product = slope * at
        return product + 1.0

    with tf.GradientTape() as tape:
        y = line(tf.Variable(2.0, name="m"), tf.constant(3.0))  # noqa: F841
    assert shown(tape) == ["m", "at", "product", "1", "y"]


def test_names_given_with_name_and_none_at_all():
    data = [tf.constant(1.0, name="first"), tf.constant(2.0)]
    with tf.GradientTape() as tape:
        tape.watch(data)
        assert (data[0] * data[1]) > 0.0
    assert shown(tape)[:2] == ["first", "v1"]


def test_operands_of_a_call_are_not_those_of_what_runs_inside():
    x = tf.constant([3.0, 4.0])

    def length(v):
        return tf.norm(v) * 2.0

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = length(x)
    assert shown(tape) == ["x", "v1", "v2", "v3", "2", "y"]
    with tf.GradientTape() as outer:
        outer.watch(y)
        with tf.GradientTape() as inner:
            inner.watch(y)
            z = y * y
        slope = inner.gradient(z, y)  # noqa: F841
    assert shown(outer)[:3] == ["y", "z", "v1"]
    assert shown(outer)[-1] == "slope"


def test_numbers_among_the_arguments_of_a_call():
    with tf.GradientTape() as tape:
        v = tf.Variable([0.5, 2.0])
        y = tf.reduce_sum(tf.clip_by_value(v, 0.0, 1.0), 0)  # noqa: F841
    assert shown(tape) == ["v", "0", "1", "t1", "y"]


def test_what_has_no_name_may_stay_without():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sin(x * x)  # noqa: F841
    assert list(explain.names(tape, unnamed="").values()) == ["x", "", "y"]


def test_adjoint_names():
    assert explain.adjoint("u₁") == "ū₁"
    assert explain.adjoint("loss") == "l\u0305o\u0305s\u0305s\u0305"
    assert explain.adjoint_latex("u₁₂") == r"\bar{u}_{12}"
    assert explain.adjoint_latex("my_loss") == r"\overline{\mathrm{my\_loss}}"


# ------------------------------------------------------------------ NaNs
def test_nan_born_forward():
    x = tf.constant([1.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        p = x / x
        y = tf.reduce_sum(p)
    found = explain.find_nan(tape, y)
    assert found.forward.op == "divide" and found.forward.place.text == "p = x / x"
    assert "gave nan for p at [1], from x = 0." in repr(found)


def test_nan_born_backward_behind_a_where():
    x = tf.constant([4.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        root = x**0.5
        y = tf.reduce_sum(tf.where(x > 0, root, 0.0))
    found = explain.find_nan(tape, y)
    assert found and found.forward is None and found.backward.op == "power"
    assert "`root = x**0.5`" in found.backward.what
    assert "x = 0, root = 0 at [1]: its derivative by x is inf, and 0 (upstream) times that is " \
        "nan." in found.backward.what  # fmt: skip


def test_a_where_behind_comes_too_late_and_the_answer_says_what_to_write():
    x = tf.constant([4.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.where(x > 0, 1.0 / x, 0.0))
    found = explain.find_nan(tape, y)
    assert "from x = 0." in found.forward.what  # and not: 1 = 1
    assert "`tf.where(ok, x, 1.0)` in place of x" in found.backward.what
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.where(x > 0, 1.0 / tf.where(x > 0, x, 1.0), 0.0))
    assert not explain.find_nan(tape, y)


def test_a_nan_that_only_comes_back_was_not_born_backward():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        v = x
        for _ in range(3):
            v = v / (v - 1.0) - 1.0
    found = explain.find_nan(tape, v)
    assert found.forward.op == "divide" and found.backward is None


def test_nan_of_what_has_no_single_numbers():
    x, w = tf.constant([[1e30, 1.0]]), tf.constant([[1e30], [1.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.matmul(x, w)
    assert "from x of shape (1, 2), w of shape (2, 1)." in repr(explain.find_nan(tape, y))


def test_nan_from_the_start_and_none_at_all():
    x = tf.constant([np.nan, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * 2.0
    assert explain.find_nan(tape, y).inputs == ["x"]
    z = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = tf.exp(z)
    assert not explain.find_nan(tape, y)
    assert repr(explain.find_nan(tape, y)) == "Every number is finite, forward and backward."
    assert tape.gradient(y, z) is not None


def test_an_infinity_that_is_meant_does_not_hide_where_nan_is_born():
    x, mask = tf.constant([1.0, 2.0]), tf.constant([-np.inf, -np.inf])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.softmax(x + mask)
    found = explain.find_nan(tape, y)
    assert found.inputs == ["mask"] and found.forward is None
    assert found.nan.op == "softmax" and found.nan.place.text == "y = tf.nn.softmax(x + mask)"
    assert "gave nan for y at [0], from v1 = -inf." in found
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.softmax(x + tf.constant([0.0, -np.inf]))
    found = explain.find_nan(tape, y)
    assert found.nan is None and found.backward is None


def test_an_infinity_and_the_nan_that_it_becomes():
    x = tf.constant(100.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.exp(x)
        z = y - y
    found = explain.find_nan(tape, z)
    assert found.forward.op == "exp" and found.nan.op == "subtract"


def test_a_nan_that_is_only_born_backward_behind_an_infinity_that_is_meant():
    x, far = tf.constant([4.0, 0.0]), tf.constant(np.inf)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.where(x < far, 1.0, x * far + x))
    found = explain.find_nan(tape, y)
    assert found.nan.op == "multiply"  # 0 times inf
    x = tf.constant([4.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.where(x < far, 1.0, x * far))
    found = explain.find_nan(tape, y)
    assert not (found.forward or found.nan) and found.backward.op == "multiply"


@pytest.mark.parametrize("value, says", [(np.inf, "holds NaN or infinity"), (1.0, "is finite")])
def test_nan_of_what_was_computed_outside_the_with(value, says):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * x
    y = u * value
    found = explain.find_nan(tape, y)
    assert f"y {says}, but was not recorded on this tape" in found
    assert bool(found) is (value == np.inf)


def test_a_nan_of_a_custom_gradient():
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)
        return x + 0.0, lambda upstream: upstream * (e / (1 + e))

    x = tf.constant([0.0, 100.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = log1pexp(x)
    found = explain.find_nan(tape, y)
    assert found.backward.op == "log1pexp"
    assert "gave nan" in found.backward.what


# ------------------------------------------------------------------ checks
def custom(grad_of):
    @tf.custom_gradient
    def bar(x, y):
        def grad(upstream):
            return grad_of(upstream, x, y)

        return x * y, grad

    return bar


@pytest.mark.parametrize(
    "grad_of, problem",
    [
        (lambda u, x, y: (y, x), "forgot `upstream`: for argument 0 and 1"),
        (lambda u, x, y: (u * y, x), "forgot `upstream`: for argument 1"),
        (lambda u, x, y: u * y, "expected to return 2 gradients, but returned 1"),
        (lambda u, x, y: (u * y, tf.reduce_sum(u * x)), "gives shape () for argument 1"),
        (lambda u, x, y: (u * u * y, u * x), "not linear in upstream for argument 0"),
        (lambda u, x, y: (tf.clip_by_value(u, -9.0, 9.0) * y, u * x), "not linear in upstream"),
        (lambda u, x, y: (u * y, 1.01 * u * x), "the gradient by argument 1"),
        (lambda u, x, y: (u * y, -u * x), "the gradient by argument 1"),
    ],
)
def test_check_of_a_wrong_custom_gradient(grad_of, problem):
    report = explain.check_gradients(custom(grad_of), [2.0, 5.0], [3.0, 8.0])
    assert not report and problem in repr(report)


def test_check_of_a_right_custom_gradient():
    bar = custom(lambda u, x, y: (u * y, u * x))
    report = explain.check_gradients(bar, [2.0, 5.0], [3.0, 8.0])
    assert repr(report) == (
        "bar: right (2 arguments, count, shapes and linearity of grad, first order, second order)"
    )


def test_check_sees_a_wrong_second_derivative():
    @tf.custom_gradient
    def cube(x):
        return x**3.0, lambda upstream: upstream * tf.stop_gradient(3.0 * x * x)

    assert explain.check_gradients(cube, 2.0, order=1)
    assert "second derivative by argument 0" in repr(explain.check_gradients(cube, 2.0))


def grad_of_one_result(x):
    return (x * 2.0, x + 1.0), lambda upstream: upstream * 2.0


@pytest.mark.parametrize(
    "f, at, says",
    [
        (tf.nn.relu, 0.0, "finite differences from 0 to 1: f has a kink or a jump there"),
        (lambda x: tf.nn.relu(tf.cast(x, tf.float32)), 0.0, "from 0 to 1: f has a kink or a jump"),
        (tf.abs, 0.0, "finite differences from -1 to 1: f has a kink or a jump there"),
        (lambda a: tf.abs(a - 1.0) * 1e-3, 1.0, "f has a kink or a jump there"),
        (tf.reduce_max, [2.0, 2.0], "f has a kink or a jump there"),
        (tf.sqrt, -1.0, "the function is nan at this point"),
        (tf.sqrt, 0.0, "f is not finite beside this point"),
        (tf.square, 3, "Write 3.0, not 3"),
        (lambda x: None, 3.0, "returns no floating tensor"),
        (lambda x: np.sin(x), 3.0, "nothing flows back through a NumPy function in `(lambda x:"),
        (lambda x: x * np.sin(x), 3.0, "flows back through a NumPy function in `(lambda x: x * np"),
        (lambda x: x * tf.random.normal([]), 3.0, "gives another value at each call"),
        (tf.custom_gradient(grad_of_one_result), 3.0, "each of the 2 results of grad_of_one"),
    ],
)
def test_check_says_why_it_is_wrong(f, at, says):
    report = explain.check_gradients(f, at)
    assert not report and says in report


def test_check_finds_a_rule_made_of_the_numbers_of_one_point():
    @tf.custom_gradient
    def cube(x):
        return x**3, lambda upstream: upstream * 12.0  # which is 3 * 2 ** 2

    assert "a little beside this point" in explain.check_gradients(cube, 2.0)


@pytest.mark.parametrize(
    "f, at", [(lambda x: 1.0 / x, 1e-4), (tf.math.log, 1e-3), (tf.exp, 30.0), (tf.square, 1e4)]
)
def test_check_of_what_bends_much(f, at):
    assert explain.check_gradients(f, at)

    @tf.custom_gradient
    def a_little_off(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        slope = tape.gradient(y, x)
        return y, lambda upstream: 1.01 * upstream * slope

    report = explain.check_gradients(a_little_off, at)
    assert not report and "kink" not in report


@pytest.mark.parametrize(
    "grad",
    [
        lambda x, u, v: v * 2.0 * x + u * tf.cos(x),  # swapped
        lambda x, u, v: u * 2.0 * x,  # one forgotten
    ],
)
def test_check_of_several_results(grad):
    @tf.custom_gradient
    def both(x):
        return (x * x, tf.sin(x)), lambda u, v: grad(x, u, v)

    assert "for a weighted sum of the results the rule" in explain.check_gradients(both, 0.7)


def test_check_of_gradients_that_are_swapped_where_the_arguments_are_equal():
    assert not explain.check_gradients(custom(lambda u, x, y: (u * x, u * y)), 2.0, 2.0)
    assert explain.check_gradients(custom(lambda u, x, y: (u * y, u * x)), 2.0, 2.0)


def test_check_prints_the_second_derivative_itself():
    @tf.custom_gradient
    def cube(x):
        return x**3.0, lambda upstream: upstream * tf.stop_gradient(3.0 * x) * x

    report = explain.check_gradients(cube, 2.0)
    assert "the second derivative by argument 0: the rule gives 6, finite differences 12" in report


def test_check_where_an_argument_is_not_finite():
    clean = lambda x: tf.where(tf.math.is_finite(x), x, 0.0) * 2.0  # noqa: E731
    for odd in (np.nan, np.inf):
        assert explain.check_gradients(clean, [1.0, odd], order=1)


def test_check_leaves_whole_numbers_and_switches_of_python_as_they_are():
    assert explain.check_gradients(lambda x, n: x**n, 2.0, 3)
    assert explain.check_gradients(lambda x, on: tf.sin(x) if on is True else x, 2.0, True)
    assert explain.check_gradients(lambda x, mode: tf.pad(x, [[1, 1]], mode), [2.0], "CONSTANT")


def test_check_of_a_rule_that_answers_in_float32():
    @tf.custom_gradient
    def first(x, y):
        return x * 2.0, lambda upstream: (upstream * 2.0, tf.zeros(()))

    assert explain.check_gradients(first, 2.0, 3.0)


def off_by(factor, f, x, **kwargs):
    """A report on f with a rule that is wrong by a factor."""

    @tf.custom_gradient
    def wrong(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        slope = tape.gradient(y, x)
        return y, lambda upstream: factor * upstream * slope

    return explain.check_gradients(wrong, x, **kwargs)


@pytest.mark.parametrize(
    "f, at",
    [
        (lambda x: x * 1e-6, 3.0),
        (lambda x: tf.reduce_mean(tf.square(x)), np.linspace(0.5, 1.0, 100_000)),
        (tf.square, 1e8),
        (tf.math.log, 1e-6),
        (tf.sin, 1e6),
        (lambda x: 1e6 * tf.square(x), 0.0),
        (lambda x: tf.square(tf.nn.relu(x)), 0.0),
        (lambda x: tf.cast(x, tf.float32) ** 3, 0.0),
        (lambda x: tf.reduce_sum(tf.square(x - 1.0)), [1.0, 1.0]),
    ],
)
def test_check_of_small_and_of_large_numbers(f, at):
    assert explain.check_gradients(f, at, order=1)
    if np.any(at):
        at = np.asarray(at) * 1.001  # away from a minimum, where all factors are the same
        assert "the rule gives" in off_by(-1.0, f, at, order=1)
        assert "kink" not in off_by(2.0, f, at, order=1)


@pytest.mark.parametrize("factor, right", [(1.0, True), (2.0, False)])
def test_check_of_the_gradient_of_a_variable(factor, right):
    w = tf.Variable(3.0, name="w")

    @tf.custom_gradient
    def scaled(x):
        def grad(upstream, variables=None):
            return upstream * w, [factor * upstream * x]

        return x * w, grad

    report = explain.check_gradients(scaled, 2.0, order=1)
    assert bool(report) is right and w.numpy() == 3.0
    assert right or "the gradient by variable w:0: the rule gives 4, finite" in report


def test_a_lambda_is_named_on_a_page_too():
    report = explain.check_gradients(lambda x: np.where(x < 3.0, x, 3.0), 2.0)
    assert report.startswith("<lambda>: wrong")
    shown = report._repr_markdown_()
    assert shown.startswith("\\<lambda>: wrong")  # without the backslash it would be a tag
    assert "lambda x: np.where(x < 3.0, x, 3.0), 2.0)`" in shown  # code is as it was


def test_check_of_what_casts_to_float32():
    weights = tf.constant([[0.3], [-0.7], [0.2]])
    assert explain.check_gradients(lambda x: tf.tanh(tf.cast(x, tf.float32) @ weights), np.eye(3))


def test_check_with_float32_inside_with_integers_and_with_structures():
    factor = tf.constant(2.0)
    assert explain.check_gradients(lambda x: factor * tf.exp(x), [0.2, 0.5])
    assert explain.check_gradients(lambda x, i: tf.gather(x, i), [0.2, 0.5], [0, 0, 1])
    assert explain.check_gradients(lambda x: {"a": tf.sin(x), "b": [x * x]}, [0.2, 0.5])
    assert not explain.check_gradients(lambda x: tf.stop_gradient(x) * x, 2.0)


def test_place_in_a_notebook_is_a_cell(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [
        "import autodiff_lesson as tf\nfrom autodiff_lesson import explain",
        "%precision 3\nx = tf.constant(3.0)\nwith tf.GradientTape() as tape:\n    y = x * x",
        "explain.why_none(tape, y, x)",
        "explain.names(tape)[id(y)], str(tape._records[0].place)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    sentence = notebook.cells[2].outputs[0]["data"]["text/plain"]
    assert "`y = x * x` (cell [2], line 4)" in sentence and "/" not in sentence
    assert notebook.cells[3].outputs[0]["data"]["text/plain"] == "('y', 'cell [2], line 4')"
