"""Run lessons from a clean start and keep their outputs, in a form that does not change by itself.

    python tests/refresh_notebooks.py                 all lessons
    python tests/refresh_notebooks.py 02 05           those whose name begins so

(with the Python of .venv). Besides the notebooks it writes notebooks/.sha256sums, by which
start.py knows an unmodified lesson from one that somebody changed.
"""

import hashlib
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SUMS = NOTEBOOKS / ".sha256sums"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_METADATA = {"tags", "slideshow", "jupyter", "editable", "deletable", "instructor"}


def refresh(path: Path) -> None:
    """Run one lesson and write it back."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.execute()
    normalise(notebook)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Take out what belongs to this run or this machine and not to the lesson."""
    language = notebook.metadata.get("language_info", {})
    language.pop("version", None)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": language})
    notebook.nbformat_minor = 5
    for cell in notebook.cells:
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [without_paths(line) for line in output.traceback]
            # A view of a widget names a model that is gone with its kernel. What else the
            # output holds (a picture, at least a text) is shown until the cell is run again.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def without_paths(text: str) -> str:
    """A traceback as it would look if the project were the current folder."""
    for folder, instead in [(ROOT, "."), (sys.prefix, ".venv"), (sys.base_prefix, "python")]:
        for name in {str(folder), re.sub(f"^{re.escape(str(Path.home()))}", "~", str(folder))}:
            text = text.replace(name, instead)
    return text


def write_sums(refreshed: list[Path]) -> None:
    """Note the hashes of the lessons just refreshed; leave out those that are gone."""
    lines = SUMS.read_text(encoding="utf-8").splitlines() if SUMS.exists() else []
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    sums |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in refreshed}
    kept = sorted(name for name in sums if (NOTEBOOKS / name).exists())
    text = "".join(f"{sums[name]}  {name}\n" for name in kept)
    SUMS.write_text(text, encoding="utf-8", newline="\n")


def main(beginnings: list[str]) -> None:
    lessons = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    chosen = [path for path in lessons if path.name.startswith(tuple(beginnings) or "")]
    if not chosen:
        sys.exit(f"No lesson in {NOTEBOOKS} has a name that begins with {beginnings}.")
    for path in chosen:
        print(path.name)
        refresh(path)
    write_sums(chosen)


if __name__ == "__main__":
    main(sys.argv[1:])
