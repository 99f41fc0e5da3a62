"""The experiment on digits by latents, with few steps: what it measures, and misses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from autodiff import sigmoid
from benchmarks import record
from benchmarks.experiments import vae_digits
from benchmarks.files import plain
from benchmarks.vae_digits import latents, training
from benchmarks.vae_digits.latents import ACTIVE, active, manifold
from benchmarks.vae_digits.tables import (
    MACHINES,
    MOST,
    bound_metrics,
    latent_metrics,
    likelihood_metrics,
)
from benchmarks.vae_digits.training import (
    HIDDEN,
    LEVELS,
    SCALE,
    Learned,
    Plan,
    Watch,
    bounds,
    create,
    create_levels,
    divided,
    fit,
)
from data import load_digits
from models.hierarchical_vae import HierarchicalVAE
from models.vae import VAE
from models.vae_likelihood import ImportanceEstimate

NAMES = ("VAE", "IWAE", "two levels")


@pytest.fixture(scope="module")
def x():
    return load_digits(dtype=np.float32).binarized().train_set[0]


@pytest.fixture(scope="module")
def parts(x):
    return divided(x[:300], 0)


def small(rng=0):
    """Return a VAE of digits that has learned nothing."""
    return VAE.create(64, 3, hidden=(16,), rng=rng, dtype=np.float32)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def learned(nll, error=0.01, size=200.0, elbo=-18.0, tight=-16.5):
    """Return what stands for a model that was measured."""
    test = ImportanceEstimate(*(np.full(4, v) for v in (-nll, 2 * error, size)))
    watch = Watch(None, 0, None, [1], [15.0], [16.0])
    return Learned(small(), watch, test, 5000, elbo, tight, np.full(10, size))


@pytest.mark.parametrize("size", ["quick", "full"])
def test_a_model_that_promises_less_is_seen(size):
    good = {name: learned(MOST[size][name] - 0.05) for name in NAMES}
    metrics = likelihood_metrics(good, size)
    assert missed(metrics) == []
    for k, name in enumerate(NAMES):
        bad = good | {name: learned(MOST[size][name] + 0.05)}
        assert missed(likelihood_metrics(bad, size)) == [metrics[k].name]
    bad = good | {"IWAE": learned(16.0, error=0.1)}
    assert missed(likelihood_metrics(bad, size)) == ["largest standard error of these"]
    [few] = missed(likelihood_metrics(good | {"VAE": learned(16.0, size=5.0)}, size))
    assert few.startswith("VAE: effective draws of h")


def test_a_bound_above_what_it_bounds_is_seen():
    good = {name: learned(16.3) for name in NAMES}
    assert missed(bound_metrics(good)) == []
    bad = good | {"IWAE": replace(good["IWAE"], tight=-16.2)}
    assert missed(bound_metrics(bad)) == ["IWAE: L_50 less log p(x), test images"]


@pytest.mark.parametrize("size", ["quick", "full"])
def test_latents_that_warm_up_does_not_keep_are_seen(size):
    courses = {
        name: {"steps": [1], "values": [[2 * ACTIVE] * n + [0.0] * 3]}
        for name, n in (("beta = 1", 3), ("warm-up of beta", 6))
    }
    good = {name: learned(16.3) for name in NAMES}
    metrics = latent_metrics(good, courses, size)
    assert [item.value for item in metrics] == [10, 200, 3, 6, 3]
    assert missed(metrics) == []
    turned = dict(zip(courses, reversed(courses.values()), strict=True))
    assert missed(latent_metrics(good, turned, size)) == [metrics[-1].name]
    bad = good | {"VAE": learned(16.3, size=0.0)}
    assert missed(latent_metrics(bad, courses, size)) == [metrics[0].name]


def test_the_machines_beside_are_those_of_their_record():
    kept = {item["name"]: item["mean"] for item in record.read("rbm-digits")["metrics"]}
    for name, value in MACHINES.items():
        [mean] = [
            v
            for k, v in kept.items()
            if k.startswith(f"{name.split()[2]} hidden units, AIS: neg")
        ]
        assert value == pytest.approx(mean, abs=0.05)


def test_held_out_images_are_not_learned(x, parts):
    assert len(parts.held_out) == 15
    together = np.concatenate([parts.learned, parts.held_out])
    np.testing.assert_array_equal(
        np.sort(together @ 2.0 ** np.arange(64)),
        np.sort(x[:300] @ 2.0 ** np.arange(64)),
    )


def test_bounds_are_those_of_the_model(parts):
    """The ELBO is the mean logarithm of the weights, L_50 the logarithm of the mean."""
    vae, x = small(), parts.held_out
    noise = vae.draw_noise(len(x), 4, 50)
    elbo, tight = bounds(vae, x, 4)
    assert elbo == pytest.approx(vae.log_weights(x, noise).mean(), rel=1e-5)
    expected = vae.importance_weighted_bound(x, noise).mean()
    assert tight == pytest.approx(expected, rel=1e-5)
    assert elbo < tight


@pytest.mark.parametrize("draws", [1, 5])
def test_training_keeps_what_is_best_of_held_out_images(parts, draws, monkeypatch):
    """In the second half of the run."""
    monkeypatch.setattr(training, "POINTS", 6)
    watch, vae = Watch(parts, before=100), small()
    before = bounds(vae, parts.held_out, training.SEED)[1]
    fit(vae, parts, 50, 0, rate=0.03, draws=draws, callbacks=[watch])
    assert watch.steps == [102, 110, 118, 126, 134, 142, 150]
    assert watch.chosen == 3 + np.argmin(watch.held_out[3:])
    found = -bounds(watch.best, parts.held_out, training.SEED)[1]
    assert found == watch.held_out[watch.chosen] < -before
    on_learned = -bounds(watch.best, parts.learned[:15], training.SEED)[1]
    assert on_learned == watch.learned[watch.chosen]
    course = {"steps": watch.steps, "learned": watch.learned}
    assert watch.curve() == course | {"held_out": watch.held_out}


def test_an_early_best_is_not_chosen():
    """It is one of a high rate."""
    watch = Watch(None, 0, None, [1, 2, 3, 4], [0.0] * 4, [1.0, 5.0, 4.0, 3.0])
    assert watch.chosen == 3


def test_of_two_levels_the_weights_next_to_x_start_small(parts):
    model = create_levels(parts, 0)
    means = parts.learned.mean(axis=0)
    as_drawn = HierarchicalVAE.create(
        64, LEVELS, hidden=HIDDEN, means=means, rng=0, dtype=np.float32
    )
    for name in ("encoders", "decoders"):
        pairs = zip(getattr(model, name), getattr(as_drawn, name), strict=True)
        for level, (law, drawn) in enumerate(pairs):
            scale = 1 if level else SCALE
            for ours, theirs in zip(
                law.network.layers, drawn.network.layers, strict=True
            ):
                np.testing.assert_allclose(ours.weights, scale * theirs.weights, 1e-6)
                np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_weights_start_small_and_biases_as_they_are(parts):
    vae = create(parts, 2, 0)
    as_drawn = VAE.create(64, 2, rng=0, dtype=np.float32)
    for ours, theirs in zip(
        vae.encoder.network.layers, as_drawn.encoder.network.layers, strict=True
    ):
        np.testing.assert_allclose(ours.weights, SCALE * theirs.weights, rtol=1e-6)
    means = sigmoid(vae.decoder.network.layers[-1].bias)
    expected = np.clip(parts.learned.mean(axis=0), 0.01, 0.99)
    np.testing.assert_allclose(means, expected, rtol=1e-5)


def test_half_a_training_is_none(parts, monkeypatch):
    def interrupted(self, X, **settings):
        self.history_ = type("History", (), {"interrupted": True})()

    monkeypatch.setattr(VAE, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(small(), parts, 50, 0, rate=1e-3)


def test_the_grid_is_read_like_the_plane():
    """To the right h_1 grows, and upwards h_2."""
    vae = VAE.create(3, 2, hidden=(), rng=0)
    last = vae.decoder.network.layers[0]
    last.weights[:] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    across, up, constant = manifold(vae, 5).reshape(5, 5, 3).transpose(2, 0, 1)
    assert np.all(np.diff(across, axis=1) > 0)
    assert np.all(np.diff(up, axis=0) < 0)
    np.testing.assert_allclose(across, across[:1].repeat(5, axis=0))
    np.testing.assert_allclose(constant, 0.5)


def test_latents_in_use():
    assert active([0.0, ACTIVE / 2, 2 * ACTIVE, 3.0]) == 2


@pytest.fixture
def short(monkeypatch):
    """Shorten the experiment."""
    plan = Plan(2e-3, 30, 4, 20, 30, 30, samples=20)
    monkeypatch.setattr(vae_digits, "PLANS", {"quick": plan})
    monkeypatch.setattr(vae_digits, "COMPONENTS", 3)
    monkeypatch.setattr(training, "HIDDEN", (16,))
    monkeypatch.setattr(training, "POINTS", 3)
    monkeypatch.setattr(latents, "POINTS", 3)


def test_a_run_from_end_to_end(short):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = vae_digits.run(0, "quick")
    values = {item.name: item.value for item in result.metrics}
    assert len(values) == len(result.metrics) == 18
    assert [item.name for item in result.figures] == [
        "learning curves",
        "a plane of latents",
        "reconstructions",
        "interpolations",
        "draws",
        "divergences",
    ]
    costs = result.series["costs"]
    assert list(costs) == list(result.series["curves"]) == list(NAMES)
    for name, cost in costs.items():
        assert cost == values[f"{name}: negative log-likelihood, test images"]
        assert 10 < cost < 45
    [table] = result.tables
    assert all(len(line) == len(table.header) for line in table.rows)
    series = plain({key: [value] * 2 for key, value in result.series.items()})
    left, right = vae_digits.picture(series).figure.axes
    assert len(left.lines) == 2 * 3
    assert [text.get_text() for text in right.get_xticklabels()] == list(NAMES)
