"""A contender's process, seen from here."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.peers.environments import Environment

_WORKER = Path(__file__).with_name("worker.py")
_LONGEST_ANSWER_SECONDS = 1800.0  # some contenders compile their guest before the first answer
_SHOWN_LINES = 3


class RunnerFailed(Exception):
    """A contender could not do what it was asked."""


class Runner:
    """One process of a contender, and one warm context in it. Close it, or use it with ``with``."""

    def __init__(self, environment: Environment) -> None:
        """Starts it and waits until it has given a first result. Raises RunnerFailed."""
        self.environment = environment
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (see close)
        self._process = subprocess.Popen(
            [str(environment.python), "-P", str(_WORKER), environment.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment.variables,
            text=True,
            encoding="utf-8",
        )
        try:
            self.versions: dict[str, str] = self._answer()
        except RunnerFailed:
            self.close()
            raise

    def run(self, code: str) -> str:
        """Run a cell in the warm context; what it printed."""
        return str(self._ask("run", code=code))

    def time_runs(self, code: str, count: int) -> list[float]:
        """Seconds of that many runs of a cell in the warm context."""
        return self._floats("time_runs", code=code, count=count)

    def time_additions(self, count: int) -> list[float]:
        """Seconds of that many runs of 1+1."""
        return self._floats("time_additions", count=count)

    def time_openings(self, count: int, code: str = "") -> list[float]:
        """Seconds that new contexts take, with ``code`` run there."""
        return self._floats("time_openings", count=count, code=code)

    def time_first_runs(self, code: str, count: int) -> list[float]:
        """Seconds of a cell as the first of a new context."""
        return self._floats("time_first_runs", code=code, count=count)

    def time_from_nothing(self, count: int) -> list[float]:
        """Seconds from nothing to the result of 1+1."""
        return self._floats("time_from_nothing", count=count)

    def time_at_once(self, setup: str, code: str, threads: int) -> float:
        """Seconds of a cell in as many contexts at once."""
        return float(self._ask("time_at_once", setup=setup, code=code, threads=threads))

    def openings_per_second(self, count: int, threads: int) -> float:
        """Contexts opened and closed in a second by so many threads."""
        return float(self._ask("openings_per_second", count=count, threads=threads))

    def proportional_memory(self, count: int) -> tuple[int, int, int]:
        """Bytes before, with, and after ``count`` contexts."""
        before, alive, after = self._ask("proportional_memory", count=count)
        return int(before), int(alive), int(after)

    def close(self) -> None:
        """End the process. Idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _floats(self, do: str, **arguments: Any) -> list[float]:
        return [float(each) for each in self._ask(do, **arguments)]

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise RunnerFailed(f"its process has ended: {self._last_errors()}") from error
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        patience = threading.Timer(_LONGEST_ANSWER_SECONDS, self._process.kill)
        patience.start()
        try:
            line = self._process.stdout.readline()
        finally:
            patience.cancel()
        if not line:
            raise RunnerFailed(f"its process has ended: {self._last_errors()}")
        said = json.loads(line)
        if "error" in said:
            raise RunnerFailed(said["error"])
        return said["answer"]

    def _last_errors(self) -> str:
        if self._errors.closed:
            return "closed"
        self._errors.seek(0)
        return " | ".join(self._errors.read().splitlines()[-_SHOWN_LINES:]) or "without a word"


def time_new_process(environment: Environment, code: str, expected: str) -> float:
    """Seconds from the start of an interpreter to the line that it prints. Raises RunnerFailed."""
    start = time.perf_counter()
    with subprocess.Popen(
        [str(environment.python), "-P", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment.variables,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - start
        if line.strip() != expected:
            process.kill()
            raise RunnerFailed(f"printed {line!r}: {process.stderr.read()[-300:]}")
    return taken
