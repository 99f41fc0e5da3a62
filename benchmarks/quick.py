"""One experiment at quick size, held to its criteria and to its record."""

import logging
import time
from dataclasses import dataclass, field

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
    """What the quick run of one experiment gave."""

    name: str
    title: str
    budget: float
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


def run(name: str, seed: int) -> Outcome:
    """Run one experiment; an error in it is its outcome, so that the others run."""
    module = experiment.load(name)
    outcome = Outcome(name, experiment.title(module), module.BUDGET)
    outcome.record = record.read(name)
    if outcome.record is not None:
        outcome.stale = record.is_stale(name, outcome.record)
    start = time.perf_counter()
    try:
        with Progress(name, budget=module.BUDGET):
            outcome.result = module.run(seed, "quick")
    except Exception as error:
        logger.exception("%s stopped", name)
        outcome.error = f"{type(error).__name__}: {error}"
    outcome.seconds = time.perf_counter() - start
    if outcome.result is not None:
        recorded = outcome.record["metrics"] if outcome.record else []
        by_name = {kept["name"]: kept for kept in recorded}
        outcome.judged = [
            judge(metric, by_name.pop(metric.name, None), seed)
            for metric in outcome.result.metrics
        ]
        if by_name:
            outcome.error = (
                f"the run lacks what its record has: {', '.join(by_name)}; a result "
                "must not disappear unseen, so make the record again"
            )
    return outcome


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
