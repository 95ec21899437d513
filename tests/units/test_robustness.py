"""What must not break: interrupted recordings, threads, long chains, freed tensors, the floors."""

import ast
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson.recorder import thread

PACKAGE = Path(tf.__file__).parent


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_a_with_leaves_no_tape_active(error):
    x = tf.constant(3.0)
    with pytest.raises(error), tf.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording(), tf.GradientTape():
            raise error
    assert thread.active == []


def test_an_error_inside_a_custom_gradient_leaves_the_tape_as_it_was():
    @tf.custom_gradient
    def broken(x):
        raise RuntimeError

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(RuntimeError):
            broken(x)
        assert thread.active == [tape]
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_a_tape_asked_for_its_gradient_inside_a_custom_gradient_stays_ended():
    x = tf.constant(3.0)
    tape = tf.GradientTape()

    @tf.custom_gradient
    def asks(x):
        assert tape.gradient(x * x, x) is None  # x is not watched: asking is what ends the tape
        return x * 1.0, lambda upstream: upstream

    with tape:
        asks(x)
        assert thread.active == []
    assert thread.active == []


def test_an_error_inside_a_backward_rule_leaves_the_outer_tape_recording():
    @tf.custom_gradient
    def broken(x):
        def grad(upstream):
            raise RuntimeError

        return x * 1.0, grad

    x = tf.constant(3.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = broken(x)
        with pytest.raises(RuntimeError):
            inner.gradient(y, x)
        z = x * x
    assert outer.gradient(z, x).numpy() == 6.0
    assert thread.active == []


def test_threads_do_not_see_each_other():
    x = tf.constant(2.0)
    both_inside = threading.Barrier(2, timeout=10)
    found = {}

    def work(power):
        with tf.GradientTape() as tape:
            tape.watch(x)
            both_inside.wait()
            y = x**power
            both_inside.wait()
        found[power] = (len(tape.records), tape.gradient(y, x).numpy())

    workers = [threading.Thread(target=work, args=(power,)) for power in (2.0, 3.0)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == {2.0: (1, 4.0), 3.0: (1, 12.0)}


def test_100_000_operations_in_a_chain():
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(100_000):
            y = y + x
    assert tape.gradient(y, x).numpy() == 100_001.0


def test_watching_a_temporary_watches_nothing_else():
    with tf.GradientTape(persistent=True) as tape:
        for _ in range(1000):
            tape.watch(tf.constant(1.0))
            gc.collect(0)
            x = tf.constant(2.0)
            assert tape.gradient(x * x, x) is None
            del x


def test_looking_is_free():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    before = list(tape.walk(y, x))
    assert tape.gradient(y, x).numpy() == 6.0
    after = list(tape.walk(y, x))
    assert [c.value for s in before for c in s.contributions] == [3.0, 3.0]
    assert [c.adjoint for s in after for c in s.contributions] == [3.0, 6.0]


def test_what_numpy_hands_out_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        tf.constant([1.0, 2.0]).numpy()[0] = 5.0
    source = np.array([1.0, 2.0])
    t = tf.constant(source)
    source[0] = 9.0
    assert t.numpy()[0] == 1.0


# ---------------------------------------------------------------------------------- the floors
FLOORS = {
    name: floor
    for floor, names in enumerate(
        [
            ["errors", "dtypes", "nest", "lines", "tracebacks"],
            ["recorder"],
            ["tensor"],
            ["values"],
            ["arguments"],
            ["primitive", "lifted"],
            ["ops", "math", "nn", "linalg", "random"],
            ["variable"],
            ["backward", "jacobian"],
            ["tape", "custom_gradient", "function", "printing", "config"],
            ["explain"],
            ["keras"],
            ["show"],
        ]
    )
    for name in names
}
BESIDE_ALL = {"data"}


def imports(path):
    """(the part of this package, or the other package, that is imported; whether at the top)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = path.relative_to(PACKAGE).parts[:-1]
    top = {id(node) for node in tree.body}
    only_for_types = {
        id(inner)
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in only_for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            if not node.level:
                yield node.module, id(node) in top, False
                continue
            base = list(inside[: len(inside) - node.level + 1])
            full = base + (node.module.split(".") if node.module else [])
            for name in [full[0]] if full else [alias.name for alias in node.names]:
                yield name, id(node) in top, True
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top, False


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_floor_imports_only_floors_below_it(path):
    name = path.relative_to(PACKAGE).as_posix()
    part = name.partition("/")[0].removesuffix(".py")
    if part in BESIDE_ALL:
        return
    assert part in FLOORS, f"say on which floor {part} stands"
    for imported, _, ours in imports(path):
        if ours and imported not in BESIDE_ALL:
            assert FLOORS[imported] <= FLOORS[part], f"{name} imports {imported}, a floor above it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_the_engine_and_keras_import_numpy_and_the_standard_library_alone(path):
    if path.relative_to(PACKAGE).parts[0] == "show":
        return
    for imported, at_the_top, ours in imports(path):
        root = imported.split(".")[0]
        allowed = root in sys.stdlib_module_names or root in ("numpy", "autodiff_lesson")
        assert ours or allowed or not at_the_top, imported


def test_infinities_are_silent():
    program = (
        "import autodiff_lesson as tf;"
        "x = tf.constant(0.0);"
        "tape = tf.GradientTape(persistent=True).__enter__(); tape.watch(x);"
        "print(tape.gradient(tf.sqrt(x), x).numpy(), tf.math.log(x).numpy())"
    )
    done = run_python(program)
    assert (done.stdout.strip(), done.stderr) == ("inf -inf", "")


def run_python(program):
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )


def test_importing_loads_nothing_heavy():
    program = (
        "import sys, numpy; known = set(sys.modules);"
        "import autodiff_lesson; engine = set(sys.modules) - known;"
        "import autodiff_lesson.keras;"
        "slow = {'numpy.random', 'logging', 'pathlib', 'dataclasses', 'asyncio'};"
        "heavy = {'matplotlib', 'ipywidgets', 'IPython', 'anywidget', 'tqdm', 'grandalf'};"
        "print(sorted(slow & engine), sorted(heavy & set(sys.modules)))"
    )
    assert run_python(program).stdout.strip() == "[] []"
