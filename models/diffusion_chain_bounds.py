"""The bound of a variational diffusion model along a drawn chain.

Two of its forms need a chain x_0, x_1, ..., x_T, and more than one of its states at a
time: the joint form (3) and the consistency form (4) of models/diffusion_bounds.py,
where all is derived and the numbers of the lines are. With the same x_0 and chain they
are the same number; so is the third form with the terms of (8). What sets (9) apart is
that each of its terms is averaged over x_t-1, given x_t.

The densities, by c = 1 - SNR(t) / SNR(t-1), are

    q(x_t | x_t-1) = N(alpha_t / alpha_t-1 x_t-1, sigma_t^2 c I),
    p(x_t-1 | x_t) = N(alpha_t-1 (c x0hat(x_t, t) + (1 - c) x_t / alpha_t),
                       sigma_t-1^2 c I).

Everything is in nats, one number an example, and can be differentiated by the
parameters of the model, along the chain too, if forward_chain drew it.

Source: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), appendix A, for
the densities.
"""

import math

import numpy as np

from models.arguments import require_floating
from models.diffusion_bounds import Terms, log_snr_at, require_noise, require_steps
from models.diffusion_forms import signal_and_noise


def forward_chain(model, x0, noise):
    """Return x_0, ..., x_T of the chain, (T + 1, n, d).

    x0 : (n, d)
    noise : (T, n, d), standard normals; x_1 = alpha_1 x_0 + sigma_1 noise[0]

    Raises ValueError or TypeError if they do not fit, or T < 2.
    """
    require_noise(x0, noise)
    if noise.ndim != 3:
        n, d = x0.shape
        raise ValueError(
            f"noise has shape {noise.shape}, and each of T steps has its own for each "
            f"example: it is (T, {n}, {d})"
        )
    log_snr = _log_snr(model, x0, len(noise))
    alpha, sigma = signal_and_noise(log_snr)
    ratio, spread = _forth(log_snr)
    x = [x0, alpha[0] * x0 + sigma[0] * noise[0]]
    for k in range(1, len(noise)):
        x.append(ratio[k - 1] * x[-1] + spread[k - 1] * noise[k])
    return np.stack(x)


def joint_form(model, trajectory):
    """Return log p(x_0:T) - log q(x_1:T | x_0), whose mean is (3), (n,).

    trajectory : (T + 1, n, d), x_0, ..., x_T, as forward_chain draws them

    Raises ValueError if it has another shape, or T < 2.
    """
    start, back, end, forth = _log_densities(model, trajectory)
    return start + np.sum(back, axis=0) + end - np.sum(forth, axis=0)


def consistency_terms(model, trajectory):
    """Return log(q(x_t | x_t-1) / p(x_t | x_t+1)), t = 1, ..., T - 1, (T - 1, n).

    Parameters and errors: as for joint_form
    """
    _, back, _, forth = _log_densities(model, trajectory)
    return forth[:-1] - back


def consistency_form(model, trajectory) -> Terms:
    """Return the terms of (4) along a chain, each (n,).

    Parameters and errors: as for joint_form, whose value is their bound
    """
    start, back, end, forth = _log_densities(model, trajectory)
    return Terms(start, forth[-1] - end, np.sum(forth[:-1] - back, axis=0))


def _log_densities(model, x):
    """Return the logarithms of all the densities of a chain x, at its states.

    Returns log p(x_0 | x_1) : (n,), log p(x_t | x_t+1) for t = 1, ..., T - 1 :
    (T - 1, n), log p(x_T) : (n,), and log q(x_t | x_t-1) for t = 1, ..., T : (T, n).
    """
    log_snr = _require_trajectory(model, x)
    alpha, sigma = signal_and_noise(log_snr)
    rows = np.broadcast_to(log_snr[:, np.newaxis], (len(x) - 1, x.shape[1]))
    start = model.log_likelihood_at_start(x[0], x[1], rows[0])
    toward, onward, width = _back(log_snr)
    guess = model.denoise(x[2:], rows[1:])
    back = _log_normal(x[1:-1], _each(toward) * guess + _each(onward) * x[2:], width)
    ratio, spread = _forth(log_snr)
    first = _log_normal(x[1:2], alpha[0] * x[0], sigma[:1])
    forth = _log_normal(x[2:], _each(ratio) * x[1:-1], spread)
    end = _log_normal(x[-1:], 0 * x[0], np.ones(1, x.dtype))[0]
    return start, back, end, np.concatenate([first, forth])


def _forth(log_snr):
    """Return factor and standard deviation of q(x_t | x_t-1), t = 2, ..., T."""
    alpha, sigma = signal_and_noise(log_snr)
    c = -np.expm1(log_snr[1:] - log_snr[:-1])
    return alpha[1:] / alpha[:-1], sigma[1:] * np.sqrt(c)


def _back(log_snr):
    """Return factors of x0hat and x_t, and standard deviation, of p(x_t-1 | x_t)."""
    alpha, sigma = signal_and_noise(log_snr)
    kept = np.exp(log_snr[1:] - log_snr[:-1])
    c = -np.expm1(log_snr[1:] - log_snr[:-1])
    return alpha[:-1] * c, alpha[:-1] / alpha[1:] * kept, sigma[:-1] * np.sqrt(c)


def _log_normal(x, mean, spread):
    """Return log N(x; mean, spread^2 I), (T, n), for x : (T, n, d), spread : (T,)."""
    squares = np.sum(((x - mean) / _each(spread)) ** 2, axis=-1)
    volume = x.shape[-1] * (math.log(2 * math.pi) + 2 * np.log(spread))
    return -0.5 * (squares + volume[:, np.newaxis])


def _each(numbers):
    """Return numbers : (T,) as (T, 1, 1), one for each state of a chain."""
    return numbers[:, np.newaxis, np.newaxis]


def _log_snr(model, x, T: int):
    """Return lambda at t = 1, ..., T, (T,), in the dtype of x."""
    return log_snr_at(model, np.arange(1, require_steps(T) + 1), T, x)


def _require_trajectory(model, x):
    """Return lambda at t = 1, ..., T, or raise if x is no chain."""
    require_floating("trajectory", x)
    if x.ndim != 3:
        raise ValueError(
            f"trajectory has shape {x.shape}; it is (T + 1, n, d), with x_0 first: "
            "write forward_chain(model, x0, noise)"
        )
    return _log_snr(model, x, len(x) - 1)
