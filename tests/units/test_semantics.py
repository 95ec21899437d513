"""The statements of semantics.md, on this package and, where it is installed, on TensorFlow."""

import doctest
import os
import re
from pathlib import Path

import numpy as np
import pytest

import autodiff_lesson

TEXT = Path(__file__).with_name("semantics.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", TEXT, flags=re.M)[1:]}


def refused(function, *known_as, says=""):
    """Print the name of the error that ``function`` raises, and whether it uses these words."""
    try:
        function()
    except Exception as error:
        name = "one of several" if isinstance(error, known_as) else type(error).__name__
        print(name, "that says so" if says and says in str(error) else "")
    else:
        print("no error at all")


def run(tf, statement):
    """Sections build on those above them: run up to this one, and report only this one."""
    names = {"tf": tf, "np": np, "refused": refused}
    told = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    for title, section in SECTIONS.items():
        test = doctest.DocTestParser().get_doctest(section, names, title, "semantics.md", 0)
        told = []
        runner.run(test, out=told.append, clear_globs=False)
        names = test.globs
        if title == statement:
            break
    assert not told, "".join(told)


@pytest.mark.parametrize("statement", SECTIONS)
def test_statement(statement):
    run(autodiff_lesson, statement)


@pytest.mark.compare
@pytest.mark.parametrize("statement", SECTIONS)
def test_statement_holds_for_tensorflow(statement):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run(pytest.importorskip("tensorflow"), statement)
