"""The consistency term of a diffusion: over whom its mean is, and how it scatters.

    E log p(x_t | x_{t+1}) - E log q(x_t | x_{t-1}),   t = 1, ..., T - 1,

the mean being over x_{t-1}, x_t and x_{t+1} of one chain. Written as a divergence, E
KL(q(x_t | x_{t-1}) || p(x_t | x_{t+1})) over x_{t-1} and x_{t+1}, it is another number:
the KL draws x_t anew from x_{t-1}, and x_{t+1} does not follow from that x_t. It is
line 5 of models/diffusion_bounds.py. To be read after test_diffusion_bound.py, from top
to bottom; every statement is an assertion. Numbers like T44 are those of the list in
README.md.

Sources: C. Luo, arXiv:2208.11970, for both forms; D. P. Kingma et al. (2021).
"""

import numpy as np
import pytest

from autodiff import grad
from models import kl_divergence, kl_gaussian_full
from models.diffusion_bounds import all_terms
from models.diffusion_chain_bounds import consistency_form, forward_chain
from models.gaussian_denoiser import GaussianDenoiser
from models.linear_consistency import consistency_moments, independence_gap
from models.linear_diffusion import LinearDiffusion
from tests.lecture.gaussian_chains import betas, normals_guess, some_chain

every_chain = pytest.mark.parametrize("seed", range(10))

# 1. As printed, and as it is


def true_term(chain, t):
    """E log p(x_t | x_{t+1}) / q(x_t | x_{t-1}) over one chain."""
    law = chain.law()
    return chain.back(t + 1).mean(*law) - chain.forth(t).mean(*law)


def printed_term(chain, t):
    """-E KL(q(x_t | x_{t-1}) || p(x_t | x_{t+1})) over x_{t-1}, x_{t+1} of one chain.

    KL(N(m, S) || N(n, V)) is that for m = n, and half the square of V^(-1/2) (m - n).
    """
    alpha, beta = chain.schedule.alpha[t], chain.schedule.beta[t]
    A, b, V = chain.A[t + 1], chain.b[t + 1], chain.V[t + 1]
    away = chain.factor({t - 1: np.sqrt(alpha), t + 1: -A}, -b, V)
    widths = kl_gaussian_full(chain.none, beta * chain.unit, chain.none, V)
    return away.mean(*chain.law()) - away.constant - widths


def gap(chain, t):
    """tr(V^-1 A) sqrt(alpha_{t+1}) (1 - alpha_t)."""
    ratio = np.trace(np.linalg.solve(chain.V[t + 1], chain.A[t + 1]))
    return ratio * np.sqrt(chain.schedule.alpha[t + 1]) * chain.schedule.beta[t]


@every_chain
def test_the_divergence_is_another_number(seed):
    """It is lower than the term, by tr(V^-1 A) sqrt(alpha_{t+1}) (1 - alpha_t) (T44).

    Here p(x_t | x_{t+1}) = N(A x_{t+1} + b, V), and the factors after the trace are the
    covariance of x_t and x_{t+1} given x_{t-1}. On a line the gap is c / s^2 times it.
    There is no x_0 in it.
    """
    for chain in (some_chain(seed), some_chain(seed, T=4, d=1)):
        for t in range(1, chain.T):
            difference = true_term(chain, t) - printed_term(chain, t)
            assert difference == pytest.approx(gap(chain, t), rel=1e-9, abs=1e-11)
            assert abs(difference) > 0.01


@every_chain
def test_only_the_joint_mean_makes_up_the_bound(seed):
    """Reconstruction, prior and consistency terms: the bound, or something else (E10).

    With the mean over x_{t-1}, x_t and x_{t+1} of one chain their sum is the bound. As
    printed it is off by the sum of the gaps.
    """
    chain, law = some_chain(seed), some_chain(seed).law()
    ends = chain.back(1).mean(*law)
    ends += chain.top().mean(*law) - chain.forth(chain.T).mean(*law)
    bound = sum(f.mean(*law) for f in chain.log_joint())
    bound -= sum(f.mean(*law) for f in chain.log_q())
    times = range(1, chain.T)
    corrected = ends + sum(true_term(chain, t) for t in times)
    printed = ends + sum(printed_term(chain, t) for t in times)
    assert corrected == pytest.approx(bound, rel=1e-9)
    missing = sum(gap(chain, t) for t in times)
    assert bound - printed == pytest.approx(missing, rel=1e-9)
    assert abs(missing) > 0.05


def test_with_draws_it_shows_as_well():
    """20,000 chains on a line; x_t kept, or drawn anew from x_{t-1} (E10).

    The mean of log p(x_t | x_{t+1}) / q(x_t | x_{t-1}) is the true term in the one case
    and the printed one in the other. Within 5.03 errors, which are a twentieth of the
    gap at most: sees a gap that is wrong by half.
    """
    chain, n, t = some_chain(1, T=3, d=1), 20_000, 2
    z, noise = chain.draw(n), np.random.default_rng(1).normal(size=n)
    anew = z.copy()
    alpha, beta = chain.schedule.alpha[t], chain.schedule.beta[t]
    anew[:, t - 1] = np.sqrt(alpha) * z[:, t - 2] + np.sqrt(beta) * noise
    for x, expected in ((z, true_term(chain, t)), (anew, printed_term(chain, t))):
        terms = chain.back(t + 1)(x) - chain.forth(t)(x)
        error = terms.std() / np.sqrt(n)
        assert 2 * 5.03 * error < 0.5 * gap(chain, t)
        assert abs(terms.mean() - expected) < 5.03 * error


def exact_model(T):
    """The diffusion of data N(0, 1) with their exact denoiser, sqrt(abar_t) x_t."""
    return LinearDiffusion.of(GaussianDenoiser(np.zeros(1), np.eye(1)), betas(T))


@pytest.mark.parametrize("T", [50, 200, 1000])
def test_what_is_printed_bounds_nothing(T):
    """For small steps each gap is about one a dimension, their sum about T (E10).

    c and sqrt(alpha_{t+1}) tend to one, s^2 to 1 - alpha_{t+1}. So the sum as printed
    would be near -1000 nats where the bound is -1.9.
    """
    gaps = independence_gap(exact_model(T))
    schedule = betas(T)
    a, b, v = schedule.posterior(np.arange(2, T + 1))
    c = a * schedule.signal[2:] + b
    by_hand = c * np.sqrt(schedule.alpha[2:]) * schedule.beta[1:-1] / v
    np.testing.assert_allclose(gaps, by_hand, rtol=1e-10)
    assert gaps.sum() == pytest.approx(T, rel=0.25)


# 2. Where it is least


def means_of(c, s2, alpha, after):
    """Both terms for data N(0, 1) and p(x_t | x_{t+1}) = N(c x_{t+1}, s2).

    x_t and x_{t+1} have the covariance sqrt(alpha_{t+1}). An x_t drawn anew from
    x_{t-1} has alpha_t sqrt(alpha_{t+1}) instead, by way of x_{t-1}.
    """
    entropy = 0.5 * (1 + np.log(2 * np.pi * (1 - alpha)))
    covariances = np.sqrt(after), alpha * np.sqrt(after)
    squares = [1 - 2 * c * each + c**2 for each in covariances]
    return [-0.5 * (np.log(2 * np.pi * s2) + each / s2) + entropy for each in squares]


@pytest.mark.parametrize(("alpha", "after"), [(0.9, 0.8), (0.5, 0.6)])
def test_the_best_step_back_is_the_chain_reversed(alpha, after):
    """The term is largest where p(x_t | x_{t+1}) is q(x_t | x_{t+1}) (E10).

    Over data N(0, 1) that is c = sqrt(alpha_{t+1}), s^2 = 1 - alpha_{t+1}, where the
    slope by both is zero. As printed it would be c = alpha_t sqrt(alpha_{t+1}), s^2 = 1
    - c^2, a law too wide. The numbers of q(x_t | x_{t-1}), sqrt(alpha_t) and 1 -
    alpha_t, are where neither is largest; and p does not know x_{t-1}.
    """

    def slopes(c, which):
        place = np.array([c, 1 - c**2])
        return grad(lambda p: means_of(p[0], p[1], alpha, after)[which])(place)

    true_best, printed_best = np.sqrt(after), alpha * np.sqrt(after)
    np.testing.assert_allclose(slopes(true_best, 0), 0, atol=1e-12)
    np.testing.assert_allclose(slopes(printed_best, 1), 0, atol=1e-12)
    assert np.max(np.abs(slopes(printed_best, 0))) > 0.05
    for which in (0, 1):
        assert np.max(np.abs(slopes(np.sqrt(alpha), which))) > 0.05
    at_both = [
        means_of(c, 1 - c**2, alpha, after)[0] for c in (true_best, printed_best)
    ]
    assert at_both[0] > at_both[1] + 0.01


def test_for_any_chain_the_best_step_back_is_the_reversed_one():
    """Chains of four states: E log p(x_t|x_{t+1}) is largest at q(x_t|x_{t+1}) (E10).

    What another p loses is the mean of KL(q(x_t|x_{t+1}) || p(x_t|x_{t+1})). For the
    printed term the best p is the mean of q(x_t | x_{t-1}) over x_{t-1} given x_{t+1}.
    """
    rng = np.random.default_rng(0)
    start, first, second = rng.dirichlet(np.ones(4)), *rng.dirichlet(np.ones(4), (2, 4))
    joint = np.einsum("a,ab,bc->abc", start, first, second)  # x_{t-1}, x_t, x_{t+1}
    anew = np.einsum("ac,ab->abc", joint.sum(axis=1), first)
    ends = joint.sum(axis=(0, 1))
    back, printed = joint.sum(axis=0) / ends, anew.sum(axis=0) / ends

    def mean_log(p):
        return np.sum(joint.sum(axis=0) * np.log(p))

    for p in (printed, rng.dirichlet(np.ones(4), 4).T, first):
        p = p / p.sum(axis=0)
        lost = ends @ [kl_divergence(*pair) for pair in zip(back.T, p.T, strict=True)]
        assert mean_log(back) - mean_log(p) == pytest.approx(lost, rel=1e-10)
        assert lost > 1e-3
    other = rng.dirichlet(np.ones(4), 4).T
    assert np.sum(anew * np.log(printed)) > np.sum(anew * np.log(other))


# 3. How it scatters


def consistency_parts(schedule):
    """Means and variances of log q(x_t|x_{t-1}) / p(x_t|x_{t+1}), (T - 1,), over data.

    For N(0, 1) data and their exact denoiser: each is -y^T M y / 2 + constant for y =
    (x_{t-1}, x_t, x_{t+1}), with the variance tr(M C M C) / 2.
    """
    parts = []
    for t in range(1, schedule.steps):
        a, b, v = schedule.posterior(t + 1)
        alpha, beta, after = schedule.alpha[t], schedule.beta[t], schedule.alpha[t + 1]
        c = a * schedule.signal[t + 1] + b
        forth, back = np.array([-np.sqrt(alpha), 1, 0]), np.array([0, 1, -c])
        M = np.outer(forth, forth) / beta - np.outer(back, back) / v
        near, far = np.sqrt(alpha), np.sqrt(alpha * after)
        C = np.array(
            [[1, near, far], [near, 1, np.sqrt(after)], [far, np.sqrt(after), 1]]
        )
        MC = M @ C
        mean = -0.5 * np.trace(MC) + 0.5 * np.log(v / beta)
        parts.append((mean, 0.5 * np.trace(MC @ MC)))
    return np.array(parts).T


def denoising_parts(schedule):
    """Means and variances of (SNR_{t-1} - SNR_t) / 2 (x_0 - x0hat)^2, (T - 1,)."""
    fall = schedule.snr[1:-1] - schedule.snr[2:]
    means = 0.5 * fall * (1 - schedule.abar[2:])
    return means, 2 * means**2


def with_one_time(means, variances):
    """The variance of T - 1 times a term of random t."""
    return len(means) ** 2 * (np.mean(variances + means**2) - np.mean(means) ** 2)


@pytest.mark.parametrize(
    ("T", "ratio"), [(5, 1.03), (10, 1.07), (50, 3.62), (200, 44.8), (1000, 504)]
)
def test_with_one_random_step_the_consistency_form_is_noisier(T, ratio):
    """Its variance is 3.6 times that of the other for T = 50, and 504 for 1000 (T45).

    A consistency term has a variance of about one however small the step, so that T - 1
    times it has T^2; a denoising term gets small with the step. Estimates of this ratio
    from draws are rough, since few t make up most of the variance below.
    """
    schedule = betas(T)
    consistency, denoising = consistency_parts(schedule), denoising_parts(schedule)
    found = with_one_time(*consistency) / with_one_time(*denoising)
    assert found == pytest.approx(ratio, rel=0.01)
    of_library = consistency_moments(exact_model(T), np.zeros((1, 1)), np.eye(1))
    for part, expected in zip(of_library, consistency, strict=True):
        np.testing.assert_allclose(part[:, 0], expected, rtol=1e-6, atol=1e-9)


def along_a_chain(schedule):
    """Standard deviations of the bound along one chain: consistency, denoising.

    All terms together are -y^T M y / 2 + constant for y = (x_0, ..., x_T), for p(x_0 |
    x_1) = N(x_1 / sqrt(abar_1), 1 / SNR_1).
    """
    T, half = schedule.steps, schedule.log_abar / 2
    C = np.exp(-np.abs(np.subtract.outer(half, half)))
    consistency, denoising = np.zeros((2, T + 1, T + 1))

    def add(M, places, numbers, precision):
        M[np.ix_(places, places)] += precision * np.outer(numbers, numbers)

    for t in range(1, T + 1):
        forth = np.sqrt(schedule.alpha[t])
        add(consistency, [t - 1, t], [-forth, 1], -1 / schedule.beta[t])
    add(consistency, [T], [1], 1)
    for M in (consistency, denoising):
        add(M, [0, 1], [1, -1 / schedule.signal[1]], schedule.snr[1])
    for t in range(2, T + 1):
        a, b, v = schedule.posterior(t)
        add(consistency, [t - 1, t], [1, -a * schedule.signal[t] - b], 1 / v)
        fall = schedule.snr[t - 1] - schedule.snr[t]
        add(denoising, [0, t], [1, -schedule.signal[t]], fall)
    add(denoising, [0], [1], schedule.abar[-1])
    products = (M @ C for M in (consistency, denoising))
    return [np.sqrt(0.5 * np.sum(MC * MC.T)) for MC in products]


@pytest.mark.parametrize(
    ("T", "sds"), [(50, (3.93, 5.06)), (200, (1.94, 3.61)), (1000, (1.365, 3.462))]
)
def test_summed_along_one_chain_it_is_the_other_way_round(T, sds):
    """All t at once: 1.37 against 3.46 at T = 1000, over data N(0, 1) (T45).

    Neighboring consistency terms share a step of noise, with opposite signs, and cancel
    each other's errors; denoising terms are all about the same x_0. So which form has
    the higher variance depends on the estimator.
    """
    found = along_a_chain(betas(T))
    np.testing.assert_allclose(found, sds, rtol=2e-3)
    assert found[0] < found[1]


def test_the_librarys_estimates_scatter_like_that():
    """4,000 chains of 50 steps: both variances within 5.03 of their errors (T45).

    These are found from the fourth moments; sees a variance that is wrong by 60 %.
    """
    T, n = 50, 4000
    rng = np.random.default_rng(2)
    schedule = betas(T)
    model = normals_guess(schedule)
    x0, noise = rng.normal(size=(n, 1)), rng.normal(size=(T, n, 1))
    chain = forward_chain(model, x0, noise)
    signal, spread = schedule.signal[1:, None, None], schedule.noise[1:, None, None]
    of_chain = (chain[1:] - signal * x0) / spread
    forms = consistency_form(model, chain), all_terms(model, x0, of_chain, T)
    for terms, sd in zip(forms, along_a_chain(schedule), strict=True):
        squares = (terms.bound - terms.bound.mean()) ** 2
        error = squares.std() / np.sqrt(n)
        assert 2 * 5.03 * error < 0.6 * sd**2
        assert abs(squares.mean() - sd**2) < 5.03 * error
