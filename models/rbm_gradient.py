"""The gradient of the likelihood of a restricted Boltzmann machine, by hand.

With f(x) = exp(-F(x)) the law of x is p(x) = f(x) / Z, Z = sum_x f(x). The derivative
of a logarithm of a sum is the mean of the derivatives of the logarithms,

    d log Z = sum_x d f(x) / Z = sum_x p(x) d log f(x) = E_p[d log f],

and so for n examples, each of which brings its own 1 / Z,

    d (1/n) sum_i log p(x_i) = (1/n) sum_i d log f(x_i) - E_p[d log f]:

the mean slope of log f over the data less that over the machine. For binary units

    log f(x) = a.x + sum_j softplus(t_j),   t = b + x W,   p_j = p(h_j = 1 | x),
    d log f / dW_ij = x_i p_j,   d log f / da_i = x_i,   d log f / db_j = p_j.

Draws of h in the place of p would give the same mean with more noise: E[x_i h_j | x] =
x_i p_j, and a mean given x has less variance than what it is the mean of (D. Blackwell,
1947).

For Gaussian units let y = x / sigma, A = a / sigma and C = W / sigma (C = W' of the
scaled form), row by row. Then

    log f(x) = -|y - A|^2 / 2 + sum_j softplus(t_j),   t = b + y C,

with the slopes y_i p_j, y_i - A_i and p_j by C, A and b. One factor of 1 / sigma_i in A
and, unless scaled, in C leads back to W and a. By log sigma_i, under which y and A
shrink, and C unless scaled,

    d log f / d log sigma_i = (y_i - A_i)^2 - r sum_j C_ij y_i p_j,

where r counts the factors of 1 / sigma in t: 1 if scaled, else 2.

Sources: D. Ackley, G. Hinton and T. Sejnowski, Cognitive Science 9 (1985), 147, for the
difference of two means; G. Hinton, Neural Computation 14 (2002), 1771, for this
machine; K. Cho, A. Ilin and T. Raiko, ICANN (2011), for log sigma.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff import logsumexp
from autodiff.pytree import duplicate
from models.rbm_data import as_given, is_binary
from samplers.elementary import sigmoid, softplus
from samplers.kernel import kernel
from samplers.machine import binary_states

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def free_energy_gap(rbm, x, y):
    """Return mean F(x) - mean F(y), a function to be differentiated by the parameters.

    x : (n, M), data
    y : (m, M), draws of the machine, which do not depend on the parameters here

    Its derivative is that of -(1/n) sum_i log p(x_i), with the mean over p estimated by
    the draws; its value is no likelihood.
    """
    return np.mean(rbm.free_energy(x)) - np.mean(rbm.free_energy(y))


def gap_value_and_gradient(rbm, x, y) -> tuple[float, Any]:
    """Return free_energy_gap and its derivatives, as a machine that holds them.

    What value_and_grad(free_energy_gap) returns, by hand. Zeros stand for log_sigma
    where it is not learned.
    """
    x, y = as_given(rbm, "x", x), as_given(rbm, "x", y)
    return gap_of_rows(rbm, np.concatenate([x, y]), len(x))


def gap_of_rows(rbm, rows, n: int, t=None) -> tuple[float, Any]:
    """Return what gap_value_and_gradient returns for x = rows[:n] and y = rows[n:].

    t : (rows, N), input_to_hidden(rbm, rows) if it is known; overwritten
    """
    weights = gap_weights(n, len(rows) - n, rows.dtype)
    value, slopes = weighted_log_f(rbm, rows, weights, t)
    return value, holding(rbm, slopes)


@lru_cache(maxsize=4)
def gap_weights(n: int, m: int, dtype):
    """Return the weights of log f in the gap, read-only: n of -1/n, m of 1/m."""
    weights = np.repeat(np.array([-1 / n, 1 / m], dtype), [n, m])
    weights.flags.writeable = False
    return weights


def holding(rbm, slopes):
    """Return the derivatives by the arrays of a machine, in their order, as one."""
    gradient = duplicate(rbm)
    vars(gradient).update(zip(("W", "a", "b", "log_sigma"), slopes, strict=False))
    return gradient


def negative_log_likelihood(rbm, x):
    """Return -(1/n) sum_i log p(x_i) in nats, exactly, to be differentiated.

    x : (n, M)

    log Z is a sum over the states of the smaller layer, or of h beside Gaussian units.
    Raises ValueError if that layer has more than 20 units.
    """
    if enumerates_hidden(rbm):
        free_energies = rbm.hidden_free_energy(states_of(len(rbm.b), rbm.b.dtype))
    else:
        free_energies = rbm.free_energy(states_of(len(rbm.a), rbm.a.dtype))
    return np.mean(rbm.free_energy(x)) + logsumexp(-free_energies)


def exact_value_and_gradient(rbm, x) -> tuple[float, Any]:
    """Return negative_log_likelihood and its derivatives, by hand; errors as there."""
    x = as_given(rbm, "x", x)
    if not is_binary(rbm):
        log_Z, of_Z = gaussian_log_partition(rbm)
    elif enumerates_hidden(rbm):
        log_Z, (W, b, a) = binary_log_partition(rbm.W.T, rbm.b, rbm.a)
        of_Z = [W.T, a, b]
    else:
        log_Z, of_Z = binary_log_partition(rbm.W, rbm.a, rbm.b)
    minus_mean = np.full(len(x), -1 / len(x), x.dtype)
    value, slopes = weighted_log_f(rbm, x, minus_mean)
    total = [one + other for one, other in zip(slopes, of_Z, strict=True)]
    return log_Z + value, holding(rbm, total)


def weighted_log_f(rbm, x, weights, t=None) -> tuple[float, list]:
    """Return sum_r w_r log f(x_r) and its slopes by the arrays of the machine.

    x : (n, M), of the dtype of the machine
    weights : (n,), w
    t : (n, N), input_to_hidden(rbm, x) if it is known; overwritten
    """
    if t is None:
        t = input_to_hidden(rbm, x)
    if is_binary(rbm):
        log_f = x @ rbm.a
        activate(t, log_f)
        return float(weights @ log_f), weighted_means(x, t, weights)
    C, A, sigma = in_units_of_sigma(rbm)
    y = x / sigma
    shift = y - A
    log_f = -np.sum(shift**2, axis=1) / 2
    activate(t, log_f)
    of_C, _, of_b = weighted_means(y, t, weights)
    of_sigma = weights @ shift**2 - np.sum(C * of_C, axis=1)
    slopes = from_units_of_sigma(rbm, of_C, weights @ shift, of_b, of_sigma)
    return float(weights @ log_f), slopes


def input_to_hidden(rbm, x):
    """Return t = b + x W, or with Gaussian units b + y C, (n, N)."""
    if not is_binary(rbm):
        x = x / np.exp((1 if rbm.scaled else 2) * rbm.log_sigma)
    t = x @ rbm.W
    t += rbm.b
    return t


@kernel
def activate(t, log_f):
    """Add sum_j softplus(t_rj) to log_f_r, and overwrite t with p = sigmoid(t).

    t : (n, N)
    log_f : (n,)
    """
    terms = np.empty(t.shape[1], t.dtype)
    for r in range(len(t)):
        row = t[r]
        for j in range(row.size):
            t_j = row[j]
            terms[j] = softplus(t_j)
            row[j] = sigmoid(t_j)
        log_f[r] += plain_sum(terms)


@kernel(fastmath={"nsz", "reassoc"})
def plain_sum(terms):
    """Return the sum, in an order that suits the vector registers."""
    total = terms.dtype.type(0)
    for j in range(terms.size):
        total += terms[j]
    return total


def weighted_means(x, p, weights):
    """Return the sums over r of w_r x_r p_r, (M, N), of w_r x_r and of w_r p_r.

    x : (n, M)
    p : (n, N); overwritten
    weights : (n,), w
    """
    x_mean, p_mean = weights @ x, weights @ p
    p *= weights[:, np.newaxis]
    return [x.T @ p, x_mean, p_mean]


def binary_log_partition(W, a, b):
    """Return log Z of binary units, and its slopes by W, a and b, over all states x.

    The layers may be exchanged: (W^T, b, a) sums over the states h.
    """
    x = states_of(len(a), a.dtype)
    t = x @ W
    t += b
    log_f = x @ a
    activate(t, log_f)
    log_Z, p = normalized(log_f)
    return log_Z, weighted_means(x, t, p)


def gaussian_log_partition(rbm):
    """Return log Z of Gaussian units and its slopes, in the order of the arrays.

    The integral over x of the joint weight is, with m = A + C h,

        f(h) = exp(b.h + (|m|^2 - |A|^2) / 2) prod_i sqrt(2 pi) sigma_i,

    whose logarithm has the slopes m_i h_j, (C h)_i and h_j by C, A and b.
    """
    h = states_of(len(rbm.b), rbm.b.dtype)
    C, A, _ = in_units_of_sigma(rbm)
    shift = h @ C.T
    log_Z, p = normalized(h @ rbm.b + np.sum(shift * (shift / 2 + A), axis=1))
    log_Z += float(np.sum(rbm.log_sigma)) + len(A) * LOG_SQRT_2PI
    of_A = p @ shift
    shift += A
    shift *= p[:, np.newaxis]
    return log_Z, from_units_of_sigma(rbm, shift.T @ h, of_A, p @ h, 1 - A * of_A)


def in_units_of_sigma(rbm):
    """Return C, A and sigma of the module's equations."""
    sigma = np.exp(rbm.log_sigma)
    C = rbm.W if rbm.scaled else rbm.W / sigma[:, np.newaxis]
    return C, rbm.a / sigma, sigma


def from_units_of_sigma(rbm, of_C, of_A, of_b, of_sigma):
    """Return the slopes by W, a, b and log_sigma, in this order.

    of_C, of_A, of_b : by C, A and b
    of_sigma : by log_sigma at a fixed C
    """
    C, _, sigma = in_units_of_sigma(rbm)
    if not rbm.scaled:
        of_sigma = of_sigma - np.sum(C * of_C, axis=1)
        of_C = of_C / sigma[:, np.newaxis]
    if not rbm.learn_sigma:
        of_sigma = np.zeros_like(sigma)
    return [of_C, of_A / sigma, of_b, of_sigma]


def enumerates_hidden(rbm) -> bool:
    """Whether h is the layer to sum over: the smaller one, or x is Gaussian."""
    return not is_binary(rbm) or len(rbm.b) <= len(rbm.a)


@lru_cache(maxsize=4)
def states_of(units: int, dtype: np.dtype):
    """Return all states of binary units, (2^units, units), read-only."""
    states = binary_states(units).astype(dtype)
    states.flags.writeable = False
    return states


def normalized(log_f):
    """Return log sum f and f / sum f, which overwrites log_f."""
    top = np.max(log_f)
    log_f -= top
    p = np.exp(log_f, out=log_f)
    total = np.sum(p)
    p /= total
    return float(top + np.log(total)), p
