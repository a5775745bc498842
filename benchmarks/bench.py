"""What every group of benchmarks is given: how much to do, and the contenders."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TypeVar

from benchmarks.figures import Missing
from benchmarks.peers.environments import Environment, bare_cpython, environment, own_environment
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.sampling import JAVASCRIPT, METERED, OURS, TYPESCRIPT

T = TypeVar("T")


class Bench:
    """Starts contenders when they are first asked for, and keeps them. Close it, or use it with ``with``."""

    def __init__(self, *, quick: bool, has_peers: bool) -> None:
        self.is_quick = quick
        self.has_peers = has_peers
        own = (OURS, METERED, JAVASCRIPT, TYPESCRIPT)
        self._environments: dict[str, Environment | Missing] = {name: own_environment(name) for name in own}
        self._runners: dict[str, Runner | Missing] = {}

    def either(self, quick: T, full: T) -> T:
        """What the mode asks for."""
        return quick if self.is_quick else full

    def ours(self) -> Runner:
        """The process of this package. Raises RunnerFailed."""
        found = self.runner(OURS)
        if isinstance(found, Missing):
            raise RunnerFailed(found.reason)
        return found

    def everyone(self, *peers: str) -> dict[str, Runner | Missing]:
        """This package and those peers, each in its process; this package alone if peers are not wanted."""
        return {OURS: self.ours()} | {name: self.runner(name) for name in self.wanted(*peers)}

    def wanted(self, *peers: str) -> tuple[str, ...]:
        """Those of the peers that are to be measured."""
        return peers if self.has_peers else ()

    def runner(self, name: str) -> Runner | Missing:
        """The process of a contender, started when first asked for."""
        if name not in self._runners:
            self._runners[name] = self.new_runner(name)
        return self._runners[name]

    def environment(self, name: str) -> Environment | Missing:
        """Where that contender runs."""
        if name not in self._environments:
            print(f"preparing {name} ...", file=sys.stderr)
            self._environments[name] = environment(name)
        return self._environments[name]

    def new_runner(self, name: str) -> Runner | Missing:
        """A process of its own, for the caller to close."""
        place = self.environment(name)
        if isinstance(place, Missing):
            return place
        try:
            return Runner(place)
        except RunnerFailed as error:
            return Missing(str(error))

    def new_bare_cpython(self) -> Runner:
        """This very Python in a process of its own, for the caller to close. Raises RunnerFailed."""
        return Runner(bare_cpython())

    def versions(self) -> dict[str, dict[str, str] | Missing]:
        """Of every contender that was asked for so far."""
        absent = {name: place for name, place in self._environments.items() if isinstance(place, Missing)}
        there = {name: each if isinstance(each, Missing) else each.versions for name, each in self._runners.items()}
        return absent | there

    def close(self) -> None:
        """End all processes. Idempotent."""
        for runner in self._runners.values():
            if isinstance(runner, Runner):
                runner.close()
        self._runners.clear()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
