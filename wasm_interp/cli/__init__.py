"""The command line: ``wasm-interp run``, ``repl``, ``image``, ``setup`` and ``info``.

Rule: ``import wasm_interp`` does not import this. Rule: a mistake of the user's is one line on stderr, no traceback.
Exit status: what the program gave to ``sys.exit``; 1 for an error of the program, 2 for misuse, 130 after Ctrl-C.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wasm_interp.cli.image import image
from wasm_interp.cli.machine import set_up, show_info
from wasm_interp.cli.program import read_program, run_program
from wasm_interp.cli.shell import Shell
from wasm_interp.cli.supplies import Supplies, limits_with, parse_environment
from wasm_interp.cli.terminal import exit_statuses, tolerate_any_text
from wasm_interp.sandbox import DEFAULT_TIMEOUT

app = typer.Typer(
    help="Run untrusted code in WebAssembly: no access to this machine's files, network or environment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(image, name="image")

_File = Annotated[
    list[str] | None,
    typer.Option(
        "--file", metavar="HOST[:PATH]", help="Copy a file or folder in, to /workspace or to PATH. Repeatable."
    ),
]
_Environment = Annotated[
    list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="Set an environment variable. Repeatable.")
]
_Memory = Annotated[int | None, typer.Option(metavar="MIB", help="Memory of the program, in MiB.", min=1)]
_Packages = Annotated[
    list[str] | None,
    typer.Option("--package", metavar="NAME", help="Add a pure-Python package, like humanize or humanize==4.*."),
]
_LANGUAGE = typer.Option("--language", "-l", metavar="NAME", help="What the code is written in.")


@app.command()
def run(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A program; - reads it from stdin.")] = None,
    code: Annotated[str | None, typer.Option("-c", metavar="CODE", help="The program itself.")] = None,
    language: Annotated[str | None, _LANGUAGE] = None,
    files: _File = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Copy out what the program wrote to /workspace, and its rich results."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop the program after that long; inf for never.")
    ] = DEFAULT_TIMEOUT,
    env: _Environment = None,
    memory: _Memory = None,
    packages: _Packages = None,
) -> None:
    """Run a program. Its output streams through; the value of its last expression is printed last."""
    tolerate_any_text()
    with exit_statuses():
        program = read_program(file, code, language)
        limits = limits_with(memory)
        supplies = Supplies(files or [], parse_environment(env or []), limits, tuple(packages or ()))
        raise typer.Exit(run_program(program, supplies, output, timeout))


@app.command()
def repl(
    language: Annotated[str, _LANGUAGE] = "python",
    files: _File = None,
    env: _Environment = None,
    memory: _Memory = None,
    packages: _Packages = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pictures there, not to a temporary folder.")
    ] = None,
) -> None:
    """Type code and see its results. Ctrl-C stops a cell and keeps the session; Ctrl-D leaves."""
    tolerate_any_text()
    with exit_statuses():
        limits = limits_with(memory)
        supplies = Supplies(files or [], parse_environment(env or []), limits, tuple(packages or ()))
        with Shell.open(language, supplies, output) as shell:
            raise typer.Exit(shell.loop())


@app.command()
def setup(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless it fails.")] = False,
) -> None:
    """Do the one-time work ahead of time: compile the guests and keep their warmed-up images."""
    with exit_statuses():
        set_up(quiet=quiet)


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show versions, the cache, default limits and the packages inside."""
    with exit_statuses():
        show_info(as_json=as_json)
