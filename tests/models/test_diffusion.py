"""Diffusion models: their parts, their draws, and their files."""

import numpy as np
import pytest
from scipy import stats

from autodiff import tree_leaves
from models.denoising_network import DenoisingNetwork
from models.diffusion import Diffusion
from models.levels import draw_levels
from models.mlp import MLP
from models.network_denoiser import network_denoiser
from samplers.archive import CheckpointError
from samplers.chains import Chains
from samplers.reverse import Reverse
from tests.models.denoisers import both_dtypes
from tests.models.diffusions import curved, flat, linear_law, linear_model, make_model

# What it is made of


@both_dtypes
def test_what_is_created(dtype):
    model = Diffusion.create(3, levels=[-1, 0, 1], form="v", rng=0, dtype=dtype)
    assert (model.dimension, model.dtype, model.denoiser.form) == (3, dtype, "v")
    assert (model.log_snr.first, model.log_snr.last) == (10.0, -10.0)
    assert {leaf.dtype for leaf in tree_leaves(model)} == {np.dtype(dtype)}
    assert len(tree_leaves(model)) == 6  # of the network: levels are no parameters
    assert (model.levels.dtype, model.levels.tolist()) == (dtype, [-1, 0, 1])
    same = DenoisingNetwork.create(3, form="v", rng=0, dtype=dtype)
    assert np.array_equal(flat(model.denoiser), flat(same))


def test_settings_of_the_network_reach_it():
    settings = {"hidden": (7,), "activation": "tanh", "form": "x0", "features": 6}
    settings |= {"prior": np.log([[0.4, 0.6], [0.1, 0.9]]), "levels": (-1, 1)}
    model = Diffusion.create(2, rng=1, **settings)
    same = DenoisingNetwork.create(2, rng=1, **settings)
    x, log_snr = np.ones((3, 2)), np.array([4.0, 0.0, -4.0])
    assert np.array_equal(model.denoise(x, log_snr), same.denoise(x, log_snr))
    bare = Diffusion.create(2, skip=False, rng=1)
    assert not bare.denoiser.skip


@both_dtypes
def test_noise_is_in_the_dtype_of_the_model(dtype):
    model = make_model(3, dtype=dtype)
    noise = model.draw_noise(5, 7)
    assert (noise.shape, noise.dtype) == ((5, 3), dtype)
    assert np.array_equal(
        noise, np.random.default_rng(7).standard_normal((5, 3), dtype)
    )


def test_parts_that_do_not_fit():
    model = make_model()
    with pytest.raises(TypeError, match=r"denoiser is a MLP, and it is a Denoising"):
        Diffusion(MLP.create((2, 2), rng=0), model.log_snr)
    words = r"log_snr is a float, and it is a LinearLogSNR or a LearnedLogSNR: write"
    with pytest.raises(TypeError, match=words):
        Diffusion(model.denoiser, 3.0)
    with pytest.raises(TypeError, match=r"log_snr is float32 and the denoiser float64"):
        Diffusion(model.denoiser, curved(np.float32))
    for levels in ([1.0], [1.0, -1.0], [[-1.0, 1.0]], [0.0, 0.0], []):
        with pytest.raises(
            ValueError, match=r"they are \(K,\), at least two, and rise"
        ):
            Diffusion(model.denoiser, model.log_snr, levels)
    with pytest.raises(ValueError, match="have to be finite"):
        Diffusion(model.denoiser, model.log_snr, [0.0, np.inf])


def test_levels_of_model_and_denoiser_that_do_not_agree():
    settings = {"form": "x0", "prior": np.log(np.full((2, 3), 1 / 3))}
    model = make_model(levels=(-1, 0, 1), **settings)
    assert np.array_equal(model.denoiser.levels, model.levels)
    for levels in (None, (-1, 1), (-1, 0.5, 1)):
        with pytest.raises(ValueError, match=r"levels are .* those of the denoiser"):
            Diffusion(model.denoiser, model.log_snr, levels)
    with pytest.raises(ValueError, match=r"prior and levels were not given together"):
        make_model(**settings)


def test_examples_that_do_not_fit():
    model, bits = make_model(), make_model(levels=(-1, 1))
    X = np.array([[1.0, -1.0], [1.0, 1.0]])
    methods = [bits.examples, lambda X: bits.fit(X, steps=1, rng=0)]
    for method in [*methods, lambda X: bits.bound(X, rng=0)]:
        with pytest.raises(
            ValueError, match=r"X holds 0, which is none of the 2.*bits"
        ):
            method(X > 0)
        with pytest.raises(ValueError, match=r"X has 1 columns.*create\(1, "):
            method(X[:, :1])
        with pytest.raises(ValueError, match=r"X has shape \(2,\)"):
            method(X[0])
        with pytest.raises(ValueError, match="NaN or infinity"):
            method(X * np.nan)
    for same in (X, X.tolist(), X.astype(int), X.astype(np.float32)):
        assert np.array_equal(bits.examples(same), X)
    assert np.array_equal(model.examples(0.3 * X), 0.3 * X)


@both_dtypes
def test_levels_are_known_again_in_any_precision(dtype):
    """Of gray levels that are no binary fractions, written in float64."""
    levels = np.linspace(0, 1, 11)
    model = make_model(levels=levels, dtype=dtype)
    X = np.random.default_rng(0).choice(levels, (20, 2))
    assert np.array_equal(model.examples(X), X.astype(dtype))


# Draws


@both_dtypes
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("times", [None, [8, 5, 3, 0]])
def test_a_draw_is_the_end_of_the_reverse_chain(times, eta, dtype):
    model = make_model(3, form="v", dtype=dtype)
    x = model.sample(4, 5, steps=8, eta=eta, times=times)
    schedule = model.log_snr.schedule(8)
    reverse = Reverse(network_denoiser(model.denoiser, schedule), schedule, eta, times)
    last = 8 if times is None else 3
    expected = Chains(reverse, 4, rng=5, thin=last).run(1)[:, 0]
    assert np.array_equal(x, expected)
    assert (x.shape, x.dtype) == ((4, 3), dtype)


@both_dtypes
def test_levels_are_read_off_the_state_before_the_end(dtype):
    model = make_model(3, levels=(-1, 0, 2), dtype=dtype)
    x = model.sample(50, 5, steps=8, times=[8, 6, 2, 0])
    assert (x.shape, x.dtype) == ((50, 3), dtype)
    schedule, rng = model.log_snr.schedule(8), np.random.default_rng(5)
    denoiser = network_denoiser(model.denoiser, schedule)
    chains = Chains(
        Reverse(denoiser, schedule, times=[8, 6, 2, 0]), 50, rng=rng, thin=2
    )
    x_2 = chains.run(1)[:, 0]
    uniforms = rng.random((50, 3))
    expected = draw_levels(model.levels, x_2, float(schedule.log_snr[2]), uniforms)
    assert np.array_equal(x, expected)


def test_draws_are_repeated_by_an_integer_and_go_on_with_a_generator():
    for model in (make_model(), make_model(form="x0", levels=(-1, 1))):
        x = model.sample(9, 3, steps=5)
        assert np.array_equal(x, model.sample(9, 3, steps=5))
        rng = np.random.default_rng(3)
        assert np.array_equal(x, model.sample(9, rng, steps=5))
        assert not np.array_equal(x, model.sample(9, rng, steps=5))


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_draws_of_a_linear_model_have_the_moments_of_the_closed_form(eta):
    """20,000 draws; errors of 4 % of a standard deviation are found, |z| < 5.03."""
    model, n = linear_model(), 20_000
    mean, covariance = linear_law(model, 10).sample_moments(eta)
    x = model.sample(n, 0, steps=10, eta=eta)
    sd = np.sqrt(np.diagonal(covariance))
    assert np.all(abs(x.mean(axis=0) - mean) < 5.03 * sd / np.sqrt(n))
    products = (x - mean)[:, :, np.newaxis] * (x - mean)[:, np.newaxis]
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / n)
    assert np.all(abs(products.mean(axis=0) - covariance) < 5.03 * error)


def three_levels():
    """A model of one entry, whose guesses are not far out."""
    model = make_model(1, levels=(-1, 0, 1), form="x0", seed=4)
    last = model.denoiser.network.layers[-1]
    last.weights *= 0.3
    last.bias *= 0.3
    return model


def law_of_levels(model, steps):
    """Return p(x_0) of all levels for d = 1, (K,), by the chain on a grid of x."""
    x = np.linspace(-8, 8, 801)
    dx, schedule = x[1] - x[0], model.log_snr.schedule(steps)
    p = stats.norm.pdf(x)
    for t in range(steps, 1, -1):
        a, b, v = schedule.posterior(t)
        guess = model.denoise(x[:, np.newaxis], np.full(x.size, schedule.log_snr[t]))
        mean = a * guess[:, 0] + b * x
        p = dx * (p @ stats.norm.pdf(x, mean[:, np.newaxis], np.sqrt(v)))
    ends = np.full((model.levels.size, x.size, 1), model.levels[:, None, None])
    log_snr = np.full(x.size, schedule.log_snr[1])
    at_start = [model.log_likelihood_at_start(e, x[:, None], log_snr) for e in ends]
    return dx * np.exp(at_start) @ p


def test_draws_of_levels_have_the_law_of_the_model():
    """100,000 draws of a network's chain of five steps against p(x_0) by quadrature.

    A chi^2 of two degrees of freedom, at a false alarm of 5e-7: errors of 1 % of p are
    found.
    """
    model, n = three_levels(), 100_000
    p = law_of_levels(model, 5)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert p.min() > 0.05
    x = model.sample(n, 0, steps=5)
    counts = np.array([np.count_nonzero(x == level) for level in model.levels])
    chi2 = np.sum((counts - n * p) ** 2 / (n * p))
    assert chi2 < stats.chi2.isf(5e-7, 2)


def test_the_bound_of_a_network_is_below_its_likelihood():
    """Of five steps in one dimension, by quadrature; the gaps are 3 errors and more."""
    model = three_levels()
    estimate = model.bound(model.levels[:, np.newaxis], rng=0, steps=5, samples=1000)
    gap = np.log(law_of_levels(model, 5)) - estimate.bound
    assert np.all(gap > 3 * estimate.standard_error)
    assert np.all(gap < 2)


def test_draws_that_cannot_be_had():
    model, bits = make_model(), make_model(levels=(-1, 1))
    with pytest.raises(ValueError, match="n is 0"):
        model.sample(0, 0)
    with pytest.raises(ValueError, match="steps is 0"):
        model.sample(1, 0, steps=0)
    with pytest.raises(ValueError, match="eta is 2"):
        model.sample(1, 0, eta=2)
    with pytest.raises(ValueError, match="they fall from T = 5"):
        model.sample(1, 0, steps=5, times=[5, 3])
    for short in ({"steps": 1}, {"steps": 5, "times": [5, 0]}):
        assert model.sample(1, 0, **short).shape == (1, 2)
        with pytest.raises(ValueError, match=r"from T to 0 in one step.* one more"):
            bits.sample(1, 0, **short)


# Files


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "v", "levels": (-1, 0.5, 1)},
        {"log_snr": curved(), "activation": "relu"},
        {"form": "x0", "prior": np.log([[0.4, 0.6], [0.1, 0.9]]), "levels": (-1, 1)},
        {"dtype": np.float32, "skip": False, "form": "score"},
    ],
)
def test_a_model_is_read_back_bit_for_bit(settings, tmp_path):
    model = make_model(**settings)
    model.history_ = {"loss": [1.0]}
    model.save(tmp_path / "model.npz")
    same = Diffusion.load(tmp_path / "model.npz")
    assert flat(same).tobytes() == flat(model).tobytes()
    assert same.dtype == model.dtype
    assert np.array_equal(same.sample(5, 0, steps=4), model.sample(5, 0, steps=4))
    assert (same.levels is None) == (model.levels is None)
    assert not hasattr(same, "history_")


def test_files_that_hold_no_such_model(tmp_path):
    path = tmp_path / "model.npz"
    make_model().denoiser.save(path)
    with pytest.raises(CheckpointError, match="Diffusion"):
        Diffusion.load(path)
    model = make_model(levels=(-1, 1))
    model.levels = model.levels[::-1]
    with pytest.raises(ValueError, match="and rise"):
        model.save(path)
