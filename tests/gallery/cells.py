"""The gallery's cells, and what each is to show: the formats of its results, in order."""

from __future__ import annotations

from pathlib import Path

CELLS = Path(__file__).resolve().parents[2] / "examples" / "gallery" / "cells"
REFERENCES = Path(__file__).with_name("references")

FIGURE = "text png chart"
SHOWN = {
    "altair_chart": ["text html"],
    "animation": ["text html", FIGURE],
    "bars": [FIGURE],
    "box_plots": [FIGURE],
    "confusion_matrix": [FIGURE],
    "contours": [FIGURE],
    "distributions": [FIGURE],
    "formulae": ["text latex", "text latex", "text latex", "text", FIGURE, "text latex"],
    "heat_map": [FIGURE],
    "images": ["text png"],
    "multi_index": ["text html data"],
    "network": [FIGURE],
    "pair_plot": [FIGURE],
    "pandas_plots": [FIGURE, FIGURE],
    "pie": [FIGURE],
    "plotly_chart": ["text html"],
    "regression": [FIGURE, "text html"],
    "seaborn_mix": [FIGURE],
    "styled_table": ["text html"],
    "subplots": [FIGURE],
    "surface": [FIGURE],
    "time_series": [FIGURE],
}
PRINTED = {"confusion_matrix": "accuracy: 96.0%\n", "formulae": "[1/2 + sqrt(5)/2]\n"}


def source(name: str) -> str:
    """The text of a cell."""
    return (CELLS / f"{name}.py").read_text(encoding="utf-8")


def packages_of(text: str) -> list[str]:
    """What a cell's first line asks for: ``# packages: name==1.* other``."""
    first = text.partition("\n")[0]
    return first.removeprefix("# packages:").split() if first.startswith("# packages:") else []
