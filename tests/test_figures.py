"""What figures cost and carry, through the public API."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from wasm_interp import AsyncSandbox, CodeContext, Sandbox, UsageError
from wasm_interp._core.engine import linker

PLOT = """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], label="a line")
plt.title("Title, $x^2$")
plt.legend()
plt.show()
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each WASI call is made from now on, by the name of its function."""
    counted: Counter[str] = Counter()
    dispatch = linker.dispatch

    def counting(function: Callable[..., Any], wasi: Any, arguments: tuple[Any, ...]) -> int:
        counted[function.__name__] += 1
        return dispatch(function, wasi, arguments)

    monkeypatch.setattr(linker, "dispatch", counting)
    return counted


def _check_few(calls: Counter[str]) -> None:
    """The time is for the garbage collector's statistics; mathtext asks for each formula whether its font exists."""
    assert set(calls) <= {"clock_time_get", "path_filestat_get"}
    assert calls["path_filestat_get"] <= 10


def test_a_plot_reads_nothing_from_the_host(context: CodeContext, calls: Counter[str]) -> None:
    assert context.run("open('/tmp/x', 'w').close()").error is None
    assert sum(calls.values()) > 0  # they are counted
    context.run(PLOT)
    calls.clear()
    assert [result.formats() for result in context.run(PLOT).results] == [["text", "png", "chart"]]
    _check_few(calls)


def test_the_first_plot_of_a_context_neither(context: CodeContext, calls: Counter[str]) -> None:
    context.run("1")
    calls.clear()
    context.run(PLOT)
    _check_few(calls)


def test_figure_formats_are_an_option_of_the_context(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(figure_formats=["svg", "pdf"])
    for _ in range(2):
        (result,) = context.run(PLOT).results
        assert result.formats() == ["text", "png", "svg", "pdf", "chart"]
        assert result.png_bytes is not None
        assert result.png_bytes.startswith(b"\x89PNG")
        assert "<svg" in (result.svg or "")
        assert base64.b64decode(result.pdf or "").startswith(b"%PDF")
    (result,) = sandbox.create_code_context().run(PLOT).results
    assert result.formats() == ["text", "png", "chart"]


def test_a_fork_keeps_its_figure_formats(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(figure_formats=["svg"])
    context.run("1")
    (result,) = context.fork().run(PLOT).results
    assert result.svg is not None


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (["jpeg"], r"^figures have no format 'jpeg'; choose of: png, svg, pdf$"),
        ([5], r"^figures have no format 5; choose of"),
        ("svg", r"^figure_formats must be a list of formats, not 'svg'$"),
    ],
)
def test_other_formats_are_refused(sandbox: Sandbox, formats: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sandbox.create_code_context(figure_formats=formats)
    assert sandbox.list_code_contexts() == []


def test_the_async_sandbox_has_the_option_too() -> None:
    async def svg() -> str | None:
        async with AsyncSandbox() as sandbox:
            context = await sandbox.create_code_context(figure_formats=["svg"])
            return (await sandbox.run_code(PLOT, context=context)).results[0].svg

    assert "<svg" in (asyncio.run(svg()) or "")
