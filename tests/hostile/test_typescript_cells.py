"""TypeScript that means harm to the transpiler. After each: the host lives, and the next cell gets an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from wasm_interp import CodeContext, ExecutionResult, Limits, Sandbox
from wasm_interp._core.languages import esbuild
from wasm_interp._core.languages.base import Patience
from wasm_interp._core.languages.esbuild_packets import PacketError, decode_packet, encode_packet, split_packets

MIB = 1 << 20
GENEROUS_SECONDS = 30.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """After the test, whatever it did, another context and another sandbox work as before."""
    with Sandbox(limits=Limits(memory_bytes=128 * MIB)) as made:
        yield made
        assert made.create_code_context("typescript").run("1 as number + 1").text == "2"
    with Sandbox() as other:
        assert other.run_code("1 as number + 1", language="typescript").text == "2"


@pytest.fixture
def context(sandbox: Sandbox) -> Iterator[CodeContext]:
    """After the test it works itself, with what it had before."""
    made = sandbox.create_code_context("typescript")
    made.run("var kept: number[] = [1, 2]")
    yield made
    assert made.run("1 + 1").text == "2"
    assert made.run("kept satisfies number[]").text == "[ 1, 2 ]"


def outcome_of(result: ExecutionResult) -> str:
    assert result.stopped is None, result.stopped
    json.loads(result.to_json())
    return result.error.name if result.error else str(result.text)


# Sources that are too much for it


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "[" * 1_000_000,
        "{a:" * 100_000,
        "type A = " + "{a:" * 100_000,
        "type A = " + "(" * 100_000,
        "a?" * 50_000 + "1" + ":2" * 50_000,
        "!" * 1_000_000 + "1",
        "`${" * 100_000,
        "namespace N {" * 50_000,
        "class A { m() {" * 50_000,
        "if (1) " * 100_000,
        "<a>" * 100_000,
        "x => " * 100_000 + "1",
        "let x: " + "A<" * 50_000,
    ],
)
def test_source_that_is_nested_without_end_is_refused(context: CodeContext, source: str) -> None:
    result = context.run(source, timeout=GENEROUS_SECONDS)
    assert outcome_of(result) in ("TranspilerFailed", "SyntaxError", "RangeError")


@pytest.mark.parametrize(
    "source",
    [
        "a<" * 12_000,  # each may begin type arguments
        "const a: number = 1;" * 3_000_000,
        "let x = " + "f<" * 2_000 + "a" + ">(1)" * 2_000,
    ],
)
def test_source_that_keeps_it_busy_ends_with_the_timeout(context: CodeContext, source: str) -> None:
    result = context.run(source, timeout=0.5)
    assert result.error is not None
    assert result.error.name in ("TimeoutError", "SyntaxError", "TranspilerFailed")
    assert result.execution_count == 2


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("type T = " + " | ".join(f"'{n}'" for n in range(50_000)) + "; 5", "5"),
        ("interface I {" + "".join(f"p{n}: I['p{n}'];" for n in range(20_000)) + "}; 5", "5"),
        (
            "type R<T> = T extends [infer A, ...infer B] ? R<B> : never; type Q = R<" + "[" * 500 + "]" * 500 + ">; 5",
            "5",
        ),
        ("enum E {" + ",".join(f"A{n}" for n in range(5_000)) + "}; E.A4999", "4999"),
        ("const enum E { A = 1 << 30, B = A | 1, C = 'x'.length }; E.B", "1073741825"),
        ("declare global { interface Array<T> { x: T } }; 5", "5"),
        ("function f(" + ",".join(f"a{n}?: number" for n in range(2_000)) + "): void {}; f.length", "2000"),
        ("class C<" + ",".join(f"T{n} extends {{}}" for n in range(2_000)) + "> {}; new C()", "C {}"),
        ("let a: any = 1; " + "a as any as " * 5_000 + "any", "1"),
        ("let a: any = 1; a" + "!" * 5_000, "1"),
        ("'" + "x" * MIB + "'.length as number", str(MIB)),
        ("/*" + "x" * MIB + "*/ 5 as number", "5"),
        ("let " + "a" * 100_000 + ": number = 5", "None"),
        ("9".rjust(100_000, "9") + "n > 1n", "true"),
    ],
)
def test_enormous_types_cost_no_more_than_their_text(context: CodeContext, source: str, outcome: str) -> None:
    assert outcome_of(context.run(source, timeout=GENEROUS_SECONDS)) == outcome


def test_a_source_of_a_hundred_megabytes_is_an_error(context: CodeContext) -> None:
    result = context.run("x" * (100 * MIB))
    assert result.error is not None
    assert (result.error.name, result.error.value) == (
        "TranspilerFailed",
        "a source of 104857600 bytes exceeds 16777216",
    )


# Sources that try what the transpiler offers


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("//# sourceMappingURL=data:application/json;base64,e30=\nnull!.x", "TypeError"),
        ("//# sourceMappingURL=/etc/passwd\n5", "5"),
        ("/// <reference path='/etc/passwd' />\n5", "5"),
        ("/** @jsxImportSource /etc/passwd */\n5", "5"),
        ("/** @jsx process.exit(1),h */ const h = () => 5; <a/>", "ReferenceError"),
        ("/** @jsx h */ const h = (t: any, p: any) => p; (<a {...{x: 1}} y='\"}' />).y", '"}'),
        ("const React = {createElement: (...a: any[]) => a.length}; <a b={<c/>}>{1}{'</a>'}</a>", "4"),
        ("const React = {createElement: (t: any, p: any, c: any) => c}; <a>{'${process.exit(1)}`'}</a>",
         "${process.exit(1)}`"),
        ("<a>", "SyntaxError"),
        ("<script>process.exit(1)</script>", "ReferenceError"),
        ("import x = require('fs'); typeof x.readFileSync", "function"),
        ("import fs = require('/etc/passwd')", "Error"),
        ("import './nope.ts'", "Error"),
        ("export * from 'fs'", "None"),
        ("export = 5", "5"),
        ("import type fs from 'fs'; typeof fs", "undefined"),
        ("declare const process: never; typeof process", "object"),
        ("namespace Object { export const keys = 5 }; typeof Object.keys", "number"),
        ("function d(v: any, c: any): any { return class { static x = c.name } }; @d class A {}; (A as any).x", "A"),
        ("function d(): any { throw new RangeError('d') }; class A { @d m() {} }", "RangeError"),
        ("function d(v: any, c: any) { c.addInitializer(() => process.exit(3)) }; @d class A {}", "ExitError"),
        ("function d(...a: any[]): any { return d }; " + "@d " * 2_000 + "class A {}; typeof A", "function"),
        ("@(() => { while (0); }) class A {}; A.name", "A"),
        ("using x = {[Symbol.dispose]() { throw new RangeError('u') }}", "RangeError"),
        ("let x: \ud800 = 1", "SyntaxError"),
        ("'\ud800'.length", "1"),
        ("\ufeff5 as number", "5"),
        ("\0", "SyntaxError"),
        ("let a = 1;\0", "SyntaxError"),
        ("\u2028let a: number = 1\u2029a", "1"),
        ("#!/bin/sh\n5 as number", "5"),
        ("", "None"),
        ("`" + "\\u{10ffff}" * 10_000 + "`.length as number", "20000"),
        ("throw new Error(`\\ud800` as string)", "Error"),
        ("enum E { A = (() => { throw new RangeError('e') })() as any }", "RangeError"),
        ("enum __proto__ { A }; __proto__.A", "0"),
        ("namespace __proto__ { export const x = 1 }; __proto__.x", "1"),
        ("class A { declare x; constructor(private y = process.exit(4)) {} }; new A()", "ExitError"),
        ("accessor", "ReferenceError"),
        ("let type = 1, declare = 2, namespace = 3, abstract = 4; type + declare + namespace + abstract", "10"),
    ],
)  # fmt: skip
def test_odd_sources_end_well(context: CodeContext, source: str, outcome: str) -> None:
    assert outcome_of(context.run(source, timeout=GENEROUS_SECONDS)) == outcome


def test_stacks_of_a_source_without_line_ends_are_told_quickly(context: CodeContext) -> None:
    source = "let a: number = 1;" * 100 + "(null as any).x;" + "var b: number = 1;" * 5_000
    error = context.run(source.replace("let a", "var a"), timeout=GENEROUS_SECONDS).error
    assert error is not None
    assert error.name == "TypeError"


# A transpiler that lies


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\1",
        b"\1\0\0\0",
        b"\1\0\0\0\x07",
        b"\1\0\0\0\x05\xff\xff\xff\xff",
        b"\1\0\0\0\x06\xff\xff\xff\xff",
        b"\1\0\0\0\x03\xff\xff\xff\xff",
        b"\1\0\0\0\x03\1\0\0\0\xff",
        b"\1\0\0\0\x01",
        b"\1\0\0\0" + b"\x05\1\0\0\0" * 1_000,
        b"\1\0\0\0\0\0",
    ],
)
def test_a_damaged_packet_is_refused(packet: bytes) -> None:
    with pytest.raises(PacketError):
        decode_packet(packet)


def test_a_packet_of_gigabytes_is_refused_before_it_is_there() -> None:
    with pytest.raises(PacketError, match=r"^packet of 4294967295 bytes exceeds 67108864$"):
        split_packets(bytearray(b"\xff\xff\xff\xff"))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "text",
        [],
        {},
        {"code": 5, "map": ""},
        {"code": "x"},
        {"errors": [{}]},
        {"errors": 5},
        {"errors": [None]},
    ]
    + [{"errors": [{"text": 5, "location": None}]}]
    + [{"errors": [{"text": "x", "location": place}]} for place in ({}, 5, {"line": "x", "column": {}, "lineText": 5})]
    + [{"code": "5", "map": text} for text in ("", "[]", "5", "{", '{"mappings": 5}')],
)
def test_an_answer_that_makes_no_sense_is_an_error_of_the_cell(
    context: CodeContext, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    """As if a source had taken esbuild over, which then says what it likes."""
    genuine = esbuild.decode_packet

    def forged(packet: bytes) -> tuple[int, bool, object]:
        number, is_request, _ = genuine(packet)
        return number, is_request, answer

    esbuild.transpile("", "ts", Patience())  # the first packet is its greeting
    monkeypatch.setattr(esbuild, "decode_packet", forged)
    result = context.run("1 as number")
    monkeypatch.undo()
    assert result.stopped is None
    assert result.error is not None
    assert result.error.name == "TranspilerFailed"


def test_packets_come_back_as_they_went() -> None:
    value = {"a": [None, True, 5, "ä\0", b"\xff", {}], "": {"b": []}}
    (packet,) = split_packets(bytearray(encode_packet(7, is_request=True, value=value)))
    assert decode_packet(packet) == (7, True, value)
