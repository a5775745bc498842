from __future__ import annotations

import io
import json
import os
import sys

import pytest
from wasm_interp_kernel import streams


def test_a_question_goes_out_after_its_prompt(host, console) -> None:
    host.replies.append(json.dumps({"text": "Ada"}).encode())
    assert streams.host_input("name? ") == "Ada"
    assert console["stdout"].getvalue() == b"name? "
    assert host.frames == [(4, {"prompt": "name? ", "password": False})]


def test_a_password(host, console) -> None:
    host.replies.append(json.dumps({"text": "s"}).encode())
    assert streams.host_getpass() == "s"
    assert host.frames == [(4, {"prompt": "Password: ", "password": True})]


def test_no_answer_is_end_of_file(host, console) -> None:
    host.replies.append(json.dumps({"eof": True, "message": "no on_input"}).encode())
    with pytest.raises(EOFError, match=r"^no on_input$"):
        streams.host_input()


def test_a_stdin_of_the_programs_is_read_as_python_does(host, console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    monkeypatch.setattr(streams, "_builtin_input", lambda prompt: sys.stdin.readline().strip())
    assert streams.host_input("? ") == "typed"
    assert host.frames == []


def test_repair_leaves_good_streams_alone(console) -> None:
    before = sys.stdout, sys.stderr, sys.stdin
    streams.repair()
    assert (sys.stdout, sys.stderr, sys.stdin) == before


def test_repair_replaces_a_closed_stream(console, monkeypatch: pytest.MonkeyPatch) -> None:
    made = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(streams, "_open_text", lambda fd: made)
    sys.stdout.close()
    streams.repair()
    assert sys.stdout is made is sys.__stdout__


def test_repair_keeps_a_replacement_of_the_programs(console) -> None:
    mine = sys.stdout = io.StringIO()
    streams.repair()
    assert sys.stdout is mine


def test_repair_brings_back_a_deleted_stream(console) -> None:
    del sys.stdout
    streams.repair()
    assert sys.stdout is streams.own.stdout


def test_flush_survives_a_stream_that_raises(console) -> None:
    class Bad:
        def flush(self) -> None:
            raise RuntimeError

    streams.own.stdout.write("text")
    sys.stdout = Bad()  # type: ignore[assignment]
    streams.flush()
    assert console["stdout"].getvalue() == b"text"


def test_streams_over_descriptors() -> None:
    read_end, write_end = os.pipe()
    try:
        stream = streams._open_text(write_end)
        stream.write("é\n\udc80\n")
        assert os.read(read_end, 100) == "é\n\\udc80\n".encode()
        stream.close()
        os.write(write_end, b"still open")
    finally:
        os.close(read_end)
        os.close(write_end)
