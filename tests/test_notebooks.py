"""The lessons: they run from top to bottom and print what they say, and they are fit to compare.

nbval compares a cell only if it was committed with an execution count, and says nothing about
one that was not. So the second half of this file guards what the first half relies on.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
TAGS = {"ours", "raises-exception", "exercise", "solution", "check", "nbval-ignore-output"}

# Cells whose output cannot be the same twice: {lesson: {cell id: why}}.
IGNORED: dict[str, dict[str, str]] = {}

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


@lessons
def test_a_lesson_prints_what_it_says(path):
    """In a process of its own, so that `-k` and `-n` choose lessons and never single cells."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", "--nbval-cell-timeout=120", "-rN", str(path)]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    result = subprocess.run(
        command, cwd=NOTEBOOKS.parent, env=env, capture_output=True, encoding="utf-8", timeout=600
    )
    assert result.returncode == 0, f"{path.name}\n{result.stdout}\n{result.stderr}"
    assert re.search(r"^\d+ passed", result.stdout, re.M), result.stdout


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
