"""Fresh randomness for a context made from an image.

Every context of a template starts with the same memory, the state of every random generator included. The first
run of a context reseeds those that stood in modules when the image was frozen.
"""

import functools
import hashlib
import io
import os
import random
import sys
from collections.abc import Callable
from struct import Struct

_urandom = os.urandom
_from_bytes = int.from_bytes
_seed_python = random.Random.__base__.seed  # the part in C; what the part in Python adds is done below
_python: list[random.Random] = []
_numpy_legacy: list[object] = []
_numpy_bits: list[object] = []
_seeded: set[int] = set()  # ids of generators that the program seeded itself


def collect() -> None:
    """Find the generators that modules hold; called once, when the template is made."""
    numpy_random = sys.modules.get("numpy.random")
    legacy = getattr(numpy_random, "RandomState", ())
    generator = getattr(numpy_random, "Generator", ())
    found: dict[int, object] = {id(random._inst): random._inst}
    for name, module in list(sys.modules.items()):
        if name == "__main__":
            continue
        for value in list(getattr(module, "__dict__", {}).values()):
            kind = type(value)
            if (issubclass(kind, random.Random) and not issubclass(kind, random.SystemRandom)) or (
                legacy and issubclass(kind, (legacy, generator))
            ):
                found[id(value)] = value
    _python[:] = [value for value in found.values() if isinstance(value, random.Random)]
    _numpy_legacy[:] = [value for value in found.values() if legacy and isinstance(value, legacy)]
    _note_seeding(random, random._inst, ("seed", "setstate"))
    if legacy:
        _note_seeding(numpy_random, numpy_random.mtrand._rand, ("seed", "set_state"))
    _numpy_bits[:] = [value.bit_generator for value in found.values() if generator and isinstance(value, generator)]


def tell(send: Callable[[bytes], object]) -> None:
    """Bring every generator to a state that says nothing of the past, and send it, its bits turned round.

    The host writes random words over these states in each new context, which is cheaper than seeding them there.
    Sends nothing if there are generators whose state it does not know to write.
    """
    collect()
    reseed()
    if _numpy_bits:
        return
    states = [generator.getstate()[1][:-1] for generator in _python]
    states += [generator.get_state(legacy=True)[1].tolist() for generator in _numpy_legacy]
    send(b"".join(Struct(f"<{len(state)}I").pack(*(word ^ 0xFFFFFFFF for word in state)) for state in states))


def _note_seeding(module: object, generator: object, names: tuple[str, ...]) -> None:
    """Remember when the program gives ``generator`` a state of its choice through these functions of ``module``."""
    for name in names:
        original = getattr(module, name)

        def noting(*args, _original=original, **kwargs):
            result = _original(*args, **kwargs)
            if (args and args[0] is not None) or kwargs:
                _seeded.add(id(generator))
            else:
                _seeded.discard(id(generator))
            return result

        setattr(module, name, functools.wraps(original)(noting))


def _take(seed: str | None, count: int) -> bytes:
    """``count`` bytes of the host's entropy, or those that a hex seed stands for."""
    return _urandom(count) if seed is None else hashlib.shake_256(bytes.fromhex(seed)).digest(count)


def reseed(seed: str | None = None, *, forked: bool = False) -> None:
    """Reseed every collected generator, from the host's entropy or from a hex seed (the same draws again).

    Not in a fork those that the program seeded: there they go on where they were.
    """
    spared = _seeded if forked else ()
    # One draw for all: each is a call to the host, and this is on the path of a context's first cell.
    pool = io.BytesIO(_take(seed, 16 * (len(_python) + len(_numpy_legacy) + len(_numpy_bits)))).read
    for generator in _python:
        if id(generator) in spared:
            continue
        _seed_python(generator, _number(pool(16)))
        generator.gauss_next = None
    for generator in _numpy_legacy:
        if id(generator) in spared:
            continue
        generator.seed(sys.modules["numpy"].frombuffer(pool(16), "<u4"))
    for bits in _numpy_bits:
        bits.state = type(bits)(_number(pool(16))).state
    _forget_derived_state()


def _number(drawn: bytes) -> int:
    """Always of the same length, so that seeding takes the same number of instructions in every context."""
    return _from_bytes(drawn, "little") | 1 << (8 * len(drawn))


def _forget_derived_state() -> None:
    """What tempfile and uuid drew from the image's entropy."""
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile._name_sequence = None
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
