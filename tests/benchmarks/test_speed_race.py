"""The protocol, with contestants that follow a script: no time is measured."""

from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.speed import floor, race
from benchmarks.speed.agreement import disagreement, shortfall
from benchmarks.speed.contestant import Contestant, Missing, Stopped, Turn
from benchmarks.speed.row import Peer, Row, Work


def ours(problem):
    """Says that a repetition took 2 ms, for a problem of size 1."""
    return lambda n: {"seconds": 2e-3, "loss": n + 1.0, "evaluations": 7}


def fast(problem):
    return lambda n: {"seconds": 1e-3, "loss": n + 1.0, "evaluations": 6}


def slow(problem):
    return lambda n: {"seconds": 4e-3, "loss": n + 1.0, "evaluations": 5}


def wrong(problem):
    """Agrees after one repetition, and not after ten."""
    return lambda n: {"seconds": 1e-3, "loss": n + 1.0 + 0.02 * (n > 1)}


def broken(problem):
    raise Stopped("Traceback\nOSError: no disk")


def tired(problem):
    """Stops in its third turn with many repetitions."""
    turns = []

    def run(n):
        turns.append(n)
        if turns.count(max(turns)) == 3:
            raise Stopped("out of breath")
        return {"seconds": 1e-3, "loss": n + 1.0}

    return run


class Scripted(Contestant):
    """Runs the work here, and takes its word for the time; all turns are logged."""

    def __init__(self, log, build, distribution, python, threads):
        if distribution == "nowhere":
            raise Missing(f"nowhere is not installed in {python}")
        self.log, self.build, self.threads = log, build, threads
        self.version = "1.2"

    def prepare(self, problem):
        if self.build not in (floor.product, floor.copying):
            self.problem, self.run = problem, self.build(problem)

    def repeat(self, repetitions):
        self.log.append((self.build.__name__, self.threads, repetitions))
        if self.build in (floor.product, floor.copying):
            return Turn(repetitions * 1e-2, 0.0, {})
        result = self.run(repetitions)
        scale = float(self.problem["size"])
        seconds = repetitions * result.pop("seconds") * scale
        return Turn(seconds, 0.9 * seconds, result)


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs a row with these peers, in scripted contestants.

    Its list `log` holds (who, threads, repetitions) of every turn.
    """

    @contextmanager
    def scripted(build, *, distribution="numpy", python="ours", threads):
        yield Scripted(start.log, build, distribution, python, threads)

    monkeypatch.setattr(race, "contestant", scripted)
    monkeypatch.setattr(race, "REST", 0)

    def start(peers, pairs=5, threads=(1,), mine=ours, **options):
        peers = {build.__name__: Peer(build, "d", "eager") for build in peers}
        defaults = {
            "title": "a step",
            "dtype": "float32",
            "cases": {"base": 1},
            "problem": lambda size, rng: {"size": np.array(size)},
            "ours": mine,
            "peers": peers | options.pop("more", {}),
            "tolerance": {"loss": 1e-3},
        }
        made = Row(**defaults | options)
        monkeypatch.setattr(race, "load", lambda name: made)
        return race.run("a-row", pairs=pairs, threads=threads, python="theirs")

    start.log = []
    return start


def test_turns_alternate_and_each_round_gives_a_ratio(run):
    outcome = run([fast, slow], pairs=5)
    [item] = outcome.comparisons
    assert item.ratios("fast") == pytest.approx([2.0] * 5)
    assert item.ratios("slow") == pytest.approx([0.5] * 5)
    assert item.timings["ours"].first == pytest.approx(2e-3)
    assert item.timings["ours"].typical == pytest.approx(2e-3)
    assert item.timings["ours"].processors == pytest.approx([0.9] * 5)
    timed = [(name, n) for name, _, n in run.log[-15:]]
    assert timed == [("ours", 150), ("fast", 300), ("slow", 75)] * 5


def test_every_number_of_threads_has_its_own_contestants(run):
    outcome = run([fast], threads=(1, 2))
    assert [item.threads for item in outcome.comparisons] == [1, 2]
    assert {threads for _, threads, _ in run.log} == {1, 2}


def test_work_without_threads_is_timed_once(run):
    outcome = run([fast], threads=(3, 4), threaded=False)
    assert [item.threads for item in outcome.comparisons] == [3]


def test_a_peer_that_disagrees_is_not_timed(run, caplog):
    outcome = run([wrong, slow])
    [item] = outcome.comparisons
    assert item.peers == ["slow"]
    [failure] = outcome.failures
    assert failure.startswith(
        "wrong, base, 1 thread: after 10 repetitions loss differs"
    )
    assert "11.02, ours 11, relative difference 0.0018 where 0.001" in failure
    assert failure in caplog.text


def test_a_peer_that_does_better_work_is_not_timed(run):
    """Of seven evaluations of ours, slow does 5 and fast is told to do 8."""

    def better(problem):
        return lambda n: fast(problem)(n) | {"evaluations": 8}

    outcome = run([better, slow], at_least=("evaluations",))
    assert outcome.comparisons[0].peers == ["slow"]
    [failure] = outcome.failures
    assert failure.startswith("better, base, 1 thread: after 1 repetitions evaluations")
    assert outcome.comparisons[0].timings["slow"].result["evaluations"] == 5


def test_a_peer_that_is_not_installed_is_missing(run):
    outcome = run([fast], more={"gone": Peer(slow, "nowhere", "jit")})
    assert outcome.missing == {"gone": "nowhere is not installed in theirs"}
    assert outcome.comparisons[0].peers == ["fast"]
    assert not outcome.failures


def test_a_peer_that_needs_our_functions_runs_in_our_interpreter(run):
    more = {"SciPy": Peer(slow, "nowhere", "", needs_ours=True)}
    assert run([], more=more).missing == {"SciPy": "nowhere is not installed in ours"}


@pytest.mark.parametrize("bad", [broken, tired])
def test_a_peer_that_stops_is_left_out_and_the_others_go_on(run, bad, caplog):
    outcome = run([bad, slow], cases={"base": 1, "other": 1})
    assert [item.peers for item in outcome.comparisons] == [["slow"]] * 2
    assert len(outcome.failures) == 1
    assert outcome.failures[0].startswith(f"{bad.__name__}, base, 1 thread: ")
    assert len(outcome.comparisons[0].ratios("slow")) == 5


def test_when_ours_stops_there_is_nothing_to_compare(run, caplog):
    outcome = run([slow], mine=broken, threads=(1, 2))
    assert not outcome.comparisons
    assert outcome.failures == [
        "ours, base, 1 thread: OSError: no disk",
        "ours, base, 2 threads: OSError: no disk",
    ]
    assert "Traceback\nOSError" in caplog.text


def test_the_exponent_is_that_of_the_size(run):
    outcome = run([slow], scaled={"4x batch": 8.0, "4x width": 1.0})
    base, batch, width = outcome.comparisons
    assert outcome.exponent(base, "ours") is None
    assert outcome.exponent(batch, "ours") == pytest.approx(1.5)  # 8 = 4^1.5
    assert outcome.exponent(batch, "slow") == pytest.approx(1.5)
    assert outcome.exponent(width, "slow") == pytest.approx(0)


def test_the_floor_is_the_larger_of_arithmetic_and_traffic(run):
    # In 10 ms a scripted contestant does 2 ROWS^3 operations, or copies all its bytes.
    products = 2 * floor.ROWS**3
    works = {
        1: Work(flops=3 * products, bytes=floor.LEAST_BYTES),  # 30 ms against 10
        2: Work(flops=0.1 * products, bytes=2 * floor.LEAST_BYTES),  # 1 ms against 10
        3: Work(flops=0, bytes=floor.LEAST_BYTES / 2),  # half of the least copy: 5 ms
    }
    outcome = run(
        [slow],
        threads=(1, 2),
        cases={str(size): size for size in works},
        work=lambda size, result: works[size] if result["evaluations"] == 7 else None,
        units=lambda size: 10,
    )
    floors = [item.floor for item in outcome.comparisons]
    # A unit is a tenth of a repetition; two threads copy at most twice as fast.
    assert floors == pytest.approx([3e-3, 1e-3, 5e-4, 3e-3, 5e-4, 2.5e-4])
    assert outcome.comparisons[0].timings["slow"].typical == pytest.approx(4e-4)


def test_the_rates_are_those_of_products_and_copies(monkeypatch):
    done = []
    monkeypatch.setattr(floor, "ROWS", 3)
    monkeypatch.setattr(np, "matmul", lambda a, b, out: done.append((a, b, out)))
    monkeypatch.setattr(np, "copyto", lambda target, source: done.append(target))
    floor.product({"dtype": np.array("float32")})(2)
    floor.copying({"bytes": np.array(10)})(1)
    *products, copy = done
    assert len(products) == 2
    assert {(a.shape, a.dtype) for a in products[0]} == {((3, 3), np.dtype("float32"))}
    assert copy.nbytes == 5


@pytest.mark.parametrize(
    ("theirs", "complaint"),
    [
        ({"a": [1, 2.001]}, None),
        ({"a": [1, 2.003]}, "a differs from ours: relative difference 0.0015"),
        ({"a": [1, float("nan")]}, "a differs from ours"),
        ({"a": [1, 2, 3]}, "a has shape (3,) and ours (2,)"),
        ({"b": 1}, "gave no a"),
    ],
)
def test_results_agree_relative_to_the_largest_entry(theirs, complaint):
    found = disagreement({"a": [1, 2], "b": 5}, theirs, {"a": 1e-3})
    if complaint is None:
        assert found is None
    else:
        assert found.startswith(complaint)


def test_zeros_agree_with_zeros_only():
    assert disagreement({"a": 0.0}, {"a": 0.0}, {"a": 1e-3}) is None
    assert "ours 0" in disagreement({"a": 0.0}, {"a": 1e-9}, {"a": 1e-3})


@pytest.mark.parametrize(("ours", "theirs"), [(2, 2), (2, 1), (-1, -3), (1, -np.inf)])
def test_ours_may_be_as_large_or_larger(ours, theirs):
    assert shortfall({"a": ours, "b": 0}, {"a": theirs, "b": 9}, ["a"]) is None


@pytest.mark.parametrize(
    ("ours", "theirs"), [(2, 2.001), (-3, -1), (np.nan, 1), (1, np.nan)]
)
def test_ours_may_not_be_smaller_or_no_number(ours, theirs):
    found = shortfall({"a": ours}, {"a": theirs}, ["a"])
    assert found.startswith(f"a is {theirs}, and ours only {ours}; ")
