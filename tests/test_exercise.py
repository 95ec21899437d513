"""explain.check: right is right, and each kind of wrong gets its own hint."""

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import explain


def square(x):
    return x * x


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (..., "Not answered yet"),
        (None, "why_none"),
        ("six", "no number"),
        ([2.0, 4.0, 6.0], r"shape is (3,) where (2,)"),
        ([2.0, np.nan], "nan or inf"),
        ([-2.0, -4.0], "sign is wrong"),
        ([2.004, 3.996], "with all its digits"),
        ([2.0, 5.0], "1 of 2 numbers"),
        ([1.0, 2.0], "too small by a factor of 2"),
        ([6.0, 12.0], "too large by a factor of 3"),
        ([0.0, 0.0], "it is zero"),
        ([7.0, 5.0], "not right"),
    ],
)
def test_a_wrong_answer_is_told_how_it_is_wrong(answer, says):
    verdict = explain.check(answer, square, at=[1.0, 2.0])
    assert not verdict.right and says in verdict


@pytest.mark.parametrize("answer", [[2.0, 4.0], np.array([2.0, 4.00001]), tf.constant([2.0, 4.0])])
def test_a_right_answer_is_right(answer):
    assert explain.check(answer, square, at=[1.0, 2.0]).right
    assert explain.check(answer, [2, 4]).right


def test_a_wrong_answer_gets_the_hint_and_not_the_answer():
    verdict = explain.check(4.0, square, at=2.5, hint="Look again.")
    assert verdict.endswith("Look again.") and "5" not in verdict.replace("1.25", "")


def test_looking_records_nothing():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        explain.check(x, square, at=x)
    assert not tape._records
