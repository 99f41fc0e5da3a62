"""The two-dimensional Ising model on the infinite lattice, solved by Lars Onsager.

With K = 1 / T, the free energy per site is what one row adds to log Z, the logarithm of
the largest eigenvalue of the matrix that transfers one row of spins to the next. Its
logarithm is a sum over the wave numbers omega along the row of gamma(omega) / 2, half
the energies of free fermions; on the infinite lattice the sum is an integral,

    -f / T = 1/2 log(2 sinh 2K) + 1/(2 pi) int_0^pi gamma(omega) d omega,
    sinh^2(gamma / 2) = sinh^2(gamma_0 / 2) + sin^2(omega / 2),
    gamma_0 = 2K + log tanh K.

gamma_0 is the gap. It vanishes at sinh 2K = 1, which is the critical point

    T_c = 2 / log(1 + sqrt 2);

there gamma has a kink at omega = 0, and -f / T a term (T - T_c)^2 log|T - T_c|.

Derivatives by K are complete elliptic integrals. They are usually written with modulus
2 sinh 2K / cosh^2 2K; Landen's transformation leads to the modulus

    q = sinh^2 2K above T_c,   q = 1 / sinh^2 2K below,

which is small on both sides far from T_c. With K(q), D(q) the integrals over theta from
0 to pi/2 of 1 / r and sin^2 theta / r, where r = sqrt(1 - q^2 sin^2 theta), and

    G = 2/pi K(q) - 1,   b = 2/pi (K(q) - D(q)),

the energy u = -d(-f/T)/dK and the heat capacity C = -K^2 du/dK per site are

    T > T_c:  u = -sqrt(1 + q) (sqrt(q) - (1 - q) G / sqrt(q))
              C = 4 K^2 (1/2 + (1 - b) q + (1 + q + (1 - q) / (2q)) G)
    T < T_c:  u = -sqrt(1 + q) (2 - q + (1 - q) G)
              C = 2 K^2 q ((3 - 2b) q + (1 + 3q) G).

No difference in them cancels, so that all digits hold for T -> 0 and T -> infinity. The
magnetization per site is that of the phase with most spins up, (1 - q^2)^(1/8).

Sources: L. Onsager, Physical Review 65 (1944), 117; B. Kaufman, Physical Review 76
(1949), 1232; C. N. Yang, Physical Review 85 (1952), 808, for the magnetization.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ellipkm1, elliprd

from samplers.ising import inverse_temperature

CRITICAL_TEMPERATURE = 2 / np.log1p(np.sqrt(2))

# 2/pi K(q) = sum_j c_j q^(2j), with c_j = ((2j - 1) / (2j))^2 c_(j-1) and c_0 = 1.
SERIES = np.cumprod([((2 * j - 1) / (2 * j)) ** 2 for j in range(1, 9)])


def energy(temperature: ArrayLike):
    """Return u, the energy per site in units of the coupling, for T of any shape.

    >>> energy([0.1, 2.0, CRITICAL_TEMPERATURE, 1000.0])
    array([-2.   , -1.7456, -1.4142, -0.002 ])

    Raises ValueError unless T is positive and finite, as all functions here.
    """
    K = inverse_temperature(temperature)
    q, G, _ = elliptic(K)
    root = np.sqrt(np.where(q > 0, q, 1))
    above = root - (1 - q) * G / root
    below = 2 - q + (1 - q) * G
    return -np.sqrt(1 + q) * np.where(is_above(K), above, below)


def heat_capacity(temperature: ArrayLike):
    """Return C, per site in units of Boltzmann's constant: infinite at T_c.

    Close to it C grows as (2 / T_c)^2 (2/pi) log(1 / |1 - T / T_c|).
    """
    K = inverse_temperature(temperature)
    q, G, b = elliptic(K)
    per_q = G / np.where(q > 0, q, 1)
    above = 4 * (0.5 + (1 - b) * q + (1 + q) * G + (1 - q) / 2 * per_q)
    below = 2 * q * ((3 - 2 * b) * q + (1 + 3 * q) * G)
    capacity = K**2 * np.where(is_above(K), above, below)
    return np.where(q < 1, capacity, np.inf)[()]


def magnetization(temperature: ArrayLike):
    """Return the spontaneous magnetization per site, from 1 at T = 0 to 0 above T_c."""
    K = inverse_temperature(temperature)
    q = modulus(K)
    return np.where(is_above(K), 0, ((1 - q) * (1 + q)) ** 0.125)[()]


def free_energy(temperature: ArrayLike):
    """Return f, the free energy per site in units of the coupling.

    By Gauss' rule on intervals that halve towards omega = 0, where near T_c gamma bends
    within |omega| < gamma_0: the same digits at any distance from T_c.
    """
    K = inverse_temperature(temperature)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    ends = np.pi * np.append(0.5 ** np.arange(28), 0)[:, None]
    lengths = ends[:-1] - ends[1:]
    omega = (ends[1:] + lengths * (1 + nodes) / 2).ravel()
    weights = (lengths * weights / 2).ravel()
    integral = 2 * half_gamma(K[..., None], omega) @ weights
    return -(log_prefactor(K) + integral / (2 * np.pi)) / K


def log_prefactor(K):
    """Return 1/2 log(2 sinh 2K), without overflow."""
    return K + np.log(-np.expm1(-4 * K)) / 2


def half_gap(K):
    """Return gamma_0 / 2 = K + 1/2 log tanh K: positive below T_c, negative above."""
    return K + np.log(np.tanh(K)) / 2


def half_gamma(K, omega):
    """Return gamma(omega) / 2 > 0, for K and omega that broadcast.

    With g = |gamma_0 / 2| taken out, exp(-g) sinh and exp(-g) cosh do not overflow.
    """
    g = np.abs(half_gap(K))
    shrink = np.exp(-g)
    sinh = np.hypot(-np.expm1(-2 * g) / 2, shrink * np.sin(omega / 2))
    return g + np.log(sinh + np.hypot(shrink, sinh))


def is_above(K):
    """Return whether T > T_c."""
    return K < 1 / CRITICAL_TEMPERATURE


def modulus(K):
    """Return q = min(sinh^2 2K, 1 / sinh^2 2K), which is 1 at T_c, rounding or not."""
    inverse = 2 * np.exp(-2 * K) / -np.expm1(-4 * K)
    root = np.where(is_above(K), np.sinh(2 * np.minimum(K, 1)), inverse)
    return np.where(K == 1 / CRITICAL_TEMPERATURE, 1, np.minimum(root, 1) ** 2)


def elliptic(K):
    """Return q, G = 2/pi K(q) - 1 and b = 2/pi (K(q) - D(q))."""
    q = modulus(K)
    # At T_c, 0 times a large number instead of 0 times infinity.
    complement = np.maximum((1 - q) * (1 + q), np.finfo(float).tiny)
    m = q**2
    series = m * np.polynomial.polynomial.polyval(m, SERIES)
    G = np.where(m < 0.01, series, 2 / np.pi * ellipkm1(complement) - 1)
    # D(q) is a third of Carlson's integral R_D(0, 1 - q^2, 1).
    b = 1 + G - 2 / np.pi * elliprd(0, complement, 1) / 3
    return q, G, b
