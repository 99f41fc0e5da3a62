"""How diffusion models learn: by the error of a guess, or by the bound itself.

A step draws a batch x_0, noise eps and times u, adds the noise, and looks at what the
denoiser makes of x_u = alpha x_0 + sigma eps. There are two losses,

    "simple"   mean (guess - what is guessed)^2,     over examples and entries,
    "bound"    minus the bound of continuous time, in nats for each example,

the first in the form of the network: x_0, the noise eps, or v = alpha eps - sigma x_0;
for the score, which is -eps / sigma, it is the error times sigma, that of the noise.
For any given u all of them have their minimum at the guess E[x_0 | x_u]. They differ in
how much each u counts. The bound has the weight -lambda'(u) / 2 for the squared error
|eps - epshat|^2. If lambda is a line and noise or score are guessed, that is "simple"
up to a factor and terms without parameters. The errors of x_0 and v are sigma^2 /
alpha^2 and 1 / alpha^2 times that of the noise: there "simple" looks at the noisy end.

Times. The loss of a batch is a mean over u, and its variance is in large part that of
the times drawn. Those of a batch of n are one draw u_0,

    u_i = (u_0 + i / n) mod 1,     i = 0, ..., n - 1,

each of which is uniform in [0, 1), while together they cover it evenly.

The average. Parameters jitter about a minimum as long as the learning rate is not
small. The moving average of them over the last steps, optim.MovingAverage, is part of
the training state, and is what `fit` leaves in the model.

A learned log SNR. Given x_0 and eps, the mean over u of the loss "bound" is an integral
over lambda: it depends on the ends of lambda(u) and not on the way between them. There
its gradient is noise about zero. What does depend on the way is the variance of the
losses l_i of the examples, and what shapes the way goes down the slope of that,

    grad Var(l) = mean of 2 (l_i - mean of l) grad l_i,

while the ends, if they are learned, go down that of the mean as all others do. "simple"
says nothing of a log SNR: it would only make it ask what is easy to guess.

Few examples. What a network learns by heart of them it will not find in others. Against
it, weights can decay, and the network be shown x_u without some of its entries,

    m x_u,     m_j = 0 with the probability p, else 1 / (1 - p),

drawn anew for each example, so that no guess can lean on a few of them. What is added
to the network's answer is of x_u itself. The model that has learned is shown all.

Sources: J. Ho, A. Jain and P. Abbeel, NeurIPS (2020), equation 14; D. P. Kingma, T.
Salimans, B. Poole and J. Ho, NeurIPS (2021), equation 17 and appendices H and I;
T. Salimans and J. Ho, ICLR (2022), for v; N. Srivastava, G. Hinton, A. Krizhevsky, I.
Sutskever and R. Salakhutdinov, JMLR 15 (2014), for dropout.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import tree_leaves, value_and_grad, vjp
from models.diffusion_bounds import continuous_bound
from models.diffusion_forms import signal_and_noise
from optim import AdamW, Batches, Checkpoint, MovingAverage
from optim.finite import require_finite
from optim.fit import fit as run
from optim.schedules import Schedule

LOSSES = "simple", "bound"


def fit(
    model,
    X: ArrayLike,
    *,
    steps: int,
    rng,
    loss: str = "simple",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    decay: float = 0.99,
    batch_size: int = 256,
    learning_rate: float | Schedule = 1e-3,
    callbacks: Iterable[Callable] = (),
    checkpoint: Checkpoint | None = None,
):
    """Lower the loss of X : (n, d) by AdamW; return self, with averaged parameters.

    Parameters
    ----------
    steps : of the optimizer, counted from the beginning of a run that is resumed
    rng : int, SeedSequence or Generator
    loss : "simple" or "bound", see above
    dropout : p, of the entries that the network is not shown
    weight_decay : of all parameters, see AdamW; 0 is Adam
    decay : of the moving average, which remembers 1 / (1 - decay) steps; 0 leaves the
        last parameters
    batch_size : examples of a step; all of X if there are fewer
    learning_rate : a number or a schedule
    callbacks, checkpoint : see optim.fit; the state is (model, optimizer, average)

    Sets history_, of the loss of each step. Raises ValueError or TypeError if the data
    or the settings do not fit, with all parameters as they were; NonFiniteError if the
    training diverges, with those of the last good step, not averaged.
    """
    step, examples = diffusion_descent(loss=loss, dropout=dropout), model.examples(X)
    require_loss(loss, model)
    average, rng = MovingAverage(decay), np.random.default_rng(rng)
    (trained, _, average), model.history_ = run(
        step,
        # A copy without attributes that are no parameters, but with the same arrays.
        (replace(model), AdamW(learning_rate, weight_decay=weight_decay), average),
        Batches(examples, size=min(batch_size, len(examples)), rng=rng),
        steps=steps,
        rng=rng,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    averaged = average.averaged(trained)
    for field in fields(averaged):
        setattr(model, field.name, getattr(averaged, field.name))
    return model


def diffusion_descent(*, loss: str = "simple", dropout: float = 0.0) -> Callable:
    """Return the step of `fit` that lowers a loss by the gradient of one batch.

    The state is (model, optimizer), or (model, optimizer, average) with a
    MovingAverage, and a batch (x,), of x : (n, d):

        step((model, optimizer, average), (x,), rng):
            u = even_times(n, rng.random())
            noise = model.draw_noise(n, rng)
            mask = draw_mask(x, dropout, rng)
            optimizer.step(model, grad(loss)(model, x, u, noise, mask))
            average.update(model)

    Raises ValueError for another loss or dropout; the step NonFiniteError, with the
    parameters as they were, if the loss or its gradient is not finite.
    """
    require_loss(loss)
    require_dropout(dropout)
    slope = {"simple": value_and_grad(simple_loss), "bound": bound_slope}[loss]

    def step(state, batch, rng):
        model, optimizer, *averages = state
        (x,) = batch
        u = even_times(len(x), rng.random()).astype(x.dtype)
        noise, mask = model.draw_noise(len(x), rng), draw_mask(x, dropout, rng)
        value, gradient = slope(model, x, u, noise, mask)
        require_finite("the loss", value)
        optimizer.step(model, gradient)
        for average in averages:
            average.update(model)
        return state, {"loss": float(value)}

    return step


def even_times(n: int, start: float) -> NDArray[np.float64]:
    """Return n times in [0, 1), (n,), 1 / n apart on a circle of length one.

    start : u_0 in [0, 1); if it is uniform, so is each of the times
    """
    return (start + np.arange(n) / n) % 1.0


def draw_mask(x, dropout: float, rng: np.random.Generator):
    """Return m for x : (n, d), of its shape and dtype, or None if nothing is dropped.

    dropout : p, see above; the mean of m is one
    """
    if not dropout:
        return None
    return (rng.random(x.shape, x.dtype) >= dropout) / x.dtype.type(1 - dropout)


def simple_loss(model, x, u, noise, mask=None):
    """Return the mean squared error of the guess, in the form of the network.

    x, noise : (n, d), examples and standard normals; u : (n,), in [0, 1]
    mask : (n, d), times which the network is shown x_u; None for one
    """
    log_snr = model.log_snr(u)
    alpha, sigma = (row[:, np.newaxis] for row in signal_and_noise(log_snr))
    x_u, form = alpha * x + sigma * noise, model.denoiser.form
    guess = model.denoiser(x_u, log_snr, None if mask is None else mask * x_u)
    if form == "score":
        return np.mean((sigma * guess + noise) ** 2)
    if form == "v":
        return np.mean((guess - (alpha * noise - sigma * x)) ** 2)
    return np.mean((guess - (noise if form == "noise" else x)) ** 2)


def bound_slope(model, x, u, noise, mask=None):
    """Return minus the mean of the continuous bound, in nats, and the gradient.

    x, u, noise, mask : as for simple_loss. The gradient is that of the loss, but for
    what shapes a learned log SNR between its ends that of its variance
    """

    def losses(model):
        shown = model if mask is None else Masked(model, mask)
        return -continuous_bound(shown, x, u, noise)

    values, pullback = vjp(losses, model)
    (gradient,) = pullback(np.full_like(values, 1 / len(x)))
    if tree_leaves(model.log_snr):
        (spread,) = pullback(2 * (values - np.mean(values)) / len(x))
        spread.log_snr.ends = gradient.log_snr.ends
        gradient.log_snr = spread.log_snr
    return np.mean(values), gradient


@dataclass(frozen=True, eq=False)
class Masked:
    """A model whose network is shown x_u times a mask : (n, d), for its bound."""

    model: Any
    mask: NDArray

    @property
    def log_snr(self):
        """The log SNR of the model."""
        return self.model.log_snr

    def denoise(self, x, log_snr):
        """Return the guess of x_0 at x : (n, d), (n, d)."""
        return self.model.denoiser.denoise(x, log_snr, self.mask * x)

    def log_likelihood_at_start(self, x0, x1, log_snr):
        """Return log p(x_0 | x_1) of the model, which asks no network, (n,)."""
        return self.model.log_likelihood_at_start(x0, x1, log_snr)


def require_dropout(dropout: float) -> None:
    """Raise ValueError unless it is in [0, 1)."""
    if not 0 <= dropout < 1:
        raise ValueError(
            f"dropout is {dropout}; it is the share of the entries of x that a network "
            "is not shown while it learns, and some have to be left: 0 for none, 0.1"
        )


def require_loss(loss: str, model=None) -> None:
    """Raise ValueError unless there is such a loss, and it says what the model asks."""
    if loss not in LOSSES:
        raise ValueError(
            f"there is no loss {loss!r}; the names are {', '.join(LOSSES)}"
        )
    if model is not None and loss == "simple" and tree_leaves(model.log_snr):
        raise ValueError(
            'the log SNR is to be learned, and the loss is "simple": it would learn to '
            'ask only what is easy to guess. Write loss="bound", or create the model '
            "with a LinearLogSNR"
        )
