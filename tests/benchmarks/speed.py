"""How fast it is: python tests/benchmarks/speed.py --peers --picture docs/speed.svg

Does the same work, forward and backward, in NumPy written by hand, in this package - eagerly and
as a `function` - and in those of TensorFlow, PyTorch, JAX, autograd and MyGrad that are installed.
Checks that all come to the same results, and prints processor times as ratios to NumPy's. What is
not such a ratio follows: memory, tracing, growth, imports.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version

import timing  # first: it sets numbers of threads

# isort: split
import costs
from networks import Convolution, LargeMLP, SmallMLP
from small import Bar, Chain, Hessian, Square
from training import Fit, Optimizers
from work import EAGER, FUNCTION, PEERS, Work, contenders

WORK: tuple[type[Work], ...] = (
    Square, Bar, Chain, SmallMLP, LargeMLP, Convolution, Fit, Optimizers, Hessian
)  # fmt: skip
PACKAGES = {
    "numpy": "NumPy",
    "tensorflow-cpu": "TensorFlow",
    "torch": "PyTorch",
    "jax": "JAX",
    "autograd": "autograd",
    "mygrad": "MyGrad",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", action="store_true", help="beside other packages, if installed")
    parser.add_argument("--picture", metavar="PATH", help="draw the ratios (.svg, .png, .pdf)")
    parser.add_argument("--only", default="", metavar="NAME", help="rows with this in their name")
    options = parser.parse_args()

    caption = versions(options.peers)
    print(caption, end="\n\n")
    columns = ("NumPy us", EAGER, "aim", FUNCTION, "aim", *(PEERS if options.peers else ()))
    print(f"{'work':39}" + "".join(f"{name:>12}" for name in columns))
    found = {}
    for kind in WORK:
        if options.only in kind.name:
            found[kind.name] = measure(kind, options.peers)
    if options.picture:
        from picture import draw

        draw(found, options.picture, caption)
    if not options.only:
        print()
        for line in costs.report(options.peers):
            print(line, flush=True)


def measure(kind: type[Work], peers: bool) -> dict[str, float]:
    """Print a row of the table; give the ratios, without NumPy's."""
    times = timing.compare(contenders(kind(), peers))
    microseconds, _ = times.pop("NumPy")
    ratios = {name: ratio for name, (_, ratio) in times.items()}
    row = [f"{microseconds:,.2f}"]
    for name, aim in zip((EAGER, FUNCTION), kind.aims):
        row += [number(ratios[name]), f"{aim or '-'}"]
    row += [number(ratios[name]) if name in ratios else "-" for name in PEERS if peers]
    print(f"{kind.name:39}" + "".join(f"{text:>12}" for text in row), flush=True)
    return ratios


def number(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def versions(peers: bool) -> str:
    found = [f"Python {platform.python_version()} ({platform.machine()}, one thread)"]
    for package, name in PACKAGES.items():
        if peers or package == "numpy":
            try:
                found.append(f"{name} {version(package)}")
            except PackageNotFoundError:
                continue
    return ", ".join(found)


if __name__ == "__main__":
    main()
