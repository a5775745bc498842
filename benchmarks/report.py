"""The figures as tables, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Figure, Missing, Value

_WIDTH_WITHOUT_TERMINAL = 150


class Report:
    """Prints each group as it is done, and remembers it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_WITHOUT_TERMINAL
        self._groups: dict[str, list[Figure]] = {}

    def machine(self, description: Mapping[str, str]) -> None:
        """What the figures hold for."""
        self._console.print(", ".join(f"{name}: {value}" for name, value in description.items()))
        self._console.print("Medians, with quartiles in brackets; a peer's value is followed by what it is of ours.")

    def group(self, name: str, figures: Sequence[Figure]) -> None:
        """A table of one group."""
        self._groups[name] = list(figures)
        if not figures:
            return
        peers = list(dict.fromkeys(peer for figure in figures for peer in figure.peers))
        table = Table(title=name, title_justify="left", title_style="bold", caption_justify="left")
        table.add_column("")
        for heading in ("wasm_interp", "target", "met"):
            table.add_column(heading, justify="left" if heading == "met" else "right")
        for peer in peers:
            table.add_column(peer, justify="right")
        for figure in figures:
            table.add_row(*_row(figure, peers))
        self._console.print()
        self._console.print(table)
        for note in [*_notes(figures), *_gaps(figures)]:
            self._console.print(f"[dim]{escape(note)}[/dim]")

    def failure(self, name: str, message: str) -> None:
        """A group that could not be finished."""
        self._console.print(f"[red]{escape(name)}: {escape(message)}[/red]")

    def contenders(self, versions: Mapping[str, Mapping[str, str] | Missing]) -> None:
        """Who took part, and who did not and why."""
        self._console.print()
        for name, found in versions.items():
            if isinstance(found, Missing):
                text = f"absent: {_last_line(found.reason)}"
            else:
                text = ", ".join(f"{package} {version}" for package, version in found.items())
            self._console.print(f"{name}: {escape(text)}")

    def write(
        self, path: Path, machine: Mapping[str, str], versions: Mapping[str, Mapping[str, str] | Missing]
    ) -> None:
        """Everything, as JSON."""
        everything = {
            "machine": dict(machine),
            "contenders": {
                name: asdict(found) if isinstance(found, Missing) else dict(found) for name, found in versions.items()
            },
            "groups": {name: [_as_json(figure) for figure in figures] for name, figures in self._groups.items()},
        }
        path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _notes(figures: Sequence[Figure]) -> list[str]:
    return [f"{figure.name}: {figure.note}" for figure in figures if figure.note]


def _gaps(figures: Sequence[Figure]) -> list[str]:
    """Which peers have no value, where, and why; each reason once."""
    names: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        for peer, value in figure.peers.items():
            if isinstance(value, Missing):
                names.setdefault((peer, _last_line(value.reason)), []).append(figure.name)
    return [f"no value for {peer} ({'; '.join(where)}): {reason}" for (peer, reason), where in names.items()]


def _last_line(reason: str) -> str:
    """Of a traceback, what matters."""
    return (reason.strip().splitlines() or ["no reason given"])[-1]


def _row(figure: Figure, peers: Sequence[str]) -> list[str]:
    value, target = figure.value, figure.target
    spread = f" [dim]({_number(value.low)} to {_number(value.high)})[/dim]" if value.count > 1 else ""
    shown = f"{_number(value.median)} {figure.unit}{spread}"
    met = "" if target is None else "[green]yes[/green]" if target.is_met(value) else "[red]no[/red]"
    return [
        escape(figure.name),
        shown,
        "" if target is None else f"{target} {figure.unit}",
        met,
        *(_peer(figure, figure.peers.get(peer)) for peer in peers),
    ]


def _peer(figure: Figure, value: Value | Missing | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Missing):
        return "none"
    times = f" [dim]{_number(value.median / figure.value.median)}×[/dim]" if figure.value.median > 0 else ""
    return f"{_number(value.median)}{times}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def _as_json(figure: Figure) -> dict[str, object]:
    target = figure.target
    return asdict(figure) | {
        "target": None if target is None else asdict(target) | {"met": target.is_met(figure.value)},
        "peers": {peer: asdict(value) for peer, value in figure.peers.items()},
    }
