"""Frames that a program forges and sends through its kernel's door: they change its own result, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.hostile.cells import error_of, run, stop_of
from wasm_interp import CodeContext, ExecutionResult, StateAfterStop, StopKind

SEND = """
import _host, json, struct
RESULT, ERROR, DONE, INPUT, CLEAR, UPDATE = range(1, 7)
def frame(kind, fields):
    data = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return struct.pack("<4sBxI", b"\\xf7WI\\x01", kind, len(data)) + data
def send(kind, fields): return _host.call(frame(kind, fields))
"""
REFUSED = {
    "not a number": "send(RESULT, {'data': {'application/json': float('nan')}})",
    "infinity": "send(RESULT, {'data': {'application/json': float('inf')}})",
    "a number that is infinite": 'send(RESULT, b\'{"data": {"application/json": 1e999}}\')',
    "digits without end": 'send(RESULT, b\'{"data": {"application/json": \' + b"9" * 10**5 + b"}}")',
    "lists in lists": 'send(RESULT, b\'{"data": {"application/json": \' + b"[" * 900 + b"]" * 900 + b"}}")',
    "objects in objects": 'send(RESULT, b\'{"data": {"a/b": \' + b\'{"a":\' * 900 + b"1" + b"}" * 900 + b"}}")',
    "millions of lists": 'send(RESULT, b\'{"data": {"a/b": [\' + b"[]," * 5_000_000 + b"0]}}")',
    "no object": "send(RESULT, 5)",
    "no text": "send(RESULT, b'\\xff\\xfe')",
    "nothing": "send(RESULT, b'')",
    "a mark that is none": "send(RESULT, {'data': {}, 'main': 5})",
    "an update of nothing": "send(UPDATE, {'data': {}})",
    "an error without a name": "send(ERROR, {'value': '', 'traceback': []})",
    "lines that are no text": "send(ERROR, {'name': '', 'value': '', 'traceback': [1]})",
    "an unknown kind": "send(255, {})",
    "a frame that ends early": "_host.call(frame(DONE, {})[:-1] + b'x' * 100)",
    "more than a frame may have": "send(RESULT, b' ' * ((16 << 20) + 1))",
    "more than the door may have": "_host.call(bytes((64 << 20) + 1))",
    "zeros": "_host.call(bytes(100))",
}
TAKEN = {
    "any types": "send(RESULT, {'data': {'text/plain': [1], 'image/png': {}, 'text/html': None, '': 0}})",
    "pictures that are none": "send(RESULT, {'data': {'image/png': '!', 'image/jpeg': '\\0', 'application/pdf': '='}})",
    "names of our own": "send(RESULT, {'data': {'__class__': 1, 'is_main_result': 2, 'extra': 3}})",
    "a chart that is none": "send(RESULT, {'data': {'application/vnd.wasm-interp.chart+json': {'type': 'line'}}})",
    "charts in charts": (
        "x = {'type': 'superchart', 'elements': []}\n"
        "for _ in range(100): x = {'type': 'superchart', 'title': None, 'elements': [x]}\n"
        "send(RESULT, {'data': {'application/vnd.wasm-interp.chart+json': x}})"
    ),
    "many types": "send(RESULT, {'data': {str(n): '' for n in range(10**5)}})",
    "a type with a long name": "send(RESULT, {'data': {'x' * 10**6: ''}})",
    "the deepest that may be": 'send(RESULT, b\'{"data": {"a/b": \' + b"[" * 254 + b"]" * 254 + b"}}")',
    "half a pair, deep": ('send(RESULT, b\'{"data": {"a/b": \' + b"[" * 250 + b\'"\\\\ud800"\' + b"]" * 250 + b"}}")'),
    "byte by byte": "[_host.call(bytes([each])) for each in frame(RESULT, {'data': {'text/plain': 'x'}})]",
    "subclasses of bytes": "class Own(bytes): pass\n_host.call(Own(frame(CLEAR, {})))",
    "views": "_host.call(memoryview(frame(CLEAR, {})))",
    "an answer to no question": "send(INPUT, {'prompt': 'x' * 10**6})",
    "clearing again and again": "for _ in range(1_000): _host.call(frame(CLEAR, {}) * 64)",
    "updates of what was never there": "for n in range(500): send(UPDATE, {'data': {}, 'display_id': str(n)})",
    "updates of one": (
        "send(RESULT, {'data': {}, 'metadata': {'display_id': 'a'}})\n"
        "for n in range(5_000): send(UPDATE, {'data': {'text/plain': str(n)}, 'display_id': 'a'})"
    ),
    "results without end": "for _ in range(300): _host.call(frame(RESULT, {'data': {}}) * 64)",
    "an end before the end": "send(DONE, {})",
}


def usable(result: ExecutionResult) -> dict[str, Any]:
    """All that a caller may do with a result, whatever the program put into it."""
    assert copy.deepcopy(result) == result
    assert repr(result)
    assert result._repr_mimebundle_()
    for each in result.results:
        assert str(each)
        assert each._repr_mimebundle_() is not None
        for name in set(each.formats()) - {"png", "jpeg", "pdf"}:
            each.content(name)
    parsed: dict[str, Any] = json.loads(result.to_json())
    return parsed


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_that_is_none_is_an_error_of_the_program(attacked: CodeContext, name: str) -> None:
    result = run(attacked, SEND + REFUSED[name])
    assert error_of(result) == ("OSError", "the host faulted while answering the door")
    assert (result.results, result.stopped) == ([], None)


@pytest.mark.parametrize("name", TAKEN)
def test_a_frame_that_is_one_gives_a_result_that_can_be_used(attacked: CodeContext, name: str) -> None:
    result = run(attacked, SEND + TAKEN[name] + ";")
    assert (result.error, result.stopped) == (None, None)
    assert usable(result)["executionCount"] == 2


def test_results_of_many_small_values_are_cut_by_what_they_take_of_the_host(attacked: CodeContext) -> None:
    """4 MiB of output may be kept; each of these frames is 2 MB, and 60 MB when it is read."""
    code = "x = b'{\"data\": {\"a/b\": [' + b'{\"\": 0}, ' * 200_000 + b'0]}}'\nfor _ in range(20): send(RESULT, x)"
    result = run(attacked, SEND + code)
    assert result.error is None
    assert (result.results, result.truncated) == ([], ("results",))


def test_an_end_before_the_end_hides_neither_what_comes_after_it_nor_a_stop(attacked: CodeContext) -> None:
    late = run(attacked, SEND + "send(DONE, {}); send(RESULT, {'data': {'text/plain': 'late'}}); 1 / 0")
    assert ([each.text for each in late.results], error_of(late)[0]) == (["late"], "ZeroDivisionError")
    looping = run(attacked, SEND + "send(DONE, {})\nwhile True: pass", timeout=0.1)
    assert stop_of(looping) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    leaving = run(attacked, SEND + "send(DONE, {})\nimport os; os._exit(0)")
    assert stop_of(leaving) == (StopKind.EXITED, StateAfterStop.ROLLED_BACK)


def test_a_question_without_anybody_to_ask_is_answered_with_the_end(attacked: CodeContext) -> None:
    result = run(attacked, SEND + "json.loads(send(INPUT, {'prompt': '?'}))['eof']")
    assert result.text == "True"


def test_a_status_without_bounds_is_that_of_a_process(attacked: CodeContext) -> None:
    for status, told in [(10**400, 0), (-1, 255), (True, 1), ("'text'", 1), ([], 1), (None, 0)]:
        fields = f"{{'name': 'SystemExit', 'value': '', 'traceback': [], 'exit_code': {status}}}"
        error = run(attacked, f"{SEND}send(ERROR, {fields});").error
        assert error is not None
        assert error.exit_code == told
