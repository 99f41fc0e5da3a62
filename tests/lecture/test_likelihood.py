"""The likelihood of data, its gradient, and the machine where it is largest.

    p(X; Theta) = prod_i p(x_i; Theta) = Z^-n prod_i f(x_i),   f(x) = sum_h f(x, h),
    grad log p(X) = sum_i grad log f(x_i) - n grad log Z.

n data x_1 ... x_n, independent of each other, and a model that is known up to Z. With
the mean of grad log f in the place of grad log Z (test_partition_function.py), the
gradient is a difference of two means, one under the data and one under the model. To be
read from top to bottom; every statement is an assertion. Every sum is over states that
can be written out. Numbers like T12 are those of the list in README.md.

Sources: R. A. Fisher, Phil. Trans. R. Soc. A 222 (1922), 309; D. Ackley, G. Hinton and
T. Sejnowski, Cognitive Science 9 (1985), 147.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import explain, grad, tree_leaves
from models.rbm import RBM
from models.rbm_gradient import (
    exact_value_and_gradient,
    free_energy_gap,
    gap_value_and_gradient,
    negative_log_likelihood,
)
from optim import BFGS
from samplers.exact import (
    joint_probabilities,
    log_probability,
    moments,
    visible_probabilities,
)
from samplers.machine import binary_states
from tests.lecture.machines import sigmoid, some_counts, some_machine, some_rbm

M, N = 4, 3
seeds = st.integers(0, 2**32 - 1)


def table_of_f(seed):
    """f(x, h) of all states of a machine, (2^M, 2^N)."""
    machine = some_machine(M, N, seed=seed)
    return np.exp(-machine.energy(binary_states(M)[:, np.newaxis], binary_states(N)))


def some_data(n, seed):
    """n numbers of states x, of which some come twice."""
    return np.random.default_rng(seed).integers(2**M, size=n)


# 1. Over what the sums run


@given(seed=seeds)
def test_a_marginal_sums_over_the_other_layer(seed):
    """p(h) = sum_x f(x, h) / Z, with h fixed and x free: then it sums to one (E5).

    As printed, x and h carry one index that is summed over and fixed at once. Read as
    a sum along the diagonal, it is one number for all h.
    """
    f = table_of_f(seed)
    corrected = f.sum(axis=0) / f.sum()
    assert corrected.shape == (2**N,)
    assert corrected.sum() == pytest.approx(1, rel=1e-13)
    np.testing.assert_allclose(
        corrected, joint_probabilities(some_machine(M, N, seed=seed)).sum(axis=0)
    )
    printed = np.trace(f) / f.sum()
    assert np.max(np.abs(corrected - printed)) > 1e-3


@given(seed=seeds)
def test_Z_sums_over_states_and_not_over_data_or_units(seed):
    """With any other sum in its place, f / Z does not sum to one over all states (E5).

    X stands for the data and for all states alike. The data are fewer, so that a sum
    over them is too small; and it would change with the data, while Z belongs to the
    model. Nor is it a sum over the pairs of a visible and a hidden unit, of which there
    are M N and not 2^(M + N).
    """
    f = table_of_f(seed)
    over_states = f.sum()
    assert (f / over_states).sum() == pytest.approx(1, rel=1e-13)
    for data in (some_data(5, seed), np.arange(2**M - 1)):
        over_data = f[np.unique(data)].sum()
        assert over_data < over_states
        assert (f / over_data).sum() > 1
    x, h = np.eye(M) @ 2.0 ** np.arange(M), np.eye(N) @ 2.0 ** np.arange(N)
    over_pairs = f[np.ix_(x.astype(int), h.astype(int))]
    assert over_pairs.size == M * N < f.size == 2 ** (M + N)
    assert (f / over_pairs.sum()).sum() > 1


def test_a_mean_over_draws_has_no_further_weight():
    """x drawn from p is there as often as p says; times p(x) it counts twice (E5).

    sum_x p(x) g(x) is a mean over all states, (1/L) sum_l g(x_l) one over draws. The
    printed sum over draws x ~ p of p(x) g(x) tends, over L, to sum_x p(x)^2 g(x). Here
    g is the derivative of log f by a_1, and 200,000 draws see an error of 0.006.
    """
    machine = some_machine(M, N)
    p, g = visible_probabilities(machine), binary_states(M)[:, 0].astype(float)
    draws = np.random.default_rng(1).choice(2**M, 200_000, p=p)
    error = 1 / np.sqrt(4 * len(draws))
    mean, weighed_twice = np.mean(g[draws]), np.mean(p[draws] * g[draws])
    assert abs(mean - p @ g) < 5.03 * error
    assert abs(weighed_twice - p**2 @ g) < 5.03 * error
    assert p @ g == pytest.approx(moments(machine).x[0], rel=1e-12)
    assert p @ g - p**2 @ g > 0.1


@given(seed=seeds)
def test_summed_over_h_f_is_not_yet_a_probability(seed):
    """sum_h f(x, h) = f(x), and p(x) = f(x) / Z; the former sums to Z (E4)."""
    f = table_of_f(seed)
    printed, Z = f.sum(axis=1), f.sum()
    assert printed.sum() == pytest.approx(Z, rel=1e-13)
    assert abs(printed.sum() - 1) > 0.1
    corrected = printed / Z
    assert corrected.sum() == pytest.approx(1, rel=1e-13)
    machine = some_machine(M, N, seed=seed)
    np.testing.assert_allclose(corrected, visible_probabilities(machine), rtol=1e-11)


# 2. From one to n data


@pytest.mark.parametrize("n", [1, 2, 3])
def test_n_data_have_n_factors_of_Z(n):
    """Over all sets of n data the likelihood sums to one, if it has Z^-n (E2).

    With a single 1 / Z, as printed, it sums to Z^(n-1): right for one datum only.
    """
    f = np.array([0.3, 2.0, 1.1, 0.6])  # of four states
    Z = f.sum()
    products = np.array([np.prod(f[list(X)]) for X in product(range(4), repeat=n)])
    assert np.sum(products / Z**n) == pytest.approx(1, rel=1e-13)
    assert np.sum(products / Z) == pytest.approx(Z ** (n - 1), rel=1e-13)


@given(n=st.integers(1, 30), seed=seeds)
def test_the_logarithm_of_the_likelihood(n, seed):
    """log p(X) = sum_i log f(x_i) - n log Z (T12)."""
    f, data = table_of_f(seed), some_data(n, seed)
    p = f.sum(axis=1) / f.sum()
    likelihood = np.prod(p[data])
    found = np.sum(np.log(f.sum(axis=1)[data])) - n * np.log(f.sum())
    assert found == pytest.approx(np.log(likelihood), rel=1e-10)
    machine = some_machine(M, N, seed=seed)
    x = binary_states(M)[data]
    assert np.sum(log_probability(machine, x)) == pytest.approx(found, rel=1e-10)
    rbm = some_rbm(M, N, seed=seed)
    # What is minimized is the mean: a rate then fits any number of data.
    assert -n * negative_log_likelihood(rbm, x) == pytest.approx(found, rel=1e-10)


@given(n=st.integers(1, 30), seed=seeds)
def test_data_have_no_order_and_count_as_often_as_they_come(n, seed):
    """In any order it is the same; data twice over have twice the logarithm (T12)."""
    machine, x = some_machine(M, N, seed=seed), binary_states(M)[some_data(n, seed)]

    def log_likelihood(x):
        return np.sum(log_probability(machine, x))

    found = log_likelihood(x)
    shuffled = np.random.default_rng(seed).permutation(x)
    assert log_likelihood(shuffled) == pytest.approx(found, rel=1e-12)
    assert log_likelihood(np.concatenate([x, x])) == pytest.approx(2 * found, rel=1e-12)
    parts = log_likelihood(x[: n // 2]) + log_likelihood(x[n // 2 :])
    assert parts == pytest.approx(found, rel=1e-12)


# 3. The gradient


def slopes_of_log_f(rbm, x, weights):
    """The mean of grad log f(x) = -grad F(x): of x_i on_j, x_i and on_j.

    on_j = p(h_j = 1 | x). x : (n, M), weights : (n,) with sum 1.
    """
    on = sigmoid(rbm.b + x @ rbm.W)
    return [(x.T * weights) @ on, weights @ x, weights @ on]


def gradient_by_hand(rbm, x):
    """grad log p(X) / n: the mean of grad log f under the data less under the model."""
    states = binary_states(len(rbm.a)).astype(float)
    f = np.exp(states @ rbm.a) * np.prod(1 + np.exp(rbm.b + states @ rbm.W), axis=1)
    data = slopes_of_log_f(rbm, x, np.full(len(x), 1 / len(x)))
    model = slopes_of_log_f(rbm, states, f / f.sum())
    return [d - m for d, m in zip(data, model, strict=True)]


def assert_equal(found, expected, rtol=1e-11, atol=1e-13):
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("M", "N"), [(4, 3), (3, 5), (6, 1)])
def test_the_gradient_is_a_difference_of_two_means(M, N):
    """Positive phase less negative phase, in four ways (T14).

    By hand; by reverse mode through log Z; by the program that explain prints of it,
    recorded for another machine and other data; and by the library.
    """
    rng = np.random.default_rng(0)
    batches = rng.integers(2, size=(4, 20, M)).astype(float)
    loss = grad(negative_log_likelihood)
    printed = explain(loss, some_rbm(M, N, seed=100), rng.random((20, M)))
    for seed, x in enumerate(batches):
        rbm = some_rbm(M, N, seed=seed)
        by_hand = [-each for each in gradient_by_hand(rbm, x)]
        assert_equal(loss(rbm, x), by_hand)
        assert_equal(printed(rbm, x), by_hand)
        value, gradient = exact_value_and_gradient(rbm, x)
        assert value == pytest.approx(negative_log_likelihood(rbm, x), rel=1e-12)
        assert_equal(gradient, by_hand)


def test_the_gap_of_free_energies_has_this_gradient():
    """Data x against other states y: the mean of F(x) less that of F(y) (T14).

    If y are draws of the model, held fixed, its gradient estimates that of -log p(X) /
    n: the negative phase is a mean over y. Here they are any states.
    """
    rng = np.random.default_rng(1)
    x, y = rng.integers(2, size=(2, 400, M)).astype(float)
    rbm = some_rbm(M, N)
    ones = np.full(400, 1 / 400)
    by_hand = [
        m - d
        for d, m in zip(
            slopes_of_log_f(rbm, x, ones), slopes_of_log_f(rbm, y, ones), strict=True
        )
    ]
    assert_equal(grad(free_energy_gap)(rbm, x, y), by_hand)
    value, gradient = gap_value_and_gradient(rbm, x, y)
    assert value == pytest.approx(free_energy_gap(rbm, x, y), rel=1e-12)
    assert_equal(gradient, by_hand)


def test_the_printed_gradient_lacks_a_factor_n():
    """n data bring n grad log Z; with one of them, as printed, it is off (E2).

    Held to differences of log p(X). The two agree for one datum, and nowhere else.
    """
    machine = some_machine(M, N)
    for n in (1, 2, 10):
        x = binary_states(M)[some_data(n, seed=n)].astype(float)

        def log_likelihood(a_1, x=x):
            a = np.array([a_1, *machine.a[1:]])
            return np.sum(log_probability(RBM(machine.W, a, machine.b).machine, x))

        h, a_1 = 1e-4, machine.a[0]
        slope = (log_likelihood(a_1 + h) - log_likelihood(a_1 - h)) / (2 * h)
        of_log_Z = moments(machine).x[0]
        assert slope == pytest.approx(x[:, 0].sum() - n * of_log_Z, abs=1e-7)
        printed = x[:, 0].sum() - of_log_Z
        assert abs(printed - slope) == pytest.approx((n - 1) * of_log_Z, abs=1e-7)


def test_with_one_Z_for_all_data_there_is_no_best_machine():
    """A single unit that is on in d of n data: log p(X) = n d a - n log(1 + e^a) (E2).

    Its slope n d - n s(a) vanishes at a = log(d / (1 - d)). As printed, n d - s(a), it
    is positive everywhere as soon as n d >= 1: the printed function has no maximum.
    """
    n, d = 10, 0.3
    a = np.linspace(-30, 30, 601)
    corrected, printed = n * d - n * sigmoid(a), n * d - sigmoid(a)
    best = np.log(d / (1 - d))
    np.testing.assert_array_equal(np.sign(corrected), np.sign(best - a))
    assert printed.min() > 1.9


# 4. Where the gradient vanishes


def likeliest(x, hidden):
    """The machine of the largest likelihood near by, with |gradient| < 1e-8."""
    rbm = some_rbm(x.shape[1], hidden)
    optimizer = BFGS(gradient_tolerance=1e-8)
    while optimizer.stopped is None:
        optimizer.step(lambda rbm: exact_value_and_gradient(rbm, x), rbm)
    assert optimizer.stopped == "gradient below tolerance"
    return rbm


@pytest.mark.parametrize("hidden", [1, 2])
def test_at_the_maximum_the_means_of_the_data_are_the_models(hidden):
    """<x_i h_j>, <x_i> and <h_j>, under the data and under the model, to 1e-8 (T14).

    Under the data h is drawn given x, by the model. The laws are unlike all the same:
    only these means have to agree.
    """
    counts = some_counts()
    x = np.repeat(binary_states(5), counts, axis=0).astype(float)
    rbm = likeliest(x, hidden)
    on = sigmoid(rbm.b + x @ rbm.W)
    model = moments(rbm.machine)
    np.testing.assert_allclose(x.T @ on / len(x), model.xh, rtol=0, atol=1e-8)
    np.testing.assert_allclose(x.mean(axis=0), model.x, rtol=0, atol=1e-8)
    np.testing.assert_allclose(on.mean(axis=0), model.h, rtol=0, atol=1e-8)
    differences = visible_probabilities(rbm.machine) - counts / counts.sum()
    assert np.max(np.abs(differences)) > 1e-3


def test_away_from_it_they_differ():
    """The same machine, before it has learned (T14)."""
    x = binary_states(M)[some_data(100, seed=0)].astype(float)
    differences = gradient_by_hand(some_rbm(M, N), x)
    assert min(np.max(np.abs(each)) for each in differences) > 0.03


def test_data_without_full_support_put_it_at_infinity():
    """One state alone: with a = t (2 x - 1) its log p rises to 0 as t grows (T14).

    -log p(x) = M log(1 + e^-t) is never zero, and its slope is never zero either.
    """
    x = np.array([[1.0, 0, 0, 1]])
    values = []
    for t in (1.0, 5.0, 20.0):
        rbm = RBM(np.zeros((M, N)), t * (2 * x[0] - 1), np.zeros(N))
        value, gradient = exact_value_and_gradient(rbm, x)
        assert value == pytest.approx(M * np.log1p(np.exp(-t)), rel=1e-6)
        assert np.all(gradient.a * (2 * x[0] - 1) < 0)
        values.append(value)
    assert values[0] > values[1] > values[2] > 0


def test_nor_is_full_support_enough():
    """All 8 states of three units once, and 111 twice; one hidden unit (T14).

    f(x) = 1 + exp(t (2 sum_i x_i - 6)) is 2 at 111 and else above 1, by less the larger
    t. So the likelihood rises to that of the data's own law, and no finite machine has
    it: for x below 111 log f = a.x + softplus(b + w.x) would have to be constant, and
    softplus is curved.
    """
    x = np.concatenate([binary_states(3), np.ones((1, 3))]).astype(float)
    p = np.array([1, 1, 1, 1, 1, 1, 1, 2]) / 9
    entropy, gaps = -np.sum(p * np.log(p)), []
    for t in (0.5, 1.0, 2.0, 4.0, 8.0):
        rbm = RBM(np.full((3, 1), 2 * t), np.zeros(3), np.full(1, -6 * t))
        gaps.append(negative_log_likelihood(rbm, x) - entropy)
    assert np.all(np.diff(gaps) < 0)
    assert 0 < gaps[-1] < 1e-12
