from __future__ import annotations

import pytest
from wasm_interp_kernel import protocol


def test_a_frame_is_header_and_payload() -> None:
    assert protocol.frame(protocol.ERROR, "{}") == b"\xf7WI\x01\x02\x00\x02\x00\x00\x00{}"


def test_the_frame_that_ends_every_run() -> None:
    assert protocol.DONE_FRAME == b"\xf7WI\x01\x03\x00\x02\x00\x00\x00{}"


def test_text_results_are_ascii_json(host) -> None:
    protocol.send(protocol.text_result('é"\n\udc80', main=True) + protocol.DONE_FRAME)
    assert host.frames == [(1, {"data": {"text/plain": 'é"\n\udc80'}, "metadata": {}, "main": True}), (3, {})]
    assert len(host.calls) == 1


def test_json_of_what_json_can_hold() -> None:
    assert protocol.to_json({"a": [1, 2.5, None, True, "é"]}) == '{"a":[1,2.5,null,true,"\\u00e9"]}'
    assert protocol.from_json('{"a":[1,2.5,null]}') == {"a": [1, 2.5, None]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_json_refuses_what_it_cannot_hold(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        protocol.to_json(value)
