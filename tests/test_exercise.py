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
        (None, "this is None. If a tape gave it, `explain.why_none`"),
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


@pytest.mark.parametrize(
    ("answer", "expected", "says"),
    [
        (2, 3, "Not yet: too small."),
        (4, 3, "Not yet: too large."),
        (1001, 1000, "Not yet: too large."),
        (0, 3, "Not yet: too small."),
        (0.001, 0.0, "Not yet: too large."),
        (-0.001, 0.0, "Not yet: too small."),
        ([2, 4], [1, 2], "Not yet: too large."),
        ([0, 4], [1, 2], "Not yet: the numbers are not right."),
    ],
)
def test_a_factor_would_give_a_whole_number_away(answer, expected, says):
    assert explain.check(answer, expected) == says


def test_a_factor_is_told_of_measured_numbers():
    assert "too large by a factor of 2" in explain.check(0.5, 0.25)


@pytest.mark.parametrize("answer", [[1, ..., ...], [[1, 2], [3, ...]], (..., 1)])
def test_a_list_with_gaps_is_not_answered_yet(answer):
    assert explain.check(answer, [1, 2, 3]).startswith("Not answered yet")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([None, None], "2 of 2 numbers are None"),
        ([1, None, 4, 4], "1 of 4 numbers is None"),
        ([1, "six", 4, 4], "a str is no number"),
        ([[1, 2], [3]], "the rows of the list differ in length"),
    ],
)
def test_a_list_says_what_is_the_matter_with_it(answer, says):
    assert says in explain.check(answer, [1, 4, 4, 4])


def test_none_for_a_count_came_from_no_tape():
    assert explain.check(None, 3) == "Not yet: this is None, where a number is needed."
    assert "why_none" in explain.check(None, [3, 4])


def test_lists_of_lists_of_tensors_are_numbers():
    one, two = tf.constant(1.0), tf.constant(2.0)
    assert explain.check([[one, two], [two, one]], [[1, 2], [2, 1]]).right


@pytest.mark.parametrize("right", [True, np.True_, tf.constant(True), tf.constant(1.0) < 2.0])
def test_a_condition_holds_or_does_not(right):
    assert explain.check(right, True).right
    verdict = explain.check(right, False, hint="Height 0.35.")
    assert not verdict.right and verdict == "Not yet. Height 0.35."


@pytest.mark.parametrize("answer", [1.0, None, [True], "yes"])
def test_a_condition_is_true_or_false(answer):
    assert "neither True nor False" in explain.check(answer, True)


def test_looking_records_nothing():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        explain.check(x, square, at=x)
    assert not tape._records
