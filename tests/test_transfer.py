"""What is learned here holds there: the lessons' cells, run on TensorFlow, print the same.

Every cell without the tag `ours` runs on TensorFlow with nothing changed but the import. Words must
be the same to the letter, numbers to one part in ten thousand. Pictures, logs and the words of
errors are not compared; the type of an error is.
"""

import ast
import contextlib
import json
import linecache
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.compare

LESSONS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("[0-9]*.ipynb"))
RELATIVE, ABSOLUTE = 1e-4, 1e-5
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)(?![\w])")


class OnTensorFlow(ast.NodeTransformer):
    """Change the import, and nothing else."""

    def visit_Import(self, node):
        for alias in node.names:
            alias.name = {"autodiff_lesson": "tensorflow"}.get(alias.name, alias.name)
        return node

    def visit_ImportFrom(self, node):
        if node.module != "autodiff_lesson":
            return node
        kept = {"keras": "tensorflow", "data": "autodiff_lesson"}  # data gives NumPy arrays
        names = [alias for alias in node.names if alias.name in kept]
        return [ast.ImportFrom(kept[alias.name], [alias], 0) for alias in names] or ast.Pass()


def run(source, namespace):
    """Run a cell: what it prints and shows at its end, and the type of its error or None."""
    tree = ast.fix_missing_locations(OnTensorFlow().visit(ast.parse(source)))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    filename = f"<cell {len(linecache.cache)}>"
    # where TensorFlow's AutoGraph looks for the text of an `if`, and where Jupyter puts it
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    shown, error = None, None
    with printed() as text:
        try:
            exec(compile(tree, filename, "exec"), namespace)
            if last:
                shown = eval(compile(ast.Expression(last.value), filename, "eval"), namespace)
        except Exception as raised:
            error = type(raised).__name__
    return text[0] + (repr(shown) if shown is not None and not error else ""), error


@contextlib.contextmanager
def printed():
    """What Python prints, and what C++ prints past it, as tf.print does; in a list, at the end."""
    text, before = [], os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            with (
                open(1, "w", encoding="utf-8", buffering=1, closefd=False) as lines,
                contextlib.redirect_stdout(lines),
            ):
                yield text
        finally:
            os.dup2(before, 1)
            os.close(before)
        file.seek(0)
        text.append(file.read().decode("utf-8"))


def recorded(cell):
    """The same of the committed cell; what is shown as a picture has no text to compare."""
    text, error = "", None
    for output in cell["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            text += "".join(output["text"])
        elif output["output_type"] == "execute_result":
            text += "".join(output["data"]["text/plain"])
        elif output["output_type"] == "error":
            error = output["ename"]
    return text, error


def agree(here, there):
    """Whether two texts have the same words, and numbers that are the same to the tolerance."""
    words = [NUMBER.sub(" # ", text).split() for text in (here, there)]
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (here, there)]
    return words[0] == words[1] and np.allclose(
        *numbers, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True
    )


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_prints_the_same_on_tensorflow(path):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["MPLBACKEND"] = "Agg"
    namespace, compared = {"__name__": "__main__"}, 0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code" or "ours" in cell["metadata"].get("tags", []):
            continue
        source = "".join(cell["source"])
        (here, error_here), (there, error_there) = recorded(cell), run(source, namespace)
        assert error_here == error_there, f"{source}\n{error_here} / {error_there}: {there}"
        assert agree(here, there), f"{source}\n--- here\n{here}\n--- TensorFlow\n{there}"
        compared += bool(here)
    assert compared >= 5


def test_the_comparison_sees_a_difference():
    assert agree("x = 1.00001 <tf.Tensor>", "x = 1.00002 <tf.Tensor>")
    assert agree("[ 6. 40.] nan", "[6. 40.0] nan") and not agree("[ 6. 40.]", "[ 6. 41.]")
    assert (
        not agree("x = 1.0", "y = 1.0") and not agree("1.0", "1.0 2.0") and not agree("inf", "nan")
    )
