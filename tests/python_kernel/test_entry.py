from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from wasm_interp_kernel import entry, session, sources


@pytest.fixture(autouse=True)
def _kernel(console, host, namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(entry, "session", session.Session(namespace))
    monkeypatch.setattr(sys, "displayhook", session.displayhook)
    yield
    for name in ("last_exc", "last_value", "last_type", "last_traceback"):
        vars(sys).pop(name, None)
    sources.forget_all()


def turn(**request: object) -> None:
    assert entry.turn(json.dumps(request).encode()) == (0, False)


def run(code: str, **more: object) -> None:
    turn(kind="run", code=code, count=1, **more)


def test_a_simple_cell_costs_one_call(host) -> None:
    run("1 + 1")
    assert host.calls == [[(1, {"data": {"text/plain": "2"}, "metadata": {}, "main": True}), (3, {})]]


def test_a_cell_without_value(host) -> None:
    run("x = 1")
    assert host.calls == [[(3, {})]]


def test_an_error(host) -> None:
    run("1 / 0")
    ((error, done),) = host.calls
    assert error[0] == 2
    assert error[1]["name"] == "ZeroDivisionError"
    assert done == (3, {})


def test_output_is_flushed_before_the_frames(host, console) -> None:
    run("print('text', end='')")
    assert console["stdout"].getvalue() == b"text"


@pytest.mark.parametrize("request_bytes", [b"", b"{", b"[]", b"\xff", b'{"kind":"none"}', b'{"kind":"run"}'])
def test_a_bad_request_is_an_error_and_ends(host, request_bytes: bytes) -> None:
    assert entry.turn(request_bytes) == (0, False)
    assert [kind for kind, _ in host.frames] == [2, 3]


def test_a_ping(host) -> None:
    turn(kind="ping")
    assert host.calls == [[(3, {})]]


def test_what_a_context_is_told_at_its_start(host, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(entry.environment, "start", lambda cwd, env: told.append((cwd, env)))
    monkeypatch.setattr(entry.entropy, "reseed", lambda seed, *, forked: told.append(seed))
    run("1", start={"cwd": "/w", "env": {"A": "b"}, "entropy": True})
    run("1", start={"cwd": "/w", "env": {}, "entropy": "00ff"})
    run("1", start={"cwd": "/w", "env": {}, "entropy": False})
    assert told == [None, ("/w", {"A": "b"}), "00ff", ("/w", {}), ("/w", {})]


@pytest.mark.parametrize("place", ["_from_json", "_settrace", "streams.repair", "entropy.reseed", "environment.start"])
def test_an_interrupt_before_the_programs_code_costs_the_context_nothing(
    host, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It comes once, in the first call of that function."""
    told: list[object] = []
    monkeypatch.setattr(entry.environment, "start", lambda cwd, env: told.append(cwd))
    monkeypatch.setattr(entry.entropy, "reseed", lambda seed, *, forked: None)
    owner, _, name = place.rpartition(".")
    holder = getattr(entry, owner) if owner else entry
    former, interrupts = getattr(holder, name), [KeyboardInterrupt]

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if interrupts:
            raise interrupts.pop()
        return former(*arguments, **options)

    monkeypatch.setattr(holder, name, interrupted)
    run("1", start={"cwd": "/w", "env": {}, "entropy": True})
    assert told == ["/w"]
    assert [kind for kind, _ in host.frames] == [2, 3]
    assert host.frames[0][1]["name"] == "KeyboardInterrupt"


def test_variables_of_one_run(host) -> None:
    run("import os; os.environ['KERNEL_TEST_RUN']", env={"KERNEL_TEST_RUN": "x"})
    run("'KERNEL_TEST_RUN' in os.environ")
    texts = [message["data"]["text/plain"] for kind, message in host.frames if kind == 1]
    assert texts == ["'x'", "False"]


def test_tracing_ends_with_the_cell(host) -> None:
    run("import sys; sys.setprofile(lambda *a: None)")
    assert sys.getprofile() is None


def test_a_recursion_limit_too_low_for_the_kernel_is_raised(host, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [20]
    monkeypatch.setattr(entry, "_getrecursionlimit", lambda: limits[-1])
    monkeypatch.setattr(entry, "_setrecursionlimit", limits.append)
    run("1")
    assert limits == [20, 300]


def test_builtins_broken_by_a_cell_do_not_reach_the_kernel(host) -> None:
    codes = ["import builtins; builtins.len = builtins.isinstance = builtins.type = None", "x = 1; [x]", "1 / 0"]
    requests = [json.dumps({"kind": "run", "code": code, "count": 1}).encode() for code in codes]
    saved = vars(builtins).copy()
    try:
        for request in requests:
            entry.turn(request)
    finally:
        vars(builtins).update(saved)
    assert [kind for kind, _ in host.frames] == [3, 1, 3, 2, 3]
    assert host.frames[3][1]["traceback"][-1] == "ZeroDivisionError: division by zero"
