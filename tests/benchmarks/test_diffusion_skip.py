"""The experiment on networks that guess noise through few units, and what it misses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.diffusion_skip import figures, measures, tables
from benchmarks.diffusion_skip.growth import (
    Outside,
    outside_law,
    predicted_rms,
    typical_largest,
)
from benchmarks.diffusion_skip.measures import POINTS, Data, Row, outside
from benchmarks.diffusion_skip.tables import LIMIT, notebook_metric, skip_metrics
from benchmarks.diffusion_skip.training import LEVELS, D, Plan, digits, learn
from benchmarks.experiments import diffusion_skip
from benchmarks.files import plain
from models.diffusion import Diffusion
from models.estimate import Estimate
from models.network_denoiser import network_denoiser
from samplers.chains import Chains
from samplers.reverse import Reverse
from samplers.schedules import cosine, linear

SCHEDULES = [linear(1000), cosine(50), LEVELS.schedule(40)]


@pytest.fixture(scope="module")
def X():
    return digits()


@pytest.fixture(scope="module")
def models():
    """Networks of 10 units that have learned nothing, with a plane aside of zero."""
    drawn = []
    for skip in (False, True):
        model = Diffusion.create(
            D, log_snr=LEVELS, hidden=(10,), skip=skip, rng=1, dtype=np.float32
        )
        last = model.denoiser.network.layers[-1]
        last.bias += np.random.default_rng(2).normal(size=D).astype(np.float32)
        drawn.append(model)
    return drawn


# 1. The law outside the plane


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_without_the_skip_the_law_is_that_of_a_random_walk(schedule, eta):
    """x / alpha takes independent steps: the sums of the module's docstring."""
    law = outside_law(schedule, eta=eta, skip=False)
    N = 1 / schedule.snr
    below = N[1:-1] * (1 - N[1:-1] / N[2:])
    assert law.factor == pytest.approx(1 / schedule.signal[-1], rel=1e-10)
    expected = 1 + N[-1] + eta**2 * np.sum(below)
    assert law.variance == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_bias_is_drawn_along_by_the_whole_noise(schedule):
    """By DDIM it is multiplied by the noise to signal at T, exactly."""
    law = outside_law(schedule, eta=0.0, skip=False)
    expected = -schedule.noise[-1] / schedule.signal[-1]
    assert law.shift == pytest.approx(expected, rel=1e-10)


def test_fine_ancestral_steps_add_as_much_noise_again():
    law = outside_law(LEVELS.schedule(20_000), eta=1.0, skip=False)
    assert law.variance == pytest.approx(1 + 2 * np.exp(10), rel=2e-3)


def test_with_the_skip_normals_stay_normals():
    """The guess is that for standard normals, and its chain ends with these."""
    for eta in (0.0, 1.0):
        law = outside_law(LEVELS.schedule(5000), eta=eta, skip=True)
        assert law.variance == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_chains_of_any_network_have_the_law(models, eta):
    """In the mean and the variance of 4000 chains: sees one that is 10 % off."""
    schedule = LEVELS.schedule(60)
    for model in models:
        denoiser, (Q, c) = network_denoiser(model.denoiser, schedule), outside(model)
        chains = Chains(Reverse(denoiser, schedule, eta), 4000, rng=3, thin=60)
        x_0 = chains.run(1)[:, 0] @ Q
        law = outside_law(schedule, eta=eta, skip=model.denoiser.skip)
        v, n = law.variance, len(x_0)
        z = np.mean(x_0 @ c) - law.shift * (c @ Q @ c)
        assert abs(z) < LIMIT * np.sqrt(v / n * (c @ Q @ c))
        assert abs(measures.spread(model, x_0, law)) < LIMIT
        for wrong in (
            replace(law, variance=1.1 * v),
            replace(law, shift=law.shift + 0.4 * np.sqrt(v)),
        ):
            assert abs(measures.spread(model, x_0, wrong)) > LIMIT


def test_ddim_says_where_each_x_goes(models, monkeypatch):
    schedule = LEVELS.schedule(60)
    for model in models:
        assert measures.followed(model, schedule, 50, 4) < 1e-4
    right = outside_law(schedule, eta=0.0, skip=False)
    for wrong in (
        replace(right, factor=1.01 * right.factor),
        replace(right, shift=1.01 * right.shift),
    ):
        monkeypatch.setattr(measures, "outside_law", lambda *a, law=wrong, **k: law)
        assert measures.followed(models[0], schedule, 50, 4) > 1e-3


def test_the_size_of_a_pixel():
    law = Outside(10.0, 0.0, 100.0)
    assert predicted_rms(law, 4, 1) == pytest.approx(10 * np.sqrt(3 / 4))
    assert predicted_rms(law, 4, 4) == predicted_rms(law, 4, 9) == 0


def test_the_typical_largest_is_a_median():
    """Of 2000 draws of the largest of 500: sees one that is 2 % off."""
    x = np.abs(np.random.default_rng(5).normal(size=(2000, 500))).max(axis=1)
    for factor, close in ((1.0, True), (0.98, False), (1.02, False)):
        below = np.sum(x < factor * typical_largest(1.0, 500))
        assert (abs(below - 1000) < LIMIT * np.sqrt(500)) == close


# 2. What is measured of a network


def test_the_plane_is_that_of_the_guesses(models, X):
    """Errors outside it are those of the noise, whatever the network says."""
    model, u = models[0], np.linspace(0, 1, 200, dtype=np.float32)
    Q, c = outside(model)
    np.testing.assert_allclose(Q @ Q, Q, atol=1e-12)
    assert np.trace(Q) == pytest.approx(D - 10)
    guesses = model.denoiser(X[:200], LEVELS(u))
    np.testing.assert_allclose((guesses - c) @ Q, 0, atol=1e-4)


def test_what_is_missed_outside_the_plane_is_known(models, X):
    """|Q c|^2 included: sees 2 % of it, with 20,000 draws."""
    model, u = models[0], np.linspace(0, 1, 20_000, dtype=np.float32)
    error = measures.noise_errors(model, X, u, np.random.default_rng(6))
    assert abs(measures.missed(model, error)) < LIMIT
    assert abs(measures.missed(model, 1.01 * error)) > LIMIT
    with_skip = measures.noise_errors(models[1], X, u, np.random.default_rng(6))
    assert abs(measures.missed(models[1], with_skip)) > LIMIT


def test_the_loss_of_the_skip_alone(X):
    """A network that says nothing has it: sees 2 %, with 100,000 draws."""
    model = Diffusion.create(D, log_snr=LEVELS, hidden=(3,), rng=0, dtype=np.float32)
    model.denoiser.network.layers[-1].weights[:] = 0
    u = np.linspace(0, 1, 100_000, dtype=np.float32)
    error = measures.noise_errors(model, X, u, np.random.default_rng(7))
    loss, known = measures.mean(np.mean(error**2, axis=1)), Data.of(X)
    assert known.rms == pytest.approx(np.sqrt(np.mean(X**2)), rel=1e-5)
    assert abs(loss.value - known.skip_alone) < LIMIT * loss.standard_error
    assert LIMIT * loss.standard_error < 0.02 * known.skip_alone


def test_parts_are_means():
    values = np.repeat(np.arange(POINTS), 3) + np.tile([-1, 0, 1], POINTS)
    np.testing.assert_allclose(measures.in_parts(values), np.arange(POINTS))


def test_half_a_training_is_none(X, monkeypatch):
    def interrupted(self, X, **settings):
        self.history_ = type("History", (), {"interrupted": True})()

    monkeypatch.setattr(Diffusion, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn(X, 4, skip=True, steps=2, rng=0)


# 3. What is held to what


def fake(width, skip, **changes):
    """Return a row as theory has it."""
    law = outside_law(LEVELS.schedule(100), eta=1.0, skip=skip)
    floor = max(D - width, 0) / D
    size = 0.9 if skip else max(predicted_rms(law, D, width), 0.9)
    row = Row(
        width=width,
        skip=skip,
        loss=Estimate(0.46 if skip else floor + 0.1, 1e-3),
        noise_loss=Estimate(1e-3 if skip else floor + 0.01, 1e-3),
        by_level=np.linspace(0, 1, POINTS),
        learning=np.linspace(1, 0.5, POINTS),
        samples=np.tile([size, -size], (20, D // 2)),
        law=law,
        missed=0.5 if floor and not skip else None,
        spread=-0.5 if floor else None,
        followed=1e-6 if floor else None,
    )
    return replace(row, **changes)


def rows_with(width=None, skip=False, **changes):
    """Return rows as theory has them, but for one."""
    return [
        fake(w, s, **(changes if (w, s) == (width, skip) else {}))
        for w in (16, 48, 128)
        for s in (False, True)
    ]


def missing(rows, size="quick"):
    """Return the names of metrics that miss their criterion."""
    found = skip_metrics(rows, size, Data(0.85, 0.486))
    return [item.name for item in found if item.complaint(item.value)]


@pytest.mark.parametrize("size", ["quick", "full"])
def test_rows_as_theory_has_them_pass(size):
    assert missing(rows_with(), size) == []


LEAST, PURE = ["no skip: least distance"], ["no skip: loss of pure noise above"]
ONE = np.arange(D) == 0  # pixel
OF_PURE = "no skip, 16 units: loss of pure noise"


@pytest.mark.parametrize(
    ("width", "skip", "changes", "names"),
    [
        (48, False, {"noise_loss": Estimate(0.24, 1e-3)}, LEAST),
        (48, False, {"loss": Estimate(0.24, 1e-3)}, LEAST),
        (48, False, {"noise_loss": Estimate(0.35, 1e-3)}, PURE),
        (16, False, {"noise_loss": Estimate(0.9, 1e-3)}, [*PURE, OF_PURE]),
        (16, False, {"loss": Estimate(0.7, 1e-3)}, [*LEAST, "no skip, 16 units: loss"]),
        (16, False, {"missed": -6.0}, ["error outside the plane"]),
        (48, True, {"spread": 6.0}, ["variance of samples outside"]),
        (48, False, {"followed": 1e-3}, ["DDIM outside the plane"]),
        (48, False, {"samples": np.full((2, D), 50.0)}, ["no skip: rms of samples"]),
        (48, False, {"samples": np.full((2, D), 200.0)}, ["no skip: rms of samples"]),
        (16, True, {"loss": Estimate(0.5, 1e-3)}, ["skip, 16 units: loss"]),
        (48, True, {"noise_loss": Estimate(0.1, 1e-3)}, ["skip: loss of pure noise"]),
        (48, True, {"samples": np.full((2, D), 2.0)}, ["skip: rms of samples"]),
        (48, True, {"samples": np.eye(400, D) * 101 * ONE}, ["skip: largest |x|"]),
    ],
)
def test_what_theory_forbids_is_seen(width, skip, changes, names):
    found = missing(rows_with(width, skip, **changes))
    assert len(found) == len(names)
    for name, start in zip(found, names, strict=True):
        assert name.startswith(start)


def test_the_size_that_the_notebook_came_to(monkeypatch):
    """222 standard deviations in 272 of 784 directions, in 16 images."""
    metric = notebook_metric()
    sd = 222 * np.sqrt(272 / 784)
    assert metric.value == pytest.approx(typical_largest(sd, 16 * 784), rel=5e-3)
    assert metric.complaint(metric.value) is None
    monkeypatch.setattr(tables, "NOTEBOOK", (784, 740, 16))
    assert notebook_metric().complaint(notebook_metric().value)


# 4. The run and its figures


@pytest.fixture
def short(monkeypatch):
    """Shorten the experiment."""
    plan = Plan((16, 48), 70, 60, draws=400, chain=20, samples=20)
    monkeypatch.setattr(diffusion_skip, "PLANS", {"quick": plan})


def test_a_run_from_end_to_end(short):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, again = (diffusion_skip.run(0, "quick") for _ in "ab")
    names = [item.name for item in result.metrics]
    assert len(set(names)) == len(names)
    for item, other in zip(result.metrics, again.metrics, strict=True):
        assert item.value == other.value
        assert np.isfinite(item.value)
    assert [item.name for item in result.figures] == ["the skip", "by level"]
    [table] = result.tables
    assert len(table.rows) == 5
    assert all(len(line) == len(table.header) for line in table.rows)
    rows = result.series["rows"]
    assert [(row["width"], row["skip"]) for row in rows] == [
        *((w, s) for w in (16, 48) for s in (False, True)),
        (70, True),
    ]
    series = plain({key: [value] * 2 for key, value in result.series.items()})
    shown = diffusion_skip.picture(series)
    assert "2 seeds" in shown.figure.get_suptitle()
    losses, sizes, learning, *images = shown.figure.axes
    assert [len(line.get_xdata()) for line in losses.lines[1:5]] == [4, 4, 6, 6]
    assert len(sizes.lines) == 4
    assert len(learning.lines) == 3 * len(figures.FEW)
    titles = [ax.get_title() for ax in images if ax.get_title()]
    assert titles == ["48 units, no skip", "48 units, skip", "70 units, skip"]
