"""The experiment on block Gibbs sampling: its theory, and that it sees wrong chains."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.experiments import gibbs_exact
from benchmarks.gibbs_exact.laws import (
    BETAS,
    SWEEPS,
    M,
    N,
    compare,
    make_machine,
    numbers,
    sample,
    solve,
)
from benchmarks.transition_matrices import (
    bound,
    chi_square_score,
    laws,
    sampled_distances,
    spectrum,
    transition_matrix,
)
from models import total_variation
from samplers.exact import joint_probabilities
from samplers.machine import Machine, binary_states


@pytest.fixture(scope="module")
def truths():
    return {beta: solve(make_machine(), beta) for beta in BETAS}


def random_machine(seed, units=(4, 3)):
    rng = np.random.default_rng(seed)
    return Machine(*(2 * rng.standard_normal(n) for n in (units, *units)))


def test_the_transition_matrix_is_that_of_the_joint_law():
    machine = random_machine(0)
    joint = joint_probabilities(machine)
    h_given_x = joint / joint.sum(axis=1, keepdims=True)
    x_given_h = joint / joint.sum(axis=0)
    T = transition_matrix(machine)
    np.testing.assert_allclose(T, h_given_x @ x_given_h.T, rtol=1e-12)
    np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-14)


def test_the_spectrum_is_that_of_the_matrix_and_has_the_rank_of_the_hidden_layer():
    machine = random_machine(1)
    T, pi = transition_matrix(machine), joint_probabilities(machine).sum(axis=1)
    values, vectors = spectrum(T, pi)
    expected = np.sort(np.linalg.eigvals(T).real)[::-1]
    np.testing.assert_allclose(values, expected, atol=1e-12)
    assert values[0] == pytest.approx(1, rel=1e-14)
    assert values[7] > 1e-6
    assert np.abs(values[8:]).max() < 1e-15
    np.testing.assert_allclose(np.abs(vectors[:, 0]), np.sqrt(pi), rtol=1e-10)


def test_the_laws_are_those_of_the_spectrum():
    machine = random_machine(2)
    T, pi = transition_matrix(machine), joint_probabilities(machine).sum(axis=1)
    values, u = spectrum(T, pi)
    x, k = 5, 4
    by_spectrum = (values**k * u[x] @ u.T) * np.sqrt(pi / pi[x])
    np.testing.assert_allclose(laws(T, x, k)[k], by_spectrum, atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_holds_from_every_state(seed):
    machine = random_machine(seed)
    T, pi = transition_matrix(machine), joint_probabilities(machine).sum(axis=1)
    second = spectrum(T, pi)[0][1]
    for start in range(len(T)):
        distances = total_variation(laws(T, start, 20), pi)
        assert np.all(distances <= bound(pi[start], second, 20) + 1e-14)


def test_the_bound_is_reached_by_one_symmetric_unit():
    """With two equally likely states there is nothing but lambda_2."""
    machine = Machine(np.array([[3.0]]), np.array([-1.5]), np.array([-1.5]))
    T = transition_matrix(machine)
    second = spectrum(T, np.full(2, 0.5))[0][1]
    assert second == pytest.approx(np.tanh(3 / 4) ** 2, rel=1e-14)
    distances = total_variation(laws(T, 0, 10), np.full(2, 0.5))
    np.testing.assert_allclose(distances, bound(0.5, second, 10), atol=1e-15)


def test_chi_square_is_that_of_scipy_where_no_cell_is_rare():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    counts = np.array([120, 180, 310, 390])
    expected = stats.chisquare(counts, 1000 * p).pvalue
    assert chi_square_score(counts, p) == pytest.approx(stats.norm.isf(expected))


def test_chi_square_takes_rare_states_together():
    """20 draws of the first state are expected, too few: it joins the next rarest."""
    p = np.array([0.02, 0.9, 0.08])
    counts = np.array([30, 890, 80])
    pooled = stats.chisquare([110, 890], [100, 900]).pvalue
    assert chi_square_score(counts, p) == pytest.approx(stats.norm.isf(pooled))


def test_the_noise_of_independent_draws_has_its_known_mean():
    """Detects a noise that is wrong by 1 %."""
    p, draws = np.full(16, 1 / 16), 10_000
    found = sampled_distances(p, p, draws, 4000, np.random.default_rng(0))
    expected = np.sum(np.sqrt(2 / np.pi * p * (1 - p) / draws)) / 2
    assert found.mean() == pytest.approx(expected, rel=0.01)


def test_a_state_and_its_mirror_image_have_one_probability(truths):
    for truth in truths.values():
        np.testing.assert_allclose(truth.pi, truth.pi[::-1], rtol=1e-12)
        assert truth.start < 2 ** (M - 1)
    assert numbers(binary_states(M)).tolist() == list(range(2**M))
    assert np.all(truths[2.0].values[: 2**N] > 1e-6)


@pytest.mark.parametrize("wrong", [0.98, 1.02])
def test_chains_of_a_wrong_temperature_are_seen(wrong, truths):
    """Chains drawn from the exact laws pass; a beta that is 2 % off is detected."""
    rng = np.random.default_rng(0)
    off = solve(make_machine(), 2.0 * wrong)
    right = compare(drawn(truths[2.0], rng), truths[2.0], rng)
    assert right.scores.max() < gibbs_exact.LIMIT
    assert np.abs(right.z).max() < gibbs_exact.LIMIT
    false = compare(drawn(off, rng), truths[2.0], rng)
    assert false.scores.max() > gibbs_exact.LIMIT


def drawn(truth, rng):
    """Return independent draws from the laws after each sweep, (50000, SWEEPS)."""
    p = truth.laws[1 : SWEEPS + 1]
    return np.stack([rng.choice(2**M, 50_000, p=law) for law in p], axis=1)


def test_one_seed_gives_one_result(truths):
    some = {beta: truths[beta] for beta in (0.5, 3.0)}
    first, second = (
        sample(make_machine(), some, 500, np.random.default_rng(7)) for _ in range(2)
    )
    for beta in some:
        np.testing.assert_array_equal(first[beta].z, second[beta].z)
    other = sample(make_machine(), some, 500, np.random.default_rng(8))
    assert np.any(first[0.5].z != other[0.5].z)


def test_the_long_run_slope_is_the_second_eigenvalue(truths):
    for truth in truths.values():
        assert gibbs_exact.slope(truth) == pytest.approx(1, abs=1e-4)


def test_every_seed_is_drawn(truths):
    runs = [{f"{beta}": np.full(SWEEPS, 0.1) for beta in BETAS} for _ in range(3)]
    shown = gibbs_exact.picture({"distances": runs, "chains": [10] * 3})
    left = shown.figure.axes[0]
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert len(dots) == 3 * len(BETAS)
