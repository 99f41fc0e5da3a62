"""The report: results.json, the figures and index.html, from quick runs."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import files, page, quick, record
from benchmarks.environment import environment
from benchmarks.quick import Judged, Outcome


def report(names: Sequence[str], *, seed: int, output: Path) -> list[Outcome]:
    """Run experiments at quick size and write results.json, figures and index.html."""
    outcomes = [quick.run(name, seed) for name in names]
    for outcome in outcomes:
        try:
            draw(outcome, output)
        except Exception as error:
            outcome.stop(error)
    surroundings = environment() | {"seed": seed}
    files.write(output / "results.json", files.dumps(results(outcomes, surroundings)))
    files.write(output / "index.html", page.page(outcomes, surroundings))
    return outcomes


def draw(outcome: Outcome, output: Path) -> None:
    """Write the figures of a run, and that of its record, as PNG files."""
    pictures = list(outcome.result.figures) if outcome.result is not None else []
    of_record = getattr(outcome.module, "picture", None)
    if outcome.record is not None and of_record is not None:
        pictures.insert(0, of_record(outcome.record["series"]))
    for picture in pictures:
        file = f"figures/{outcome.name}-{picture.name.replace(' ', '-')}.png"
        files.write(output / file, record.png(picture.figure))
        outcome.figures.append((file, picture.name, picture.caption))


def results(outcomes: Sequence[Outcome], surroundings: dict) -> dict:
    """Return what results.json holds.

    A value that is not finite is null there, and its "ok" is false. An experiment that
    stopped has an "error" beside its empty metrics.
    """
    return {
        "environment": surroundings,
        "experiments": [
            {
                "name": outcome.name,
                "seconds": outcome.seconds,
                "metrics": [row(item) for item in outcome.judged],
                "figures": [file for file, _, _ in outcome.figures],
            }
            | ({"error": outcome.error} if outcome.error else {})
            for outcome in outcomes
        ],
    }


def row(item: Judged) -> dict:
    """Return one metric as it stands in results.json."""
    metric, recorded = item.metric, item.recorded
    return {
        "name": metric.name,
        "value": metric.value,
        "unit": metric.unit,
        "recorded_mean": recorded and recorded["mean"],
        "recorded_sd": recorded and recorded["sd"],
        "seeds": recorded and len(recorded["values"]),
        "reference": metric.reference,
        "source": metric.source,
        "ok": item.ok,
    }
