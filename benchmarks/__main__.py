"""The command line of the benchmarks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import (
    checkpoints,
    contexts,
    displays,
    forks,
    functions,
    javascript,
    machine,
    parallel,
    stops,
    system_calls,
    throughput,
)
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.peers import environments
from benchmarks.report import Report

GROUPS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "contexts": contexts.measure,
    "throughput": throughput.measure,
    "system-calls": system_calls.measure,
    "parallel": parallel.measure,
    "stops": stops.measure,
    "checkpoints": checkpoints.measure,
    "forks": forks.measure,
    "functions": functions.measure,
    "displays": displays.measure,
    "javascript": javascript.measure,
}


def main(
    peers: Annotated[bool, typer.Option(help="Measure the peers too; the first time makes their environments.")] = True,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(GROUPS)}. Repeatable.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file too.")] = None,
    quick: Annotated[bool, typer.Option(help="Few samples of little work: do the programs run?")] = False,
    clean: Annotated[bool, typer.Option(help="Delete the peers' environments, and do nothing else.")] = False,
) -> None:
    """Figures of this machine, beside their targets and the same work elsewhere."""
    if clean:
        environments.remove_all()
        return
    chosen = _chosen(only)
    description = machine.describe()
    report = Report()
    report.machine(description)
    failed = False
    with Bench(quick=quick, has_peers=peers) as bench:
        for name in chosen:
            print(f"{name} ...", file=sys.stderr)
            failed |= not _run(report, name, bench)
        versions = bench.versions()
    report.contenders(versions)
    if json is not None:
        report.write(json, description, versions)
    if failed:
        raise typer.Exit(1)


def _chosen(only: list[str] | None) -> list[str]:
    unknown = [name for name in only or [] if name not in GROUPS]
    if unknown:
        raise typer.BadParameter(f"no group {unknown[0]!r}; there are {', '.join(GROUPS)}", param_hint="--only")
    return [name for name in GROUPS if not only or name in only]


def _run(report: Report, name: str, bench: Bench) -> bool:
    """Whether the group came to its end; what it had until then is reported all the same."""
    figures: list[Figure] = []
    failure = ""
    try:
        for figure in GROUPS[name](bench):
            print(f"  {figure.name}", file=sys.stderr)
            figures.append(figure)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    report.group(name, figures)
    if failure:
        report.failure(name, failure)
    return not failure


if __name__ == "__main__":
    typer.run(main)
