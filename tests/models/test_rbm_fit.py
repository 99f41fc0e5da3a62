"""RBM.fit: it learns, it refuses, it resumes, and it is the loop of its parts."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from autodiff import tree_leaves
from models.contrastive_divergence import (
    contrastive_divergence,
    maximum_likelihood,
    persistent_contrastive_divergence,
)
from models.gaussian_rbm import GaussianRBM
from models.rbm import RBM
from models.rbm_gradient import negative_log_likelihood
from optim import SGD, Batches, Checkpoint, CosineDecay, Momentum, NonFiniteError, fit
from tests.models.machines import KINDS, make_rbm, make_states

METHODS = pytest.mark.parametrize("method", ["exact", "cd", "pcd"])
# Bars and stripes of 2 x 2 pixels: its entropy is ln 6.
ROWS = [0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0] * 4, [1] * 4
BARS = np.array(ROWS)


def small(seed=0, **settings):
    return RBM.create(4, 4, rng=seed, **settings)


def nll(rbm, X):
    return float(negative_log_likelihood(rbm, np.asarray(X, rbm.a.dtype)))


def assert_same(one, other):
    for ours, theirs in zip(tree_leaves(one), tree_leaves(other), strict=True):
        assert np.array_equal(ours, theirs)


# What it learns


def test_the_exact_gradient_reaches_the_entropy_of_the_data():
    losses = []
    for seed in range(3):
        rbm = make_rbm("binary", 4, 4, scale=0.5, seed=seed)
        rbm.fit(
            BARS, steps=1500, rng=0, method="exact", learning_rate=0.5, momentum=0.9
        )
        losses.append(nll(rbm, BARS))
    assert np.log(6) < min(losses) < np.log(6) + 0.01


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_the_draws_of_a_machine_teach_it(method):
    """Four fair coins have 2.77 nats, and the data 1.79."""
    rbm = make_rbm("binary", 4, 4, scale=0.5, seed=1)
    rbm.fit(
        BARS, steps=3000, rng=0, method=method, learning_rate=CosineDecay(0.2, 3000)
    )
    assert nll(rbm, BARS) < 2.4


@pytest.mark.parametrize(
    ("scale", "low", "high"), [(0.01, 2.07, 2.08), (1.0, 1.38, 1.4)]
)
def test_small_couplings_stay_small_where_no_pair_is_correlated(scale, low, high):
    """XOR from three fair coins, log 8 = 2.079, or on to log 4 = 1.386."""
    X = [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    rbm = RBM.create(3, 4, rng=0, scale=scale)
    rbm.fit(X, steps=1500, rng=0, method="exact", learning_rate=0.5, momentum=0.9)
    assert low < nll(rbm, X) < high


@pytest.mark.parametrize("method", ["exact", "cd"])
def test_a_gaussian_machine_learns_a_mixture(method):
    """Of two Gaussians of sd 0.5 about -1 and 2, with an entropy of 1.42 nats.

    How many rows belong to each is beyond CD-1, as its chains do not cross.
    """
    rng = np.random.default_rng(0)
    X = rng.choice([-1, 2], (500, 1)) + 0.5 * rng.standard_normal((500, 1))
    settings = {"means": X.mean(axis=0), "scale": 10.0, "learn_sigma": True}
    rbm = GaussianRBM.create(1, 1, rng=0, **settings)
    rate = CosineDecay(0.02, steps=1000)
    rbm.fit(X, steps=1000, rng=0, method=method, learning_rate=rate, momentum=0.9)
    means = rbm.prob_x_given_h(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(np.sort(means, axis=0), [[-1], [2]], atol=0.15)
    np.testing.assert_allclose(rbm.sigma, [0.5], atol=0.06)
    if method == "exact":
        assert nll(rbm, X) < 1.47


# How it is put together


@METHODS
def test_it_is_the_loop_over_its_step(method):
    X = make_states(make_rbm("binary"), 30)
    rate = CosineDecay(0.1, steps=5)
    rbm, same = make_rbm("binary"), make_rbm("binary")
    told = []
    found = rbm.fit(
        X,
        steps=5,
        rng=3,
        method=method,
        k=2,
        batch_size=8,
        chains=6,
        learning_rate=rate,
        momentum=0.5,
        weight_decay=0.1,
        callbacks=[told.append],
    )
    assert found is rbm
    assert [info.step for info in told] == [1, 2, 3, 4, 5]
    rng = np.random.default_rng(3)
    batches, state = Batches(X, size=8, rng=rng), (same, Momentum(rate, 0.5))
    if method == "exact":
        step = maximum_likelihood(weight_decay=0.1)
    elif method == "cd":
        step = contrastive_divergence(2, weight_decay=0.1)
    else:
        step = persistent_contrastive_divergence(2, weight_decay=0.1)
        state = *state, X[rng.integers(30, size=6)]
    _, history = fit(step, state, batches, steps=5, rng=rng)
    assert_same(rbm, same)
    assert rbm.history_ == history
    assert rbm.history_["loss"] == [info.metrics["loss"] for info in told]


def test_without_momentum_it_is_gradient_descent():
    rbm, same = make_rbm("binary"), make_rbm("binary")
    rbm.fit(BARS, steps=3, rng=0, method="cd", batch_size=100)
    rng = np.random.default_rng(0)
    batches = Batches(BARS.astype(float), size=6, rng=rng)
    fit(contrastive_divergence(), (same, SGD(0.1)), batches, steps=3, rng=rng)
    assert_same(rbm, same)


@METHODS
def test_data_are_taken_in_any_dtype(method):
    machines = []
    for X in (BARS.astype(float), BARS.astype(np.uint8), BARS == 1, BARS.tolist()):
        for dtype in (np.float32, np.float64):
            rbm = small(dtype=dtype).fit(X, steps=3, rng=0, method=method)
            assert {array.dtype for array in tree_leaves(rbm)} == {np.dtype(dtype)}
            machines.append(rbm)
    for first, second in ((0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)):
        assert_same(machines[first], machines[second])


def test_grey_levels_stand_for_means():
    """The visible biases learn from a row of halves what zeros and ones teach them."""
    settings = {"steps": 1, "rng": 0, "method": "exact"}
    grey = small().fit(np.full((1, 4), 0.5), **settings)
    both = small().fit([[0] * 4, [1] * 4], **settings)
    np.testing.assert_allclose(grey.a, both.a, rtol=0, atol=1e-15)


@METHODS
@KINDS
def test_a_fit_goes_on_and_a_machine_is_written_after_it(tmp_path, kind, method):
    X = make_states(make_rbm(kind), 30)

    def run(steps, checkpoint=None):
        rbm = make_rbm(kind)
        rbm.history_ = {"loss": [0.0]}  # as after an earlier fit
        settings = {"method": method, "momentum": 0.5, "learning_rate": 0.01}
        return rbm.fit(X, steps=steps, rng=0, checkpoint=checkpoint, **settings)

    checkpoint = Checkpoint(tmp_path / "run.npz", resume=True)
    run(3, checkpoint)
    resumed, whole = run(7, checkpoint), run(7)
    assert_same(resumed, whole)
    assert resumed.history_ == whole.history_
    assert len(whole.history_["loss"]) == 7
    whole.save(tmp_path / "rbm.npz")
    assert_same(type(whole).load(tmp_path / "rbm.npz"), whole)


# What it refuses

BAD_DATA = {
    "columns": (np.zeros((3, 5)), ValueError, r"shape \(3, 5\); it is \(n, 4\)"),
    "axes": (np.zeros(4), ValueError, r"shape \(4,\); it is \(n, 4\)"),
    "empty": (np.zeros((0, 4)), ValueError, r"shape \(0, 4\); it is \(n, 4\)"),
    "nan": (np.full((2, 4), np.nan), ValueError, "nan or infinity"),
    "complex": (np.zeros((2, 4), complex), TypeError, "complex128, and visible units"),
    "sparse": (csr_matrix(BARS), TypeError, r"sparse matrix, .* X\.toarray\(\)"),
    "pixels": (255 * BARS, ValueError, r"from 0 to 255, and the units are 0 or 1"),
    "signs": (2 * BARS - 1, ValueError, r"from -1 to 1, .* X > threshold"),
}
BAD_SETTINGS = {
    "method": ({"method": "sml"}, r"no method 'sml'; the names are exact, cd, pcd"),
    "k": ({"k": 0}, "k is 0; it counts"),
    "chains": ({"chains": 0}, "chains is 0; it counts"),
    "batch_size": ({"batch_size": 0}, "size is 0"),
    "steps": ({"steps": 0}, "steps is 0"),
    "rate": ({"learning_rate": -1}, "learning_rate is -1"),
    "momentum": ({"momentum": 1.0}, "momentum is 1.0"),
    "decay": ({"weight_decay": -1}, "weight_decay is -1"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_leave_the_machine_as_it_was(name):
    X, error, words = BAD_DATA[name]
    rbm = small()
    with pytest.raises(error, match=words):
        rbm.fit(X, steps=2, rng=0)
    assert_same(rbm, small())
    assert not hasattr(rbm, "history_")


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_settings_leave_the_machine_as_it_was(name):
    settings, words = BAD_SETTINGS[name]
    rbm = small()
    with pytest.raises(ValueError, match=words):
        rbm.fit(BARS, **{"steps": 2, "rng": 0} | settings)
    assert_same(rbm, small())


def test_real_numbers_are_for_gaussian_units():
    X = np.array([[-3.0, 255.0]])
    rbm = GaussianRBM.create(2, 3, rng=0, means=X[0], sigma=9.0)
    assert rbm.fit(X, steps=2, rng=0).history_["loss"]


@METHODS
def test_a_run_that_diverges_stops_at_the_last_good_step(method):
    rbm = make_rbm("fixed")
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteError, match=r"step \d+: .* [Ll]ower the learning rate"),
    ):
        rbm.fit(make_states(rbm), steps=99, rng=0, method=method, learning_rate=1e10)
    assert all(np.isfinite(array).all() for array in tree_leaves(rbm))
