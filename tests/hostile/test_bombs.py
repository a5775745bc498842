"""Little code that asks for much: memory, time or disk without end. The context survives, with its state."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.hostile.cells import error_of, keeps_its_state, run, stop_of
from tests.hostile.footprint import MIB
from wasm_interp import CodeContext, Limits, Sandbox, StateAfterStop, StopKind

MEMORY = {
    "zlib": "import zlib\nsmall = zlib.compress(bytes(10**8), 1)\nx = [zlib.decompress(small) for _ in range(20)]",
    "gzip": "import gzip\nsmall = gzip.compress(bytes(10**8), 1)\nx = [gzip.decompress(small) for _ in range(20)]",
    "bz2": "import bz2\nbz2.decompress(bz2.compress(bytes(10**7)) * 200)",
    "lzma": "import lzma\nlzma.decompress(lzma.compress(bytes(10**7), preset=0) * 200)",
    "zip": (
        "import io, zipfile\nfile = io.BytesIO()\n"
        "with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:\n"
        "    archive.writestr('big', bytes(3 * 10**8))\n"
        "x = []\nwhile True: x.append(zipfile.ZipFile(file).read('big'))"
    ),
    "formatting a width": "'{:>1000000000}'.format(1)",
    "formatting a number": "'%1000000000d' % 1",
    "formatting by argument": "'%*d' % (2**31 - 1, 1)",
    "formatting a fraction": "'{:.999999999f}'.format(1.0)",
    "formatting what is large": "b'%s' % (b'x' * 2**30)",
    "replacing": "'x'.replace('x', 'y' * 2**29).replace('y', 'zz')",
    "joining": "('x' * 2**20).join(['y'] * 2**11)",
    "a set of weak references": (
        "import weakref\nclass A: pass\na = A()\nx = []\n"
        "while True: x.append(weakref.ref(a, lambda gone, much=bytearray(b'x') * 10**6: None))"
    ),
    "the environment": (
        "import errno, os\ntry:\n    while True: os.environ[str(len(os.environ))] = 'x' * 10**7\n"
        "except OSError as error:\n    if error.errno == errno.ENOMEM: raise MemoryError\n    raise"
    ),
}
TIME = {
    "a regex of plus": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "a regex of choices": "import re\nre.match(r'(a|a)*$', 'a' * 40 + 'b')",
    "a regex that looks ahead": "import re\nre.match(r'(?=(a+))*((a+)+)+$', 'a' * 40 + 'b')",
    "a search": "import re\nre.search(r'a*a*a*a*a*a*a*a*b', 'a' * 10_000)",
    "a power": "10**10**8",
    "a tower of powers": "9**9**9**9",
    "a factorial": "import math; math.factorial(10**7)",
    "digits to a number": "import sys; sys.set_int_max_str_digits(0); int('9' * 10**7)",
    "a number to digits": "import sys; sys.set_int_max_str_digits(0); str(1 << 10**8)",
    "fractions": "from fractions import Fraction\nsum(Fraction(1, n) for n in range(1, 10**6))",
    "a decimal": "import decimal; decimal.getcontext().prec = decimal.MAX_PREC; decimal.Decimal(1) / 3",
    "a root": "import decimal; decimal.getcontext().prec = 10**8; decimal.Decimal(2).sqrt()",
    "collisions": "x = {n * (2**31 - 1): 0 for n in range(10**5)}\nwhile True: x.get((2**31 - 1) * 10**6)",
    "factors": "import sympy; sympy.factorint(sympy.nextprime(10**40) * sympy.nextprime(10**41))",
}
DISK = {
    "a zip": (
        "import zipfile\nwith zipfile.ZipFile('z', 'w', zipfile.ZIP_DEFLATED) as archive:\n"
        "    archive.writestr('big', bytes(5 * 10**7))\nzipfile.ZipFile('z').extractall('out')"
    ),
    "a tar": (
        "import io, tarfile\nfile = io.BytesIO()\nwith tarfile.open(fileobj=file, mode='w:gz') as archive:\n"
        "    info = tarfile.TarInfo('big'); info.size = 5 * 10**7\n"
        "    archive.addfile(info, io.BytesIO(bytes(info.size)))\n"
        "file.seek(0); tarfile.open(fileobj=file).extractall('out', filter='data')"
    ),
    "many names in a zip": (
        "import zipfile\nwith zipfile.ZipFile('z', 'w') as archive:\n"
        "    for n in range(1_000): archive.writestr(str(n), b'')\nzipfile.ZipFile('z').extractall('out')"
    ),
    "a database": (
        "import sqlite3\nbase = sqlite3.connect('base')\nbase.execute('CREATE TABLE t (x)')\ntry:\n"
        "    while True: base.execute('INSERT INTO t VALUES (zeroblob(1000000))')\n"
        "except sqlite3.OperationalError as error: raise OSError(51, str(error)) from None\nfinally: base.close()"
    ),
    "a log": "import logging\nlogging.basicConfig(filename='log')\nopen('log', 'ab', 0).write(bytes(1 << 25))",
}
REFUSED = {
    "a billion laughs": (
        "import xml.etree.ElementTree as tree\n"
        "names = ''.join(f'<!ENTITY e{n} \"{f\"&e{n - 1};\" * 10}\">' for n in range(1, 12))\n"
        'tree.fromstring(f\'<!DOCTYPE x [<!ENTITY e0 "{"x" * 10**6}">{names}]><x>&e11;</x>\')',
        "ParseError",
    ),
    "more digits than may be": ("int('9' * 10**6)", "ValueError"),
    "a width that is no number": ("f'{1:{10**10}}'", "ValueError"),
    "a length that is no number here": ("'a'.center(2**31)", "OverflowError"),
    "a list of more than there could be": ("[0] * 2**40", "OverflowError"),
    "bytes of more than there could be": ("bytes(2**40)", "OverflowError"),
    "a range as a list": ("list(range(2**40))", "OverflowError"),
    "a regex as deep as a well": ("import re; re.compile('(?:' * 3_000 + 'a' + ')*' * 3_000)", "RecursionError"),
    "a tar that climbs out": (
        "import io, tarfile\nfile = io.BytesIO()\nwith tarfile.open(fileobj=file, mode='w') as archive:\n"
        "    info = tarfile.TarInfo('../../../etc/passwd'); archive.addfile(info, io.BytesIO())\n"
        "file.seek(0); tarfile.open(fileobj=file).extractall(filter='data')",
        "OutsideDestinationError",
    ),
}


@pytest.mark.parametrize("name", MEMORY)
def test_a_bomb_of_memory_is_a_memory_error(attacked: CodeContext, name: str) -> None:
    result = run(attacked, MEMORY[name])
    assert error_of(result)[0] == "MemoryError"
    assert result.stopped is None
    assert result.memory_bytes <= 1 << 30
    run(attacked, "x = None; import os; os.environ.clear()")


@pytest.mark.parametrize("name", TIME)
def test_a_bomb_of_time_ends_with_the_timeout(attacked: CodeContext, name: str) -> None:
    result = run(attacked, TIME[name], timeout=0.1)
    assert stop_of(result)[0] is StopKind.TIMEOUT
    assert result.duration < 10


@pytest.mark.parametrize("name", DISK)
def test_a_bomb_on_the_disk_is_an_error_of_no_space(attacked: CodeContext, name: str) -> None:
    result = run(attacked, DISK[name])
    assert error_of(result)[0] == "OSError", result.error
    assert result.stopped is None
    assert result.usage.file_bytes <= 20 << 20


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_at_once(attacked: CodeContext, name: str) -> None:
    code, error = REFUSED[name]
    result = run(attacked, code)
    assert (error_of(result)[0], result.stopped) == (error, None)


FILL = """
x = globals().get('x', [])
for size in {}:
    try:
        while True: x.append(bytes(size))
    except MemoryError: pass
"""
NEARLY = FILL.format((10**7, 10**6, 10**5, 10**4, 10**3, 100))
TO_THE_LAST_BYTE = FILL.format((10**7, 10**6, 10**5, 10**4, 10**3, 100, 32))


@pytest.mark.parametrize("rollback", ["auto", "off"])
def test_a_context_that_took_all_its_memory_can_be_told_to_give_it_back(
    sandbox: Sandbox, rollback: Literal["auto", "off"]
) -> None:
    limit = 300 * MIB
    context = sandbox.create_code_context(limits=Limits(memory_bytes=limit, rollback=rollback))
    run(context, "kept = 1")
    assert run(context, NEARLY).error is None
    assert run(context, "1 + kept").text == "2"
    # What does not fit is the program's error too, and no exception of the host.
    too_long = run(context, "#" * 10_000_000)
    assert error_of(too_long) == ("MemoryError", "there is no room for the cell itself")
    assert too_long.stopped is None
    assert run(context, "x = None").error is None
    assert run(context, "len(bytes(20_000_000))").text == "20000000"
    assert keeps_its_state(context)


def test_a_context_that_takes_all_it_is_spared_as_well_comes_to_an_end(sandbox: Sandbox) -> None:
    """The guest's allocator does not always live through that; then the context begins anew."""
    limit = 300 * MIB
    context = sandbox.create_code_context(limits=Limits(memory_bytes=limit))
    results = [run(context, TO_THE_LAST_BYTE) for _ in range(8)]
    assert max(result.memory_bytes for result in results) <= limit + 8 * MIB
    assert {result.error and result.error.name for result in results} <= {None, "MemoryError", "InterpreterCrashed"}
    assert run(sandbox.create_code_context(), "1 + 1").text == "2"


def test_a_regex_that_explodes_keeps_the_state_and_can_be_caught(attacked: CodeContext) -> None:
    code = (
        "import re\ntry: re.match(r'(a+)+$', 'a' * 40 + 'b')\nexcept KeyboardInterrupt: kept += 0\nfinally: left = 'x'"
    )
    assert stop_of(run(attacked, code, timeout=0.1)) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert run(attacked, "left").text == "'x'"
