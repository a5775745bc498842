"""A hundred submissions graded from one warm image, each in an interpreter that no other has touched.

python examples/grade_submissions.py
"""

import time
from collections import Counter

from wasm_interp import Function, FunctionError, Image, Limits

CASES = """
import pandas as pd
cases = pd.DataFrame({"n": range(30), "fib": 0})
a, b = 0, 1
for n in cases.n:
    cases.loc[n, "fib"], a, b = a, b, a + b
"""

GRADER = """
def grade(submission):
    names = {}
    exec(submission, names)
    right = sum(names["fib"](int(case.n)) == case.fib for case in cases.itertuples())
    return {"right": right, "of": len(cases)}
"""

# What students hand in, good and bad: the tests of one must not be spoilt by another.
SUBMISSIONS = [
    "def fib(n):\n    a, b = 0, 1\n    for _ in range(n): a, b = b, a + b\n    return a",
    "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2) if n < 15 else 0",
    "def fib(n): return 1 / 0",
    "def fib(n):\n    while True: pass",
    "import builtins; builtins.sum = lambda *_: 30; cases = None\ndef fib(n): return n",
] * 20


def main() -> None:
    """Grade all, on every core."""
    image = Image.build(setup=CASES)
    with image, Function(GRADER, "grade", image=image, limits=Limits(memory_bytes=512 << 20), timeout=0.2) as grade:
        start = time.perf_counter()
        outcomes = list(grade.map(SUBMISSIONS, return_errors=True))
        seconds = time.perf_counter() - start
    counts = Counter(
        outcome.name if isinstance(outcome, FunctionError) else f"{outcome['right']} of {outcome['of']} right"
        for outcome in outcomes
    )
    for outcome, count in counts.most_common():
        print(f"{count:4} × {outcome}")
    print(f"{len(outcomes)} submissions in {seconds:.1f} s")


if __name__ == "__main__":
    main()
