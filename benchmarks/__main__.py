"""The command line: results on stdout, progress on stderr.

Exit codes: 0 all is well, 1 a result failed, 2 a wrong command line, 130 interrupted.
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    from benchmarks import experiment, files, page, record
    from benchmarks.environment import doctor, environment
    from benchmarks.quick import Outcome
    from benchmarks.report import report
    from benchmarks.speed import race, row, table
except KeyboardInterrupt:  # These imports take a second, in which Ctrl-C may come.
    sys.exit(130)

OUTPUT = Path("results")
ALL = "all experiments"
SPEED = "time our kernels beside those of other libraries"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    shape = argparse.ArgumentDefaultsHelpFormatter
    main = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run the experiments, and time the kernels.",
        formatter_class=shape,
    )
    main.add_argument(
        "--doctor",
        action="store_true",
        help="say where the six packages were imported from, with which versions",
    )
    commands = main.add_subparsers(dest="command", title="commands")
    commands.add_parser("list", help="list the experiments", formatter_class=shape)
    run = commands.add_parser(
        "run", help="run some experiments at quick size", formatter_class=shape
    )
    run.add_argument(
        "names", nargs="+", metavar="NAME", help="an experiment of the list"
    )
    every = commands.add_parser(
        "report", help="run all experiments at quick size", formatter_class=shape
    )
    every.add_argument(
        "--full",
        nargs="?",
        const=ALL,
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="make the record instead: five seeds at full size, of NAME or of all; "
        "goes on where an interrupted one stopped",
    )
    for command in (run, every):
        command.add_argument("--seed", type=seed, default=0, help="of the quick run")
        command.add_argument(
            "--output",
            type=Path,
            default=OUTPUT,
            help="folder for results.json, the figures and index.html",
        )
    add_speed(commands.add_parser("speed", help=SPEED, formatter_class=shape))
    return main


def add_speed(speed: argparse.ArgumentParser) -> None:
    """Add the arguments of the command `speed`."""
    speed.add_argument(
        "names", nargs="*", metavar="ROW", default=row.names(), help="what is timed"
    )
    speed.add_argument(
        "--pairs",
        type=whole_number(5),
        default=7,
        help="how often ours and a peer are timed side by side; at least 5",
    )
    speed.add_argument(
        "--threads",
        type=whole_number(1),
        nargs="+",
        default=[1, 2],
        help="how many threads each may use, one number after the other",
    )
    speed.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PATH",
        help="interpreter that has NumPy and the peers",
    )
    speed.add_argument(
        "--json",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="write all times to a file as well",
    )


def whole_number(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers that are not below `least`."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} on"
            )
        return int(text)

    return read


def seed(text: str) -> int:
    """Read a seed: a whole number, not negative."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is 0, 1, 2, ...; this is {text!r}")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    commands = parser()
    options = commands.parse_args(argv)
    try:
        if options.doctor:
            lines, healthy = doctor()
            print("\n".join(lines))
            return 0 if healthy else 1
        if options.command is None:
            commands.error("say what to do: list, run, report, speed or --doctor")
        if options.command == "list":
            for name in experiment.names():
                module = experiment.load(name)
                print(f"{name}  {experiment.title(module)} (about {module.BUDGET} s)")
            return 0
        if options.command == "run":
            return quick(commands, check(commands, options.names), options)
        if options.command == "speed":
            return speed(commands, options)
        if "full" not in options:
            return quick(commands, experiment.names(), options)
        if options.seed != record.QUICK_SEED:
            commands.error("--full has its own seeds, 0 to 4; leave --seed out")
        if options.output != OUTPUT:
            commands.error(
                f"--full writes its records to {record.FOLDER}; leave --output out"
            )
        names = experiment.names() if options.full == ALL else [options.full]
        return full(check(commands, names))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def check(
    commands: argparse.ArgumentParser,
    names: Sequence[str],
    kind: str = "experiment",
    known: Callable[[], list[str]] = experiment.names,
) -> Sequence[str]:
    """Return the names; a name of nothing of the kind is a usage error."""
    for name in names:
        if name not in known():
            commands.error(
                f"there is no {kind} {name!r}; there are: {', '.join(known())}"
            )
    return names


def check_output(
    commands: argparse.ArgumentParser, folder: Path, option: str = "--output"
) -> None:
    """Make the folder; where nothing can be written, that is a usage error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        commands.error(
            f"nothing can be written to {option} {folder} ({error}), and the results "
            "would be lost after the runs; name another folder"
        )


def quick(
    commands: argparse.ArgumentParser, names: Sequence[str], options: argparse.Namespace
) -> int:
    """Run experiments at quick size, print their metrics and write the page."""
    check_output(commands, options.output)
    outcomes = report(names, seed=options.seed, output=options.output)
    for outcome in outcomes:
        show(outcome)
    print(f"wrote {options.output / 'index.html'}")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def show(outcome: Outcome) -> None:
    """Print the metrics of a run beside their record."""
    print(f"{outcome.name}: {outcome.title} ({outcome.seconds:.1f} s)")
    if outcome.error:
        print(f"  FAIL  {outcome.error}")
    for item in outcome.judged:
        mark = {True: "ok", False: "FAIL", None: ""}[item.ok]
        value = page.quantity(item.metric.value, item.metric.unit)
        print(f"  {mark:<4}  {item.metric.name}: {value}{page.recorded_text(item)}")
        for complaint in item.complaints:
            print(f"        {complaint}")
    if outcome.stale:
        print(f"  {page.STALE}")


def full(names: Sequence[str]) -> int:
    """Make the records of experiments and print their means."""
    code = 0
    for name in names:
        made = record.make(name)
        print(f"{name}: {len(made['seeds'])} seeds")
        for kept in made["metrics"]:
            print(f"  {kept['name']}: {page.spread(kept)} {kept['unit']}".rstrip())
        for failure in record.failures(made):
            print(f"  FAIL  {failure}")
            code = 1
        print(f"wrote {record.FOLDER / name}.json")
    return code


def speed(commands: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Compare rows with their peers, print each table and write the file."""
    check(commands, options.names, "row", row.names)
    python = shutil.which(options.peers_python)
    if python is None:
        commands.error(
            f"--peers-python {options.peers_python} is no program that can be run; "
            "give the path of a Python interpreter"
        )
    if "json" in options:
        check_output(commands, options.json.parent, "--json")
    settings = {
        "pairs": options.pairs,
        "threads": options.threads,
        "python": os.path.abspath(python),
    }
    outcomes = []
    for name in options.names:
        outcomes.append(race.run(name, **settings))
        print("\n".join(table.lines(outcomes[-1])), flush=True)
    if "json" in options:
        rows = [table.entry(outcome) for outcome in outcomes]
        content = {"environment": environment(), "settings": settings, "rows": rows}
        files.write(options.json, files.dumps(content))
        print(f"wrote {options.json}")
    return 1 if any(outcome.failures for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
