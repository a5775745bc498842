"""Hard stops of the real guest at random moments, for a test and for scripts/stress.

Every stop is forced: the guest gets no grace. After each one the context must be there again, with its variables as
they were before the cell. A defect shows as a wrong answer, or as the death of the process.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import random
import threading
import time
from unittest import mock

from wasm_interp import CodeContext, Sandbox, StateAfterStop, StopKind

LONGEST_SECONDS = 0.04  # until a stop; most families go round in far less
_RUNS_OF_A_CONTEXT = 25  # each context is stopped, and rolled back, so often before it is closed

FAMILIES = {
    "copy": [
        "x = b'a' * 1_000_000\nwhile True: y = bytes(bytearray(x))",
        "x = bytearray(3_000_000)\nwhile True: x[1:] = x[:-1]",
        "import io\nwhile True:\n  b = io.BytesIO()\n  for _ in range(50): b.write(bytes(70_001))\n  b.getvalue()",
    ],
    "fill": [
        "while True: bytearray(5_000_000)",
        "while True: b'x' * 3_000_001",
        "while True: [None] * 500_000",
    ],
    "allocate": [
        "while True: [str(i) for i in range(1_000)]",
        "while True: {i: [i] for i in range(5_000)}",
        "kept = []\nwhile True:\n  kept.append(bytearray(100_000))\n  if len(kept) > 1_000: kept.clear()",
        "import json\nd = [{'a': i} for i in range(1_000)]\nwhile True: json.loads(json.dumps(d))",
        "import gc\nwhile True:\n  a = [[] for _ in range(2_000)]\n  for x in a: x.append(a)\n  gc.collect()",
    ],
    "compute": [
        "while True: sum(range(10**9))",
        "while True: 3 ** 100_000",
        "while True: sorted(range(100_000), key=lambda v: -v)",
        "import zlib\nwhile True: zlib.decompress(zlib.compress(b'abc' * 10_000))",
        "import re\nwhile True: re.match(r'(a|aa)+$', 'a' * 24 + 'b')",
        "def f(n): return 0 if n == 0 else f(n - 1)\nwhile True: f(900)",
        "while True:\n  try: raise ValueError\n  except ValueError: pass",
    ],
    "numpy": [
        "import numpy as np\na = np.random.rand(200, 200)\nwhile True: a @ a",
        "import numpy as np\na = np.zeros(10**6)\nwhile True: a.copy(); a.fill(3)",
        "import numpy as np\na = np.random.rand(300_000)\nwhile True: np.sort(a); np.fft.rfft(a)",
        "import pandas as pd, numpy as np\nd = pd.DataFrame({'a': np.arange(10_000) % 10, 'b': 1.0})\n"
        "while True: d.groupby('a').sum()",
    ],
    "wasi": [
        "while True:\n  open('/tmp/x', 'wb').write(b'a' * 100_000)\n  open('/tmp/x', 'rb').read()",
        "import os\nwhile True: os.listdir('/workspace'); os.stat('/tmp')",
        "import sys\nwhile True:\n  for _ in range(20): sys.stdout.write('x' * 100)\n  sys.stdout.flush()",
        "import os\nwhile True: os.urandom(100_000)",
        "import time\nwhile True: time.sleep(0.0005)",
        "import time\nwhile True: time.time(); time.monotonic()",
        "while True: display({'a': 1}) if 'display' in globals() else print(1)",
    ],
}


class WrongAnswer(AssertionError):
    """A context that was stopped is not what it was."""


class Tally:
    """How the stops went, from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.families: collections.Counter[str] = collections.Counter()

    def count(self, family: str, outcome: str) -> None:
        with self._lock:
            self.families[family] += 1
            self.outcomes[outcome] += 1

    @property
    def stops(self) -> int:
        return sum(self.outcomes.values())


def stop_many(count: int, seed: int, threads: int = 2) -> Tally:
    """At least ``count`` stops. Raises WrongAnswer."""
    tally = Tally()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            _work(random.Random(seed * 1_000 + number), count, tally)
        except BaseException as failure:
            failures.append(failure)

    with mock.patch("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.0):
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if failures:
        raise failures[0]
    return tally


def _work(chance: random.Random, count: int, tally: Tally) -> None:
    with Sandbox() as sandbox:
        while tally.stops < count:
            with sandbox.create_code_context() as context:
                marker = chance.random()
                _expect(context.run(f"marker = {marker}; data = list(range(1_000))").error, None)
                for _ in range(_RUNS_OF_A_CONTEXT):
                    family = chance.choice(list(FAMILIES))
                    tally.count(family, _stop(context, chance.choice(FAMILIES[family]), chance))
                    _expect(context.run("marker, sum(data)", timeout=60).text, repr((marker, 499_500)))


def _stop(context: CodeContext, code: str, chance: random.Random) -> str:
    result = context.run(code, timeout=chance.random() * LONGEST_SECONDS)
    stopped = result.stopped
    if stopped is None or stopped.kind is not StopKind.TIMEOUT or stopped.state is StateAfterStop.LOST:
        raise WrongAnswer(f"{stopped} {result.error} after {code!r}")
    return stopped.state


def _expect(got: object, wanted: object) -> None:
    if got != wanted:
        raise WrongAnswer(f"{got!r} is not {wanted!r}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="stress", description="Stop guests by force at random moments.")
    parser.add_argument("count", type=int, nargs="?", default=1_000, help="how many stops (1000)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    options = parser.parse_args()
    faulthandler.enable()
    started = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    tally = stop_many(options.count, options.seed, options.threads)
    print(f"{tally.stops} stops in {time.monotonic() - started:.0f} s; the process lives")
    for name, number in sorted((tally.outcomes + tally.families).items()):
        print(f"  {name}: {number}")


if __name__ == "__main__":
    main()
