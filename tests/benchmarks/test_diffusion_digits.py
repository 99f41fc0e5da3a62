"""The experiment on digits by diffusion, in few steps: what it measures, and misses."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import record
from benchmarks.diffusion_digits import chains, losses, measures, training
from benchmarks.diffusion_digits.chains import TIMES, strips
from benchmarks.diffusion_digits.losses import (
    excess,
    independent,
    independent_cost,
    loss_by_log_snr,
)
from benchmarks.diffusion_digits.measures import (
    TERMS,
    Learned,
    draw_costs,
    estimate,
    extra_costs,
    measured,
)
from benchmarks.diffusion_digits.tables import (
    BIT,
    ERROR,
    LIMIT,
    MOST,
    MOST_BITS,
    OTHERS,
    WORSE,
    gray_metrics,
    independent_metrics,
    likelihood_metrics,
)
from benchmarks.diffusion_digits.training import (
    BLACK_AND_WHITE,
    GRAY,
    Images,
    Plan,
    Watch,
    create,
    learn,
    terms,
)
from benchmarks.experiments import diffusion_digits
from benchmarks.files import plain
from benchmarks.vae_digits.training import SCALE, divided
from data import load_digits
from models.diffusion import Diffusion
from models.estimate import Estimate

RECIPE = BLACK_AND_WHITE["x0 form"]
EXTRA = {10: Estimate(9.0, 0.1), 1000: Estimate(0.1, 0.01)}


@pytest.fixture(scope="module", autouse=True)
def few():
    """Networks are small, and so are the draws for a learning curve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "HIDDEN", (16,))
        patch.setattr(training, "MEASURED", 4)
        yield


@pytest.fixture(scope="module")
def images():
    binary = load_digits(dtype=np.float32).binarized()
    x, x_test = 2 * binary.train_set[0] - 1, 2 * binary.test_set[0] - 1
    return Images(divided(x[:300], 0), x_test[:40])


@pytest.fixture(scope="module")
def model(images):
    return create(images.parts.learned, RECIPE, 0)


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def fake(cost, error=0.01):
    """Return what stands for a model that was measured."""
    parts = {name: Estimate(cost / 3, error) for name in TERMS}
    return Learned(None, Watch(None, 1), Estimate(cost, error), parts)


# What is held to something


@pytest.mark.parametrize("size", ["quick", "full"])
def test_a_form_that_promises_less_or_more_than_it_should_is_seen(size):
    good = {name: fake(MOST[size] + WORSE + 1) for name in BLACK_AND_WHITE}
    good["x0 form"] = fake(MOST[size] - 0.05)
    metrics = likelihood_metrics(good, EXTRA, size)
    assert missed(metrics) == []
    names = [item.name for item in metrics]
    bad = good | {"x0 form": fake(MOST[size] + 0.05)}
    assert missed(likelihood_metrics(bad, EXTRA, size)) == [names[0]]
    bad = good | {"x0 form": fake(MOST[size] - 0.05, 2 * ERROR[size])}
    assert missed(likelihood_metrics(bad, EXTRA, size)) == [
        "x0 form: standard error of the bound"
    ]
    bad = good | {"noise form": fake(MOST[size])}
    assert missed(likelihood_metrics(bad, EXTRA, size)) == [names[-1]]
    [coarse] = missed(likelihood_metrics(good, {1000: Estimate(0.5, 0.01)}, size))
    assert (
        coarse == "x0 form: what a chain of 1000 steps costs more than infinitely many"
    )


def test_a_bound_of_a_known_law_that_is_none_is_seen():
    """It is log p(x) less the prior term at most, and above by no more than errors."""
    for value, bad in ((0.04, False), (0.06, True), (-0.12, False), (-0.14, True)):
        metrics = independent_metrics(Estimate(value, 0.01), 0.08)
        assert len(missed(metrics)) == bad
    assert LIMIT == 5.03


@pytest.mark.parametrize("size", ["quick", "full"])
def test_gray_digits_that_cost_too_much_are_seen(size):
    bits, enough = MOST_BITS[size] / BIT, ERROR[size]
    metrics = gray_metrics(fake(bits - 0.1, enough), 107.0, size)
    assert missed(metrics) == []
    assert metrics[0].value == pytest.approx((bits - 0.1) / (64 * np.log(2)))
    assert metrics[2].value == pytest.approx(107 / (64 * np.log(2)))
    assert missed(gray_metrics(fake(bits + 0.1), 107.0, size)) == [metrics[0].name]
    [loose] = missed(gray_metrics(fake(bits - 0.1, 5 * enough), 107.0, size))
    assert loose == metrics[1].name


def test_the_models_beside_are_those_of_their_records():
    kept = {
        item["name"]: item["mean"]
        for name in ("rbm-digits", "vae-digits")
        for item in record.read(name)["metrics"]
    }
    machine = "hidden units, AIS: negative log-likelihood, test images"
    names = (f"64 {machine}", f"128 {machine}")
    names += ("VAE: negative log-likelihood, test images",)
    names += ("two levels: negative log-likelihood, test images",)
    for name, value in zip(names, OTHERS.values(), strict=True):
        assert value == pytest.approx(kept[name], abs=0.05)


# Training


def test_training_keeps_the_best_average_by_held_out_images(images):
    watch = learn(replace(RECIPE, rate=0.1), images.parts, 24, 6, 0)
    assert watch.steps == [4, 8, 12, 16, 20, 24]
    assert watch.chosen == np.argmin(watch.costs)
    held_out = terms(watch.best, images.parts.held_out)
    assert held_out == watch.held_out[watch.chosen]
    on_learned = terms(watch.best, images.parts.learned[:15])
    assert sum(on_learned) == watch.learned[watch.chosen]
    assert watch.curve()["steps"] == watch.steps
    again = learn(replace(RECIPE, rate=0.1), images.parts, 24, 6, 0)
    assert again.curve() == watch.curve()


def test_an_earlier_best_is_kept():
    """Of a run that gets worse."""
    watch = Watch(None, 4, None, [1, 2, 3], [0.0] * 3, [[0, 0, v] for v in (3, 1, 2)])
    assert watch.costs == [3, 1, 2]
    assert watch.chosen == 1


def test_the_terms_are_those_of_the_bound(model, images):
    found = model.bound(images.test, rng=training.SEED, samples=training.MEASURED)
    parts = terms(model, images.test)
    assert sum(parts) == pytest.approx(-found.mean.value, rel=1e-6)
    assert parts[1] == found.prior.mean()


@pytest.mark.parametrize("recipe", [*BLACK_AND_WHITE.values(), GRAY])
def test_a_recipe_says_what_is_made(images, recipe):
    """Weights are drawn, and smaller than drawn; a prior is there where it tilts."""
    model = create(images.parts.learned, recipe, 3)
    drawn = Diffusion.create(
        64,
        levels=recipe.levels,
        hidden=(16,),
        form=recipe.form,
        prior=model.denoiser.prior,
        rng=3,
        dtype=np.float32,
    )
    for ours, theirs in zip(
        model.denoiser.network.layers, drawn.denoiser.network.layers, strict=True
    ):
        np.testing.assert_allclose(ours.weights, SCALE * theirs.weights, rtol=1e-6)
    assert (model.denoiser.prior is not None) == recipe.tilts
    assert model.denoiser.form == recipe.form
    assert model.log_snr is recipe.log_snr


def test_a_recipe_says_how_it_learns(images, monkeypatch):
    """And half a training is none."""
    seen = {}

    def interrupted(self, X, **settings):
        seen.update(settings, X=X)
        self.history_ = type("History", (), {"interrupted": True})()

    monkeypatch.setattr(Diffusion, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learn(RECIPE, images.parts, 50, 5, 0)
    assert seen["X"] is images.parts.learned
    assert (seen["dropout"], seen["weight_decay"]) == (0.2, 0.2)
    assert seen["learning_rate"](0) == RECIPE.rate
    assert seen["loss"] == "bound"


# What is measured


def test_costs_are_the_terms_of_minus_the_bound(model, images):
    groups = draw_costs(model, images.test, 40, 0)
    np.testing.assert_allclose(groups[:, :3].sum(axis=1), groups[:, 3], rtol=1e-6)
    found = model.bound(images.test, rng=1, samples=400).mean
    cost = estimate(groups[:, 3])
    error = np.hypot(cost.standard_error, found.standard_error)
    assert abs(cost.value + found.value) < 5.03 * error
    watch = Watch(None, 1, best=model)
    assert measured(watch, images.test, 40, 0).cost == cost


def test_an_estimate_is_the_mean_with_its_error():
    found = estimate(np.array([1.0, 2.0, 3.0, 6.0]))
    assert found.value == 3
    assert found.standard_error == pytest.approx(np.sqrt(14 / 3 / 4))


def test_few_steps_cost_more_and_are_told_by_the_same_draws(model, images):
    """The difference has an error far below that of either."""
    found = extra_costs(model, images.test, 90, 0)
    values = [cost.value for cost in found.values()]
    assert np.all(np.diff(values) < 0)
    assert values[0] > 5 > 0.5 > values[-1] > 0
    alone = estimate(draw_costs(model, images.test, 30, 0)[:, -1])
    assert found[1000].standard_error < alone.standard_error / 10


def test_areas_below_the_loss_of_independent_pixels_are_their_log_p(model, images):
    """And its bound is log p(x), but for its ends: a wrong weight would be seen."""
    pixels = independent(model)
    assert not np.any(pixels.denoiser.network.layers[-1].weights)
    assert np.any(model.denoiser.network.layers[-1].weights)
    x, prior = images.test, model.denoiser.prior
    kept = [sum(p[int(b > 0)] for p, b in zip(prior, row, strict=True)) for row in x]
    cost = -np.mean(kept)
    assert independent_cost(pixels, x) == pytest.approx(cost, rel=1e-5)
    difference, reach = excess(pixels, x, 400, 0)
    error = 5.03 * difference.standard_error
    assert error < 1
    assert -reach - error < difference.value < error
    assert reach == pytest.approx(-32 * np.log1p(-1 / (1 + np.exp(6))), rel=1e-3)
    log_snr = np.linspace(-6, 4, 41)
    area = np.trapezoid(loss_by_log_snr(pixels, x, log_snr, 20, 0), log_snr)
    assert area == pytest.approx(cost, abs=0.6)


def test_the_loss_is_that_of_the_noise_in_other_words(images):
    """1/2 |eps - epshat|^2, for a network that guesses noise."""
    model = create(images.parts.learned, BLACK_AND_WHITE["noise form"], 0)
    x, level = images.test, np.full(40, -1.0, np.float32)
    noise = model.draw_noise(40, np.random.default_rng(7))
    alpha, sigma = 1 / np.sqrt(1 + np.exp(1.0)), 1 / np.sqrt(1 + np.exp(-1.0))
    x_u = (alpha * x + sigma * noise).astype(np.float32)
    error = np.sum((noise - model.denoiser(x_u, level)) ** 2, axis=1)
    found = loss_by_log_snr(model, x, level[:1], 1, 7)
    assert found[0] == pytest.approx(0.5 * error.mean(), rel=1e-4)


def test_losses_are_told_for_each_model_and_both_parts(model, images):
    found = losses.losses({"x0 form": Learned(model, None, None, None)}, images, 1, 0)
    assert list(found) == [
        "log SNR",
        "x0 form, test",
        "x0 form, learned",
        "independent pixels, test",
        "independent pixels, learned",
    ]
    assert (found["log SNR"][0], found["log SNR"][-1]) == (-6, 4)


def test_strips_lead_from_images_to_noise_and_back(model, images):
    found = strips(model, images.test[:2], 0)
    shape = (len(TIMES), 2, 64)
    assert found.forward.shape == found.reverse.shape == found.guesses.shape == shape
    np.testing.assert_array_equal(found.forward[0], images.test[:2])
    np.testing.assert_allclose(found.log_snr[[1, -1]], [3, -6], rtol=1e-12)
    np.testing.assert_array_equal(found.guesses[0], found.reverse[0])
    np.testing.assert_allclose(abs(found.reverse[0]), 1, atol=1e-5)
    for states in (found.forward, found.reverse):
        assert abs(np.std(states[-1]) - 1) < 0.3
    # The guess at the end of time is nearly the mean of all images.
    mean = np.tanh(np.diff(model.denoiser.prior)[:, 0] / 2)
    assert np.mean(abs(found.guesses[-1] - mean)) < 0.2


# All of it


def test_one_seed_gives_one_result_and_the_record_its_picture(monkeypatch):
    plan = Plan(6, 4, 3, points=2, samples=12, draws=1)
    monkeypatch.setitem(diffusion_digits.PLANS, "quick", plan)
    for module in (diffusion_digits, chains):
        monkeypatch.setattr(module, "STEPS", 10)
    monkeypatch.setattr(diffusion_digits, "DRAWN", 4)
    monkeypatch.setattr(losses, "POINTS", 3)
    monkeypatch.setattr(chains, "KEPT", 1)
    monkeypatch.setattr(chains, "TIMES", tuple(range(11)))
    monkeypatch.setattr(measures, "GROUPS", 2)
    monkeypatch.setattr(measures, "NUMBERS_OF_STEPS", (10, 1000))
    first, second = (diffusion_digits.run(3, "quick") for _ in range(2))
    for ours, theirs in zip(first.metrics, second.metrics, strict=True):
        assert ours == theirs
    assert len(first.figures) == 5
    kept = plain(dict(first.series))
    drawn = diffusion_digits.picture({name: [kept[name]] * 2 for name in kept})
    assert record.png(drawn.figure).startswith(b"\x89PNG")
