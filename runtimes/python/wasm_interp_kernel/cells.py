"""From the text of a cell to code objects: the statements, and the last expression whose value is the result."""

import __future__

import ast
import builtins
import re
from types import CodeType

from wasm_interp_kernel import magic_syntax

_compile = builtins.compile
_PARSE = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_CODE = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURE_MASK = 0
for _name in __future__.all_feature_names:
    _FUTURE_MASK |= getattr(__future__, _name).compiler_flag
_Expr, _Expression = ast.Expr, ast.Expression
_drop_comments = re.compile(r"#[^\n]*").sub
_blank_line = re.compile(r"[ \t\f]*(?:#[^\n]*)?\r?\n").match
_indentation = re.compile(r"[ \t]+").match

Compiled = tuple[CodeType | None, CodeType | None]


class CellCompiler:
    """Compiles the cells of one session; ``from __future__`` imports stay in force for later cells."""

    def __init__(self) -> None:
        self.future_flags = 0

    def compile(self, source: str, filename: str) -> Compiled:
        """The code of the statements and the code of the last expression; either may be None.

        A last expression followed by ``;`` is a statement. Magics become calls. Raises what ``compile`` raises.
        """
        # One line that can only be an expression or a mistake: parsing it once saves a third of a small cell's time.
        if "\n" not in source and "=" not in source and ";" not in source and source:
            try:
                return None, _compile(source, filename, "eval", _CODE | self.future_flags, True)
            except SyntaxError:
                pass
        try:
            return self._compile_tree(self._parse(source, filename), source, filename)
        except SyntaxError as error:
            if error.text is None and error.filename == filename:
                error.text = _line(source, error.lineno)  # compile() of a tree has no text to show
            raise

    def _parse(self, source: str, filename: str) -> ast.Module:
        """The tree of a cell, its magics made calls. Raises SyntaxError in terms of the cell as written."""
        try:
            return _compile(source, filename, "exec", _PARSE | self.future_flags, True)
        except SyntaxError as error:
            mistake = error
        rewritten = magic_syntax.rewrite(source)
        if rewritten is None:
            raise mistake
        try:
            return _compile(rewritten.source, filename, "exec", _PARSE | self.future_flags, True)
        except SyntaxError as error:
            if error.lineno not in rewritten.lines:
                mistake = error
        raise mistake

    def _compile_tree(self, tree: ast.Module, source: str, filename: str) -> Compiled:
        body = tree.body
        if not body:
            return None, None
        last = body[-1]
        expression = None
        if isinstance(last, _Expr) and not (";" in source and _is_silenced(source, last)):
            body.pop()
            expression = _Expression(last.value)
        statements = None
        flags = self.future_flags
        if body:
            statements = _compile(tree, filename, "exec", _CODE | flags, True)
            flags = self.future_flags = flags | (statements.co_flags & _FUTURE_MASK)
        if expression is None:
            return statements, None
        return statements, _compile(expression, filename, "eval", _CODE | flags, True)


def _line(source: str, number: int | None) -> str | None:
    lines = source.split("\n")
    return lines[number - 1] if number is not None and 1 <= number <= len(lines) else None


def _is_silenced(source: str, last: ast.Expr) -> bool:
    """Whether a ``;`` follows the last expression: only brackets and comments can stand between."""
    lines = source.split("\n")
    if not 1 <= last.end_lineno <= len(lines):
        return False
    after = lines[last.end_lineno - 1].encode("utf-8", "replace")[last.end_col_offset :].decode("utf-8", "replace")
    return ";" in _drop_comments("", "\n".join([after, *lines[last.end_lineno :]]))


def dedent(source: str) -> str:
    """A cell that is indented as a whole, moved to the left; any other cell unchanged."""
    position = 0
    while blank := _blank_line(source, position):
        position = blank.end()
    indentation = _indentation(source, position)
    if indentation is None or indentation.end() == len(source):
        return source
    return re.sub(f"(?m)^{indentation[0]}", "", source)
