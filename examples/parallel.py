"""Two contexts use two cores: a guest holds no lock of this interpreter while it runs.

python examples/parallel.py
"""

import time
from concurrent.futures import ThreadPoolExecutor

from wasm_interp import CodeContext, Sandbox

COUNT_PRIMES = """
def primes_below(limit):
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\\0\\0"
    for n in range(2, int(limit ** 0.5) + 1):
        if sieve[n]:
            for multiple in range(n * n, limit, n):
                sieve[multiple] = 0
    return sum(sieve)
"""
LIMIT = 2_000_000


def count(context: CodeContext) -> str | None:
    """Some tenths of a second of pure Python."""
    return context.run(f"primes_below({LIMIT})").text


def main() -> None:
    """The same work one after the other, then at once."""
    with Sandbox() as sandbox, ThreadPoolExecutor(2) as threads:
        contexts = [sandbox.create_code_context() for _ in range(2)]
        for context in contexts:
            context.run(COUNT_PRIMES)
            count(context)  # once for nothing: the memory it takes is there afterwards

        start = time.perf_counter()
        in_turn = [count(context) for context in contexts]
        between = time.perf_counter()
        at_once = list(threads.map(count, contexts))
        end = time.perf_counter()

    assert in_turn == at_once
    print(f"primes below {LIMIT:,}: {at_once[0]}")
    print(f"one after the other {between - start:.2f} s, at once {end - between:.2f} s")


if __name__ == "__main__":
    main()
