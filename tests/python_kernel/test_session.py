from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from wasm_interp_kernel import session as sessions
from wasm_interp_kernel.session import Session


@pytest.fixture
def session(namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(sys, "displayhook", sessions.displayhook)
    return Session(namespace)


@pytest.fixture
def values(session: Session, decode) -> Callable[..., list[str | None]]:
    def run(*cells: str) -> list[str | None]:
        frames = [decode(session.run(cell, f"<cell {number}>")) for number, cell in enumerate(cells, 1)]
        return [found[0][1]["data"]["text/plain"] if found else None for found in frames]

    return run


def test_values_and_names_persist(session: Session, values) -> None:
    assert values("x = 2", "x + 1", "x; x * 2;", "None") == [None, "3", None, None]


def test_underscores(session: Session, values) -> None:
    assert values("1", "2", "3", "(_, __, ___)", "_[0]") == ["1", "2", "3", "(3, 2, 1)", "3"]


def test_an_underscore_of_the_programs_is_left_alone(session: Session, values) -> None:
    assert values("1", "_ = 'mine'", "2", "_", "del _", "3", "_") == ["1", None, "2", "'mine'", None, "3", "3"]


def test_a_deleted_value_is_not_kept(session: Session, values) -> None:
    values("class C:\n    def __del__(self): gone.append(1)", "gone = []", "C()", "_ = None")
    assert session.namespace["gone"] == [1]


def test_a_displayhook_of_the_programs(session: Session, values) -> None:
    assert values("import sys; seen = []; sys.displayhook = seen.append", "5") == [None, None]
    assert session.namespace["seen"] == [5]


def test_cells_that_await(session: Session, values) -> None:
    assert values("import asyncio\nawait asyncio.sleep(0)", "await asyncio.sleep(0, 4)", "_") == [
        None,
        "4",
        "4",
    ]


def test_an_error_leaves_the_cell(session: Session, values) -> None:
    with pytest.raises(ZeroDivisionError):
        session.run("x = 1\n1 / 0\nx = 2", "<cell 1>")
    assert session.namespace["x"] == 1


def test_a_reset_leaves_what_every_module_has(session: Session, values) -> None:
    values("1", "2", "3", "from __future__ import annotations", "x = 1")
    session.reset()
    assert sorted(session.namespace) == ["__builtins__", "__name__"]
    assert values("7", "_") == ["7", "7"]
