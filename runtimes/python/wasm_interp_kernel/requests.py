"""What only the host can give: ``await host.request(name, payload)``.

A cell that awaits a request, and can do nothing else, ends its turn with the C stack empty: what it was doing is in
the frames of its coroutines, on the heap like all else. It can lie there, or in a snapshot, until the host answers.
"""

import _json
import asyncio
import builtins
import sys
from asyncio import events
from types import ModuleType

from wasm_interp_kernel import protocol
from wasm_interp_kernel.jsonable import simplify

MAX_REQUESTS = 1000
MAX_PAYLOAD_CHARACTERS = 1 << 20  # of JSON; more belongs in a file
MAX_PENDING_CHARACTERS = 3 << 20  # of all that wait: they travel in one frame
MAX_DEPTH = 100

_join, _make_encoder, _quote = "".join, _json.make_encoder, _json.encode_basestring_ascii
_pending: dict[str, tuple[asyncio.Future, str]] = {}  # id -> what awaits it, and the JSON of its message
_count = 0


class Host(ModuleType):
    """The program that runs this one: ``await host.request(name, payload)``. A module, so that it can be imported."""

    def request(self, name: str, payload: object = None) -> asyncio.Future:
        """Ask the host for something; ``await`` what is returned for its answer.

        ``payload`` is whatever JSON can hold, numpy's numbers and dates included. The cell ends there, for now: it
        goes on when the host answers. What nobody awaits when a cell is over is cancelled.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of a request is str, not {type(name).__name__}")
        loop = events._get_running_loop()
        if loop is None:
            raise RuntimeError("await host.request(...) in a cell, or in a coroutine that a cell awaits")
        if _is_deeper(payload, MAX_DEPTH):
            raise ValueError(f"the payload is nested more than {MAX_DEPTH} levels deep")
        encode = _make_encoder({}, simplify, _quote, None, ":", ",", False, False, False)
        return _ask(loop, name, _join(encode(payload, 0)))

    def __repr__(self) -> str:
        return "<host: await host.request(name, payload)>"


def _is_deeper(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return False
    return depth == 0 or any(_is_deeper(each, depth - 1) for each in value)


def _ask(loop: asyncio.AbstractEventLoop, name: str, payload: str) -> asyncio.Future:
    global _count
    if len(payload) > MAX_PAYLOAD_CHARACTERS:
        raise ValueError(f"the payload is {len(payload)} characters of JSON; {MAX_PAYLOAD_CHARACTERS} are allowed")
    _drop_settled()
    if len(_pending) >= MAX_REQUESTS:
        raise RuntimeError(f"{MAX_REQUESTS} requests wait for the host already")
    if sum(len(message) for _, message in _pending.values()) + len(payload) > MAX_PENDING_CHARACTERS:
        raise ValueError(f"all requests together are more than {MAX_PENDING_CHARACTERS} characters of JSON")
    _count += 1
    identity = f"req-{_count}"
    future = loop.create_future()
    message = f'{{"id":"{identity}","name":{protocol.quote(name[:1000])},"payload":{payload}}}'
    _pending[identity] = future, message
    return future


def _drop_settled() -> None:
    """What was cancelled, or is of a loop that was closed, awaits nothing any more."""
    for identity, (future, _) in list(_pending.items()):
        if future.done() or future.get_loop().is_closed():
            del _pending[identity]


def any_of(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether something on that loop awaits the host."""
    return any(future.get_loop() is loop and not future.done() for future, _ in _pending.values())


def waiting_frame() -> bytes:
    """The frame that tells the host what is awaited."""
    _drop_settled()
    messages = ",".join(message for _, message in _pending.values())
    return protocol.frame(protocol.WAITING, f'{{"requests":[{messages}]}}')


def answer(answers: dict[str, dict]) -> None:
    """Give what the host says to what awaits it: {"value": ...} or {"error": {"name", "message"}} by id."""
    for identity, given in answers.items():
        future, _ = _pending.pop(identity, (None, ""))
        if future is None or future.done():
            continue
        if "error" not in given:
            future.set_result(given["value"])
        elif given["error"]["name"] == "CancelledError":
            future.cancel(given["error"]["message"])
        else:
            future.set_exception(_exception(**given["error"]))


def _exception(name: str, message: str) -> Exception:
    """The built-in of that name, if there is one that takes a message."""
    kind = vars(builtins).get(name)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not StopIteration:
        try:
            return kind(message)
        except Exception:  # UnicodeDecodeError takes more than a message
            pass
    return RuntimeError(f"{name}: {message}" if message else name)


def cancel_all() -> None:
    """A cell is over: what still awaits the host awaits nothing that will come."""
    for future, _ in list(_pending.values()):
        if not future.done() and not future.get_loop().is_closed():
            future.cancel()
    _pending.clear()


def forget() -> None:
    """The cells so far have left nothing."""
    global _count
    _pending.clear()
    _count = 0


def install() -> None:
    """``host`` is there without an import, and is what an import of it gives: the build has another of that name."""
    builtins.host = sys.modules["host"] = Host("host", Host.__doc__)
