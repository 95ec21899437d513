"""The lessons: they run from top to bottom and print what they say, and they are fit to compare.

nbval compares a cell only if it was committed with an execution count, and says nothing about
one that was not. So the second half of this file guards what the first half relies on.
"""

import ast
import builtins
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
TAGS = {"ours", "raises-exception", "exercise", "solution", "check", "nbval-ignore-output"}

# Cells whose output cannot be the same twice: {lesson: {cell id: why}}.
IGNORED: dict[str, dict[str, str]] = {}

# What a cell that runs on TensorFlow too may name, besides what such cells made before it.
# The data sets are NumPy arrays wherever they are used.
ELSEWHERE = {"tf", "keras", "np", "plt", "data", *dir(builtins)}
# What this package adds to what TensorFlow's objects have: of a tape, of a function.
OWN_ATTRIBUTES = {"walk", "records", "rules", "source", "traces"}

# Lines that make the rule of multiply wrong for the rest of a lesson.
WRONG_RULE = """

tf.multiply.rules = (lambda g, z, x, y: 1.01 * g * y, lambda g, z, x, y: 1.01 * g * x)"""

# An object's address; a home, temporary or drive folder; a temporary cell file.
NOT_THE_SAME_TWICE = re.compile(
    r"\b0x[0-9a-f]{6,}|/(home|root|Users|tmp|private|opt|usr)/|~/|\b[A-Z]:\\\\?\w|ipykernel_\d+"
)

lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def texts(output):
    """What nbval compares of an output, and what a reader sees of an error; no pictures."""
    yield from output.get("text", [])
    yield from output.get("traceback", [])
    yield output.get("evalue", "")
    for kind, data in output.get("data", {}).items():
        if kind in ("text/plain", "text/latex", "text/markdown"):
            yield "".join(data)


def run(path):
    """nbval's verdict on a notebook, in a process of its own: `-k` and `-n` never split cells."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["--nbval-sanitize-with", str(NOTEBOOKS.parent / "tests" / "nbval.ini")]
    command += ["-p", "no:cacheprovider", "--nbval-cell-timeout=120", "-rN", str(path)]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(
        command, cwd=NOTEBOOKS.parent, env=env, capture_output=True, encoding="utf-8", timeout=600
    )


@lessons
def test_a_lesson_prints_what_it_says(path):
    result = run(path)
    assert result.returncode == 0, f"{path.name}\n{result.stdout}\n{result.stderr}"
    assert re.search(r"^\d+ passed", result.stdout, re.M), result.stdout


@lessons
def test_a_wrong_rule_makes_a_lesson_fail(path, tmp_path):
    """A test of the test above: with one rule 1 % wrong, some printed gradient must differ."""
    notebook = read(path)
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    first["source"] = "".join(first["source"]) + WRONG_RULE
    changed = tmp_path / path.name
    changed.write_text(json.dumps(notebook), encoding="utf-8")
    result = run(changed)
    assert result.returncode == 1, f"{path.name}\n{result.stdout}\n{result.stderr}"
    assert re.search(r"^\d+ failed, \d+ passed", result.stdout, re.M), result.stdout


@lessons
def test_every_code_cell_was_run_in_order(path):
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run tests/refresh_notebooks.py"


@lessons
def test_outputs_were_kept(path):
    assert any(cell["outputs"] for cell in code_cells(path))


@lessons
def test_only_errors_meant_to_be_seen(path):
    for cell in code_cells(path):
        failed = any(output["output_type"] == "error" for output in cell["outputs"])
        tagged = "raises-exception" in cell["metadata"].get("tags", [])
        assert failed == tagged, f"cell {cell['execution_count']}: {''.join(cell['source'])}"


@lessons
def test_outputs_name_no_address_and_no_folder(path):
    for cell in code_cells(path):
        for output in cell["outputs"]:
            for text in texts(output):
                found = NOT_THE_SAME_TWICE.search(text)
                assert not found, f"cell {cell['execution_count']}: {found[0]!r} in {text!r}"


@lessons
def test_the_kernel_is_any_python3(path):
    metadata = read(path)["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["language_info"]["name"] == "python"
    assert set(metadata) == {"kernelspec", "language_info"}


@lessons
def test_cells_have_ids_of_their_own(path):
    notebook = read(path)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)


@lessons
def test_tags_are_known_and_nothing_escapes_the_comparison(path):
    ignored = set()
    for cell in read(path)["cells"]:
        tags = set(cell["metadata"].get("tags", []))
        assert tags <= TAGS, f"unknown tags {tags - TAGS} in cell {cell['id']}"
        if "nbval-ignore-output" in tags:
            ignored.add(cell["id"])
        magic = re.search(r"^\s*#\s*(NBVAL\w*|PYTEST_VALIDATE\w*)", "".join(cell["source"]), re.M)
        assert not magic, f"{magic[0]!r} in cell {cell['id']}: tags only, so that they are seen"
    assert ignored == set(IGNORED.get(path.name, {}))


@lessons
def test_start_knows_the_lesson_as_shipped(path):
    sums = (NOTEBOOKS / ".sha256sums").read_text(encoding="utf-8").splitlines()
    digest = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    assert f"{digest}  {path.name}" in sums, "run tests/refresh_notebooks.py"


@lessons
def test_a_lesson_has_the_size_of_a_lesson(path):
    cells = read(path)["cells"]
    prose = " ".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert 25 <= len(cells) <= 45
    assert 800 <= len(re.findall(r"\w+", prose)) <= 1500


@lessons
def test_code_cells_are_short(path):
    """Eight lines; twenty where a model is taught its own training step. Blank lines are free."""
    lengths = []
    for cell in code_cells(path):
        source = "".join(cell["source"])
        lengths.append(len([line for line in source.splitlines() if line.strip()]))
        most = (
            20 if re.search(r"def (train_step|bar|new_model)\b|bar\(x, y\)$", source, re.M) else 8
        )
        assert lengths[-1] <= most, source
    assert statistics.median(lengths) <= 6


@lessons
def test_no_code_cell_scrolls_sideways(path):
    """So many characters fit a cell of JupyterLab in a window of 800 pixels."""
    for cell in code_cells(path):
        assert max(map(len, "".join(cell["source"]).splitlines())) <= 78, "".join(cell["source"])


@lessons
def test_an_output_is_about_the_lesson(path):
    """An error shows the reader's own lines, not the package's; a plot says what it shows."""
    for cell in code_cells(path):
        for text in (text for output in cell["outputs"] for text in texts(output)):
            assert "autodiff_lesson" not in text, f"{text} in cell {cell['execution_count']}"
            assert "<Axes" not in text, f"{text} in cell {cell['execution_count']}"


@lessons
def test_the_teacher_finds_slides_and_minutes(path):
    cells = [cell["metadata"] for cell in read(path)["cells"]]
    kinds = [metadata["slideshow"]["slide_type"] for metadata in cells]
    assert kinds[0] == "slide" and kinds.count("slide") >= 5
    minutes = sum(metadata.get("instructor", {}).get("minutes", 0) for metadata in cells)
    assert f"**About {minutes} minutes.**" in "".join(read(path)["cells"][0]["source"])
    readme = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    assert f"({NOTEBOOKS.name}/{path.name}) | {minutes} |" in readme


@lessons
def test_exercises_have_a_check_and_a_folded_solution(path):
    waiting = 0
    for cell in code_cells(path):
        tags = set(cell["metadata"].get("tags", []))
        if "exercise" in tags:
            waiting += 1
        if "solution" in tags:
            waiting -= 1
            folded = {"source_hidden": True, "outputs_hidden": True}
            assert cell["metadata"]["jupyter"] == folded, "".join(cell["source"])
    assert waiting == 0
    assert 2 <= sum("check" in c["metadata"].get("tags", []) for c in code_cells(path)) <= 3


@lessons
def test_the_tag_ours_says_what_runs_on_tensorflow_too(path):
    """A cell without the tag names nothing of this package's own; one with it needs it."""
    own, shared = set(), set(ELSEWHERE)
    for cell in code_cells(path):
        source = "".join(cell["source"])
        tree = ast.parse(source)
        own |= imported_own(tree)
        loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and is_load(n)}
        attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        made = bound(tree)
        if "ours" in cell["metadata"].get("tags", []):
            strange = loaded & own | attributes & OWN_ATTRIBUTES | loaded - shared - made
            assert strange, f"needs no tag `ours`:\n{source}"
        else:
            shared |= made - own
            strange = loaded & own | attributes & OWN_ATTRIBUTES | loaded - shared
            assert not strange, f"{strange} needs the tag `ours`:\n{source}"


def is_load(name):
    return isinstance(name.ctx, ast.Load)


def imported_own(tree):
    """The names that stand for something that TensorFlow does not have."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autodiff_lesson")
        for alias in node.names
        if alias.name not in ("keras", "data")
        and not node.module.startswith("autodiff_lesson.keras")
    }


def bound(tree):
    """Every name that a cell makes: assigned, defined, imported, or an argument."""
    made = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not is_load(node):
            made.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
    return made
