"""Runs the cells of this gallery and writes all that they show into a folder.

    python examples/gallery/render.py [FOLDER] [NAME...]

The cells are as people write them, each in a context of its own; a first line ``# packages: ...`` names what the
cell needs beside what the sandbox has. Every format of every result becomes a file, and an index.html shows them.
"""

import sys
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

from wasm_interp import ExecutionResult, Sandbox

CELLS = Path(__file__).with_name("cells")
SUFFIXES = {"png": ".png", "svg": ".svg", "html": ".html", "latex": ".tex", "chart": ".chart.json"}


def packages_of(source: str) -> list[str]:
    """What the first line asks for."""
    first = source.partition("\n")[0]
    return first.removeprefix("# packages:").split() if first.startswith("# packages:") else []


def run_cells(names: list[str]) -> Iterator[tuple[str, ExecutionResult]]:
    """Each cell's name and what its run gave, in a sandbox of its own."""
    for path in sorted(CELLS.glob("*.py")):
        if names and path.stem not in names:
            continue
        source = path.read_text(encoding="utf-8")
        with Sandbox(packages=packages_of(source)) as sandbox:
            yield path.stem, sandbox.run_code(source)


def main() -> None:
    """Render the cells named on the command line, or all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery")
    folder.mkdir(parents=True, exist_ok=True)
    page = ["<!doctype html><meta charset=utf-8><title>Gallery</title>"]
    started = time.monotonic()
    for name, run in run_cells(sys.argv[2:]):
        for number, result in enumerate(run.results, 1):
            for format_name in SUFFIXES.keys() & result.formats():
                result.save(folder / f"{name}-{number}{SUFFIXES[format_name]}")
        page += [f"<h2>{escape(name)}</h2>", run._repr_mimebundle_()["text/html"]]
        shown = ", ".join("+".join(result.formats()) for result in run.results)
        print(f"{name}: {shown}" + (f" {run.error}" if run.error else "") + (f" [{run.stderr}]" if run.stderr else ""))
    (folder / "index.html").write_text("\n".join(page), encoding="utf-8")
    print(f"{folder / 'index.html'}, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
