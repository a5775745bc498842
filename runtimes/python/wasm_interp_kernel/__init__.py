"""The Python kernel: the part of wasm_interp that runs inside the guest interpreter.

``install()`` is called once, in the guest's first turn; from then on the bytes of a turn are requests
(``protocol.py``) and every cell runs through ``entry.py``. All of this becomes part of the template image, so
nothing here costs a context anything.

Rule: user code shares this interpreter and may break anything it can reach. So the modules of this package keep
builtins of their own (below), and bind what else the per-cell path uses when they are imported. Rule: the kernel
speaks to the host only in frames through ``_host.call``; bytes on fds 1 and 2 belong to the program.
"""

import builtins
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

#: The builtins as they were before any cell ran.
PRISTINE_BUILTINS = vars(builtins).copy()


class _KernelLoader(SourceFileLoader):
    """Gives a module the pristine builtins: ``builtins.len = None`` in a cell does not reach it."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = PRISTINE_BUILTINS
        super().exec_module(module)


class _KernelFinder:
    """Finds the modules of this package for _KernelLoader."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not name.startswith(f"{__name__}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _KernelLoader(name, spec.origin)
        return spec


sys.meta_path.insert(0, _KernelFinder)
try:
    from wasm_interp_kernel.entry import install
finally:
    sys.meta_path.remove(_KernelFinder)

__all__ = ["PRISTINE_BUILTINS", "install"]
