"""A mixture of five Gaussians on its way to noise and back: its exact laws.

Data x_0 ~ sum_k w_k N(m_k, s_k^2 I) and noise xi give, with a = sqrt(abar_t) and
sigma = sqrt(1 - abar_t),

    x_t = a x_0 + sigma xi ~ sum_k w_k N(a m_k, (a^2 s_k^2 + sigma^2) I),

again a mixture, whose moments and projections are known. Its score gives the mean of
what the noise hides: since grad log p_t(x) = E[grad_x log N(x; a x_0, sigma^2 I) | x]
= E[a x_0 - x | x] / sigma^2,

    E[x_0 | x_t = x] = (x + sigma^2 grad log p_t(x)) / a                    (Tweedie).

With an angle in place of the time, a = cos(phi) and sigma = sin(phi), points that move
by the probability flow

    dx / dphi = (cos(phi) x - E[x_0 | x]) / sin(phi)
              = -tan(phi) (x + grad log p_phi(x))

have the law p_phi at every phi: a step of DDIM is one along this curve that takes the
mean as constant.

Sources: B. Efron, Journal of the American Statistical Association 106 (2011), 1602;
Y. Song et al., Score-based generative modeling, ICLR 2021, section 4.3.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import ndtr

from autodiff import grad
from data.mixtures import GaussianMixture

# Unequal in weight and width, and so far apart that a draw shows its component: fewer
# than one in 10^5 lie nearer to another.
MIXTURE = GaussianMixture(
    np.array([0.40, 0.25, 0.20, 0.10, 0.05]),
    np.array([[-1.0, 0.3], [0.9, 1.0], [0.6, -1.1], [1.7, -0.2], [-0.9, -1.4]]),
    np.array([0.25, 0.15, 0.20, 0.10, 0.08]),
)
DIRECTIONS = 16
EDGE, CELLS = 6.0, 4800  # of the lines on which laws are compared
ACCURATE = 1e-9  # of the probability flow


def noised(signal: float, noise: float) -> GaussianMixture:
    """Return the law of x_t, for a and sigma."""
    sds = np.hypot(signal * MIXTURE.sds, noise)
    return GaussianMixture(MIXTURE.weights, signal * MIXTURE.means, sds)


def denoised(x, signal: float, noise: float):
    """Return E[x_0 | x_t = x] by Tweedie's formula, for x : (n, 2)."""
    return (x + noise**2 * score(x, noised(signal, noise))) / signal


def score(x, law: GaussianMixture):
    """Return grad log p at x : (n, 2), by automatic differentiation."""
    return grad(lambda x: np.sum(law.log_density(x)))(x)


def flow(x, phi: float):
    """Return where the probability flow takes x : (n, 2) from phi to phi = 0."""

    def velocity(phi, x):
        x = x.reshape(-1, 2)
        law = noised(np.cos(phi), np.sin(phi))
        return np.ravel(-np.tan(phi) * (x + score(x, law)))

    path = solve_ivp(
        velocity,
        (phi, 0.0),
        np.ravel(x),
        method="DOP853",
        rtol=ACCURATE,
        atol=ACCURATE,
    )
    return path.y[:, -1].reshape(-1, 2)


def moment_scores(x, law: GaussianMixture):
    """Return how far the first and second moments of x are off, in standard errors.

    x : (n, 2), independent draws
    Returns (5,), for the means of x_1, x_2, x_1^2, x_2^2 and x_1 x_2.
    """
    found = np.column_stack([x, x**2, x[:, 0] * x[:, 1]]).mean(axis=0)
    mean, variance = moments(law)
    return (found - mean) / np.sqrt(variance / len(x))


def moments(law: GaussianMixture):
    """Return the means and variances of x_1, x_2, x_1^2, x_2^2 and x_1 x_2, (5,) each.

    In a component x_j has E x^2 = m^2 + s^2 and E x^4 = m^4 + 6 m^2 s^2 + 3 s^4, and
    x_1 and x_2 are independent.
    """
    m, v = law.means, law.sds[:, np.newaxis] ** 2
    second = m**2 + v
    fourth = m**4 + 6 * m**2 * v + 3 * v**2
    mean = law.weights @ np.column_stack([m, second, m[:, 0] * m[:, 1]])
    square = law.weights @ np.column_stack(
        [second, fourth, second[:, 0] * second[:, 1]]
    )
    return mean, square - mean**2


def sliced_distance(x, law: GaussianMixture) -> float:
    """Return the sliced Wasserstein distance of draws from a law, in units of x.

    That is the mean, over directions u in the plane, of the distance W_1 between the
    projections u.x and the projected law, whose distribution function F is known:

        W_1 = integral of |F_n(y) - F(y)| dy,   F(y) = sum_k w_k Phi((y - u.m_k) / s_k).

    x : (n, 2)
    Source: N. Bonneel et al., Journal of Mathematical Imaging and Vision 51 (2015), 22.
    """
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    distances = []
    for u in np.column_stack([np.cos(angles), np.sin(angles)]):
        inside = np.clip(x @ u, -EDGE, EDGE)
        counts, edges = np.histogram(inside, CELLS, (-EDGE, EDGE))
        y = edges[1:, np.newaxis]
        F = ndtr((y - law.means @ u) / law.sds) @ law.weights
        gaps = np.abs(np.cumsum(counts) / len(x) - F)
        distances.append(np.sum(gaps) * (edges[1] - edges[0]))
    return float(np.mean(distances))


def mode_counts(x):
    """Return how many of x : (n, 2) are the most probable draws of each mode, (5,)."""
    squares = np.sum((x[:, np.newaxis] - MIXTURE.means) ** 2, axis=-1) / MIXTURE.sds**2
    terms = np.log(MIXTURE.weights) - 2 * np.log(MIXTURE.sds) - squares / 2
    return np.bincount(np.argmax(terms, axis=1), minlength=len(MIXTURE.weights))
