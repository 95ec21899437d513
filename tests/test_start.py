"""start.py: one command from a fresh machine to the lesson, and an error with its fix for what
can go wrong on the way. The set-ups here are real ones (an environment made, a wheel installed
by pip) of a tiny stand-in project, so they need no network and take about three seconds."""

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (ROOT / "start.py").read_text(encoding="utf-8")
LESSON = "01_what_the_tape_records.ipynb"
WHEEL = "stand_in-1.0-py3-none-any.whl"
JUPYTERLAB = ["-m", "jupyterlab", "--log-level=WARN"]
TELL = (
    "import json, os, sys\nprint(json.dumps([__name__, sys.argv[1:], os.getcwd(), sys.prefix]))\n"
)


def make_wheel(folder):
    """A wheel whose jupyterlab, pytest and nbformat.sign say how they were called."""
    files = {
        "jupyterlab/__main__.py": TELL,
        "pytest.py": TELL + "sys.exit(3)\n",
        "nbformat/sign.py": "",
        "stand_in-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: stand-in\nVersion: 1.0\n",
        "stand_in-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: none\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, "stand_in-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in (files | {"stand_in-1.0.dist-info/RECORD": record}).items():
            wheel.writestr(name, text)


@pytest.fixture
def project(tmp_path):
    """A stand-in project, in a folder with a space and with letters that are not ASCII."""
    folder = tmp_path / "my lessons 한글"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "start.py").write_text(SOURCE, encoding="utf-8")
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "requirements.txt").write_text(f"./{WHEEL}\n", encoding="utf-8")
    make_wheel(folder)
    return folder


@pytest.fixture
def start(project, monkeypatch):
    """The stand-in project's start.py as a module; no uv on the PATH."""
    spec = importlib.util.spec_from_file_location("start_under_test", project / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    return module


@pytest.fixture
def steps(start, monkeypatch):
    """The names of the steps that a set-up takes, without taking them."""
    taken = []
    for name in ("make_venv", "install", "configure"):
        monkeypatch.setattr(start, name, lambda name=name: taken.append(name))
    monkeypatch.setattr(start, "PYTHON", Path(sys.executable))
    return taken


@pytest.fixture
def commands(start, monkeypatch):
    """The commands that a set-up would run, and {program: last lines} of those that shall fail."""
    ran, failing = [], {}

    def run(what, command):
        ran.append(command)
        return failing.get(command[0])

    monkeypatch.setattr(start, "run", run)
    return ran, failing


def add_lesson(project, name=LESSON, text="a lesson\n", shipped="a lesson\n"):
    (project / "notebooks" / name).write_bytes(text.encode())
    with (project / "notebooks" / ".sha256sums").open("a", encoding="utf-8") as sums:
        sums.write(f"{hashlib.sha256(shipped.encode()).hexdigest()}  {name}\n")


def command_line(project, *arguments):
    """Runs start.py from another folder, with nothing but this machine to install from."""
    environment = os.environ | {"PIP_NO_INDEX": "1", "PATH": os.defpath, "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, str(project / "start.py"), *arguments],
        cwd=project.parent,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


# The whole way


def test_from_a_fresh_machine_to_the_lesson_and_to_the_tests(project):
    add_lesson(project)
    first = command_line(project, "lab", "--no-browser", "--port", "8899")
    assert first.returncode == 0, first.stderr
    for what in ("Making .venv", "Installing", "Trusting"):
        assert what in first.stdout
    name, options, folder, prefix = json.loads(first.stdout.splitlines()[-1])
    assert name == "__main__"
    assert options[:5] == [
        "--log-level=WARN",
        f"--LabApp.default_url=/lab/tree/notebooks/{LESSON}",
        *("--no-browser", "--port", "8899"),
    ]
    assert "token" not in first.stdout and "password" not in first.stdout
    assert Path(folder) == project
    assert Path(prefix) == project / ".venv"

    second = command_line(project, "test", "-k", "tape and not slow")
    assert second.returncode == 3  # the exit code is that of pytest
    assert json.loads(second.stdout)[1:3] == [["-k", "tape and not slow"], str(project)]


def test_pip_fails_with_its_last_lines_and_goes_on_where_it_was(project):
    (project / "requirements.txt").write_text("./no_such-1.0-py3-none-any.whl\n", encoding="utf-8")
    failed = command_line(project, "test")
    assert failed.returncode == 1
    assert "pip could not install" in failed.stderr
    assert "no_such-1.0-py3-none-any.whl" in failed.stderr  # pip's own words
    assert "network, a proxy or a full disk" in failed.stderr
    assert "Traceback" not in failed.stderr

    (project / "requirements.txt").write_text(f"./{WHEEL}\n", encoding="utf-8")
    mended = command_line(project, "test")
    assert mended.returncode == 3, mended.stderr
    assert "Making .venv" not in mended.stdout and "Installing" in mended.stdout


def status(address):
    """The answer of a server that says its address a moment before it listens there."""
    for _ in range(100):
        try:
            return urllib.request.urlopen(address, timeout=10).status
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except urllib.error.URLError:
            time.sleep(0.1)
    return None


@pytest.mark.slow
def test_jupyterlab_opens_on_the_first_lesson_and_asks_for_its_token():
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("needs the .venv of start.py: run `python3 start.py test`")
    command = [sys.executable, str(ROOT / "start.py"), "lab", "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = next(
            word for line in server.stdout for word in line.split() if word.startswith("http://")
        )
        assert f"/lab/tree/notebooks/{LESSON}?token=" in address
        contents = address.split("/lab/")[0] + "/api/contents"
        assert status(contents) == 403
        assert status(contents + "?" + address.split("?")[1]) == 200
    finally:
        server.terminate()
        server.communicate(timeout=30)


# Python too old


def test_python_too_old(start):
    with pytest.raises(SystemExit) as error:
        start.check_python((3, 10, 13, "final", 0))
    assert "this is Python 3.10, and the lessons need 3.11 or newer" in str(error.value)
    assert "python3.13 start.py" in str(error.value)
    assert "py -3.13 start.py" in str(error.value)
    start.check_python((3, 11, 0, "final", 0))


def test_an_old_python_is_told_before_anything_else_is_tried(project):
    pretend = "import runpy, sys; sys.version_info = (3, 6, 9); runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", pretend, str(project / "start.py")]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert result.returncode == 1
    assert "this is Python 3.6" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / ".venv").exists()


def test_an_old_python_can_read_the_file():
    """Python 2.7 parses all of it, and imports nothing that it lacks before the check."""
    tree = ast.parse(SOURCE)
    check = next(
        index
        for index, node in enumerate(tree.body)
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("check_python(")
    )
    imports = ast.Import | ast.ImportFrom
    early = [ast.unparse(node) for node in tree.body[:check] if isinstance(node, imports)]
    assert early == ["from __future__ import print_function", "import sys"]
    newer = ast.JoinedStr | ast.NamedExpr | ast.AnnAssign | ast.Nonlocal | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        assert not isinstance(node, newer | ast.YieldFrom | ast.Match), ast.unparse(node)
        if isinstance(node, ast.List | ast.Tuple):
            assert not any(isinstance(part, ast.Starred) for part in node.elts), ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.args, *node.args.posonlyargs]
            assert not node.args.kwonlyargs and not node.returns and not node.args.posonlyargs
            assert not any(argument.annotation for argument in every)
        if isinstance(node, ast.Raise):
            assert node.cause is None
    assert SOURCE.isascii()


# No venv module


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_without_the_modules_that_debian_keeps_apart(start, commands, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)  # an import of it now fails
    with pytest.raises(SystemExit) as error:
        start.set_up()
    assert f"no module {module}" in str(error.value)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install python{version}-venv" in str(error.value)
    monkeypatch.undo()
    start.read_notes()  # and what is there by now is known as its own


# A .venv that somebody else made


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_a_foreign_venv_is_never_touched(start, project, kind):
    venv = project / ".venv"
    if kind == "folder":
        venv.mkdir()
        (venv / "pyvenv.cfg").write_text("home = elsewhere\n")
    elif kind == "file":
        venv.write_text("mine\n")
    else:
        venv.symlink_to(project / "nowhere")
    with pytest.raises(SystemExit) as error:
        start.main(["test"])
    assert "a .venv here that start.py did not make" in str(error.value)
    assert "mv .venv old-venv" in str(error.value)
    assert "pip install -r requirements.txt" in str(error.value)
    if kind == "folder":
        assert [path.name for path in venv.iterdir()] == ["pyvenv.cfg"]
        assert (venv / "pyvenv.cfg").read_text() == "home = elsewhere\n"
    elif kind == "file":
        assert venv.read_text() == "mine\n"
    else:
        assert venv.is_symlink() and not (project / "nowhere").exists()


def test_an_empty_venv_is_nobodys(start, steps, project):
    (project / ".venv").mkdir()
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]


# The stamp


def test_a_second_start_has_nothing_to_do(start, steps):
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]
    steps.clear()
    start.set_up()
    assert steps == []


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_are_installed(start, steps, project, name):
    start.set_up()
    steps.clear()
    (project / name).write_text("# another\n", encoding="utf-8")
    start.set_up()
    assert steps == ["install", "configure"]


def test_a_project_that_moved_is_installed_from_its_new_place(start, steps, monkeypatch, tmp_path):
    start.set_up()
    steps.clear()
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(start.ROOT / name, tmp_path)
    monkeypatch.setattr(start, "ROOT", tmp_path)
    start.set_up()
    assert steps == ["install", "configure"]


def test_another_python_gets_another_venv(start, steps, monkeypatch):
    start.set_up()
    steps.clear()
    monkeypatch.setattr(start, "this_python", lambda: "cpython-399 amiga")
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]


def test_a_python_that_is_gone_is_replaced(start, steps, monkeypatch):
    start.set_up()
    steps.clear()
    monkeypatch.setattr(start, "PYTHON", start.VENV / "gone")
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]


def test_a_python_that_does_not_start_is_replaced(start, steps, monkeypatch):
    start.set_up()
    steps.clear()
    monkeypatch.setattr(start.subprocess, "call", lambda *args, **options: 103)  # as on Windows
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]


def test_a_failed_install_is_tried_again(start, steps, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(start, "install", lambda: sys.exit("no network"))
        with pytest.raises(SystemExit):
            start.set_up()
    start.set_up()
    assert steps == ["make_venv", "install", "configure"]


def test_an_own_venv_is_emptied_but_for_the_mark(start, commands, project):
    start.write_notes({"python": "old"})
    (start.VENV / "lib").mkdir()
    (start.VENV / "lib" / "old.py").write_text("")
    (start.VENV / "lib64").symlink_to(start.VENV / "lib")
    start.make_venv()
    assert list(start.VENV.iterdir()) == [start.NOTES]
    assert start.read_notes() == {}


def test_a_file_in_use_is_said_with_its_fix(start, monkeypatch):
    start.write_notes({"python": "old"})
    (start.VENV / "python.exe").mkdir()

    def in_use(path):
        raise PermissionError(13, "Access is denied", path)

    monkeypatch.setattr(start.shutil, "rmtree", in_use)
    with pytest.raises(SystemExit) as error:
        start.main(["test"])
    assert "Access is denied" in str(error.value) and "python.exe" in str(error.value)
    assert "another program still uses .venv" in str(error.value)
    assert start.read_notes() == {}  # still known as its own


def test_notes_cut_short_are_still_a_mark(start, project):
    start.write_notes({})
    start.NOTES.write_text('{"python": "cpy')
    assert start.read_notes() == {}


# uv


def test_uv_is_used_where_it_is(start, commands, monkeypatch):
    ran, _ = commands
    monkeypatch.setattr(start.shutil, "which", {"uv": "/bin/uv"}.get)
    start.install()
    assert [command[:3] for command in ran] == [["/bin/uv", "pip", "install"]]
    assert ran[0][-2:] == ["-r", "requirements.txt"]


def test_pip_helps_out_when_uv_fails(start, commands, monkeypatch, capsys):
    ran, failing = commands
    failing["/bin/uv"] = "    no such index"
    monkeypatch.setattr(start.shutil, "which", {"uv": "/bin/uv"}.get)
    start.install()
    assert [command[1:3] for command in ran[1:]] == [["-m", "ensurepip"], ["-m", "pip"]]
    assert "no such index" in capsys.readouterr().out


# Lessons and trust


def test_only_unmodified_lessons_are_as_shipped(start, project):
    assert start.shipped() == {}
    add_lesson(project)
    add_lesson(project, "02.ipynb", text="changed\n")
    add_lesson(project, "03.ipynb", text="a lesson\r\n")  # a checkout on Windows
    (project / "notebooks" / "mine.ipynb").write_text("{}")
    add_lesson(project, "04.ipynb")
    (project / "notebooks" / "04.ipynb").unlink()
    assert list(start.shipped()) == [LESSON, "03.ipynb"]


def test_lessons_are_trusted_once_and_again_when_new_ones_come(start, commands, project):
    ran, _ = commands
    start.write_notes({})
    start.trust()
    assert ran == []
    add_lesson(project)
    start.trust()
    start.trust()
    assert [command[1:] for command in ran] == [
        ["-m", "nbformat.sign", str(project / "notebooks" / LESSON)]
    ]
    add_lesson(project, "02.ipynb")
    start.trust()
    assert len(ran) == 2


def test_jupyter_trusts_the_lesson_and_keeps_it_in_the_venv(start, project, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    text = nbformat.writes(notebook)
    add_lesson(project, text=text, shipped=text)
    monkeypatch.setattr(start, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(start.VENV / "etc" / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(project / "home"))
    start.write_notes({})
    start.configure()
    start.trust()
    where = start.VENV / "share" / "jupyter"
    notary = NotebookNotary(
        db_file=str(where / "nbsignatures.db"), secret_file=str(where / "notebook_secret")
    )
    assert notary.check_signature(nbformat.reads(text, as_version=4))
    notebook.cells[0].source = "1 + 2"
    assert not notary.check_signature(notebook)
    assert not (project / "home" / "nbsignatures.db").exists()
    notary.store.close()


@pytest.fixture
def became(start, monkeypatch):
    """What `start.py lab` and `start.py test` hand over to."""
    handed = []
    monkeypatch.setattr(start, "become", lambda command: handed.extend(command[1:]))
    monkeypatch.setattr(start, "trust", lambda: None)
    monkeypatch.setattr(start.os, "geteuid", lambda: 1000, raising=False)
    return handed


def test_without_lesson_1_the_next_one_opens(start, became, project):
    add_lesson(project, "05_how_optimizers_walk.ipynb")
    add_lesson(project, "02_the_gradient_of_x_squared.ipynb")
    start.lab([])
    url = "/lab/tree/notebooks/02_the_gradient_of_x_squared.ipynb"
    assert became == [*JUPYTERLAB, f"--LabApp.default_url={url}"]


def test_without_any_lesson_jupyterlab_opens(start, became):
    start.lab(["--no-browser"])
    assert became == [*JUPYTERLAB, "--no-browser"]


def test_a_notebook_of_ones_choice_opens(start, became, project):
    add_lesson(project)
    start.lab(["notebooks/mine.ipynb"])
    assert became == [*JUPYTERLAB, "notebooks/mine.ipynb"]


def test_root_is_told_what_is_done_about_it(start, became, monkeypatch, capsys):
    monkeypatch.setattr(start.os, "geteuid", lambda: 0, raising=False)
    start.lab([])
    assert became == [*JUPYTERLAB, "--allow-root"]
    assert "--allow-root" in capsys.readouterr().out


# Words


@pytest.mark.parametrize("windows", [False, True])
def test_the_exit_code_is_that_of_the_program(project, windows):
    program = "import os, sys; print(os.getcwd()); sys.exit(7)"
    command = [sys.executable, "-c", program]
    code = f"import start; start.WINDOWS = {windows}; start.become({command})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.parent,
        env=os.environ | {"PYTHONPATH": str(project), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (result.returncode, result.stdout.strip()) == (7, str(project))


def test_an_unknown_command_shows_the_known_ones(start, project):
    with pytest.raises(SystemExit) as error:
        start.main(["tset"])
    assert "no command 'tset'" in str(error.value)
    assert "python3 start.py test" in str(error.value)
    assert not (project / ".venv").exists()


def test_help_sets_nothing_up(start, project, capsys):
    start.main(["--help"])
    assert "python3 start.py lab [options]" in capsys.readouterr().out
    assert not (project / ".venv").exists()


def test_an_interrupted_set_up_says_how_to_go_on(start, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "set_up", interrupt)
    monkeypatch.setattr(start.sys, "stdout", open(os.devnull, "w"))  # noqa: SIM115
    with pytest.raises(SystemExit, match="Start again to go on"):
        start.main([])
