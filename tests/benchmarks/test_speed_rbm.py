"""The rows of Boltzmann machines: equal updates, and the likelihood they come to.

No two libraries draw the same numbers, so updates are compared by means that plain
lines in NumPy meet, and the same lines with a fault do not. Each has its seed, and
limits of several standard errors.
"""

import numpy as np
import pytest

from benchmarks.speed.agreement import disagreement, shortfall
from benchmarks.speed.peers import rbm as peers
from benchmarks.speed.peers import rbm_fit as fit_peers
from benchmarks.speed.peers.rbm_fit import mean_log_likelihood
from benchmarks.speed.row import Work
from benchmarks.speed.rows import rbm_fit, rbm_update
from models.rbm import RBM
from samplers.machine import sigmoid

TOLERANCE = rbm_update.ROW.tolerance


def updated_by_hand(problem, updates, seed=2, *, k=1, mu=0.5, decay=0.01, means=()):
    """Return what is judged of the plain algorithm, or of one with a fault.

    means : the layers that take their means in the place of draws
    """
    rng = np.random.default_rng(seed)

    def layer(name, t):
        p = sigmoid(t)
        return p if name in means else (rng.random(p.shape) < p).astype(float)

    W, a, b, x = (problem[name].astype(float) for name in ("W", "a", "b", "x"))
    theta = W, a, b
    velocities = [np.zeros_like(array) for array in theta]
    for _ in range(updates):
        p = sigmoid(b + x @ W)
        y = x
        for _ in range(k):
            h = layer("h", b + y @ W)
            y = layer("x", a + h @ W.T)
        q = sigmoid(b + y @ W)
        slopes = (
            (x.T @ p - y.T @ q) / len(x) - decay * W,
            (x - y).mean(0),
            (p - q).mean(0),
        )
        for array, v, slope in zip(theta, velocities, slopes, strict=True):
            v *= mu
            v += peers.RATE * slope
            array += v
    return peers.judged(problem, *theta)


@pytest.fixture(scope="module")
def updates():
    """The arrays of the first case, and what is judged of ours after 1 and 10."""
    problem = rbm_update.problem(rbm_update.FIRST, np.random.default_rng(0))
    run = rbm_update.ours(problem)
    return problem, {n: run(n) for n in (1, 10)}


@pytest.mark.parametrize("n", [1, 10])
def test_updates_by_hand_agree(updates, n):
    problem, ours = updates
    assert disagreement(ours[n], updated_by_hand(problem, n), TOLERANCE) is None


@pytest.mark.parametrize(
    "planted",
    [{"k": 2}, {"mu": 0.4}, {"decay": 0.0}, {"means": "x"}, {"means": "h"}],
)
def test_updates_with_a_fault_disagree(updates, planted):
    problem, ours = updates
    theirs = updated_by_hand(problem, 10, **planted)
    assert disagreement(ours[10], theirs, TOLERANCE)


@pytest.mark.parametrize(
    ("peer", "module"), [(peers.pytorch, "torch"), (peers.jax, "jax")]
)
def test_peers_make_the_same_updates(updates, peer, module):
    pytest.importorskip(module)
    problem, ours = updates
    run = peer(problem)
    for n in (1, 10):
        assert disagreement(ours[n], run(n), TOLERANCE) is None


def test_the_standard_errors_of_an_update_are_those_of_its_repetitions(updates):
    problem, _ = updates
    found = [updated_by_hand(problem, 1, seed) for seed in range(12)]
    for name, stated in rbm_update.STANDARD_ERRORS.items():
        values = np.array([np.asarray(result[name]) for result in found])
        error = np.sqrt(2) * values.std(ddof=1) / abs(values.mean())
        assert 0.5 < error / stated < 1.6


def test_the_least_work_of_an_update_is_counted_by_hand():
    # Five products of 2 x 3 by 3 x 4, or of that size; W and its velocity in float32.
    size = rbm_update.Size(batch=2, visible=3, hidden=4)
    assert rbm_update.work(size, {}) == Work(flops=5 * 48, bytes=2 * 2 * 4 * 12)


def test_the_likelihood_of_a_machine_is_that_of_enumeration():
    """To 0.03 nats, three standard errors; a hidden unit that is lost is 0.7."""
    rng = np.random.default_rng(0)
    rbm = RBM(rng.normal(size=(12, 8)), rng.normal(size=12), rng.normal(size=8))
    X = rbm.sample(500, 1)
    found = mean_log_likelihood(rbm.W, rbm.a, rbm.b, X)
    assert found == pytest.approx(rbm.log_likelihood(X).mean(), abs=0.03)


@pytest.fixture(scope="module")
def fitted():
    """The arrays of both cases, and what is judged of ours."""
    rng, cases = np.random.default_rng(0), rbm_fit.ROW.cases
    problems = [rbm_fit.problem(size, rng) for size in cases.values()]
    return [(problem, rbm_fit.ours(problem)(1)) for problem in problems]


def test_all_digits_are_fitted(fitted):
    for problem, _ in fitted:
        assert problem["X"].shape == (rbm_fit.DIGITS, rbm_fit.PIXELS)
        assert set(np.unique(problem["X"])) == {0, 1}
    assert [int(problem["batch"]) for problem, _ in fitted] == [fit_peers.BATCH, 50]


def test_our_fits_do_not_fall_short_and_those_of_fewer_epochs_do(fitted, monkeypatch):
    """Of what scikit-learn comes to, -20.9 nats."""
    theirs, names = {"mean log p": -20.9}, rbm_fit.ROW.at_least
    monkeypatch.setattr(rbm_fit, "EPOCHS", 2)
    for problem, ours in fitted:
        assert shortfall(ours, theirs, names) is None
        assert shortfall(rbm_fit.ours(problem)(1), theirs, names)


def test_scikit_learn_makes_no_better_machine_by_as_many_epochs(fitted, monkeypatch):
    network = pytest.importorskip("sklearn.neural_network")
    counted, update = [], network.BernoulliRBM._fit

    def noted(self, batch, rng):
        counted.append(len(batch))
        update(self, batch, rng)

    monkeypatch.setattr(network.BernoulliRBM, "_fit", noted)
    theirs = fit_peers.scikit_learn(fitted[0][0])(1)
    assert len(counted) == 1800
    assert max(counted) == fit_peers.BATCH
    assert -22 < float(np.asarray(theirs["mean log p"])) < -20
    for _, ours in fitted:
        assert shortfall(ours, theirs, rbm_fit.ROW.at_least) is None
