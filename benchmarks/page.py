"""The page: one index.html that shows every experiment, without a script."""

import html
import math
import re
from collections.abc import Iterator, Sequence

from benchmarks.experiment import Table, Text
from benchmarks.quick import Judged, Outcome

STALE = "The record was made from other sources: it is stale until it is made again."

STYLE = """
:root { --ink: #1d2126; --grey: #5d6670; --line: #d8dce0;
  --good: #1a7a3c; --bad: #b3261e }
body { max-width: 54rem; margin: 3rem auto; padding: 0 1.2rem; color: var(--ink);
  background: #fff; font: 1.06rem/1.55 Charter, "Bitstream Charter", Georgia, serif }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem }
h2 { font-size: 1.45rem; margin: 3.5rem 0 .2rem; padding-top: 1rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1.08rem; margin: 2.2rem 0 .4rem }
p, figcaption, caption { margin: .4rem 0; max-width: 44rem }
.note, figcaption, caption, footer, small { color: var(--grey); font-size: .92rem }
small { display: block; line-height: 1.35 }
sup { line-height: 0 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0;
  font-variant-numeric: tabular-nums }
caption { caption-side: bottom; text-align: left; padding-top: .4rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0;
  border-bottom: 1px solid var(--line) }
th { font-weight: 600; border-bottom-color: var(--ink) }
.wide { overflow-x: auto }
.good { color: var(--good); font-weight: 600 }
.bad { color: var(--bad); font-weight: 600 }
.warning { padding: .5rem .9rem; border-left: 4px solid #c98a00; background: #fdf6e3 }
figure { margin: 1.6rem 0 }
img { max-width: 100%; height: auto }
pre { overflow-x: auto; padding: .9rem 1.1rem; background: #f5f6f7; border-radius: 4px;
  font: .82rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
code { font: .92em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
a { color: #0b57a4 }
footer { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: .8rem }
"""


def page(outcomes: Sequence[Outcome], surroundings: dict) -> str:
    """Return the page of some quick runs."""
    seed = surroundings["seed"]
    facts = ", ".join(
        f"{key} {value}" if key not in ("cpu", "system") else str(value)
        for key, value in surroundings.items()
        if key not in ("seed", "threads")
    )
    body = "\n".join(line for outcome in outcomes for line in section(outcome, seed))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ab Initio: the report</title>
<style>{STYLE}</style>
<h1>Ab Initio: the report</h1>
<p>Every experiment at its quick size, with seed {seed}. Beside each value stand the
recorded full runs (mean ± standard deviation over seeds) and a number known from
elsewhere. A value is <span class="good">ok</span> when it meets its criterion, the
recorded mean does, and the quick run reproduces the recorded quick run.</p>
{summary(outcomes)}
{body}
<footer>Computed with {escape(facts)}, {surroundings["threads"]} threads. The same
numbers, for programs: <a href="results.json">results.json</a>. The records are made by
<code>python -m benchmarks report --full</code>.</footer>
</html>
"""


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table of contents, with one verdict an experiment."""
    rows = [
        [
            small(outcome.title, f'<a href="#{outcome.name}">{outcome.name}</a>'),
            f"{outcome.seconds:.1f} s",
            verdict(not outcome.failed),
        ]
        for outcome in outcomes
    ]
    return table(["experiment", "took", "verdict"], rows)


def section(outcome: Outcome, seed: int) -> Iterator[str]:
    """Yield the lines of one experiment: metrics, figures, tables and listings."""
    yield f'<h2 id="{outcome.name}">{escape(outcome.title)}</h2>'
    budget = "" if outcome.budget is None else f" (budget {outcome.budget:g} s)"
    yield (
        f'<p class="note"><code>python -m benchmarks run {outcome.name} --seed {seed}'
        f"</code>, {outcome.seconds:.1f} s{budget}</p>"
    )
    if outcome.error:
        yield f'<p class="bad">FAIL: {escape(outcome.error)}</p>'
    elif outcome.record is None:
        yield '<p class="note">There is no record of full runs.</p>'
    if outcome.stale:
        yield f'<p class="warning">{STALE}</p>'
    if outcome.judged:
        header = ["quantity", "this run", "recorded", "known from elsewhere", "verdict"]
        yield table(header, [metric_row(item) for item in outcome.judged])
    for file, name, caption in outcome.figures:
        yield (
            f'<figure><img src="{file}" alt="{escape(name)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    if outcome.result is not None:
        yield from (listing(item) for item in outcome.result.tables)
        yield from (listing(item) for item in outcome.result.texts)


def metric_row(item: Judged) -> list[str]:
    """Return the cells of one metric, as HTML."""
    metric, kept = item.metric, item.recorded
    recorded = (
        small(f"{len(kept['values'])} seeds", pretty(spread(kept))) if kept else ""
    )
    reference = "" if metric.reference is None else pretty(number(metric.reference))
    reasons = item.complaints or criteria(item)
    return [
        escape(metric.name),
        pretty(escape(quantity(metric.value, metric.unit))),
        recorded,
        small(metric.source, reference),
        small("; ".join(reasons), "" if item.ok is None else verdict(item.ok)),
    ]


def small(note: str, cell: str) -> str:
    """Return a cell with a note in small letters below it, if there is one."""
    return cell + (f"<small>{pretty(escape(note))}</small>" if note else "")


def criteria(item: Judged) -> list[str]:
    """Say what a value that is ok was held to."""
    metric, said = item.metric, []
    if metric.at_least is not None:
        said.append(f"at least {number(metric.at_least)}")
    if metric.at_most is not None:
        said.append(f"at most {number(metric.at_most)}")
    if item.held_to_record and metric.tolerance is not None:
        said.append(f"reproduced to {number(metric.tolerance)}")
    return said


def listing(item: Table | Text) -> str:
    """Return a table or a program text under its name."""
    head = f"<h3>{escape(item.name)}</h3>"
    if isinstance(item, Text):
        caption = f"<p>{escape(item.caption)}</p>" if item.caption else ""
        return f"{head}{caption}<pre>{escape(item.text)}</pre>"
    rows = [[escape(cell) for cell in row] for row in item.rows]
    return head + table([escape(cell) for cell in item.header], rows, item.caption)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = ""
) -> str:
    """Return an HTML table; the cells are HTML already."""
    first = "".join(f"<th>{cell}</th>" for cell in header)
    others = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    below = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{below}<tr>{first}</tr>\n{others}</table></div>'


def verdict(ok: bool) -> str:
    """Return ok or FAIL, in its color."""
    return '<span class="good">ok</span>' if ok else '<span class="bad">FAIL</span>'


def number(value: float) -> str:
    """Print a number to four figures, or in powers of ten.

    >>> number(0.97777), number(7.24e-9), number(math.nan)
    ('0.9778', '7.2e-09', 'nan')
    """
    plain = value == 0 or 1e-3 <= abs(value) < 1e5 or not math.isfinite(value)
    return f"{value:.4g}" if plain else f"{value:.1e}"


def quantity(value: float, unit: str) -> str:
    """Print a number with its unit."""
    return f"{number(value)} {unit}".rstrip()


def spread(kept: dict) -> str:
    """Print the mean and the standard deviation of a recorded metric.

    >>> spread({"mean": 0.98, "sd": 0.00124}), spread({"mean": 5e-16, "sd": 9e-17})
    ('0.9800 ± 0.0012', '(5.0 ± 0.9)e-16')

    Where the seeds differ by rounding only, it says so.

    >>> spread({"mean": 46.0, "sd": 0.0}), spread({"mean": math.log(2), "sd": 6e-17})
    ('46 ± 0', '0.6931 ± 0')
    """
    mean, sd = kept["mean"], kept["sd"]
    if sd <= 1e-9 * abs(mean):
        return f"{number(mean)} ± 0"
    if "e" in number(mean):
        power = math.floor(math.log10(abs(mean)))
        scale = 10.0**power
        return f"({mean / scale:.1f} ± {sd / scale:.1f})e{power:+03d}"
    digits = max(0, 1 - math.floor(math.log10(sd)))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def recorded_text(item: Judged) -> str:
    """Print the record of a metric on the same line, for the terminal."""
    if item.recorded is None:
        return ""
    return f"  (recorded {spread(item.recorded)}, {len(item.recorded['values'])} seeds)"


def pretty(text: str) -> str:
    """Write powers of ten as in a book, and keep a value and its spread together.

    >>> pretty("7.2e-09")
    '7.2&nbsp;&times;&nbsp;10<sup>&minus;9</sup>'
    """
    return re.sub(
        r"e([+-])0*(\d+)",
        lambda m: (
            f"&nbsp;&times;&nbsp;10<sup>{'&minus;' if m[1] == '-' else ''}{m[2]}</sup>"
        ),
        text.replace(" ± ", "&nbsp;±&nbsp;"),
    )


def escape(text: str) -> str:
    """Make a text safe inside HTML."""
    return html.escape(str(text))
