"""How variational autoencoders learn: up the slope of a bound on log p(x).

There are two bounds, of each example, for noise that is given (models/vae_bounds.py),

    "elbo"    R - D,   R = E_q[log p(x | h)],   D = KL(q(h | x) || p(h)),
    "iwae"    L_k = log[(w_1 + ... + w_k) / k],   w_i = p(x, h_i) / q(h_i | x),

and one step: draw a batch and its noise, and ascend the gradient of the mean bound by
the parameters of encoder and decoder at once.

The weight of the divergence. In the first steps the decoder makes nothing of h yet, and
the quickest way up is to lower D to zero. A latent that has q(h_j | x) = p(h_j) for all
x says nothing, and the decoder learns to ignore it: it seldom comes back. Ascending
R - beta D with a beta that rises to one leaves time to put h to use,

    vae.fit(X, steps=5000, rng=0, beta=WarmUp(1000, Constant(1.0))).

Noise at the input. The encoder may be shown a corrupted copy of x, while x is still
what is to be explained. Given the corruption, what the encoder returns is one law of h
like any other, and the bounds hold for every law in the place of q. It can no longer
learn by heart what to say of each example.

Sources: D. P. Kingma and M. Welling, ICLR 2014, algorithm 1; Y. Burda, R. Grosse and R.
Salakhutdinov, ICLR 2016, for L_k; S. R. Bowman et al., CoNLL 2016, for the warm-up;
D. Im, S. Ahn, R. Memisevic and Y. Bengio, AAAI 2017, for noise at the input.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import value_and_grad, vjp
from models.arguments import require_unit_interval
from models.conditionals import Bernoulli
from models.estimator import checked_examples
from optim import Adam, Batches, Checkpoint
from optim.finite import require_finite
from optim.fit import fit as run
from optim.schedules import Schedule
from samplers.chains import require_count

BOUNDS = "elbo", "iwae"


def fit(
    vae,
    X: ArrayLike,
    *,
    steps: int,
    rng,
    bound: str = "elbo",
    samples: int = 1,
    beta: float | Schedule = 1.0,
    input_noise: float = 0.0,
    batch_size: int = 100,
    learning_rate: float | Schedule = 1e-3,
    callbacks: Iterable[Callable] = (),
    checkpoint: Checkpoint | None = None,
):
    """Raise a bound on the likelihood of X : (n, M) by Adam; return self.

    history_ holds the loss of each step, minus the bound of its batch in nats, and with
    bound "elbo" its terms "reconstruction", R, and "divergence", D.

    Parameters
    ----------
    X : of zeros and ones for a Bernoulli decoder. Gray levels between are taken as they
        are, but then the bound is none on a likelihood
    steps : of the optimizer, counted from the beginning of a run that is resumed
    rng : int, SeedSequence or Generator
    bound, samples, beta, input_noise : see `bound_ascent`
    batch_size : examples of a step; all of X if there are fewer
    learning_rate : of Adam, a number or a schedule
    callbacks, checkpoint : see optim.fit; models/vae_monitors.py has callbacks for
        models of this kind, which choose one on other examples, or watch its latents

    Raises ValueError or TypeError if the data or the settings do not fit, with all
    parameters as they were; NonFiniteError, with those of the last good step, if the
    training diverges.
    """
    step = bound_ascent(
        bound=bound, samples=samples, beta=beta, input_noise=input_noise
    )
    X, rng = as_data(vae, X), np.random.default_rng(rng)
    (trained, _), vae.history_ = run(
        step,
        # A copy without attributes that are no parameters, but with the same arrays.
        (replace(vae), Adam(learning_rate)),
        Batches(X, size=min(batch_size, len(X)), rng=rng),
        steps=steps,
        rng=rng,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    for field in fields(trained):
        setattr(vae, field.name, getattr(trained, field.name))
    return vae


def bound_ascent(
    *,
    bound: str = "elbo",
    samples: int = 1,
    beta: float | Schedule = 1.0,
    input_noise: float = 0.0,
) -> Callable:
    """Return the step of `fit` that raises a bound by the gradient of one batch.

    The state is (model, optimizer), or (model, optimizer, average) with a
    MovingAverage, and a batch (x,), of x : (n, M):

        step((model, optimizer, average), (x,), rng):
            seen = corrupted(model, x, input_noise, rng)
            noise = model.draw_noise(n, rng, samples)
            optimizer.step(model, the gradient of minus the bound)
            average.update(model)

    Parameters
    ----------
    bound : "elbo" or "iwae"
    samples : draws of h for each x, over which R is averaged, or k of L_k
    beta : the weight of D, a number or a schedule, which is called with the number of
        steps that the optimizer has taken. The loss is then beta D - R
    input_noise : of what the encoder is shown. For a Bernoulli decoder the probability
        that an entry is flipped, from x to 1 - x; else the standard deviation of the
        Gaussian noise that is added, in the unit of x

    Raises ValueError for settings out of range; the step NonFiniteError, with the
    parameters as they were, if the bound or its gradient is not finite.
    """
    require_bound(bound, samples)
    require_beta(bound, beta)
    require_input_noise(input_noise)
    # One draw of h needs no axis of its own, unless weights are compared along it.
    count = None if bound == "elbo" and samples == 1 else samples

    def step(state, batch, rng):
        model, optimizer, *averages = state
        (x,) = batch
        weight = beta(optimizer.steps) if isinstance(beta, Schedule) else beta
        seen = corrupted(model, x, input_noise, rng)
        noise = model.draw_noise(len(x), rng, count)
        if bound == "elbo":
            metrics, gradient = elbo_slope(model, x, noise, seen, weight)
        else:
            metrics, gradient = importance_weighted_slope(model, x, noise, seen)
        require_finite("minus the bound", metrics["loss"])
        optimizer.step(model, gradient)
        for average in averages:
            average.update(model)
        return state, metrics

    return step


def elbo_slope(model, x, noise, seen=None, beta: float = 1.0):
    """Return the loss beta D - R of a batch with its two terms, and its gradient."""

    def means(model):
        terms = model.elbo_terms(x, noise, seen=seen)
        divergence = np.sum(terms.divergence, axis=-1)
        return np.mean(terms.reconstruction), np.mean(divergence)

    (R, D), pullback = vjp(means, model)
    (gradient,) = pullback((x.dtype.type(-1), x.dtype.type(beta)))
    R, D = float(R), float(D)
    return {"loss": beta * D - R, "reconstruction": R, "divergence": D}, gradient


def importance_weighted_slope(model, x, noise, seen=None):
    """Return the loss -L_k of a batch, and its gradient."""

    def loss(model):
        return -np.mean(model.importance_weighted_bound(x, noise, seen=seen))

    value, gradient = value_and_grad(loss)(model)
    return {"loss": float(value)}, gradient


def corrupted(model, x: NDArray, input_noise: float, rng: np.random.Generator):
    """Return what the encoder is shown of x : (n, M); None for x itself."""
    if not input_noise:
        return None
    if not isinstance(model.likelihood, Bernoulli):
        return x + x.dtype.type(input_noise) * rng.standard_normal(x.shape, x.dtype)
    if input_noise > 1:
        raise ValueError(
            f"input_noise is {input_noise}; with a Bernoulli decoder it is the "
            "probability that an entry of x is flipped, for example 0.05"
        )
    return np.abs(x - (rng.random(x.shape, x.dtype) < input_noise))


def as_data(model, X: ArrayLike) -> NDArray:
    """Return X as (n, M) in the dtype of the model, or raise ValueError or TypeError.

    From 0 to 1 for a Bernoulli decoder.
    """
    law = model.likelihood
    X = checked_examples(X, law.dtype)
    if X.shape[1] != law.size:
        raise ValueError(
            f"X has {X.shape[1]} columns and the decoder explains {law.size} entries "
            f"of x: make the model for these data, by create({X.shape[1]}, ...)"
        )
    if isinstance(law, Bernoulli):
        require_unit_interval("X", X)
    return X


def require_bound(bound: str, samples: int) -> None:
    """Raise ValueError unless there is such a bound with so many draws."""
    if bound not in BOUNDS:
        raise ValueError(
            f"there is no bound {bound!r}; the names are {', '.join(BOUNDS)}"
        )
    require_count("samples", samples, 1)


def require_beta(bound: str, beta: float | Schedule) -> None:
    """Raise unless it is a schedule, or a number that is not negative, for the ELBO."""
    if bound == "iwae" and beta != 1:
        raise ValueError(
            f"beta is {beta} and the bound is iwae, where the divergence is no term of "
            'its own that could be weighted: leave beta at 1, or write bound="elbo"'
        )
    if isinstance(beta, Schedule):
        return
    if not isinstance(beta, Real) or not 0 <= beta < math.inf:
        raise ValueError(
            f"beta is {beta}; as the weight of a divergence it is zero or positive, "
            "and finite, or a Schedule: write 1 for the ELBO, WarmUp(1000, "
            "Constant(1.0)) to begin with less"
        )


def require_input_noise(input_noise: float) -> None:
    """Raise ValueError unless it is zero or positive, and finite."""
    if not 0 <= input_noise < math.inf:
        raise ValueError(
            f"input_noise is {input_noise}; it is zero, for none, or a probability of "
            "flips or the standard deviation of a Gaussian: positive, and finite"
        )
