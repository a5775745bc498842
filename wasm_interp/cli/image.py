"""``wasm-interp image build``, ``list`` and ``remove``: images of the user's own in the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wasm_interp._core.languages.registry import DEFAULT, language_of_file
from wasm_interp.cli.machine import make_ready
from wasm_interp.cli.terminal import exit_statuses, visible
from wasm_interp.errors import UsageError
from wasm_interp.images import DEFAULT_BUILD_TIMEOUT, Image, ImageInfo

_SHOWN_CHARACTERS = 60

image = typer.Typer(help="Images of your own: an interpreter after its setup, to start from.", no_args_is_help=True)


@image.command()
def build(
    setup: Annotated[str | None, typer.Argument(metavar="FILE", help="The program to run before it is kept.")] = None,
    code: Annotated[str | None, typer.Option("-c", metavar="CODE", help="The program itself.")] = None,
    language: Annotated[str | None, typer.Option("--language", "-l", metavar="NAME")] = None,
    packages: Annotated[list[str] | None, typer.Option("--package", metavar="REQUIREMENT")] = None,
    files: Annotated[
        list[str] | None, typer.Option("--file", metavar="HOST:PATH", help="Copy a file in first. Repeatable.")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS")] = DEFAULT_BUILD_TIMEOUT,
) -> None:
    """Build an image, or find it in the cache; prints its key, for Image.load(key)."""
    with exit_statuses():
        if setup is not None and code is not None:
            raise UsageError("name one program: a FILE or -c CODE")
        source = code or ("" if setup is None else Path(setup).read_text("utf-8"))
        known = DEFAULT if setup is None else language_of_file(Path(setup))
        chosen = language or known.name
        make_ready(chosen)
        supplied = dict(_placed(each) for each in files or [])
        with Image.build(chosen, setup=source, packages=packages or (), files=supplied, timeout=timeout) as built:
            print(built.key)


@image.command(name="list")
def show(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the images in the cache, the newest first."""
    with exit_statuses():
        found = Image.list()
        if as_json:
            print(json.dumps([_fields(info) for info in found], indent=2))
        for info in [] if as_json else found:
            source = visible(" ".join(info.setup.split()))[:_SHOWN_CHARACTERS]
            print(f"{info.key}  {info.language:<10}  {info.bytes / 1e6:8.1f} MB  {info.created_at:%Y-%m-%d}  {source}")


@image.command()
def remove(keys: Annotated[list[str], typer.Argument(metavar="KEY...")]) -> None:
    """Delete images from the cache."""
    with exit_statuses():
        for key in keys:
            Image.remove(key)


def _placed(file: str) -> tuple[str, Path]:
    host, colon, path = file.partition(":")
    if not host or (colon and not path):
        raise UsageError(f"--file takes HOST or HOST:PATH, not {file!r}")
    return path or Path(host).name, Path(host)


def _fields(info: ImageInfo) -> dict[str, object]:
    return {
        "key": info.key,
        "language": info.language,
        "setup": info.setup,
        "packages": info.packages,
        "created_at": info.created_at.isoformat(),
        "bytes": info.bytes,
    }
