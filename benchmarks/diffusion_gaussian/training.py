"""A linear denoiser that is trained, and how far it is from the exact one.

At each of T times it guesses the noise by a matrix and a vector of its own,

    epshat_t = G_t x_t + g_t,   x0hat_t = (x_t - sigma_t epshat_t) / alpha_t,

as general as a linear denoiser can be. It learns like any network: from draws of the
data, noise and one random t each, by the gradient of the library's bound and Adam. As
all that is linear has its bound in closed form, it is known at every step what is still
missing to the best one.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autodiff import static, value_and_grad
from benchmarks.diffusion_gaussian.laws import (
    FIRST,
    LAST,
    STRAIGHT,
    draw,
    exact,
    points_of,
)
from models.diffusion_bounds import discrete_bound
from models.diffusion_forms import signal_and_noise
from models.diffusion_likelihood import log_likelihood_at_start, whole_times
from models.diffusion_training import even_times
from models.gaussian_denoiser import GaussianDenoiser
from models.linear_diffusion import LinearDiffusion
from models.log_snr import LinearLogSNR
from optim import Adam
from optim.finite import require_finite
from optim.fit import fit
from optim.schedules import CosineDecay

T, BATCH, RATE = 20, 512, 0.03
POINTS = 24  # of a learning curve


@dataclass(eq=False)
class LinearDenoiser:
    """The model above.

    gains : (T + 1, d, d), G; offsets : (T + 1, d), g. Those at t = 0 and 1 are not
        learned, as p(x_0 | x_1) asks for no guess
    """

    gains: NDArray
    offsets: NDArray
    log_snr: LinearLogSNR = static(default=STRAIGHT)
    levels: NDArray | None = static(default=None)

    @classmethod
    def create(cls, d: int) -> "LinearDenoiser":
        """Return the best denoiser of independent standard normals, where it begins."""
        sigma = STRAIGHT.schedule(T).noise
        return cls(sigma[:, np.newaxis, np.newaxis] * np.eye(d), np.zeros((T + 1, d)))

    @property
    def dimension(self) -> int:
        """d."""
        return self.offsets.shape[1]

    def denoise(self, x, log_snr):
        """Return x0hat at x : (n, d), whose log SNR : (n,) says which t it is."""
        t = np.rint(T * (FIRST - log_snr) / (FIRST - LAST)).astype(int)
        alpha, sigma = (row[:, np.newaxis] for row in signal_and_noise(log_snr))
        noise = np.einsum("nij,nj->ni", self.gains[t], x) + self.offsets[t]
        return (x - sigma * noise) / alpha

    log_likelihood_at_start = log_likelihood_at_start

    def closed(self) -> LinearDiffusion:
        """Return it as a model of which everything is known."""
        schedule = self.log_snr.schedule(T)
        alpha, sigma = schedule.signal, schedule.noise
        A = np.eye(self.dimension) - sigma[:, np.newaxis, np.newaxis] * self.gains
        c = -sigma[:, np.newaxis] * self.offsets
        return LinearDiffusion(
            schedule, A / alpha[:, np.newaxis, np.newaxis], c / alpha[:, np.newaxis]
        )


def best(data: GaussianDenoiser) -> LinearDenoiser:
    """Return the exact denoiser of the data, in this form."""
    schedule = STRAIGHT.schedule(T)
    A, c = data.at_times(schedule)
    alpha, sigma = schedule.signal[1:], schedule.noise[1:]
    found = LinearDenoiser.create(data.mean.size)
    eye = np.eye(data.mean.size)
    found.gains[1:] = eye - alpha[:, np.newaxis, np.newaxis] * A[1:]
    found.gains[1:] /= sigma[:, np.newaxis, np.newaxis]
    found.offsets[1:] = -(alpha / sigma)[:, np.newaxis] * c[1:]
    return found


@dataclass(eq=False)
class Watch:
    """A callback that notes the bound which is missing, in closed form.

    total : steps of the run
    steps : at which it looked; missing : to the bound of the exact denoiser, in nats,
        means over the data
    """

    data: GaussianDenoiser
    total: int
    steps: list[int] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)

    def __call__(self, info) -> None:
        """Look, if it is time."""
        if info.step in self.due:
            self.note(info.step, info.state[0])

    @property
    def due(self) -> set[int]:
        """The steps at which it looks, evenly on a logarithmic axis."""
        return set(np.geomspace(1, self.total, POINTS).astype(int))

    def note(self, step: int, model: LinearDenoiser) -> None:
        """Look at a model."""
        self.steps.append(step)
        self.missing.append(missing(model, self.data))


def missing(model: LinearDenoiser, data: GaussianDenoiser) -> float:
    """Return the mean bound of the exact denoiser less that of the model, in nats."""
    x_0 = points_of(data)
    difference = exact(data, T).bound(x_0) - model.closed().bound(x_0)
    return float(np.mean(difference))


def coefficient_error(model: LinearDenoiser, data: GaussianDenoiser) -> float:
    """Return the largest difference of an entry of G or g from the exact one."""
    truth = best(data)
    differences = model.gains - truth.gains, model.offsets - truth.offsets
    return max(float(np.max(np.abs(each[2:]))) for each in differences)


def floor(data: GaussianDenoiser, steps: int) -> float:
    """Return what regression on as many draws would miss, on average, in nats.

    At each t the noise is regressed on x_t and a constant, d + 1 numbers, from N draws;
    the squared error of a new one is larger by the share (d + 1) / N, to first order.
    """
    d, draws = data.mean.size, steps * BATCH / (T - 1)
    terms = np.mean(exact(data, T).denoising_terms(points_of(data)))
    return float((T - 1) * terms * (d + 1) / draws)


def learn(data: GaussianDenoiser, steps: int, rng: np.random.Generator):
    """Train a linear denoiser; return it with its learning curve.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    model, watch = LinearDenoiser.create(data.mean.size), Watch(data, steps)
    watch.note(0, model)
    (model, _), history = fit(
        step_for(data),
        (model, Adam(CosineDecay(RATE, steps))),
        None,
        steps=steps,
        rng=rng,
        callbacks=[watch],
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return model, watch


def step_for(data: GaussianDenoiser):
    """Return the step of `fit` that raises the bound of fresh draws of the data."""

    def loss(model, x, t, noise):
        return -np.mean(discrete_bound(model, x, t, noise, T))

    slope = value_and_grad(loss)

    def step(state, batch, rng):
        model, optimizer = state
        x, noise = draw(data, BATCH, rng), rng.standard_normal((BATCH, len(data.mean)))
        t = whole_times(even_times(BATCH, rng.random()), T)
        value, gradient = slope(model, x, t, noise)
        require_finite("the loss", value)
        optimizer.step(model, gradient)
        return state, {"loss": float(value)}

    return step
