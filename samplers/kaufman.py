"""The two-dimensional Ising model on a finite periodic lattice, by Bruria Kaufman.

The trace of the L1-th power of the matrix that transfers one row of L2 spins to the
next. Its fermions have the wave numbers omega_l = pi l / L2: odd l for the states in
which their number is even, even l in the others, and with K = 1 / T

    Z = 1/2 (2 sinh 2K)^(N/2) [ prod_odd 2 cosh x_l  + prod_odd 2 sinh x_l
                              + prod_even 2 cosh x_l + prod_even 2 sinh x_l ],

where l runs from 0 to 2 L2 - 1, x_l = L1 gamma(omega_l) / 2 > 0 is that of onsager.py,
but x_0 = L1 (2K + log tanh K) / 2 is negative above T_c, and so is the last product.
Nothing is singular at T_c, which shows when the factors of l = 0 are expanded: with
C and S the products over cosh and sinh, those over even l without l = 0,

    C_even 2 cosh x_0 + S_even 2 sinh x_0 = (C_even + S_even) exp(x_0)
                                          + (C_even - S_even) exp(-x_0).

So Z is a sum of six terms t, of which one is negative, and the logarithm of each is a
sum whose derivatives by K are written down. With weights w = t / sum t, of sum 1, and
s = (log t)',

    (log sum t)'  = sum w s,
    (log sum t)'' = sum w ((log t)'' + (s - sum w s)^2).

The form with sinh^2(gamma / 2) has no difference of large numbers near T_c, and all
exponentials decay, so that lattices of 1024 x 1024 sites are as easy as 4 x 4. Towards
high temperatures terms of size T cancel to an energy of 2 / T, which is left with a
relative error of 1e-16 T^2; above T = 10^4 it is refused. The heat capacity at low
temperatures has an absolute error of 1e-16.

Source: B. Kaufman, Crystal statistics II, Physical Review 76 (1949), 1232.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from samplers.ising import inverse_temperature, require_lattice
from samplers.onsager import half_gamma, half_gap, log_prefactor

HIGHEST = 1e4
SIGNS = np.array([1, 1, 1, 1, 1, -1])


def log_partition(temperature: ArrayLike, shape: tuple[int, int]):
    """Return log Z of the whole lattice of shape (L1, L2), for T of any shape.

    >>> log_partition([2.0, 3.0], (4, 4))
    array([17.105, 13.281])

    Raises ValueError unless 0 < T <= 10^4 and both sides are two or longer, as all
    functions here.
    """
    return expand(temperature, shape)[0]


def free_energy(temperature: ArrayLike, shape: tuple[int, int]):
    """Return f = -T log Z / N, per site in units of the coupling."""
    K = inverse_temperature(temperature)
    return -log_partition(temperature, shape) / (K * math.prod(shape))


def energy(temperature: ArrayLike, shape: tuple[int, int]):
    """Return u = -(log Z)' / N, per site in units of the coupling."""
    return -expand(temperature, shape)[1] / math.prod(shape)


def heat_capacity(temperature: ArrayLike, shape: tuple[int, int]):
    """Return C = K^2 (log Z)'' / N, per site in units of Boltzmann's constant."""
    K = inverse_temperature(temperature)
    # Where T is so low that C is less than the rounding, that can be negative.
    return np.maximum(K**2 * expand(temperature, shape)[2], 0) / math.prod(shape)


def expand(temperature, shape):
    """Return log Z and its first two derivatives by K, each of the shape of T."""
    rows, columns = require_lattice(shape)
    sites = rows * columns
    K = inverse_temperature(temperature)
    if not np.all(K >= 1 / HIGHEST):
        raise ValueError(
            f"temperature is {temperature}; above {HIGHEST:g} rounding would eat up "
            "the energy, and sides of four or more no longer matter to 8 digits: write "
            "onsager.energy(temperature)"
        )
    waves = np.pi * np.arange(1, 2 * columns) / columns
    gamma = differentiate_gamma(K[..., None], waves)
    odd = log_products(rows, *[g[..., 0::2] for g in gamma])
    even = log_products(rows, *[g[..., 1::2] for g in gamma])
    gap = rows * np.stack(differentiate_gap(K))
    terms = [*odd, *(x + gap for x in even), *(x - gap for x in even)]
    log, first, second = log_sum(*np.stack(terms, axis=-1))
    return (
        log + sites * log_prefactor(K) - np.log(2),
        first + sites / np.tanh(2 * K),
        second - 2 * sites * csch(2 * K) ** 2,
    )


def log_sum(logs, firsts, seconds):
    """Return the logarithm of the sum of the six terms, with its derivatives.

    logs, firsts, seconds : (..., 6), log|t| and its derivatives by K
    """
    top = logs.max(axis=-1, keepdims=True)
    terms = SIGNS * np.exp(logs - top)
    total = terms.sum(axis=-1, keepdims=True)
    weights = terms / total
    mean = np.sum(weights * firsts, axis=-1, keepdims=True)
    second = np.sum(weights * (seconds + (firsts - mean) ** 2), axis=-1)
    return (top + np.log(total))[..., 0], mean[..., 0], second


def log_products(rows, half, half_1, half_2):
    """Return the log of the products of 2 cosh x and of 2 sinh x, with derivatives.

    half, half_1, half_2 : (..., n), x / rows and its derivatives by K
    Returns two arrays (3, ...): the logarithm, its first and its second derivative.
    """
    x, x_1, x_2 = rows * half, rows * half_1, rows * half_2
    decay = np.exp(-2 * x)
    products = []
    for sign in (1, -1):
        # 2 cosh x or 2 sinh x is e^x (1 + sign e^(-2x)), and this its second factor.
        factor = 1 + decay if sign == 1 else -np.expm1(-2 * x)
        slope = (2 - factor) / factor  # tanh or coth
        log = x + np.log(factor)
        second = slope * x_2 + sign * decay * (2 * x_1 / factor) ** 2
        products.append(np.stack([log, slope * x_1, second]).sum(axis=-1))
    return products


def differentiate_gap(K):
    """Return gamma_0 / 2 = K + 1/2 log tanh K, and its derivatives by K."""
    return half_gap(K), 1 + csch(2 * K), -2 * csch(2 * K) / np.tanh(2 * K)


def differentiate_gamma(K, omega):
    """Return gamma / 2 at K and omega, which broadcast, and its derivatives by K.

    With a = gamma_0 / 2, g = gamma / 2 and v = sin^2(omega / 2), cosh 2g = cosh 2a + 2v
    gives

        g'  = a' sinh 2a / sinh 2g
        g'' = a'' sinh 2a / sinh 2g
              + 4 v a'^2 (cosh^2 2a + 2 v cosh 2a + 1) / sinh^3 2g.

    All hyperbolic functions are multiplied by r = exp(-2|a|), so that none overflows.
    """
    a, a_1, a_2 = differentiate_gap(K)
    r = np.exp(-2 * np.abs(a))
    v = np.sin(omega / 2) ** 2
    sinh_a, cosh_a = np.sign(a) * (1 - r**2) / 2, (1 + r**2) / 2
    sinh_g = np.sqrt(sinh_a**2 + 4 * v * r * (cosh_a + v * r))
    ratio = sinh_a / sinh_g
    bend = 4 * v * r * (cosh_a**2 + 2 * v * r * cosh_a + r**2) / sinh_g**3
    return half_gamma(K, omega), ratio * a_1, ratio * a_2 + bend * a_1**2


def csch(x):
    """Return 1 / sinh x, without overflow."""
    return 2 * np.exp(-x) / -np.expm1(-2 * x)
