"""show.backward: step through a backward pass, in the notebook, with the kernel running or not."""

from __future__ import annotations

import functools
from typing import Any

from .drawing import data_url
from .hosting import module_of, new_key, page, show_both
from .picture import Picture

STILL = 20_000  # characters of the still picture at most


def backward(
    tape: Any,
    target: Any,
    sources: Any,
    output_gradients: Any = None,
    *,
    quiz: bool = False,
    step: int = 0,
    live: bool = False,
) -> Any:
    """Step through the backward pass of ``target``: line by line, record by record.

    Looking is free: the tape may be asked for its gradient before and after.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> show.backward(tape, y, x)
    <BackwardPass: 1 record, dy/dx = 6.0>

    Args:
        tape: a GradientTape that recorded how the target was made, in up to 20,000 records.
        target: a tensor, or a nest of them, as for `GradientTape.gradient`.
        sources: tensors or variables, or a nest of them.
        output_gradients: what to start with in place of ones.
        quiz: ask for each gradient before it is shown.
        step: the step to begin with; -1 is the last.
        live: return an ipywidgets widget, with the traits ``step`` and ``playing`` and a method
            ``show``; else something that needs no kernel once it is shown.

    Returns:
        What a notebook shows as a moving picture.
    """
    picture = Picture(tape, target, sources, output_gradients)
    if live:
        return _live_class()(picture, quiz=quiz, step=step)
    return BackwardPass(picture, quiz=quiz, step=step)


class BackwardPass:
    """A backward pass to step through; shown by being the last line of a cell."""

    def __init__(self, picture: Picture, quiz: bool = False, step: int = 0, key: str = ""):
        self.picture = picture
        self.quiz = quiz
        self.step = step
        self.key = key  # of the widget that this stands in for, until it is there

    def __repr__(self) -> str:
        return f"<BackwardPass: {self.picture.summary()}>"

    def _repr_html_(self) -> str:
        state = {"data": self.picture.data, "step": self.step, "quiz": self.quiz}
        if self.key:
            state["kernel"] = False
        return page(state, data_url(self.picture, STILL), self.picture.title, module(), self.key)


def module() -> str:
    """The text of the stepper's ES module, with its style sheet inside."""
    return module_of("graph.js", "words.js", "backward.js", "backward.css")


@functools.cache
def _live_class() -> type:
    """The widget's class, made when the first one is wanted: ipywidgets loads slowly."""
    import anywidget
    import traitlets

    class LiveBackwardPass(anywidget.AnyWidget):
        """A backward pass to step through beside other controls."""

        _esm = module()
        data = traitlets.Dict().tag(sync=True)
        step = traitlets.Int(0).tag(sync=True)
        playing = traitlets.Bool(False).tag(sync=True)
        quiz = traitlets.Bool(False).tag(sync=True)
        key = traitlets.Unicode().tag(sync=True)

        def __init__(self, picture: Picture, **traits: Any):
            self.picture = picture
            super().__init__(data=picture.data, key=new_key(), **traits)

        def show(self, tape: Any, target: Any, sources: Any, output_gradients: Any = None) -> None:
            """Show another recording in the same place, at the same step."""
            self.picture = Picture(tape, target, sources, output_gradients)
            self.data = self.picture.data

        def __repr__(self) -> str:
            return f"<BackwardPass: {self.picture.summary()}>"

        def _ipython_display_(self) -> None:
            show_both(
                self._repr_mimebundle_(),
                BackwardPass(self.picture, self.quiz, self.step, key=self.key),
            )

    return LiveBackwardPass
