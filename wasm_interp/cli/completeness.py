"""Whether a text is only the beginning of a cell: a question of the language's grammar, for the guests to answer.

Their grammars may be newer than the host's, so no parser of ours is asked. A second context of the sandbox answers,
or esbuild; the user's own context knows nothing of that.
Rule: a text that is wrong is complete. The context that it is meant for will say what is wrong with it.
"""

from __future__ import annotations

import json
from typing import Protocol

from wasm_interp._core.artifacts import artifact
from wasm_interp._core.languages import esbuild
from wasm_interp._core.languages.base import Patience
from wasm_interp._core.languages.esbuild import Refusal, Script, TranspilerFailed
from wasm_interp.context import CodeContext
from wasm_interp.sandbox import Sandbox

_PYTHON_CHECK = """
import ast, codeop
compiler = codeop.CommandCompiler()
compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
compiler({source!r}, "<input>", "single") is None
"""

# As Node's REPL: a text is a beginning if its error comes after the last token, or in one that may span lines.
_JAVASCRIPT_CHECK = """
class Beginning extends Parser {
  nextToken() {
    super.nextToken();
    isBeginning ||= this.type.label === "eof";
  }
  raise(position, message) {
    const isLong = message === "Unterminated template" || message === "Unterminated comment";
    const isContinued = message === "Unterminated string constant" && this.input.at(-1) === "\\\\";
    isBeginning ||= isLong || isContinued;
    super.raise(position, message);
  }
}
let isBeginning;
const options = {
  ecmaVersion: "latest",
  allowAwaitOutsideFunction: true,
  allowImportExportEverywhere: true,
  allowHashBang: true,
};
// Undefined if it is whole, else whether it is a beginning.
function look(text) {
  isBeginning = false;
  try {
    Beginning.parse(text, options);
  } catch {
    return isBeginning;
  }
}
function isIncomplete(text) {
  // What begins with a brace may be an object, of which `{...a` is the beginning.
  const attempts = text.trimStart().startsWith("{") ? [text, `(${text}\n)`, `(${text}`] : [text];
  const found = attempts.map(look);
  return !found.slice(0, 2).includes(undefined) && (found[0] || found.at(-1));
}
"""


class Completeness(Protocol):
    """One language's answer."""

    def is_incomplete(self, source: str) -> bool:
        """Whether more lines could make a cell of ``source``, which is none yet."""


class PythonCompleteness:
    """Asks the guest's codeop."""

    def __init__(self, checker: CodeContext) -> None:
        self._checker = checker

    def is_incomplete(self, source: str) -> bool:
        return self._checker.run(_PYTHON_CHECK.format(source=source)).text == "True"


class JavaScriptCompleteness:
    """Asks acorn, the parser that the kernel uses, in a context of its own."""

    def __init__(self, checker: CodeContext) -> None:
        self._checker = checker
        self._is_ready = False

    def is_incomplete(self, source: str) -> bool:
        if not self._is_ready:
            # As text of a function: the kernel would look through a cell of 200 KB for a second.
            acorn, _, _ = artifact("javascript", "npm/acorn.mjs").path.read_text("utf-8").rpartition("export {")
            self._checker.run(f"const Parser = new Function({json.dumps(acorn + 'return Parser')})()")
            self._checker.run(_JAVASCRIPT_CHECK)
            self._is_ready = True
        return self._checker.run(f"isIncomplete({json.dumps(source)})").text == "true"


class TypeScriptCompleteness:
    """Asks esbuild, which says where it stopped: at the end of a beginning, whatever it missed there."""

    def is_incomplete(self, source: str) -> bool:
        try:
            return self._is_beginning(source)
        except TranspilerFailed:
            return False

    def _is_beginning(self, source: str) -> bool:
        attempts = [(source, "ts")]
        if source.lstrip().startswith("{"):  # it may be an object, of which `{...a` is the beginning
            attempts.append((f"({source}", "ts"))
        if "<" in source:
            attempts.append((source, "tsx"))
        return not _is_whole(source) and any(_stops_at_the_end(text, loader) for text, loader in attempts)


def _is_whole(source: str) -> bool:
    texts = [source, f"({source}\n)"] if source.lstrip().startswith("{") else [source]
    return any(isinstance(esbuild.transpile(text, "ts", Patience()), Script) for text in texts)


def _stops_at_the_end(source: str, loader: str) -> bool:
    # With a line's end after it: a string that may not span lines is then wrong before the end, a template at it.
    text = f"{source}\n"
    outcome = esbuild.transpile(text, loader, Patience())
    return isinstance(outcome, Refusal) and (outcome.line, outcome.column) == (text.count("\n") + 1, 1)


def completeness_of(language: str, sandbox: Sandbox) -> Completeness:
    """``language`` is a language's own name. Raises LimitExceeded."""
    if language == "typescript":
        return TypeScriptCompleteness()
    checker = sandbox.create_code_context(language)
    return JavaScriptCompleteness(checker) if language == "javascript" else PythonCompleteness(checker)
