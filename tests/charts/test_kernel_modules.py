"""The guest's chart modules import neither matplotlib nor anything else that a program might not have imported."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

KERNEL = Path(__file__).parents[2] / "runtimes" / "python" / "wasm_interp_kernel"
MODULES = sorted(KERNEL.glob("chart*.py"))


def test_there_are_modules() -> None:
    assert "charts.py" in {path.name for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_the_kernel_only(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"), feature_version=(3, 11))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names | {"wasm_interp_kernel"}
