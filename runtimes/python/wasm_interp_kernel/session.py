"""The session: one namespace, and cells that run in it."""

import sys
from collections.abc import Callable
from types import CodeType, CoroutineType

from wasm_interp_kernel import cells, formatters, loop, magic_syntax, magics, sources

_CO_COROUTINE = 0x80
_sys = sys.__dict__


class Paused:
    """A cell that awaits the host: its task, and what is to come after that."""

    def __init__(self, suspended: loop.Suspended, expression: CodeType | None, *, is_value: bool) -> None:
        self.task = suspended.task
        self.context = suspended.context
        self.expression = expression  # yet to be evaluated
        self.is_value = is_value  # whether the task's outcome is the value of the cell
        self.show = None  # what makes a frame of that value, where it is not the session
        self.environment = None  # what it has to give back at its end


class Session:
    """Runs cells in ``namespace`` and remembers ``_``, ``__`` and ``___``.

    The three belong to the session until the program assigns one: a name that holds anything but what the session
    last put there is the program's, and is left alone until deleted.
    """

    def __init__(self, namespace: dict[str, object]) -> None:
        self.namespace = namespace
        self.compiler = cells.CellCompiler()
        self._remembered: dict[str, int] = {}  # ids, so that a deleted value is not kept alive
        self.paused: Paused | None = None

    def reset(self) -> None:
        """Forget every name and value that cells have left; ``__name__`` and its like stay."""
        for name in list(self.namespace):
            if not (name.startswith("__") and name.strip("_")):
                del self.namespace[name]
        self._remembered.clear()
        self.compiler = cells.CellCompiler()
        self.paused = None

    def run(self, source: str, filename: str) -> bytes:
        """Run a cell; the frame of its result, or nothing. Raises what the cell raises."""
        sources.remember(filename, source)
        if source[:1] in " \t\r\n#%":
            magic = magic_syntax.cell_magic(source) if "%%" in source else None
            if magic is not None:
                return self.show(magics.run_cell_magic(self, magic, filename))
            source = cells.dedent(source)
        statements, expression = self.compiler.compile(source, filename)
        if statements is not None:
            try:
                self.execute(statements, may_suspend=True)
            except loop.Suspended as suspended:
                self.paused = Paused(suspended, expression, is_value=False)
                raise
        return self._evaluate(expression)

    def resume(self) -> bytes:
        """Go on with the cell that is paused. As ``run``."""
        paused, self.paused = self.paused, None
        try:
            value = loop.go_on(paused.task, paused.context)
        except loop.Suspended:
            self.paused = paused
            raise
        if paused.is_value:
            return (paused.show or self.show)(value)
        return self._evaluate(paused.expression)

    def await_last(self, coroutine: CoroutineType, show: Callable[[object], bytes]) -> bytes:
        """The frame that ``show`` makes of a coroutine's outcome."""
        try:
            value = loop.run(coroutine, may_suspend=True)
        except loop.Suspended as suspended:
            self.paused = Paused(suspended, None, is_value=True)
            self.paused.show = show
            raise
        return show(value)

    def _evaluate(self, expression: CodeType | None) -> bytes:
        if expression is None:
            return b""
        try:
            value = self.execute(expression, may_suspend=True)
        except loop.Suspended as suspended:
            self.paused = Paused(suspended, None, is_value=True)
            raise
        return self.show(value)

    def execute(self, code: CodeType, *, may_suspend: bool = False) -> object:
        """Evaluate code in the namespace; code that awaits runs on the session's loop."""
        value = eval(code, self.namespace)
        if code.co_flags & _CO_COROUTINE:
            return loop.run(value, may_suspend=may_suspend)
        return value

    def show(self, value: object) -> bytes:
        """The frame of a cell's value; nothing for None or when the program's own displayhook takes it."""
        if value is None:
            return b""
        hook = _sys.get("displayhook")
        if hook is not displayhook and hook is not None:
            hook(value)
            return b""
        self.remember(value)
        return formatters.main_result(value)

    def remember(self, value: object) -> None:
        """``_`` becomes value, ``__`` what ``_`` was, ``___`` what ``__`` was."""
        namespace, remembered = self.namespace, self._remembered
        for name in ("_", "__", "___"):
            if name not in namespace:
                namespace[name] = value
                remembered[name] = id(value)
                return
            previous = namespace[name]
            if remembered.get(name) != id(previous):
                return
            namespace[name] = value
            remembered[name] = id(value)
            value = previous


def displayhook(value: object) -> None:
    """Show a value as a result of the cell; None shows nothing."""
    if value is not None:
        formatters.show(value, main=True)
