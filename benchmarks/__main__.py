"""The command line: results on stdout, progress on stderr.

Exit codes: 0 all is well, 1 a result failed, 2 a wrong command line, 130 interrupted.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

try:
    from benchmarks import experiment, page, record
    from benchmarks.environment import doctor
    from benchmarks.quick import Outcome
    from benchmarks.report import report
except KeyboardInterrupt:  # These imports take a second, in which Ctrl-C may come.
    sys.exit(130)

OUTPUT = Path("results")
ALL = "all experiments"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    shape = argparse.ArgumentDefaultsHelpFormatter
    main = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run the experiments.",
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
    return main


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
            commands.error("say what to do: list, run, report or --doctor")
        if options.command == "list":
            for name in experiment.names():
                module = experiment.load(name)
                print(f"{name}  {experiment.title(module)} (about {module.BUDGET} s)")
            return 0
        if options.command == "run":
            return quick(commands, check(commands, options.names), options)
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


def check(commands: argparse.ArgumentParser, names: Sequence[str]) -> Sequence[str]:
    """Return the names; a name that is no experiment is a usage error."""
    for name in names:
        if name not in experiment.names():
            commands.error(
                f"there is no experiment {name!r}; there are: "
                f"{', '.join(experiment.names())}"
            )
    return names


def check_output(commands: argparse.ArgumentParser, folder: Path) -> None:
    """Make the folder; where nothing can be written, that is a usage error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        commands.error(
            f"nothing can be written to --output {folder} ({error}), and the results "
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


if __name__ == "__main__":
    sys.exit(main())
