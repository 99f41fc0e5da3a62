"""VAE.fit: it learns, it refuses, it resumes, and it is the loop of its parts."""

import numpy as np
import pytest

from autodiff import tree_leaves
from models.vae import VAE
from models.vae_monitors import LatentDivergences, held_out_loss
from models.vae_training import bound_ascent
from optim import (
    Adam,
    Batches,
    Checkpoint,
    Constant,
    CosineDecay,
    EarlyStopping,
    NonFiniteError,
    WarmUp,
    fit,
)
from tests.models.autoencoders import (
    BITS,
    assert_same,
    both_likelihoods,
    every_bound,
    flat,
    small,
)

# What it learns


def best_linear_log_likelihood(X, latents, variance):
    """The largest mean of log p(x) of N(b, W W^T + variance I), W : (M, latents).

    By M. Tipping and C. Bishop (1999): along the eigenvectors of the covariance of X
    with its largest eigenvalues l, W has the lengths sqrt(l - variance).
    """
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1]
    model = np.full_like(eigenvalues, variance)
    model[:latents] = np.maximum(eigenvalues[:latents], variance)
    terms = np.log(2 * np.pi * model) + eigenvalues / model
    return -0.5 * terms.sum()


@pytest.mark.parametrize("settings", [{}, {"bound": "iwae", "samples": 4}])
def test_linear_networks_reach_the_likelihood_of_their_exact_optimum(settings):
    """Both bounds are the likelihood there, if no term is missing and no factor wrong.

    They begin sixty nats below it and come to 0.002.
    """
    rng = np.random.default_rng(3)
    X = rng.standard_normal((200, 2)) @ rng.standard_normal((2, 4))
    X = X + 0.5 * rng.standard_normal(X.shape)
    vae = VAE.create(4, 2, hidden=(), likelihood="gaussian", variance=0.25, rng=0)
    best = best_linear_log_likelihood(X, 2, 0.25)
    noise = vae.draw_noise(len(X), 1, 100)
    start, rate = vae.elbo(X, noise).mean(), CosineDecay(0.1, steps=800)
    vae.fit(X, steps=800, rng=0, batch_size=200, learning_rate=rate, **settings)
    assert start < best - 60
    assert vae.elbo(X, noise).mean() == pytest.approx(best, abs=0.01)
    bound = vae.importance_weighted_bound(X, noise).mean()
    assert bound == pytest.approx(best, abs=0.003)


def test_six_bits_that_are_equal_are_learned():
    """Their entropy is log 2 = 0.69 nats; without a latent they would cost 4.16."""
    X = np.repeat([[0.0], [1.0]], 6, axis=1).repeat(20, axis=0)
    vae = VAE.create(6, 1, hidden=(16,), rng=1)
    vae.fit(X, steps=500, rng=0, batch_size=40, learning_rate=0.01)
    bound = vae.elbo(X, vae.draw_noise(len(X), 1, 200)).mean()
    assert -1.3 < bound < -np.log(2)


# How it is put together


@every_bound
def test_it_is_the_loop_over_its_step(settings):
    rate, told = CosineDecay(0.01, steps=5), []
    settings = {**settings, "input_noise": 0.1}
    vae, same = small(), small()
    found = vae.fit(
        BITS,
        steps=5,
        rng=3,
        batch_size=8,
        learning_rate=rate,
        callbacks=[told.append],
        **settings,
    )
    assert found is vae
    assert [info.step for info in told] == [1, 2, 3, 4, 5]
    rng = np.random.default_rng(3)
    batches = Batches(BITS, size=8, rng=rng)
    step = bound_ascent(**settings)
    _, history = fit(step, (same, Adam(rate)), batches, steps=5, rng=rng)
    assert_same(vae, same)
    assert vae.history_ == history
    names = (
        ["loss"] if "bound" in settings else ["loss", "reconstruction", "divergence"]
    )
    assert list(history) == names


def test_data_are_taken_in_any_dtype():
    for dtype in (np.float32, np.float64):
        fits = [
            small(dtype=dtype).fit(X, steps=3, rng=0, batch_size=100)
            for X in (BITS, BITS.astype(np.uint8), BITS == 1, BITS.tolist())
        ]
        for vae in fits:
            assert {leaf.dtype for leaf in tree_leaves(vae)} == {np.dtype(dtype)}
            assert_same(vae, fits[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"beta": WarmUp(4, Constant(1.0)), "input_noise": 0.1},
        {"bound": "iwae", "samples": 3, "learning_rate": CosineDecay(0.01, steps=9)},
    ],
)
def test_a_fit_goes_on_bit_for_bit(tmp_path, settings):
    def run(steps, checkpoint=None):
        vae = small()
        vae.history_ = {"loss": [0.0]}  # as after an earlier fit
        latents = LatentDivergences(BITS, every=2)
        stopping = EarlyStopping(held_out_loss(BITS, rng=1), patience=9, every=2)
        vae.fit(
            BITS,
            steps=steps,
            rng=0,
            batch_size=8,
            callbacks=[latents, stopping],
            checkpoint=checkpoint,
            **settings,
        )
        return vae, latents, stopping

    checkpoint = Checkpoint(tmp_path / "run.npz", resume=True)
    run(3, checkpoint)
    vae, latents, stopping = run(7, checkpoint)
    whole, all_latents, one_stopping = run(7)
    assert_same(vae, whole)
    assert vae.history_ == whole.history_
    assert len(vae.history_["loss"]) == 7
    assert latents.steps == all_latents.steps == [2, 4, 6]
    assert np.array_equal(latents.values, all_latents.values)
    assert stopping.best == one_stopping.best
    whole.save(tmp_path / "vae.npz")
    assert_same(VAE.load(tmp_path / "vae.npz"), whole)


# What it refuses

BAD_DATA = {
    "columns": (np.zeros((3, 5)), "X has 5 columns"),
    "axes": (np.zeros(6), r"X has shape \(6,\) and must be \(n, d\)"),
    "nan": (np.full((2, 6), np.nan), "nan|NaN or infinity"),
    "pixels": (255 * BITS, r"X run from 0\.0 to 255\.0; outside \[0, 1\]"),
}
BAD_SETTINGS = {
    "bound": ({"bound": "ivae"}, "no bound 'ivae'; the names are elbo, iwae"),
    "samples": ({"samples": 0}, "samples is 0"),
    "beta": ({"beta": -0.1}, r"beta is -0\.1; as the weight of a divergence"),
    "nan": ({"beta": np.nan}, "beta is nan; as the weight"),
    "function": ({"beta": abs}, r"beta is <built-in.*or a Schedule: .*WarmUp\(1000"),
    "iwae": ({"bound": "iwae", "beta": 2.0}, r"beta is 2\.0 and the bound is iwae"),
    "noise": ({"input_noise": -1.0}, r"input_noise is -1\.0; it is zero, for none"),
    "flips": ({"input_noise": 1.5}, r"input_noise is 1\.5; with a Bernoulli decoder"),
    "batch_size": ({"batch_size": 0}, "size is 0"),
    "steps": ({"steps": 0}, "steps is 0"),
    "rate": ({"learning_rate": -1}, "learning_rate is -1"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_leave_the_model_as_it_was(name):
    X, words = BAD_DATA[name]
    vae = small()
    with pytest.raises(ValueError, match=words):
        vae.fit(X, steps=2, rng=0)
    assert_same(vae, small())
    assert not hasattr(vae, "history_")


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_settings_leave_the_model_as_it_was(name):
    settings, words = BAD_SETTINGS[name]
    vae = small()
    with pytest.raises(ValueError, match=words):
        vae.fit(BITS, **{"steps": 2, "rng": 0} | settings)
    assert_same(vae, small())


def test_a_schedule_is_no_weight_of_an_importance_weighted_bound():
    with pytest.raises(ValueError, match=r"WarmUp.* and the bound is iwae"):
        bound_ascent(bound="iwae", beta=WarmUp(3, Constant(1.0)))


@every_bound
@both_likelihoods
def test_a_run_that_diverges_stops_at_the_last_good_step(settings, likelihood):
    vae, path = small(likelihood), []
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteError, match=r"step \d+: .*[Ll]ower the learning rate"),
    ):
        vae.fit(
            BITS,
            steps=99,
            rng=0,
            learning_rate=1e90,
            callbacks=[lambda info: path.append(flat(info.state[0]))],
            **settings,
        )
    assert np.isfinite(flat(vae)).all()
    assert np.array_equal(flat(vae), path[-1] if path else flat(small(likelihood)))
