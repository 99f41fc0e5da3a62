"""Several levels of latents: one level is a VAE; draws, training, files, errors."""

import numpy as np
import pytest

from autodiff import tree_leaves
from models.conditionals import Bernoulli, Gaussian
from models.hierarchical_vae import HierarchicalVAE
from models.linear_chain import exact_encoders, exact_log_likelihood, marginals
from models.mlp import MLP
from models.vae import VAE
from samplers.archive import CheckpointError
from tests.models.autoencoders import both_likelihoods
from tests.models.hierarchies import cubature, data, make, make_chain


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@both_likelihoods
def test_one_level_is_the_vae_bit_for_bit(likelihood, dtype):
    settings = {"likelihood": likelihood, "hidden": (7,), "rng": 0, "dtype": dtype}
    vae = VAE.create(5, 3, means=np.full(5, 0.3), **settings)
    one = HierarchicalVAE.create(5, (3,), means=np.full(5, 0.3), **settings)
    x, noise = data(one), vae.draw_noise(4, 1, samples=6)
    seen = data(one, seed=2)
    same = np.testing.assert_array_equal
    same(one.draw_noise(4, 1, samples=6)[0], noise)
    same(one.draw_noise(4, 1)[0], vae.draw_noise(4, 1))
    same(one.reparameterize(x, (noise,))[0], vae.reparameterize(x, noise))
    for given_to_q in (None, seen):
        found = one.log_weights(x, (noise,), seen=given_to_q)
        same(found, vae.log_weights(x, noise, seen=given_to_q))
    bound = one.importance_weighted_bound(x, (noise,))
    same(bound, vae.importance_weighted_bound(x, noise))
    same(one.transform(x), vae.transform(x))
    same(one.reconstruct(x), vae.reconstruct(x))
    assert one.likelihood is one.decoders[0]
    same(one.sample(9, 3), vae.sample(9, 3))
    terms = one.elbo_terms(x, (noise,))
    same(terms.reconstruction, vae.elbo_terms(x, noise).reconstruction)


def test_one_level_has_the_bound_of_the_vae():
    """The divergence is sampled here, and a sum there: the means agree exactly.

    Over noise of which all quadratic functions have their exact means.
    """
    one = make_chain((5, 3))
    vae, x = VAE(one.encoders[0], one.decoders[0]), np.ones((4, 5))
    noise = cubature((3,), 4)
    found, expected = one.elbo_terms(x, noise), vae.elbo_terms(x, noise[0])
    np.testing.assert_allclose(found.reconstruction, expected.reconstruction)
    total = np.sum(expected.divergence, axis=1)
    np.testing.assert_allclose(found.divergence[:, 0], total, rtol=1e-12)
    np.testing.assert_allclose(one.elbo(x, noise), vae.elbo(x, noise[0]), rtol=1e-12)


@both_likelihoods
def test_draws_come_down_the_chain(likelihood):
    model = make((3, 2, 1), likelihood)
    rng = np.random.default_rng(0)
    noise = tuple(rng.uniform(size=(6, d)) for d in (5, 3, 2, 1))
    levels = model.generate(noise)
    assert [level.shape for level in levels] == [(6, 5), (6, 3), (6, 2), (6, 1)]
    np.testing.assert_array_equal(levels[3], noise[3])
    for t in (2, 1, 0):
        expected = model.decoders[t].draw(levels[t + 1], noise[t])
        np.testing.assert_array_equal(levels[t], expected)


def test_samples_have_the_law_of_the_model():
    """Mean and variance of x, 1-D, at z = 5.03: errors from 2 % of sd or variance."""
    model, n = make_chain((1, 1, 1)), 100_000
    m, C = (float(np.squeeze(moment)) for moment in marginals(model)[0])
    x = model.sample(n, 0)[:, 0]
    assert abs(x.mean() - m) < 5.03 * np.sqrt(C / n)
    assert abs(x.var() - C) < 5.03 * C * np.sqrt(2 / n)


@both_likelihoods
def test_samples_repeat(likelihood):
    model = make((3, 2), likelihood, dtype=np.float32)
    x = model.sample(7, 0)
    assert x.shape == (7, 5)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(model.sample(7, np.random.SeedSequence(0)), x)
    assert not np.array_equal(model.sample(7, 1), x)
    if likelihood == "bernoulli":
        assert set(np.unique(x)) == {0, 1}


def test_noise_of_levels_is_independent():
    """Of neighboring columns, levels and draws: |correlation| < 5.03 / sqrt(n)."""
    h = make((3, 2)).draw_noise(50_000, 0, samples=2)
    assert [eps.shape for eps in h] == [(2, 50_000, 3), (2, 50_000, 2)]
    rows = np.concatenate([*h[0].transpose(0, 2, 1), *h[1].transpose(0, 2, 1)])
    correlation = np.corrcoef(rows) - np.eye(10)
    assert np.max(np.abs(correlation)) < 5.03 / np.sqrt(50_000)
    assert make((3, 2), dtype=np.float32).draw_noise(2, 0)[1].dtype == np.float32


@pytest.mark.parametrize("bound", ["elbo", "iwae"])
def test_fit_raises_the_bound(bound):
    rng = np.random.default_rng(0)
    h = rng.standard_normal((500, 1))
    X = (h + 0.3 * rng.standard_normal((500, 4)) > 0).astype(np.float64)
    model = HierarchicalVAE.create(4, (2, 1), hidden=(8,), means=X.mean(axis=0), rng=0)
    before = model.log_likelihood(X[:50], rng=1, samples=200)
    assert model.fit(X, steps=300, rng=0, bound=bound, learning_rate=1e-2) is model
    assert len(model.history_["loss"]) == 300
    after = model.log_likelihood(X[:50], rng=1, samples=200)
    assert after.mean.value > before.mean.value + 0.3
    assert after.mean.value < 0


def test_fit_leaves_a_fixed_encoder_as_it_is():
    model = make()
    model.learn_encoder = False
    before = [leaf.copy() for leaf in tree_leaves(model)]
    model.fit(data(model, 50), steps=5, rng=0, batch_size=10)
    count = len(tree_leaves(model.encoders))
    same = [
        np.array_equal(*pair) for pair in zip(before, tree_leaves(model), strict=True)
    ]
    assert all(same[:count])
    assert not any(same[count:])


def test_a_new_model_starts_at_a_single_level():
    """p(h_1 | h_2) is N(0, I), so that x has the law of a VAE; h_2 is told h_1."""
    model = HierarchicalVAE.create(5, (3, 2), hidden=(4,), rng=0)
    h = np.random.default_rng(0).standard_normal((6, 2))
    n, u = model.decoders[1].moments(h)
    assert not np.any(n)
    assert not np.any(u)
    mean, v = model.encoders[1].moments(n + 1)
    assert np.all(mean != 0)
    assert not np.any(v)


def test_the_estimated_likelihood_is_the_exact_one():
    model = make_chain((2, 2, 2), diagonal=True)
    x = np.random.default_rng(0).standard_normal((5, 2))
    expected = exact_log_likelihood(model, x)
    perfect = HierarchicalVAE(exact_encoders(model), model.decoders)
    found = perfect.log_likelihood(x, rng=0, samples=20)
    np.testing.assert_allclose(found.log_likelihood, expected, atol=1e-12)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-12)


@both_likelihoods
def test_a_model_comes_back_bit_for_bit(likelihood, tmp_path):
    model = make((3, 2), likelihood, dtype=np.float32)
    model.learn_encoder = False
    model.save(tmp_path / "model.npz")
    again = HierarchicalVAE.load(tmp_path / "model.npz")
    assert again.learn_encoder is False
    assert type(again.encoders) is tuple
    for a, b in zip(tree_leaves(model), tree_leaves(again), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    x, noise = data(model), model.draw_noise(4, 0)
    np.testing.assert_array_equal(again.elbo(x, noise), model.elbo(x, noise))
    VAE(model.encoders[0], model.decoders[0]).save(tmp_path / "vae.npz")
    with pytest.raises(CheckpointError):
        HierarchicalVAE.load(tmp_path / "vae.npz")


def test_models_that_do_not_fit_together_are_refused():
    def gaussian(m, n, dtype=np.float64):
        return Gaussian(MLP.create((m, 2 * n), rng=0, dtype=dtype))

    def bits(m, n):
        return Bernoulli(MLP.create((m, n), rng=0))

    up, down = gaussian(5, 3), bits(3, 5)
    faults = [
        ((), (), ValueError, "there are 0 encoders and 0 decoders"),
        ((up,), (), ValueError, "there are 1 encoders and 0 decoders"),
        ((up, gaussian(2, 1)), (down, gaussian(1, 2)), ValueError, "both are h_1"),
        ((up, gaussian(3, 1)), (down, gaussian(2, 3)), ValueError, "leads back"),
        ((up,), (bits(3, 4),), ValueError, "leads back"),
        ((up, gaussian(3, 1)), (down, bits(1, 3)), TypeError, "decoder 1 is a Bern"),
        ((bits(5, 3),), (down,), TypeError, "the encoder is a Bernoulli"),
        (
            (up, gaussian(3, 1, np.float32)),
            (down, gaussian(1, 3, np.float32)),
            ValueError,
            "in float64, and encoder 1 takes 3 in float32",
        ),
    ]
    for encoders, decoders, error, message in faults:
        with pytest.raises(error, match=message):
            HierarchicalVAE(encoders, decoders)
    for latents, said in (((), r"\(\)"), (2, "2")):
        with pytest.raises(ValueError, match=rf"latents is {said}, .*or \(20,\)"):
            HierarchicalVAE.create(5, latents, rng=0)


def test_noise_that_does_not_fit_is_refused():
    model = make()
    x, (first, second) = data(model), model.draw_noise(4, 0, samples=2)
    faults = [
        (first, "noise is a ndarray"),
        ([first, second], "noise is a list"),
        ((first,), r"shapes \[\(2, 4, 3\)\]"),
        ((first, second, second), r"tuple of \(n, 3\), \(n, 2\)"),
        ((second, first), "a draw of its own of each level"),
        ((first, second[:1]), "a draw of its own of each level"),
        ((first, second[0]), "a draw of its own of each level"),
        ((first[:, :3], second[:, :3]), "each of n = 4 examples"),
        ((first[np.newaxis], second[np.newaxis]), "a draw of its own"),
        ((), "noise is a tuple of shapes"),
        ((1.0, 2.0), "noise is a tuple of shapes"),
        (None, r"noise is a NoneType of shapes \[\], .*as draw_noise makes it"),
    ]
    for function in (model.elbo, model.log_weights, model.reparameterize):
        for noise, message in faults:
            with pytest.raises(ValueError, match=message):
                function(x, noise)
        with pytest.raises(TypeError, match=r"noise\[1\] of dtype float32"):
            function(x, (first, second.astype(np.float32)))
    for function in (model.log_weights, model.importance_weighted_bound):
        with pytest.raises(ValueError, match=r"noise is of one draw, \[\(4, 3\)"):
            function(x, (first[0], second[0]))
    with pytest.raises(TypeError, match="rng is None"):
        model.draw_noise(4, None)
    with pytest.raises(TypeError, match="rng is None"):
        model.sample(4, None)
    with pytest.raises(ValueError, match=r"h has 1 arrays and the model 2 levels"):
        model.log_joint(x, (first,))
    with pytest.raises(ValueError, match="noise has 2 arrays, and this model draws 3"):
        model.generate((first[0], second[0]))
    for arguments in ((0, 0), (4, 0, 0)):
        with pytest.raises(ValueError, match="0"):
            model.draw_noise(*arguments)


def test_examples_that_do_not_fit_are_refused():
    model = make()
    x, noise = data(model), model.draw_noise(4, 0)
    for wrong in (x[0], x[:, :3], x[np.newaxis], x.tolist()):
        with pytest.raises(ValueError, match=r"both are \(n, 5\), a row an example"):
            model.elbo(wrong, noise)
    with pytest.raises(ValueError, match="the encoder sees"):
        model.elbo(x, noise, seen=x[:2])
    with pytest.raises(TypeError, match="x of dtype float32"):
        model.elbo(x.astype(np.float32), noise)
    for method in (
        model.transform,
        model.reconstruct,
        lambda X: model.fit(X, steps=1, rng=0),
    ):
        with pytest.raises(ValueError, match="3 columns"):
            method(x[:, :3])
