"""In a notebook, the traceback of an error shows the reader's lines and leaves out this package's.

TensorFlow filters its tracebacks too. All frames again: `get_ipython().set_custom_exc((), None)`.
"""

import os
from types import TracebackType
from typing import Any

from .errors import MEANT
from .lines import shell

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def install() -> None:
    """Ask IPython, if it is running, to shorten tracebacks from now on."""
    if (running := shell()) is not None:
        running.set_custom_exc((Exception,), shown)


def shown(
    running: Any, kind: type, error: Exception, traceback: TracebackType, **given: Any
) -> None:
    """Show an error without the frames of this package; those that it calls in turn stay."""
    frame: TracebackType | None = traceback
    while frame is not None:
        inner = frame.tb_next
        if inner is not None and inner.tb_frame.f_code.co_filename.startswith(HERE):
            frame.tb_next = inner.tb_next
        else:
            frame = inner
    # said here, since a __getattr__ would make every attribute of every tensor slower
    missing = error.name if isinstance(error, AttributeError) else None
    if missing in MEANT and type(getattr(error, "obj", None)).__name__ == "Tensor":
        error.add_note(f"What x.{missing} means elsewhere is {MEANT[missing]} here.")
    running.showtraceback((kind, error, traceback), **given)
