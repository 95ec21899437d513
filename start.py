"""Set everything up, then open the lesson or run the tests.

    python3 start.py                    open JupyterLab on the first lesson
    python3 start.py lab [options]      the same, with options for `jupyter lab`
    python3 start.py test [options]     run all tests, with options for pytest

On Windows write `py start.py`. The set-up makes a folder .venv in the project and changes
nothing outside it: delete .venv, and it is undone.
"""

# Old Pythons must be able to read this file down to check_python, which tells them that they
# are too old. So: no f-strings, no annotations, nothing else that Python 2.7 cannot parse.
from __future__ import print_function

import sys

OLDEST = (3, 11)


def stop(problem, fix):
    """End with what went wrong and what to do about it."""
    sys.exit("\nstart.py: {}\n\n{}\n".format(problem, fix))


def check_python(version):
    if tuple(version[:2]) < OLDEST:
        stop(
            "this is Python {}.{}, and the lessons need {}.{} or newer.".format(
                version[0], version[1], OLDEST[0], OLDEST[1]
            ),
            "Install a newer Python (https://www.python.org/downloads, or your package manager),\n"
            "then start with it by name, for example:\n\n    python3.13 start.py\n\n"
            "and on Windows:\n\n    py -3.13 start.py",
        )


check_python(sys.version_info)

import collections  # noqa: E402
import contextlib  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import sysconfig  # noqa: E402

WINDOWS = os.name == "nt"
ROOT = pathlib.Path(os.path.abspath(__file__)).parent
VENV = ROOT / ".venv"
NOTES = VENV / "made-by-start.json"  # marks a .venv as ours, and remembers what is done
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
NOTEBOOKS = ROOT / "notebooks"
SUMS = NOTEBOOKS / ".sha256sums"  # written by tests/refresh_notebooks.py


def set_up():
    """Bring .venv up to date. Costs a moment, and needs no network, when it is."""
    notes = read_notes()
    if notes.get("python") != this_python() or not runs():
        make_venv()
        notes = {"python": this_python()}
        write_notes(notes)
    if notes.get("installed") != wanted():
        install()
        configure()
        notes["installed"] = wanted()
        write_notes(notes)


def read_notes():
    """What an earlier start did. A .venv that start.py did not make is left alone."""
    if not os.path.lexists(str(VENV)) or (VENV.is_dir() and not any(VENV.iterdir())):
        return {}
    try:
        notes = json.loads(NOTES.read_text(encoding="utf-8"))
        return notes if isinstance(notes, dict) else {}
    except ValueError:  # cut short while it was written: ours, and nothing known to be done
        return {}
    except OSError:
        stop(
            "there is a .venv here that start.py did not make, so it stays untouched:\n"
            "    {}".format(VENV),
            "Move it away and start again; a new one is made:\n\n"
            "    {} .venv old-venv\n\n"
            "Or keep it, and use it without start.py (with its Python):\n\n"
            "    python -m pip install -r requirements.txt\n"
            "    python -m jupyterlab notebooks".format("ren" if WINDOWS else "mv"),
        )


def write_notes(notes):
    VENV.mkdir(exist_ok=True)
    NOTES.write_text(json.dumps(notes, indent=1), encoding="utf-8")


def this_python():
    return "{} {}".format(sys.implementation.cache_tag, sysconfig.get_platform())


def runs():
    """Whether .venv's Python starts: on Windows it is there, but does not, once the Python that
    it was made with is gone. (-I: a variable like PYTHONHOME is no reason to make a new one.)"""
    try:
        return subprocess.call([str(PYTHON), "-I", "-c", ""], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def wanted():
    """A hash of all that an installation depends on: the two files, and where the project is."""
    content = hashlib.sha256(str(ROOT).encode("utf-8", "surrogateescape"))
    for name in ("requirements.txt", "pyproject.toml"):
        content.update((ROOT / name).read_bytes())
    return content.hexdigest()


def make_venv():
    try:
        import venv  # noqa: F401
    except ImportError:
        stop_without("venv")
    write_notes({})  # first of all, so that an interrupted start knows its own folder again
    for old in VENV.iterdir():
        if old != NOTES:
            shutil.rmtree(str(old)) if old.is_dir() and not old.is_symlink() else old.unlink()
    version = ".".join(str(part) for part in sys.version_info[:3])
    command = [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
    failure = run("Making .venv with Python {}".format(version), command)
    if failure:
        stop("the environment .venv could not be made. The last lines:\n\n" + failure, AGAIN)


def install():
    what = "Installing what the lessons need (once; about 700 MB)"
    if shutil.which("uv"):
        command = [shutil.which("uv"), "pip", "install", "--python", str(PYTHON)]
        # pip too: students type %pip install
        failure = run(what + " with uv", command + ["pip", "-r", "requirements.txt"])
        if not failure:
            return
        print("uv could not do it, pip will try. uv said:\n\n" + failure)
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        stop_without("ensurepip")
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    failure = run(
        "Putting pip into .venv", [str(PYTHON), "-m", "ensurepip", "--upgrade", "--default-pip"]
    ) or run(what + " with pip", command + ["--prefer-binary", "-r", "requirements.txt"])
    if failure:
        stop("pip could not install what the lessons need. Its last lines:\n\n" + failure, AGAIN)


AGAIN = """\
Most often the network, a proxy or a full disk is the reason (700 MB are needed). pip's own
settings (pip.conf, PIP_INDEX_URL, PIP_PROXY) are followed. If pip was building something, this
Python is newer than a package: start with an older one, for example `py -3.13 start.py` or
`python3.13 start.py`. Then start again: what is already done is kept."""


IN_USE = """\
Most often another program still uses .venv (a JupyterLab of an earlier start, an editor, a
virus scanner): close it, and start again. If nobody may write into this folder, move the
project to one of your own."""


def stop_without(module):
    stop(
        "this Python has no module {}, so it cannot make an environment.".format(module),
        "Debian and Ubuntu keep it in a package of its own:\n\n"
        "    sudo apt install python{}.{}-venv\n\n"
        "Elsewhere, install Python from https://www.python.org/downloads; then start again.".format(
            *sys.version_info[:2]
        ),
    )


def run(what, command):
    """Do one step of the set-up, showing its output on one line. Returns the last lines if it
    fails, None if it does not."""
    print(what + " ...")
    sys.stdout.flush()
    last = collections.deque(maxlen=15)
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=dict(os.environ, PYTHONIOENCODING="utf-8"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        for line in process.stdout:
            last.append("    " + line.rstrip())
            if sys.stdout.isatty():
                print("\r" + last[-1][:78].ljust(78), end="")
                sys.stdout.flush()
    if sys.stdout.isatty():
        print("\r" + " " * 78 + "\r", end="")
    return ("\n".join(last) or "    (it said nothing)") if process.returncode else None


def configure():
    """JupyterLab without its question about news, with its list of trusted notebooks in .venv."""
    news = {"fetchNews": "false", "checkForUpdates": False}
    files = {
        "share/jupyter/lab/settings/overrides.json": {
            "@jupyterlab/apputils-extension:notification": news
        },
        "etc/jupyter/jupyter_config.json": {
            "NotebookNotary": {
                "db_file": str(VENV / "share" / "jupyter" / "nbsignatures.db"),
                "secret_file": str(VENV / "share" / "jupyter" / "notebook_secret"),
            }
        },
    }
    for name, content in files.items():
        (VENV / name).parent.mkdir(parents=True, exist_ok=True)
        (VENV / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def trust():
    """Mark the lessons as trusted, as far as they are as shipped: without it Jupyter shows a
    notebook that came by download with its scripts, here the pictures that move, switched off."""
    notes, lessons = read_notes(), shipped()
    if lessons and notes.get("trusted") != lessons:
        command = [str(PYTHON), "-m", "nbformat.sign"]
        failure = run("Trusting the lessons", command + [str(NOTEBOOKS / name) for name in lessons])
        if failure:
            print("The pictures may not move before their cells are run. Jupyter said:\n" + failure)
            return
        notes["trusted"] = lessons
        write_notes(notes)


def shipped():
    """{name: hash} of the lessons that nobody has changed."""
    lines = SUMS.read_text(encoding="utf-8").splitlines() if SUMS.exists() else []
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    return {name: sums[name] for name in sorted(sums) if sha256(NOTEBOOKS / name) == sums[name]}


def sha256(path):
    """The hash of a text file, the same with the line ends of every system."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def lab(options):
    trust()
    lessons = sorted(path.name for path in NOTEBOOKS.glob("[0-9]*.ipynb"))
    if lessons and not any(option.endswith(".ipynb") for option in options):
        url = "/lab/tree/{}/{}".format(NOTEBOOKS.name, lessons[0])  # also in the printed addresses
        options = ["--LabApp.default_url=" + url] + options
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("You are root (in a container?), so JupyterLab is started with --allow-root.")
        options = options + ["--allow-root"]
    print("Starting JupyterLab. It runs until you press Ctrl-C here.")
    become([str(PYTHON), "-m", "jupyterlab", "--log-level=WARN"] + options)


def test(options):
    become([str(PYTHON), "-m", "pytest"] + options)


def become(command):
    """Go on as another program, in the project's folder, with .venv's programs found first."""
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", os.defpath)])
    os.environ["PATH"] = path
    os.chdir(str(ROOT))
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    process = subprocess.Popen(command)  # Windows cannot replace a program by another one
    while process.poll() is None:
        with contextlib.suppress(KeyboardInterrupt):  # it hears Ctrl-C too, and decides
            process.wait()
    sys.exit(process.returncode)


def main(arguments):
    commands = {"lab": lab, "test": test}
    name = arguments[0] if arguments else "lab"
    if name in ("-h", "--help", "help"):
        print(__doc__)
    elif name not in commands:
        stop("there is no command {!r}.".format(name), __doc__)
    else:
        sys.stdout.reconfigure(errors="replace")
        try:
            set_up()
            commands[name](arguments[1:])
        except KeyboardInterrupt:
            stop("stopped.", "Start again to go on: what is already done is kept.")
        except OSError as error:
            stop("a file could not be written, removed or run:\n    {}".format(error), IN_USE)


if __name__ == "__main__":
    main(sys.argv[1:])
