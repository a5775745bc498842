"""One request in, frames out: what runs when the host calls ``turn``.

The guest's C code calls the function object ``_reactor.turn`` that it captured at start, so ``install`` replaces
that function's code. Invariant: whatever happens, a run ends with exactly one DONE frame, and an exception never
reaches the C caller.
"""

import os
import signal
import sys
from collections.abc import Callable

from wasm_interp_kernel import (
    display,
    entropy,
    environment,
    figures,
    functions,
    immortals,
    libraries,
    loop,
    magics,
    preload,
    protocol,
    requests,
    sources,
    streams,
    tables,
    tracebacks,
    unsupported,
    warning_format,
)
from wasm_interp_kernel.session import Session, displayhook

_settrace, _setprofile = sys.settrace, sys.setprofile
_getrecursionlimit, _setrecursionlimit = sys.getrecursionlimit, sys.setrecursionlimit
_getcwd = os.getcwd
_finders = sys.path_importer_cache
_DONE = protocol.DONE_FRAME
Suspended = loop.Suspended
_MIN_RECURSION = 300  # the kernel's own depth while it formats an error
#: Where warnings that point past the program's frames are remembered as shown.
_session_globals = Session.run.__globals__
session = Session({})


def _report(exc: BaseException) -> bytes:
    try:
        return tracebacks.error_frame(exc)
    except BaseException:
        return tracebacks.OUT_OF_MEMORY


def run_cell(request: dict) -> None:
    _serve(request, _cell)


def run_on(request: dict) -> None:
    """Go on with the cell that awaits the host, whose answers are here."""
    _serve(request, _rest_of_cell)


def run_call(request: dict) -> None:
    """Call a function of the program's."""
    _serve(request, _call)


def _serve(request: dict, work: Callable[[dict], bytes]) -> None:
    """Do the work, and tell what came of it. What it leaves in the request: "saved", the variables to give back."""
    try:
        outcome = work(request)
    except Suspended:
        _pause(request.get("saved"))
        return
    except KeyboardInterrupt as exc:
        outcome = _report(exc)
        _make_up_for_start(request)
    except BaseException as exc:
        outcome = _report(exc)
    _conclude(outcome, request.get("saved"))


def _cell(request: dict) -> bytes:
    if session.paused is not None:
        _abandon()
    _prepare(request)
    if "env" in request:
        request["saved"] = environment.overlay(request["env"])
    return session.run(request["code"], sources.name_of(request["count"]))


def _rest_of_cell(request: dict) -> bytes:
    if session.paused is not None:
        request["saved"] = session.paused.environment
    _prepare(request)
    requests.answer(request["answers"])
    return session.resume()


def _call(request: dict) -> bytes:
    _prepare(request)
    return functions.call(session, request["name"], request["event"])


def _prepare(request: dict) -> None:
    streams.repair()
    _start_as_told(request)
    session.namespace.pop("__warningregistry__", None)
    _session_globals.pop("__warningregistry__", None)
    _see_new_files()


def _pause(saved: dict | None) -> None:
    session.paused.environment = saved
    _settle()
    streams.flush()
    try:
        protocol.send(requests.waiting_frame())
    except OSError:  # an integer of ten thousand digits, perhaps
        _abandon()
        _conclude(_report(ValueError("the host does not take what the cell asks of it")), None)
        return
    protocol.send(_DONE)


def _abandon() -> None:
    """Another cell is to run: the one that awaits the host is cancelled where it is."""
    paused, session.paused = session.paused, None
    loop.cancel(paused.task)
    if paused.environment is not None:
        environment.restore(paused.environment)


def _conclude(outcome: bytes, saved: dict | None) -> None:
    """A cell is over: its open figures, then its value or error; ``saved`` is of the variables that it alone had."""
    _settle()
    requests.cancel_all()
    if figures.any_open():
        outcome = _show_figures() + outcome
    if saved is not None:
        environment.restore(saved)
    _finish(outcome)


def _start_as_told(request: dict) -> None:
    if "start" in request:
        _start(request["start"])
        del request["start"]


def _make_up_for_start(request: dict) -> None:
    """After an interrupt: do what the request says to begin with, if it came before that was done.

    Else a context whose first run was stopped at once would never have its folder, variables and entropy.
    """
    _start_as_told(request)


def _start(settings: dict) -> None:
    """What a new context is told. Raises OSError when its folder cannot be entered."""
    seed = settings.get("entropy")
    if seed:
        entropy.reseed(seed if isinstance(seed, str) else None, forked="forked" in settings)
    _apply(settings)
    environment.start(settings.get("cwd"), settings.get("env"))


def _apply(settings: dict) -> None:
    """What a context was made with, beside its folder and variables."""
    if settings.get("figure_formats"):
        figures.set_formats(settings["figure_formats"])
    if settings.get("packages"):
        libraries.add_packages(settings["packages"])


def _see_new_files() -> None:
    """Let imports see modules written to the working directory since the last cell, whatever its timestamp."""
    try:
        finder = _finders.get(_getcwd())
    except OSError:
        return
    if finder is not None:
        finder._path_mtime = -1


def _settle() -> None:
    """End what must not outlive a cell: tracing, and a recursion limit too low for the kernel itself."""
    _settrace(None)
    _setprofile(None)
    if _getrecursionlimit() < _MIN_RECURSION:
        _setrecursionlimit(_MIN_RECURSION)


def _show_figures() -> bytes:
    try:
        figures.show_open()
    except BaseException as exc:
        return _report(exc)
    return b""


def _finish(outcome: bytes) -> None:
    streams.flush()
    protocol.send(outcome + _DONE)


def run_room(request: dict) -> None:
    """Take that much memory and give it back, which leaves it free for the program; none of it is touched."""
    try:
        from numpy import empty  # the one way to memory that nobody fills

        empty(request["bytes"], "u1")
    except (MemoryError, ImportError):
        pass
    _finish(b"")


def run_ping(request: dict) -> None:
    _finish(b"")


def run_preload(request: dict) -> None:
    outcome = b""
    try:
        preload.preload(request["modules"])
        _warm_up()
    except BaseException as exc:
        outcome = _report(exc)
    _finish(outcome)


#: Run before the image is made, so that the code and memory that every cell needs have settled: a context
#: copies each page of the image that it is first to write.
_WARM_CELLS = ("1 + 1", "x = 1", "x", "[x]", "print(end='')", "def f(a):\n    return a\nf(1)", "1 / 0", "", "1 +")
_WARM_ROUNDS = 50


def _warm_up() -> None:
    variables, folder = dict(os.environ), os.getcwd()
    send, protocol.send = protocol.send, lambda frames: b""
    try:
        for number in range(_WARM_ROUNDS):
            told = {"cwd": "/" if number % 2 else "/tmp", "env": {"A": str(number), "B": "b"}, "entropy": True}
            for code in _WARM_CELLS:
                turn(_request({"kind": "run", "code": code, "count": 0, "start": told, "env": {"C": "c"}}))
                turn(_request({"kind": "run", "code": code, "count": 0}))
            turn(
                _request({"kind": "call", "name": "f", "event": {"a": [1]}, "start": {"entropy": True, "forked": True}})
            )
    finally:
        protocol.send = send
        environment.start(folder, variables)


def _request(message: dict) -> bytes:
    return protocol.to_json(message).encode()


def run_generators(request: dict) -> None:
    """Tell the states of the random generators, which the host then finds and overwrites; no frame either."""
    entropy.tell(protocol.send)
    _finish(b"")


def run_addresses(request: dict) -> None:
    """Name the objects that the host is to make immortal; the only door calls that are no frames."""
    immortals.tell(protocol.send)
    _finish(b"")


def run_freeze(request: dict) -> None:
    """Forget the cells run so far, and bring the interpreter to rest for the image."""
    session.reset()
    requests.forget()
    tracebacks.forget_last()
    preload.freeze()
    _finish(b"")


_KINDS: dict[str, Callable[[dict], None]] = {
    "run": run_cell,
    "resume": run_on,
    "call": run_call,
    "room": run_room,
    "ping": run_ping,
    "preload": run_preload,
    "addresses": run_addresses,
    "generators": run_generators,
    "freeze": run_freeze,
}
_from_json = protocol.from_json


def turn(source: bytes) -> tuple[int, bool]:
    """Serve one request. Returns what the guest's C code expects: status, whether to quit."""
    request = None
    try:
        request = _from_json(source.decode())
        serve = _KINDS.get(request["kind"])
        if serve is None:
            raise ValueError(f"no request of kind {request['kind']!r}; there are {', '.join(_KINDS)}")
        serve(request)
    except BaseException as exc:
        try:
            if isinstance(exc, KeyboardInterrupt):
                _make_up_for_start(_from_json(source.decode()) if request is None else request)
            protocol.send(_report(exc) + _DONE)
        except BaseException:
            return 0, False
    return 0, False


def install() -> None:
    """Take over the guest's turns. Called once, in its first (stock) turn, whose leftovers it removes."""
    import _reactor

    def reactor_turn(source, environ):
        return _wasm_interp_turn(source)  # noqa: F821 - a global of _reactor

    session.namespace = sys.modules["__main__"].__dict__
    session.reset()
    kernel_dir = os.path.dirname(os.path.dirname(__file__))
    sys.path[:] = ["", *(entry for entry in sys.path if entry not in ("", kernel_dir)), kernel_dir]
    streams.install()
    sources.install()
    loop.install()
    warning_format.install()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what the host's interrupt becomes
    unsupported.install()
    display.install()
    requests.install()
    figures.install()
    libraries.install()
    tables.install()
    magics.install(session)
    sys.displayhook = displayhook
    _reactor._wasm_interp_turn = turn
    _reactor.turn.__code__ = reactor_turn.__code__
