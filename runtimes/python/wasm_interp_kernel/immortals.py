"""The objects of the template that live for good, told to the host by address.

Counting references writes to objects, and each write costs a context a page of its own. The host therefore
makes these objects immortal, as CPython makes None: their count is never written again.
"""

import gc
import types
from array import array
from collections.abc import Callable

_LEAVES = (str, bytes, int, float, complex, tuple, frozenset, types.CodeType, types.BuiltinFunctionType)
# Constants within constants; other containers are met by themselves.
_NESTED = (tuple, frozenset, types.CodeType)
_CHUNK = 1 << 16
# What runs now, or may still end, keeps its count: it is freed by it.
_MORTAL = (types.FrameType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def tell(send: Callable[[bytes], object]) -> None:
    """Send the address, 32 bits, of every container and of the constants in it; some come more than once.

    In chunks, since what is allocated here stays in the image as garbage. What the guest's build has frozen, the
    standard library that it starts with, is among them: the collector names only what is not.
    """
    gc.unfreeze()
    gc.collect()
    chunk = array("I")
    pending: list[object] = []
    for container in gc.get_objects():
        if isinstance(container, _MORTAL):
            continue
        pending.append(container)
        while pending:
            value = pending.pop()
            chunk.append(id(value))
            if value is container or type(value) in _NESTED:
                pending += [inner for inner in gc.get_referents(value) if isinstance(inner, _LEAVES)]
        if len(chunk) > _CHUNK:
            send(chunk.tobytes())
            del chunk[:]
    send(chunk.tobytes())
