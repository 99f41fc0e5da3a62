"""What the denoiser of a diffusion may guess: the data, the noise, the score, or v.

At log SNR lambda the data x_0 and the noise eps, standard normals, are mixed as

    x = alpha x_0 + sigma eps,     alpha^2 = s(lambda),     sigma^2 = s(-lambda),

where s is the sigmoid, so that alpha^2 + sigma^2 = 1. All that a network may guess is
linear in x_0 and eps, as x is: a vector in a plane whose axes are these two,

    x = (alpha, sigma),    x0 = (1, 0),    noise = (0, 1),
    score = (0, -1 / sigma),    v = (-sigma, alpha).

The score is the slope of log q(x | x_0), and v is x turned by a right angle. As x is
known, a guess of one is a guess of all. For a target t = A x + B g and a guess g,
Cramer's rule gives, with det(a, b) = a_1 b_2 - a_2 b_1,

    A = det(t, g) / det(x, g),     B = det(x, t) / det(x, g).

In none of these determinants do two terms cancel, whatever lambda is.

Sources: J. Ho, A. Jain and P. Abbeel, NeurIPS (2020), for the noise; Y. Song and S.
Ermon, NeurIPS (2019), for the score; T. Salimans and J. Ho, ICLR (2022), for v and the
plane.
"""

import numpy as np

from autodiff import softplus
from models.arguments import require_precision

FORMS = ("x0", "noise", "score", "v")


def signal_and_noise(log_snr):
    """Return alpha = sqrt(s(lambda)) and sigma = sqrt(s(-lambda)), of its shape.

    By way of log s(z) = -softplus(-z), no digit is lost where one of them is close to
    one, and no derivative where one of them is close to zero:

        d alpha / d lambda = alpha sigma^2 / 2,
        d sigma / d lambda = -sigma alpha^2 / 2.
    """
    return np.exp(-0.5 * softplus(-log_snr)), np.exp(-0.5 * softplus(log_snr))


def coefficients(source: str, target: str, log_snr):
    """Return A and B of target = A x + B source, each of the shape of log_snr.

    >>> A, B = coefficients("noise", "x0", np.array([0.0]))  # (x - sigma eps) / alpha
    >>> A, B
    (array([1.414]), array([-1.]))

    Raises ValueError for a form that is none of FORMS.
    """
    plane = _plane(log_snr)
    x, s, t = plane["x"], plane[require_form(source)], plane[require_form(target)]
    return _det(t, s) / _det(x, s), _det(x, t) / _det(x, s)


def convert(guess, source: str, target: str, x, log_snr):
    """Return the guess in another form.

    Parameters
    ----------
    guess : (..., n, d), of what source names
    source, target : names in FORMS
    x : (..., n, d), the noisy data
    log_snr : (n,), or (..., n), or a number for all

    Returns (..., n, d). Raises ValueError or TypeError if they do not fit.
    """
    log_snr = require_log_snr(x, log_snr)
    require_precision(x=x, guess=guess)
    if guess.shape != x.shape:
        raise ValueError(
            f"a guess of shape {guess.shape} does not belong to x of shape {x.shape}; "
            "there is one for each number of x"
        )
    if require_form(source) == require_form(target):
        return guess
    A, B = coefficients(source, target, log_snr)
    return A[..., np.newaxis] * x + B[..., np.newaxis] * guess


def to_x0(guess, form: str, x, log_snr):
    """Return the guess of the data, (..., n, d): see `convert`."""
    return convert(guess, form, "x0", x, log_snr)


def regression_slope(form: str, log_snr):
    """Return c, of the shape of log_snr: c x is the best guess of standard normals.

    If the entries of x_0 are independent standard normals, so are those of x, and what
    a form has in common with x is the scalar product of the two in the plane:

        E[x0 | x] = alpha x,   E[noise | x] = sigma x,   score = -x,   E[v | x] = 0.

    Raises ValueError for a form that is none of FORMS.
    """
    plane = _plane(log_snr)
    (signal, noise), (of_x0, of_noise) = plane["x"], plane[require_form(form)]
    return signal * of_x0 + noise * of_noise


def require_form(form: str) -> str:
    """Return the form, or raise ValueError if it is none of FORMS."""
    if form not in FORMS:
        raise ValueError(
            f"there is no form {form!r}; a denoiser guesses one of {', '.join(FORMS)}"
        )
    return form


def require_log_snr(x, log_snr):
    """Return log_snr, which fits x : (..., n, d), or raise ValueError or TypeError."""
    if type(log_snr) in (int, float):
        log_snr = np.asarray(log_snr, getattr(x, "dtype", None))
    require_precision(x=x, log_snr=log_snr)
    rows = x.shape[:-1]
    if not x.shape or log_snr.shape != rows[len(rows) - log_snr.ndim :]:
        raise ValueError(
            f"log_snr of shape {log_snr.shape} does not belong to x of shape "
            f"{x.shape}, which is (..., n, d): give one number for each row of x, (n,)"
        )
    return log_snr


def _plane(log_snr) -> dict:
    """The coordinates of x and of all forms along the data and the noise."""
    alpha, sigma = signal_and_noise(log_snr)
    return {
        "x": (alpha, sigma),
        "x0": (1, 0),
        "noise": (0, 1),
        "score": (0, -1 / sigma),
        "v": (-sigma, alpha),
    }


def _det(a, b):
    return a[0] * b[1] - a[1] * b[0]
