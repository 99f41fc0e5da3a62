"""The protocol: contestants in turns, so that all of them meet the same machine.

Each is given the same arrays. Its first call is a time of its own, for it compiles;
after one and after ten repetitions its result must agree with ours, or it is not timed.
Then ours and the peers take turns of about a third of a second, A B C A B C ..., with a
rest before each in which the threads of the last one fall asleep. One round gives one
ratio for each peer; the median of the rounds is the result.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np

from benchmarks.progress import Progress
from benchmarks.speed.agreement import disagreement, shortfall
from benchmarks.speed.contestant import (
    TURN,
    Contestant,
    Missing,
    Stopped,
    Turn,
    contestant,
)
from benchmarks.speed.floor import bandwidth, copying, floor, flops_rate, product
from benchmarks.speed.outcome import OURS, Comparison, Outcome, Timing, threads_text
from benchmarks.speed.row import Build, Problem, load

REST = 0.05  # seconds
CHECKED = (1, 10)  # repetitions after which results are compared
SEED = 0

logger = logging.getLogger(__name__)
T = TypeVar("T")


def run(name: str, *, pairs: int, threads: Sequence[int], python: str) -> Outcome:
    """Compare a row with its peers.

    Parameters
    ----------
    name : of the row
    pairs : the number of rounds
    threads : the numbers of threads to compare with, one after the other
    python : the interpreter of the peers
    """
    row = load(name)
    outcome = Outcome(name, row)
    for count in threads if row.threaded else threads[:1]:
        with Progress(f"{name}, {threads_text(count)}"), ExitStack() as stack:
            race = Race(outcome, count, stack)
            try:
                race.enter(python)
                for case, size in {**row.cases, **row.scaled}.items():
                    race.compare(case, size, pairs)
            except Stopped as error:
                race.note(OURS, error)
    return outcome


class Race:
    """A row with one number of threads: its contestants, each in its process.

    A peer that fails is left out from then on, with a note in the outcome; when ours
    fails, or the floor cannot be measured, Stopped is raised.
    """

    def __init__(self, outcome: Outcome, threads: int, stack: ExitStack):
        self.outcome = outcome
        self.row = outcome.row
        self.threads = threads
        self.stack = stack
        self.case = "start"
        self.entrants: dict[str, Contestant] = {}

    def enter(self, python: str) -> None:
        """Start the processes; a peer that is not installed is noted as missing."""
        self.entrants[OURS] = self.start(self.row.ours)
        for name, peer in self.row.peers.items():
            where = {} if peer.needs_ours else {"python": python}
            try:
                worker = self.start(peer.build, distribution=peer.distribution, **where)
            except Missing as missing:
                self.outcome.missing[name] = str(missing)
            except Stopped as error:
                self.note(name, error)
            else:
                self.entrants[name] = worker
                self.outcome.versions[name] = worker.version
        if self.row.work is not None:
            self.copying = self.start(copying)
            with contestant(product, threads=self.threads) as worker:
                self.flops_rate = flops_rate(worker, self.row.dtype)

    def start(self, build: Build, **where: str) -> Contestant:
        """Start a process, which ends with the stack."""
        worker = contestant(build, threads=self.threads, **where)
        return self.stack.enter_context(worker)

    def compare(self, case: str, size: Any, pairs: int) -> None:
        """Time one case: ours, and every peer that agrees with it."""
        self.case = case
        problem = self.row.problem(size, np.random.default_rng(SEED))
        begun = self.each(lambda _, worker: begin(worker, problem), list(self.entrants))
        same = [name for name in begun if self.agrees(name, begun)]
        repetitions = self.each(lambda _, worker: worker.repetitions_in(TURN), same)

        def turn(name: str, worker: Contestant) -> Turn:
            time.sleep(REST)
            return worker.repeat(repetitions[name])

        rounds = [self.each(turn, list(repetitions)) for _ in range(pairs)]
        units = self.row.units(size)
        timings = {}
        for name, last in rounds[-1].items():
            turns = [answers[name] for answers in rounds]
            timings[name] = Timing(
                first=begun[name][0].seconds,
                seconds=[turn.seconds / repetitions[name] / units for turn in turns],
                processors=[turn.cpu_seconds / turn.seconds for turn in turns],
                result=last.result,
            )
        least = self.floor(size, timings[OURS].result)
        self.outcome.comparisons.append(Comparison(case, self.threads, timings, least))

    def each(
        self, action: Callable[[str, Contestant], T], names: Sequence[str]
    ) -> dict[str, T]:
        """Let one after the other do something; return name -> what came of it."""
        done = {}
        for name in names:
            if name not in self.entrants:
                continue
            try:
                done[name] = action(name, self.entrants[name])
            except Stopped as error:
                if name == OURS:
                    raise
                self.note(name, error)
                del self.entrants[name]
        return done

    def agrees(self, name: str, begun: Mapping[str, list[Turn]]) -> bool:
        """Say whether a contestant found what ours found; note where it did not."""
        for n, ours, theirs in zip(CHECKED, begun[OURS], begun[name], strict=True):
            results = ours.result, theirs.result
            complaint = disagreement(*results, self.row.tolerance)
            complaint = complaint or shortfall(*results, self.row.at_least)
            if complaint:
                self.note(name, Stopped(f"after {n} repetitions {complaint}"))
                return False
        return True

    def note(self, name: str, error: Stopped) -> None:
        """Note in the outcome what a contestant did wrong, and log all of it."""
        who = f"{name}, {self.case}, {threads_text(self.threads)}"
        logger.error("%s: %s", who, error)
        self.outcome.failures.append(f"{who}: {str(error).splitlines()[-1]}")

    def floor(self, size: Any, result: Mapping[str, Any]) -> float | None:
        """Return the least seconds of one unit of the work, if the row states it."""
        if self.row.work is None:
            return None
        work = self.row.work(size, result)
        rate = self.threads * bandwidth(self.copying, work.bytes / work.passes)
        return floor(work, self.flops_rate, rate) / self.row.units(size)


def begin(worker: Contestant, problem: Problem) -> list[Turn]:
    """Hand over the arrays and take the turns whose results are compared."""
    worker.prepare(problem)
    return [worker.repeat(n) for n in CHECKED]
