"""Finding magics (``%name``, ``%%name``, ``!command``, ``pip install``) in a cell that is otherwise Python.

A magic line becomes a call on the same line, so line numbers stay. Only called for cells that are not Python as
they stand, so a ``%`` that continues an expression is never touched.
"""

import re
from dataclasses import dataclass

LINE_HOOK = "__wasm_interp_magic__"
SHELL_HOOK = "__wasm_interp_shell__"

# pip needs no sign, as in notebooks; with a subcommand after it, it cannot be Python.
_PIP = r"(?=(?:pip3?|conda)[ \t]+(?:install|uninstall|list|show|freeze)\b)"
_find_candidate = re.compile(rf"(?m)^[ \t]*(?:(?:[A-Za-z_][\w, \t]*=[ \t]*)?[%!]|{_PIP})").search
_magic_line = re.compile(
    r"(?P<indent>[ \t]*)(?:(?P<target>[A-Za-z_][\w, \t]*=[ \t]*)?(?P<sign>%|!!?)|" + _PIP + r")"
    r"(?P<rest>(?:[^\n\\]|\\\n|\\.)*)"
).match
_line_magic = re.compile(r"[ \t]*(?P<name>[A-Za-z_][\w.]*)(?P<argument>.*)", re.S).fullmatch
_cell_magic = re.compile(r"\s*%%(?P<name>\w+)(?P<argument>[^\n]*)(?:\n(?P<body>.*))?", re.S).fullmatch
_token = re.compile(
    r'''(?P<quote>"""|\'\'\')(?:\\.|(?!(?P=quote)).)*(?:(?P=quote)|\Z)'''
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\#[^\n]*|\\\n|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>\n)"""
    r"""|[^"'\#\\()\[\]{}\n]+|.""",
    re.S,
).match


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A cell whose magics are calls, and the numbers (from 1) of the lines that were magics."""

    source: str
    lines: frozenset[int]


@dataclass(frozen=True, slots=True)
class CellMagic:
    """``%%name argument`` and the lines below it."""

    name: str
    argument: str
    body: str


def cell_magic(source: str) -> CellMagic | None:
    """The cell magic that a cell starts with. Its body keeps the line numbers of the cell."""
    found = _cell_magic(source)
    if found is None:
        return None
    body = found["body"] or ""
    lines_before = source[: found.start("body")].count("\n") if found["body"] is not None else 1
    return CellMagic(found["name"], found["argument"].strip(), "\n" * lines_before + body)


def rewrite(source: str) -> Rewritten | None:
    """The cell with every magic line made a call, or None when it has none."""
    if _find_candidate(source) is None:
        return None
    parts: list[str] = []
    lines: set[int] = set()
    position = depth = 0
    at_start = True
    while position < len(source):
        magic = _magic_line(source, position) if at_start and depth == 0 else None
        if magic is not None:
            first = source.count("\n", 0, position) + 1
            lines.update(range(first, first + magic[0].count("\n") + 1))
            parts.append(_call(magic))
            position = magic.end()
            at_start = False
            continue
        token = _token(source, position)
        parts.append(token[0])
        position = token.end()
        depth = max(0, depth + (token["open"] is not None) - (token["close"] is not None))
        at_start = token["end"] is not None
    return Rewritten("".join(parts), frozenset(lines)) if lines else None


def _call(magic: re.Match) -> str:
    rest = magic["rest"].replace("\\\n", " ")
    prefix = magic["indent"] + (magic["target"] or "")
    suffix = "\n" * magic[0].count("\n")
    if magic["sign"] not in ("%", None):
        return f"{prefix}{SHELL_HOOK}({rest.strip()!r}){suffix}"
    named = _line_magic(rest)
    name, argument = (named["name"], named["argument"].strip()) if named else (rest.strip(), "")
    return f"{prefix}{LINE_HOOK}({name!r}, {argument!r}){suffix}"
