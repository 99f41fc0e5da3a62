"""One experiment at quick size, held to its criteria and to its record."""

import logging
import time
from dataclasses import dataclass, field
from types import ModuleType

from benchmarks import experiment, record
from benchmarks.experiment import Metric, Result
from benchmarks.progress import Progress
from benchmarks.record import QUICK_SEED

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """A metric beside its record.

    complaints : what is wrong, in words
    held_to_record : whether it had to reproduce the recorded quick value
    ok : None where there is nothing to hold it to
    """

    metric: Metric
    recorded: dict | None
    complaints: list[str]
    held_to_record: bool
    ok: bool | None


@dataclass
class Outcome:
    """What the quick run of one experiment gave; what an error kept away is None."""

    name: str
    title: str
    module: ModuleType | None = None
    budget: float | None = None
    seconds: float = 0.0
    result: Result | None = None
    error: str | None = None
    record: dict | None = None
    stale: bool = False
    judged: list[Judged] = field(default_factory=list)
    figures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Say whether the run stopped or one of its metrics is not ok."""
        return self.error is not None or any(item.ok is False for item in self.judged)

    def stop(self, error: Exception) -> None:
        """Note an error, beside a former one, and log where it was raised."""
        logger.error("%s stopped", self.name, exc_info=error)
        said = f"{type(error).__name__}: {error}"
        self.error = f"{self.error}; {said}" if self.error else said


def run(name: str, seed: int) -> Outcome:
    """Run one experiment; an error in it is its outcome, so that the others run."""
    outcome = Outcome(name, title=name)
    try:
        module = outcome.module = experiment.load(name)
        outcome.title, outcome.budget = experiment.title(module), module.BUDGET
        outcome.record = record.read(name)
        if outcome.record is not None:
            outcome.stale = record.is_stale(name, outcome.record)
        start = time.perf_counter()
        try:
            with Progress(name, budget=outcome.budget):
                outcome.result = experiment.run(module, seed, "quick")
        finally:
            outcome.seconds = time.perf_counter() - start
        outcome.judged = judge_all(outcome.result, outcome.record, seed)
        outcome.error = disappeared(outcome.result, outcome.record)
    except Exception as error:
        outcome.stop(error)
    return outcome


def judge_all(result: Result, kept: dict | None, seed: int) -> list[Judged]:
    """Hold every metric of a run to its criterion, and to its record."""
    recorded = {item["name"]: item for item in kept["metrics"]} if kept else {}
    return [judge(item, recorded.get(item.name), seed) for item in result.metrics]


def disappeared(result: Result, kept: dict | None) -> str | None:
    """Say which recorded metrics a run lacks; None when it has them all."""
    found = {item.name for item in result.metrics}
    recorded = [item["name"] for item in kept["metrics"]] if kept else []
    lacking = [name for name in recorded if name not in found]
    if not lacking:
        return None
    return (
        f"the run lacks what its record has: {', '.join(lacking)}; a result must not "
        "disappear unseen, so make the record again"
    )


def judge(metric: Metric, recorded: dict | None, seed: int) -> Judged:
    """Hold a metric to its criterion, and to its record.

    The recorded mean must meet the criterion of the full runs; a quick run with the
    seed of the recorded quick run must come as close to it as the tolerance says.
    """
    criteria = [(metric, metric.value, "")]
    if recorded is not None:
        full = record.criterion(recorded)
        criteria.append((full, full.value, "the recorded mean "))
    complaints = [
        whose + complaint
        for item, value, whose in criteria
        if (complaint := item.complaint(value))
    ]
    held_to_record = False
    if recorded is not None and metric.tolerance is not None and seed == QUICK_SEED:
        held_to_record = True
        distance = abs(metric.value - recorded["quick"])
        if distance > metric.tolerance:
            complaints.append(
                f"does not reproduce the recorded quick value {recorded['quick']:.6g}: "
                f"{distance:.2g} away, {metric.tolerance:.2g} allowed"
            )
    held = held_to_record or any(item.has_criterion for item, _, _ in criteria)
    ok = not complaints if held or complaints else None
    return Judged(metric, recorded, complaints, held_to_record, ok)
