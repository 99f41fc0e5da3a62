"""Diffusion.fit: it learns, keeps an average, resumes, and refuses."""

import copy

import numpy as np
import pytest

from autodiff import tree_leaves
from models.diffusion import Diffusion
from models.diffusion_bounds import continuous_bound
from models.diffusion_training import diffusion_descent, even_times
from models.log_snr import LearnedLogSNR, LinearLogSNR
from optim import (
    Adam,
    Batches,
    Checkpoint,
    CosineDecay,
    MovingAverage,
    NonFiniteError,
    fit,
)
from tests.models.denoisers import both_dtypes
from tests.models.diffusions import (
    curved,
    flat,
    make_model,
    two_gaussians,
    two_gaussians_log_density,
)

X = np.random.default_rng(0).standard_normal((30, 2))
BITS = np.sign(X)
every_loss = pytest.mark.parametrize("loss", ["simple", "bound"])


# What it learns


@pytest.mark.parametrize(("form", "loss"), [("noise", "simple"), ("v", "bound")])
def test_it_learns_two_gaussians_in_the_plane(form, loss):
    """The bound on other draws is 3 nats and more below log p first, and 0.2 then."""
    train, test = two_gaussians(4000, 0), two_gaussians(1000, 1)
    best = two_gaussians_log_density(test).mean()
    model = Diffusion.create(2, hidden=(48, 48), form=form, rng=0)

    def short(samples):
        estimate = model.bound(test, rng=2, samples=samples).mean
        return best - estimate.value, estimate.standard_error

    before, _ = short(2)
    rate = CosineDecay(5e-3, 700)
    assert model.fit(train, steps=700, rng=0, loss=loss, learning_rate=rate) is model
    after, error = short(200)
    assert before > 3
    assert error < 0.03
    assert -3 * error < after < 0.2


@every_loss
def test_two_bits_that_are_equal_are_learned(loss):
    """Their entropy is log 2 = 0.69 nats; as independent ones they would cost 1.39."""
    x = np.repeat([[-1.0, -1.0], [1.0, 1.0]], 50, axis=0)
    settings = {"form": "x0", "prior": np.log(np.full((2, 2), 0.5)), "hidden": (32,)}
    line = LinearLogSNR(4.0, -6.0)
    model = Diffusion.create(2, levels=(-1, 1), log_snr=line, rng=0, **settings)
    before = model.bound(x, rng=1, samples=400).mean.value
    model.fit(x, steps=500, rng=0, loss=loss, learning_rate=0.01)
    after = model.bound(x, rng=1, samples=400).mean
    assert before < -2 * np.log(2) + 0.1
    assert after.standard_error < 0.02
    assert abs(after.value + np.log(2)) < 0.1


def test_a_learned_log_snr_lowers_the_variance_and_keeps_its_ends():
    """The variance of the losses is 0.8 of that of a line, or less, for one model."""
    curve = LearnedLogSNR.create(8.0, -8.0, size=4)
    model = Diffusion.create(2, log_snr=curve, hidden=(32,), form="v", rng=0)
    x = two_gaussians(2000, 0)
    noise, u = model.draw_noise(2000, 1), even_times(2000, 0.5)

    def variance():
        return np.var(continuous_bound(model, x, u, noise))

    settings = {"loss": "bound", "learning_rate": 0.02, "batch_size": 100}
    model.fit(x, steps=200, rng=0, **settings)
    learned, model.log_snr = variance(), LinearLogSNR(8.0, -8.0)
    assert learned < 0.8 * variance()
    np.testing.assert_allclose(curve.ends, [8.0, -8.0], rtol=1e-12)


# How it is put together


@pytest.mark.parametrize(
    ("loss", "log_snr"),
    [("simple", lambda: None), ("bound", lambda: None), ("bound", curved)],
)
def test_it_is_the_loop_over_its_step_and_keeps_the_average(loss, log_snr):
    rate, told = CosineDecay(0.01, steps=5), []
    model, same = (make_model(log_snr=log_snr()) for _ in range(2))
    settings = {"batch_size": 8, "learning_rate": rate, "callbacks": [told.append]}
    found = model.fit(X, steps=5, rng=3, loss=loss, decay=0.6, **settings)
    assert found is model
    assert [info.step for info in told] == [1, 2, 3, 4, 5]
    rng, average = np.random.default_rng(3), MovingAverage(0.6)
    (same, _, average), history = fit(
        diffusion_descent(loss=loss),
        (same, Adam(rate), average),
        Batches(X, size=8, rng=rng),
        steps=5,
        rng=rng,
    )
    assert average.steps == 5
    assert np.array_equal(flat(model), flat(average.averaged(same)))
    assert not np.array_equal(flat(model), flat(same))
    assert model.history_ == history
    assert list(history) == ["loss"]


def test_without_memory_the_average_is_the_last_step():
    model, same = make_model(), make_model()
    model.fit(X, steps=3, rng=0, decay=0)
    rng = np.random.default_rng(0)
    batches = Batches(X, size=30, rng=rng)
    fit(diffusion_descent(), (same, Adam(1e-3)), batches, steps=3, rng=rng)
    assert np.array_equal(flat(model), flat(same))


@both_dtypes
@every_loss
def test_data_are_taken_in_any_dtype(loss, dtype):
    fits = [
        make_model(levels=(-1, 1), dtype=dtype).fit(x, steps=3, rng=0, loss=loss)
        for x in (BITS, BITS.astype(np.int8), BITS.astype(np.float32), BITS.tolist())
    ]
    for model in fits:
        assert {leaf.dtype for leaf in tree_leaves(model)} == {np.dtype(dtype)}
        assert np.array_equal(flat(model), flat(fits[0]))


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        ({}, {"learning_rate": CosineDecay(0.01, steps=9), "decay": 0.9}),
        ({"form": "v", "log_snr": curved()}, {"loss": "bound"}),
        (
            {"form": "x0", "levels": (-1, 1), "dtype": np.float32},
            {"loss": "bound", "decay": 0.9},
        ),
    ],
)
def test_a_fit_goes_on_bit_for_bit(make, settings, tmp_path):
    """With the average of the whole run, though it was stopped in between."""

    def run(steps, checkpoint=None):
        model = copy.deepcopy(make_model(**make))
        model.history_ = {"loss": [0.0]}  # as after an earlier fit
        return model.fit(
            BITS, steps=steps, rng=0, batch_size=8, checkpoint=checkpoint, **settings
        )

    path = tmp_path / "run.npz"
    run(3, Checkpoint(path))
    resumed, whole = run(7, Checkpoint(path, resume=True)), run(7)
    assert flat(resumed).tobytes() == flat(whole).tobytes()
    assert resumed.history_ == whole.history_
    assert len(whole.history_["loss"]) == 7
    assert flat(run(7)).tobytes() == flat(whole).tobytes()
    whole.save(tmp_path / "model.npz")
    assert (
        flat(Diffusion.load(tmp_path / "model.npz")).tobytes() == flat(whole).tobytes()
    )


# What it refuses

BAD_SETTINGS = {
    "loss": ({"loss": "elbo"}, "no loss 'elbo'; the names are simple, bound"),
    "decay": ({"decay": 1.0}, r"decay is 1\.0"),
    "batch_size": ({"batch_size": 0}, "size is 0"),
    "steps": ({"steps": 0}, "steps is 0"),
    "rate": ({"learning_rate": -1}, "learning_rate is -1"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_settings_leave_the_model_as_it_was(name):
    settings, words = BAD_SETTINGS[name]
    model = make_model()
    with pytest.raises(ValueError, match=words):
        model.fit(X, **{"steps": 2, "rng": 0} | settings)
    assert np.array_equal(flat(model), flat(make_model()))
    assert not hasattr(model, "history_")


def test_the_simple_loss_teaches_no_log_snr():
    model = make_model(log_snr=curved())
    with pytest.raises(ValueError, match=r'to be learned, and the loss is "simple"'):
        model.fit(X, steps=1, rng=0)
    assert np.array_equal(flat(model), flat(make_model(log_snr=curved())))


@every_loss
def test_a_run_that_diverges_stops_at_the_last_good_step(loss):
    model = make_model(dtype=np.float32)
    before = flat(model)
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteError, match=r"step 1: the loss is (inf|nan)"),
    ):
        model.fit(np.full((4, 2), 1e30), steps=3, rng=0, loss=loss)
    assert np.array_equal(flat(model), before)
