"""Small programs of a fixed amount of work: this text is run in every contender, which times them itself.

Each function prepares a program and returns what is timed; what that returns must be the same everywhere.
"""

import json
import re
import time


def fib():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return lambda: fib(22)


def loops():
    def work():
        total = 0
        for i in range(300):
            for j in range(1000):
                total += i ^ j
        return total

    return work


def method_calls():
    class Counter:
        def __init__(self):
            self.count = 0

        def add(self, amount):
            self.count += amount
            return self

    def work():
        counter = Counter()
        for i in range(200_000):
            counter.add(i)
        return counter.count

    return work


def json_text():
    rows = [{"id": i, "name": f"row {i}", "tags": ["a", "b", None], "value": i / 7} for i in range(2000)]

    def work():
        return len(json.dumps(json.loads(json.dumps(rows))))

    return work


def sort():
    numbers = [(i * 7919) % 100_003 for i in range(60_000)]

    def work():
        by_key = sorted(numbers, key=lambda n: -n)
        return sorted(numbers)[1234], by_key[1234]

    return work


def strings():
    words = [f"word{i % 997}" for i in range(20_000)]

    def work():
        text = " ".join(words).replace("word", "Wort-").upper()
        return len(text), text.count("WORT-1"), len("".join(part.title() for part in text.split("-")))

    return work


def dicts():
    keys = [f"key{i}" for i in range(5000)]

    def work():
        counts = {}
        for _ in range(10):
            for key in keys:
                counts[key] = counts.get(key, 0) + len(key)
        inverted = {value: key for key, value in counts.items()}
        return sum(counts.values()), sorted(inverted)

    return work


def regular_expressions():
    text = "From: ada@example.org, bo-1@mail.example.com; on 2024-02-29 at 17:05. " * 300
    pattern = re.compile(r"([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)|(\d{4})-(\d\d)-(\d\d)")

    def work():
        return sum(1 for _ in pattern.finditer(text)), len(pattern.sub(r"<\1>", text)), len(re.split(r"[,;.]\s*", text))

    return work


def nbody():
    start = (
        (0.0, 0.0, 0.0, 0.0, 39.5),
        (5.2, 0.1, 0.6, 2.6, 0.04),
        (9.5, 0.1, -1.0, 1.9, 0.01),
        (19.2, 1.0, 0.9, 1.1, 0.002),
    )

    def work():
        bodies = [list(body) for body in start]
        for _ in range(4000):
            for i, one in enumerate(bodies):
                for other in bodies[i + 1 :]:
                    dx, dy = one[0] - other[0], one[1] - other[1]
                    pull = 0.001 / (dx * dx + dy * dy + 0.01) ** 1.5
                    one[2] -= dx * other[4] * pull
                    one[3] -= dy * other[4] * pull
                    other[2] += dx * one[4] * pull
                    other[3] += dy * one[4] * pull
            for body in bodies:
                body[0] += 0.001 * body[2]
                body[1] += 0.001 * body[3]
        return round(bodies[1][0], 6)

    return work


def generators():
    def numbers(limit):
        for n in range(limit):
            yield n + 1

    def work():
        return sum(n * n for n in numbers(150_000) if n % 3)

    return work


def exceptions():
    def work():
        caught = 0
        for i in range(60_000):
            try:
                if i % 2:
                    raise ValueError(i)
            except ValueError:
                caught += 1
        return caught

    return work


def big_integers():
    def work():
        a, b = 0, 1
        for _ in range(12_000):
            a, b = b, a + b
        return len(str(a)), pow(3, 4001, a) % 1000

    return work


def matrix_product():
    import numpy

    left = numpy.arange(160_000, dtype=float).reshape(400, 400) / 160_000
    return lambda: f"{(left @ left).sum():.6g}"


def elementwise():
    import numpy

    values = numpy.linspace(0, 10, 500_000)
    return lambda: f"{(numpy.sin(values) * values + numpy.sqrt(values) - values**2).sum():.6g}"


def sorting_an_array():
    import numpy

    values = (numpy.arange(400_000, dtype="int64") * 7919) % 1_000_003
    return lambda: int(numpy.sort(values)[12_345]) + int(numpy.argsort(values)[7])


def groupby():
    import pandas

    rows = 100_000
    frame = pandas.DataFrame(
        {"key": [i * 31 % 500 for i in range(rows)], "city": ["Oslo", "Rome", "Lima", "Bern"] * (rows // 4)}
    )
    frame["value"] = frame.key * 0.5

    def work():
        table = frame.groupby(["city", "key"]).value.agg(["mean", "sum", "max"])
        return f"{table.to_numpy().sum():.6g} {len(table)}"

    return work


PURE = {
    "fib": fib,
    "loops": loops,
    "method calls": method_calls,
    "json": json_text,
    "sort": sort,
    "strings": strings,
    "dicts": dicts,
    "regular expressions": regular_expressions,
    "n-body": nbody,
    "generators": generators,
    "exceptions": exceptions,
    "big integers": big_integers,
}
NUMPY = {
    "matrix product": matrix_product,
    "elementwise": elementwise,
    "sorting an array": sorting_an_array,
    "groupby": groupby,
}
PROGRAMS = PURE | NUMPY
_prepared = {}


def measure(name, count):
    """Print the best of ``count`` times in seconds, and what the program returned, as JSON."""
    if name not in _prepared:
        _prepared[name] = PROGRAMS[name]()
        _prepared[name]()
    work = _prepared[name]
    best = float("inf")
    for _ in range(count):
        start = time.perf_counter()
        returned = work()
        best = min(best, time.perf_counter() - start)
    print(json.dumps({"seconds": best, "returned": repr(returned)}))
