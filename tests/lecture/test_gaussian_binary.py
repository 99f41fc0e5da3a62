"""Real visible units and binary hidden ones: a mixture of Gaussians.

    E(x, h) = sum_i (x_i - a_i)^2 / (2 sigma_i^2) - sum_j b_j h_j
              - sum_ij x_i w_ij h_j / sigma_i^2,   x_i real, h_j in {0, 1}.

Given h the energy is a parabola in each x_i. Complete the square, and the whole law is
known: Gaussians of one width, one about a + W h for each of the 2^N states h. To be
read from top to bottom; every statement is an assertion. The numbers in the text are of
EXAMPLE, one visible and two hidden units. Numbers like T21 are those of the list in
README.md.

Sources: M. Welling, M. Rosen-Zvi and G. Hinton, NIPS 17 (2004); K. Cho, A. Ilin and T.
Raiko, ICANN (2011); A. Krizhevsky, Learning multiple layers of features from tiny
images (2009), for x / sigma.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from autodiff import explain, grad, tree_leaves
from models.gaussian_rbm import GaussianRBM
from models.rbm_gradient import exact_value_and_gradient, negative_log_likelihood
from samplers.exact import (
    hidden_probabilities,
    log_partition,
    log_probability,
    moments,
)
from samplers.machine import Machine, binary_states
from samplers.quadrature import quadrature
from tests.lecture.machines import sigmoid

EXAMPLE = Machine(
    W=np.array([[0.7, -1.1]]),
    a=np.array([0.3]),
    b=np.array([0.2, -0.4]),
    sigma=np.array([0.8]),
)


def some_machine(M=3, N=2, seed=0):
    rng = np.random.default_rng(seed)
    W, a, b = rng.normal(size=(M, N)), rng.normal(size=M), rng.normal(size=N)
    return Machine(W, a, b, rng.uniform(0.5, 2, M))


machines = st.builds(
    some_machine,
    M=st.integers(1, 5),
    N=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)


def on_the_line(f):
    """The integral of f(x) over the line."""
    return quad(f, -40, 40, epsabs=0, epsrel=1e-12, points=[-5, 0, 5], limit=200)[0]


def gaussian(x, mean, sigma):
    """The density of independent normal units, x and mean : (..., M)."""
    z = (x - mean) / sigma
    return np.prod(np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * sigma), axis=-1)


# 1. Given the hidden units


def weights_of(machine):
    """The integral of exp(-E) over x for each h, (2^N,), by completing the square.

    exp(b.h + sum_i ((a_i + (W h)_i)^2 - a_i^2) / (2 sigma_i^2)) times the integral of
    the Gaussian that is left, prod_i sqrt(2 pi) sigma_i.
    """
    a, sigma, h = machine.a, machine.sigma, binary_states(len(machine.b))
    mean = a + h @ machine.W.T
    gain = np.sum((mean**2 - a**2) / (2 * sigma**2), axis=1)
    return np.prod(np.sqrt(2 * np.pi) * sigma) * np.exp(h @ machine.b + gain)


@given(machine=machines)
def test_the_square_completed(machine):
    """exp(-E(x, h)) is a weight times the density N(x; a + W h, sigma^2) (T21).

    (x - a)^2 - 2 x (W h) = (x - m)^2 + a^2 - m^2 with m = a + W h, at every x and h.
    """
    h = binary_states(len(machine.b))
    mean = machine.a + h @ machine.W.T
    for x in np.random.default_rng(0).normal(scale=2, size=(5, len(machine.a))):
        found = weights_of(machine) * gaussian(x, mean, machine.sigma)
        np.testing.assert_allclose(found, np.exp(-machine.energy(x, h)), rtol=1e-11)


@given(machine=machines)
def test_a_hidden_unit_given_the_visible_ones(machine):
    """p(h_j = 1 | x) = sigmoid(b_j + sum_i x_i w_ij / sigma_i^2) (T21).

    By Bayes' rule from all h; the quadratic term is the same for each h, and cancels.
    """
    x = np.random.default_rng(0).normal(scale=2, size=(5, len(machine.a)))
    h = binary_states(len(machine.b))
    f = np.exp(-machine.energy(x[:, np.newaxis], h))
    on = (f / f.sum(axis=1, keepdims=True)) @ h
    by_hand = sigmoid(machine.b + (x / machine.sigma**2) @ machine.W)
    np.testing.assert_allclose(on, by_hand, rtol=1e-10)
    np.testing.assert_allclose(machine.mean_h_given_x(x), by_hand, rtol=1e-12)


def given_h(machine, h, energy=None):
    """Mean and variance of the visible unit of a machine with one, by integration."""
    energy = energy or machine.energy

    def moment(k):
        return on_the_line(lambda x: x**k * np.exp(-energy(np.array([x]), h)))

    mean = moment(1) / moment(0)
    return mean, moment(2) / moment(0) - mean**2


def test_a_visible_unit_given_the_hidden_ones():
    """E[x_i | h] = a_i + (W h)_i and Var[x_i | h] = sigma_i^2 (T21)."""
    for h in binary_states(2):
        mean, variance = given_h(EXAMPLE, h)
        assert mean == pytest.approx(0.3 + np.array([0.7, -1.1]) @ h, abs=1e-11)
        assert variance == pytest.approx(0.8**2, rel=1e-11)
        assert EXAMPLE.mean_x_given_h(h)[0] == pytest.approx(mean, abs=1e-11)


def test_it_is_the_visible_bias_that_shifts_it():
    """With the first hidden unit on the mean is a + w = 1.0, not b + w = 0.9 (E22).

    b_i cannot be meant in general, as there is one b for each hidden unit, and not for
    each visible one.
    """
    mean, _ = given_h(EXAMPLE, np.array([1, 0]))
    corrected, printed = EXAMPLE.a[0] + 0.7, EXAMPLE.b[0] + 0.7
    assert (corrected, printed) == pytest.approx((1.0, 0.9))
    assert mean == pytest.approx(corrected, abs=1e-11)
    assert abs(mean - printed) > 0.099
    machine = some_machine(3, 2)
    assert machine.mean_x_given_h(np.ones(2)).shape == machine.a.shape
    assert machine.a.shape != machine.b.shape


def test_the_minus_before_the_interaction_is_right():
    """-x w h / sigma^2 pulls x towards +W h, as +x w h / sigma^2 would to -W h (E18).

    So the sign is that of the mean a + W h, and of the binary machine.
    """

    def other_sign(x, h):
        return EXAMPLE.energy(x, h) + 2 * x @ EXAMPLE.W @ h / 0.64

    for h in binary_states(2):
        shift = np.array([0.7, -1.1]) @ h
        assert given_h(EXAMPLE, h)[0] == pytest.approx(0.3 + shift, abs=1e-11)
        mean, variance = given_h(EXAMPLE, h, other_sign)
        assert mean == pytest.approx(0.3 - shift, abs=1e-11)
        assert variance == pytest.approx(0.64, rel=1e-11)


# 2. The mixture


def test_the_partition_function_of_the_example():
    """Z = 10.599852397927, as a sum over four states and as an integral (T21)."""
    h = binary_states(2)
    by_hand = weights_of(EXAMPLE).sum()
    integral = on_the_line(lambda x: np.exp(-EXAMPLE.energy(np.array([x]), h)).sum())
    assert by_hand == pytest.approx(10.599852397927, abs=5e-13)
    assert integral == pytest.approx(10.599852397927, abs=5e-12)
    assert np.exp(log_partition(EXAMPLE)) == pytest.approx(by_hand, rel=1e-13)


def test_the_printed_square_is_another_law():
    """With ((x - a) / (2 sigma))^2 for its half, Z is 23.17 and not 10.60 (E20).

    Its factor 1/4 is outside of the square in ((x - a) / sigma)^2 / 2 as 1/2. So the
    parabola is half as steep: given h, the variance is 2 sigma^2 and no longer sigma^2,
    and the interaction, divided by sigma^2, shifts the mean by twice W h.
    """
    h = binary_states(2)

    def printed(x, h):
        quadratic = np.sum((x - 0.3) ** 2) / 0.64
        return EXAMPLE.energy(x, h) - quadratic / 2 + quadratic / 4

    def integral(energy):
        return on_the_line(lambda x: np.exp(-energy(np.array([x]), h)).sum())

    assert integral(printed) == pytest.approx(23.17, abs=0.005)
    assert integral(EXAMPLE.energy) == pytest.approx(10.60, abs=0.005)
    for state in h:
        mean, variance = given_h(EXAMPLE, state, printed)
        assert variance == pytest.approx(2 * 0.64, rel=1e-11)
        shift = np.array([0.7, -1.1]) @ state
        assert mean == pytest.approx(0.3 + 2 * shift, abs=1e-11)


@given(machine=machines)
def test_the_law_of_x_is_a_mixture(machine):
    """p(x) = sum_h p(h) N(x; a + W h, sigma^2), with Z the sum of the weights (T21).

    The same as exp(-F(x)) / Z, with the free energy of the library.
    """
    weights, h = weights_of(machine), binary_states(len(machine.b))
    assert log_partition(machine) == pytest.approx(np.log(weights.sum()), abs=1e-11)
    p_h = weights / weights.sum()
    np.testing.assert_allclose(hidden_probabilities(machine), p_h, rtol=1e-10)
    x = np.random.default_rng(0).normal(scale=2, size=(5, 1, len(machine.a)))
    density = gaussian(x, machine.a + h @ machine.W.T, machine.sigma) @ p_h
    np.testing.assert_allclose(
        log_probability(machine, x[:, 0]), np.log(density), rtol=0, atol=1e-10
    )


def test_in_the_plane_too():
    """Two visible units, by quadrature in two dimensions: Z, means and <x_i^2> (T21).

    Of a mixture these are means over h: of a + W h, and of sigma^2 + (a + W h)^2.
    """
    for seed in range(2):
        machine = some_machine(2, 3, seed)
        box = [(-20, 20), (-20, 20)]
        law = quadrature(machine.free_energy, box, tolerance=1e-11)
        weights = weights_of(machine)
        assert law.log_partition == pytest.approx(np.log(weights.sum()), abs=1e-10)
        p_h = weights / weights.sum()
        mean = machine.a + binary_states(3) @ machine.W.T
        found = law.expectation(lambda x: np.concatenate([x, x**2], axis=1))
        expected = np.concatenate([p_h @ mean, machine.sigma**2 + p_h @ mean**2])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        exact = moments(machine)
        np.testing.assert_allclose(np.r_[exact.x, exact.xx], expected, rtol=1e-11)


@given(machine=machines)
def test_without_couplings_the_units_are_independent(machine):
    """W = 0: p(x) is one Gaussian N(a, sigma^2), and Z a product over units (T21)."""
    a, b, sigma = machine.a, machine.b, machine.sigma
    free = Machine(np.zeros_like(machine.W), a, b, sigma)
    x = np.random.default_rng(0).normal(scale=2, size=(5, len(a)))
    density = np.exp(log_probability(free, x))
    np.testing.assert_allclose(density, gaussian(x, a, sigma), rtol=1e-11)
    Z = np.prod(np.sqrt(2 * np.pi) * sigma) * np.prod(1 + np.exp(b))
    assert np.exp(log_partition(free)) == pytest.approx(Z, rel=1e-12)


@pytest.mark.parametrize(("M", "N"), [(1, 1), (2, 3), (3, 2)])
def test_a_product_over_pairs_repeats_the_factors_of_single_units(M, N):
    """prod_ij exp(quadratic_i + bias_j + interaction_ij) is not exp(-E) (E21).

    Each quadratic stands there N times and each bias M times; only the interaction is
    a product over pairs. For one visible and one hidden unit the two are the same.
    """
    machine = some_machine(M, N)
    a, b, sigma = machine.a, machine.b, machine.sigma
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=M), np.ones(N)
    quadratic, bias = -((x - a) ** 2) / (2 * sigma**2), b * h
    interaction = (x / sigma**2)[:, np.newaxis] * machine.W * h
    printed = np.prod(np.exp(quadratic[:, np.newaxis] + bias + interaction))
    corrected = np.exp(quadratic).prod() * np.exp(bias).prod()
    corrected *= np.exp(interaction).prod()
    assert corrected == pytest.approx(np.exp(-machine.energy(x, h)), rel=1e-12)
    repeated = (N - 1) * quadratic.sum() + (M - 1) * bias.sum()
    assert printed == pytest.approx(corrected * np.exp(repeated), rel=1e-12)
    assert (printed == pytest.approx(corrected, rel=1e-6)) == (M == N == 1)


# 3. Derivatives


def some_rbm(M=3, N=2, seed=0, scaled=False):
    machine = some_machine(M, N, seed)
    W, log_sigma = machine.W, np.log(machine.sigma)
    rbm = GaussianRBM(W, machine.a, machine.b, log_sigma, learn_sigma=True)
    return rbm.in_form(scaled=scaled)


def energy(rbm, x, h):
    return rbm.energy(x, h)


def slopes_of_energy(machine, x, h, squares=None):
    """The derivatives of E by W, a, b and log sigma, for x : (M,) and h : (N,).

    All are linear in h. squares : (x_i - a_i)^2, if it is not that of x but a mean.
    """
    sigma2, distance = machine.sigma**2, x - machine.a
    squares = distance**2 if squares is None else squares
    return [
        -np.outer(x / sigma2, h),
        -distance / sigma2,
        -h,
        (2 * x * (machine.W @ h) - squares) / sigma2,
    ]


def in_scaled_form(machine, slopes):
    """The same for W' = W / sigma in the place of W: a step of log sigma moves W too.

    E(W' sigma, sigma): dE/dW' = sigma dE/dW, and log sigma_i brings sum_j W_ij dE/dW_ij
    more.
    """
    W, a, b, log_sigma = slopes
    by_W = machine.sigma[:, np.newaxis] * W
    return [by_W, a, b, log_sigma + np.sum(machine.W * W, axis=1)]


def assert_equal(found, expected):
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_derivatives_of_the_energy(scaled):
    """By a, b, W and log sigma; by hand, reverse mode and its printed program (T21).

    The program was recorded for another machine and another state. sigma is kept as its
    logarithm, so dE / dsigma is what is here, over sigma.
    """
    rng = np.random.default_rng(0)
    other = some_rbm(seed=100, scaled=scaled)
    printed = explain(grad(energy), other, rng.random(3), rng.random(2))
    for seed in range(5):
        rbm = some_rbm(seed=seed, scaled=scaled)
        x, h = rng.normal(size=3), rng.integers(2, size=2) * 1.0
        by_hand = slopes_of_energy(rbm.machine, x, h)
        if scaled:
            by_hand = in_scaled_form(rbm.machine, by_hand)
        assert_equal(grad(energy)(rbm, x, h), by_hand)
        assert_equal(printed(rbm, x, h), by_hand)


def mean_over_data(machine, x):
    """The mean of the slopes of E over x : (n, M), h in its mean given x."""
    on = sigmoid(machine.b + (x / machine.sigma**2) @ machine.W)
    each = [slopes_of_energy(machine, *pair) for pair in zip(x, on, strict=True)]
    return [np.mean(slopes, axis=0) for slopes in zip(*each, strict=True)]


def mean_over_model(machine):
    """The mean of the slopes of E over the mixture: x in its mean m = a + W h given h.

    For (x - a)^2 that is (W h)^2 + sigma^2, and h itself has the weights of Z.
    """
    weights, states = weights_of(machine), binary_states(len(machine.b)).astype(float)
    each = []
    for h in states:
        shift = machine.W @ h
        squares = shift**2 + machine.sigma**2
        each.append(slopes_of_energy(machine, machine.a + shift, h, squares))
    return [
        np.average(slopes, axis=0, weights=weights)
        for slopes in zip(*each, strict=True)
    ]


@pytest.mark.parametrize("scaled", [False, True])
def test_the_gradient_of_the_likelihood(scaled):
    """-grad log p(X) / n: the mean slope of E, data less mixture (T21).

    By hand, by reverse mode through log Z, by its printed program, recorded elsewhere,
    and by the library.
    """
    rng = np.random.default_rng(0)
    loss = grad(negative_log_likelihood)
    printed = explain(loss, some_rbm(seed=100, scaled=scaled), rng.normal(size=(20, 3)))
    for seed in range(3):
        rbm, x = some_rbm(seed=seed, scaled=scaled), rng.normal(size=(20, 3))
        machine = rbm.machine
        data, model = mean_over_data(machine, x), mean_over_model(machine)
        by_hand = [d - m for d, m in zip(data, model, strict=True)]
        if scaled:
            by_hand = in_scaled_form(machine, by_hand)
        assert_equal(loss(rbm, x), by_hand)
        assert_equal(printed(rbm, x), by_hand)
        assert_equal(exact_value_and_gradient(rbm, x)[1], by_hand)


def test_the_hand_derived_slopes_of_Z_are_differences_of_it():
    """Central differences of log Z by every parameter, with sigma itself (T21)."""
    machine, h = some_machine(), 1e-5
    arrays = {"W": machine.W, "a": machine.a, "b": machine.b, "sigma": machine.sigma}
    W, a, b, log_sigma = (-each for each in mean_over_model(machine))
    by_hand = {"W": W, "a": a, "b": b, "sigma": log_sigma / machine.sigma}
    # log Z itself has each weight: d log Z = -<dE>, and the norms' slopes are in it.
    for name, array in arrays.items():
        for index in np.ndindex(array.shape):
            ends = []
            for step in (h, -h):
                moved = array.copy()
                moved[index] += step
                ends.append(
                    np.log(weights_of(Machine(**{**arrays, name: moved})).sum())
                )
            slope = (ends[0] - ends[1]) / (2 * h)
            assert slope == pytest.approx(by_hand[name][index], abs=1e-8)


# 4. The other form


@given(machine=machines)
def test_dividing_by_sigma_only_rescales_the_couplings(machine):
    """x w' h / sigma with W' = W / sigma is the same law as x w h / sigma^2 (E18).

    Same energies, same conditionals, same Z. The mean given h is a + sigma W' h then.
    """
    a, b, sigma = machine.a, machine.b, machine.sigma
    scaled = machine.W / sigma[:, np.newaxis]
    log_sigma = np.log(sigma)
    ours = GaussianRBM(machine.W, a, b, log_sigma)
    theirs = GaussianRBM(scaled, a, b, log_sigma, scaled=True)
    rng, h = np.random.default_rng(0), binary_states(len(b))
    x = rng.normal(scale=2, size=(len(h), len(a)))
    quadratic = np.sum((x - a) ** 2 / (2 * sigma**2), axis=1)
    printed = quadratic - h @ b - np.sum(x / sigma * (h @ scaled.T), axis=1)
    scale = {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(theirs.energy(x, h), printed, **scale)
    np.testing.assert_allclose(ours.energy(x, h), printed, **scale)
    np.testing.assert_allclose(ours.free_energy(x), theirs.free_energy(x), **scale)
    means = a + sigma * (h @ scaled.T)
    np.testing.assert_allclose(theirs.prob_x_given_h(h), means, **scale)
    np.testing.assert_allclose(ours.prob_x_given_h(h), means, **scale)
    np.testing.assert_allclose(ours.in_form(scaled=True).W, scaled, rtol=1e-14)
    Z = [log_partition(rbm.machine) for rbm in (ours, theirs)]
    assert Z[0] == pytest.approx(Z[1], abs=1e-12)


def test_but_not_the_steps_of_learning():
    """The same data move the same law differently in its two forms (E18).

    A step against the gradient by W' moves W by sigma^2 times what one by W does.
    """
    x = np.random.default_rng(1).normal(size=(20, 3))
    ours, theirs = some_rbm(), some_rbm(scaled=True)
    sigma = np.exp(ours.log_sigma)[:, np.newaxis]
    by_W = exact_value_and_gradient(ours, x)[1].W
    by_scaled = exact_value_and_gradient(theirs, x)[1].W
    np.testing.assert_allclose(sigma * by_scaled, sigma**2 * by_W, rtol=1e-10)
