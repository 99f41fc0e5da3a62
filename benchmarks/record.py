"""Records: what the full runs of an experiment found.

A record is `recorded/NAME.json`, with the values of five seeds, and those of the quick
run that later quick runs must reproduce. What is finished lies in `NAME.partial.json`
until all is, so that an interrupted recording goes on where it stopped.
"""

import io
import json
import math
import time
from pathlib import Path

import numpy as np

from benchmarks import experiment, files
from benchmarks.environment import environment
from benchmarks.experiment import Metric, Result
from benchmarks.progress import Progress
from benchmarks.sources import source_hash

FOLDER = Path(__file__).parent / "recorded"
SEEDS = (0, 1, 2, 3, 4)
QUICK_SEED = 0
# What a record holds, and what each of its metrics does.
ORIGIN = {"name", "sources", "environment"}
KEYS = ORIGIN | {"seeds", "seconds", "quick_seconds", "metrics", "series"}
METRIC_KEYS = Metric.__dataclass_fields__.keys() - {"value"}
METRIC_KEYS |= {"values", "mean", "sd", "quick"}


def read(name: str) -> dict | None:
    """Read the record of an experiment; None if there is none.

    Raises
    ------
    ValueError
        When the file is not JSON, or lacks what a record holds today.
    """
    path = FOLDER / f"{name}.json"
    remedy = f"make it again: python -m benchmarks report --full {name}"
    try:
        record = read_json(path)
    except ValueError as error:
        raise ValueError(f"the record {path} is no JSON ({error}); {remedy}") from error
    if record is None:
        return None
    lacking = KEYS - record.keys()
    for kept in record.get("metrics", []):
        lacking |= METRIC_KEYS - kept.keys()
    if lacking:
        raise ValueError(
            f"the record {path} lacks {', '.join(sorted(lacking))}: a run cannot be "
            f"held to a record of another form; {remedy}"
        )
    return record


def is_stale(name: str, record: dict) -> bool:
    """Say whether a record was made from other sources than those of today."""
    return record["sources"] != source_hash(experiment.module_name(name))


def make(name: str) -> dict:
    """Run an experiment at full size for every seed, and write its record.

    Runs that are already in the partial record count if they come from the same sources
    and the same environment.

    Raises
    ------
    ValueError
        When a metric is not finite: a record holds numbers only.
    """
    module = experiment.load(name)
    made_by = {
        "sources": source_hash(experiment.module_name(name)),
        "environment": environment(),
    }
    partial = FOLDER / f"{name}.partial.json"
    runs = finished_runs(partial, made_by)
    plan = [("quick", QUICK_SEED), *(("full", seed) for seed in SEEDS)]
    for number, (size, seed) in enumerate(plan, start=1):
        tag = f"{size}-{seed}"
        if tag in runs:
            continue
        with Progress(f"{name}: {size} run, seed {seed} ({number} of {len(plan)})"):
            start = time.perf_counter()
            result = experiment.run(module, seed, size)
            runs[tag] = entry(name, seed, result, time.perf_counter() - start)
        files.write(partial, files.dumps(made_by | {"runs": runs}))

    full = [runs[f"full-{seed}"] for seed in SEEDS]
    record = {"name": name} | made_by | combine(runs[f"quick-{QUICK_SEED}"], full)
    files.write(FOLDER / f"{name}.json", files.dumps(record))
    if hasattr(module, "picture"):
        picture = module.picture(record["series"])
        files.write(FOLDER / f"{name}.png", png(picture.figure))
    partial.unlink()
    return record


def finished_runs(partial: Path, made_by: dict) -> dict:
    """Return the runs of an interrupted recording that still count."""
    kept = read_json(partial)
    if kept is None or any(kept[key] != value for key, value in made_by.items()):
        return {}
    return kept["runs"]


def entry(name: str, seed: int, result: Result, seconds: float) -> dict:
    """Return one run as it is kept in the partial record."""
    for metric in result.metrics:
        if not math.isfinite(metric.value):
            raise ValueError(
                f"{name}, seed {seed}: the metric {metric.name!r} is {metric.value}; a "
                "mean over seeds would hide which run failed, so a record holds finite "
                "numbers only: run this seed alone and correct the experiment"
            )
    metrics = {metric.name: vars(metric) for metric in result.metrics}
    return files.plain(
        {"seconds": seconds, "metrics": metrics, "series": dict(result.series)}
    )


def combine(quick: dict, full: list[dict]) -> dict:
    """Combine the quick run and the full runs, one a seed, into a record."""
    series = full[0]["series"]
    metrics = []
    for name, metric in full[0]["metrics"].items():
        values = [run["metrics"][name]["value"] for run in full]
        metrics.append(
            {key: item for key, item in metric.items() if key != "value"}
            | {
                "values": values,
                "mean": float(np.mean(values)),
                "sd": float(np.std(values, ddof=1)),
                "quick": quick["metrics"][name]["value"],
            }
        )
    return {
        "seeds": list(SEEDS),
        "seconds": [run["seconds"] for run in full],
        "quick_seconds": quick["seconds"],
        "metrics": metrics,
        "series": {key: [run["series"][key] for run in full] for key in series},
    }


def failures(record: dict) -> list[str]:
    """Say which recorded means miss their criterion."""
    complaints = []
    for kept in record["metrics"]:
        complaint = criterion(kept).complaint(kept["mean"])
        if complaint:
            complaints.append(f"{kept['name']}: the recorded mean {complaint}")
    return complaints


def criterion(kept: dict) -> Metric:
    """Return a recorded metric as a Metric whose value is the mean."""
    fields = {key: kept[key] for key in Metric.__dataclass_fields__ if key != "value"}
    return Metric(value=kept["mean"], **fields)


def png(figure) -> bytes:
    """Draw a figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, metadata={"Software": None})
    return buffer.getvalue()


def read_json(path: Path) -> dict | None:
    """Read a JSON file; None if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
