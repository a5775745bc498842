"""The languages, by every name that users give them."""

from __future__ import annotations

from pathlib import PurePath

from wasm_interp._core.languages.base import Language
from wasm_interp._core.languages.javascript import JavaScriptLanguage
from wasm_interp._core.languages.python import PythonLanguage
from wasm_interp._core.languages.typescript import TypeScriptLanguage
from wasm_interp.errors import UnknownLanguage

LANGUAGES: tuple[Language, ...] = (PythonLanguage(), JavaScriptLanguage(), TypeScriptLanguage())
DEFAULT = LANGUAGES[0]


def find_language(name: str) -> Language:
    """The language called ``name``, in any case. Raises UnknownLanguage, naming those that there are."""
    if isinstance(name, str):
        for language in LANGUAGES:
            if name.lower() in language.aliases:
                return language
    raise UnknownLanguage(f"unknown language {name!r}; choose one of: {_names()}")


def language_of_file(path: PurePath) -> Language:
    """The language of a source file, by its suffix. Raises UnknownLanguage."""
    for language in LANGUAGES:
        if path.suffix.lower() in language.suffixes:
            return language
    known = ", ".join(suffix for language in LANGUAGES for suffix in language.suffixes)
    raise UnknownLanguage(f"{path.name} has no suffix of a known language ({known}); name one of: {_names()}")


def _names() -> str:
    return ", ".join(language.name for language in LANGUAGES)
