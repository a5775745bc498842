"""Every WASI preview1 call by name, and the one place where outcomes become errno values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi import fd_calls, path_calls, system_calls
from wasm_interp._core.wasi.abi import SIGNATURES
from wasm_interp._core.wasi.state import WasiState

MODULE = "wasi_snapshot_preview1"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its name, the `struct` codes of its parameters, whether it returns an errno, and its function."""

    name: str
    parameters: str
    returns: bool
    function: Callable[..., None]


def dispatch(function: Callable[..., None], state: WasiState, arguments: tuple[Any, ...]) -> int:
    """Run a call; the errno. GuestExit passes through, and so does any error of ours."""
    try:
        function(state, *arguments)
    except FileSystemError as error:
        return error.errno
    except MemoryError:  # the host's: the guest asked for more than there is
        return Errno.NOMEM
    except struct.error:  # a guest's number that does not fit its place, such as a time past 2**63
        return Errno.OVERFLOW
    return Errno.SUCCESS


def _find(name: str) -> Callable[..., None]:
    for module in (fd_calls, path_calls, system_calls):
        function: Callable[..., None] | None = getattr(module, name, None)
        if function is not None:
            return function
    raise LookupError(f"no function for WASI call {name}")


CALLS = tuple(Call(name, codes, name != "proc_exit", _find(name)) for name, codes in SIGNATURES.items())
