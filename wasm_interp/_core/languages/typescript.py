"""TypeScript: a JavaScript context whose cells esbuild makes JavaScript of. Types are not checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from wasm_interp._core.engine import Instance
from wasm_interp._core.languages import esbuild
from wasm_interp._core.languages.base import CellRequest, Patience, Ranges
from wasm_interp._core.languages.esbuild import Refusal, Script, TranspilerFailed
from wasm_interp._core.languages.javascript import JavaScriptLanguage

# As in Node's REPL, a cell that begins with a brace is an object if it can be one.
_MAY_BE_OBJECT = re.compile(r"\s*\{(?!.*;\s*\Z)", re.DOTALL)


class TypeScriptLanguage(JavaScriptLanguage):
    """QuickJS and esbuild in WebAssembly."""

    name = "typescript"
    aliases = frozenset({"typescript", "ts"})
    suffixes = (".ts", ".mts", ".cts", ".tsx")

    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        esbuild.transpile("", "ts", Patience())  # compiles it: the work of a minute, which no cell should wait for
        return super().warm_up(instance, send)

    def run_request(self, cell: CellRequest) -> bytes:
        fields: dict[str, Any] = json.loads(super().run_request(cell))
        try:
            outcome, prefix = _transpile(cell.code, cell.patience)
        except TranspilerFailed as error:
            fields |= {"code": "", "refused": {"name": "TranspilerFailed", "value": str(error), "line": 0, "column": 0}}
            return json.dumps(fields).encode()
        if isinstance(outcome, Script):
            fields |= {"code": outcome.code, "source": cell.code, "mappings": outcome.mappings, "prefix": prefix}
        else:
            place = {"line": outcome.line, "column": outcome.column}
            refused = {"name": "SyntaxError", "value": outcome.text, **place}
            fields |= {"code": "", "source": cell.code, "refused": refused}
        return json.dumps(fields).encode()


def _transpile(source: str, patience: Patience) -> tuple[Script | Refusal, int]:
    """The outcome, and how many characters were put before the source."""
    if _MAY_BE_OBJECT.match(source):
        wrapped = esbuild.transpile(f"({source}\n)", "ts", patience)
        if isinstance(wrapped, Script):
            return wrapped, 1
    outcome = esbuild.transpile(source, "ts", patience)
    if isinstance(outcome, Refusal) and "<" in source:
        with_jsx = esbuild.transpile(source, "tsx", patience)
        if isinstance(with_jsx, Script):
            return with_jsx, 0
    return outcome, 0
