"""What a user sees of the one-time work: compiling a guest, and making its template."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class Stage(Enum):
    """The slow steps, with what to tell of them."""

    COMPILE = "compiling the {language} guest (once per machine; a minute or two)"
    TEMPLATE = "warming up {language} and keeping its image (once per machine; about half a minute)"


@contextmanager
def working(stage: Stage, language: str) -> Iterator[None]:
    """Show a spinner and the time that went by, while the block runs, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = stage.value.format(language=language)
    columns = SpinnerColumn(), TextColumn("wasm_interp: {task.description}"), TimeElapsedColumn()
    start = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(text, total=None)
        yield
    print(f"wasm_interp: {text}: done in {time.monotonic() - start:.0f} s", file=sys.stderr)
