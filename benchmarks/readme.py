"""The parts of README.md that are computed: the results and the map of files.

`python -m benchmarks.readme` writes them anew between their markers; a test compares.
"""

import ast
from pathlib import Path

from benchmarks import experiment, page, record

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BAR = r"\|"  # in a cell, where a bare one would end it
PACKAGES = {
    "autodiff": "the reverse-mode engine",
    "models": "networks, losses, distances between distributions",
    "optim": "optimizers, batches, the training loop, checkpoints",
    "samplers": "Markov chains, random numbers, exact results, diagnostics",
    "data": "digits, MNIST, toy data with their densities",
    "benchmarks": "experiments, records, the report",
}


def results() -> str:
    """Return the table of all records, in Markdown: mean and spread over seeds."""
    lines = ["| experiment | quantity | five seeds | known from elsewhere |"]
    lines.append("|---|---|---|---|")
    for name in experiment.names():
        kept = record.read(name)
        for metric in kept["metrics"] if kept else []:
            reference = metric["reference"]
            known = "" if reference is None else page.number(reference)
            source = f" ({metric['source']})" if metric["source"] else ""
            value = f"{page.spread(metric)} {metric['unit']}".rstrip()
            cells = name, metric["name"], value, known + source
            lines.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join(lines)


def files() -> str:
    """Return the map of files: each with its lines and the first of its docstring."""
    lines = []
    for package, role in PACKAGES.items():
        paths = sorted((ROOT / package).rglob("*.py"))
        total = sum(count(path) for path in paths)
        lines.append(f"{package + '/':32}{total:>5}  {role}")
        for path in paths:
            if path.name not in ("__init__.py", "__main__.py"):
                name = path.relative_to(ROOT / package).as_posix()
                lines.append(f"  {name:30}{count(path):>5}  {title(path)}")
    return "\n".join(["```text", *lines, "```"])


def count(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def title(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".")


def updated(text: str) -> str:
    """Return a text of README.md with the computed parts made anew."""
    for name, part in {"results": results(), "files": files()}.items():
        start, end = f"<!-- {name} -->\n\n", f"\n\n<!-- end of {name} -->"
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(
                f"README.md has no part between {start.strip()} and {end.strip()}: put "
                "the markers where the part belongs"
            )
        text = before + start + part + end + after
    return text


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
