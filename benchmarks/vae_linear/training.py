"""Linear VAEs that are trained, and held to probabilistic PCA in closed form.

The mean over the data of the ELBO, a quadratic function of x, depends on their mean m
and their covariance alone. It is therefore the same for the 2 r points

    m +- sqrt(r lambda_j) u_j,        j = 1 ... r,

with the r axes u_j and variances lambda_j of the data. On these L-BFGS maximizes the
exact ELBO, in which there is no noise. What it found is measured on the data.

The usual training, by Adam on batches of the data and with one draw of the noise for
each example, is watched beside it. Its rate falls to zero, and so does its noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import subspace_angles

from benchmarks.experiment import Metric, Table
from data import load_digits
from models.linear_vae import (
    exact_elbo,
    exact_log_likelihood,
    linear_vae,
    require_linear,
)
from models.pca import PCA
from models.probabilistic_pca import ProbabilisticPCA
from models.vae import VAE
from optim import LBFGS, CosineDecay, minimize

GAUSSIAN, DIGITS = "correlated Gaussian", "gray digits"
NOISY = f"{GAUSSIAN}, Adam"
EXAMPLES, VARIANCES, LATENTS = 2000, np.geomspace(8, 1 / 8, 10), 4
STEPS = {
    GAUSSIAN: {"quick": 400, "full": 2000},
    DIGITS: {"quick": 1100, "full": 5000},
}
ADAM_STEPS, RATE = {"quick": 1500, "full": 20_000}, 1e-2
LOOKS = 60  # at the learning model
CLOSE = {"quick": 3e-3, "full": 1e-3}  # nats, by the exact ELBO
ADAM_CLOSE = {"quick": 3e-2, "full": 1e-3}


@dataclass(frozen=True, eq=False)
class Problem:
    """Data, and what is known of them.

    X : (n, M); d : the number of latents
    pca : all axes with a variance; ppca : the law of d latents most likely for X
    """

    X: NDArray
    d: int
    pca: PCA
    ppca: ProbabilisticPCA

    @classmethod
    def of(cls, X: NDArray, d: int) -> "Problem":
        """Solve the problem in closed form."""
        return cls(X, d, PCA.fit(X), ProbabilisticPCA.fit(X, d))

    @property
    def best(self) -> float:
        """The largest mean of log p(x) that d latents can have, in nats."""
        return float(np.mean(self.ppca.log_likelihood(self.X)))

    @property
    def start(self) -> float:
        """The mean variance of a feature, at which the noise of a model starts."""
        return float(self.pca.total_variance) / self.X.shape[1]


@dataclass(frozen=True, eq=False)
class Learned:
    """One training.

    steps : (looks,), after which it was looked at
    gaps : (looks,), the mean of log p(x) at the optimum, less the ELBO, in nats
    angles : (looks,), between the principal subspace and that of W, in degrees
    vae : the model of the end
    """

    steps: NDArray[np.int64]
    gaps: NDArray[np.float64]
    angles: NDArray[np.float64]
    vae: VAE


def problems(rng) -> dict[str, Problem]:
    """Return the data of both problems."""
    Q, _ = np.linalg.qr(rng.standard_normal((len(VARIANCES), len(VARIANCES))))
    draws = rng.standard_normal((EXAMPLES, len(VARIANCES)))
    X, _ = load_digits().train_set
    return {
        GAUSSIAN: Problem.of(draws @ (Q * np.sqrt(VARIANCES)).T, LATENTS),
        DIGITS: Problem.of(X, 10),
    }


def matched_points(pca: PCA) -> NDArray:
    """Return points (2 r, M) with the mean and the covariance of the data."""
    r = len(pca.components)
    steps = np.sqrt(r * pca.explained_variance)[:, np.newaxis] * pca.components
    return pca.mean + np.concatenate([steps, -steps])


def climb(pca: PCA, vae: VAE, steps: int, callbacks=()) -> int:
    """Maximize the exact ELBO by L-BFGS, in place, and return the steps it took."""
    x = matched_points(pca)
    optimizer = LBFGS(memory=50, gradient_tolerance=1e-7, decrease_tolerance=1e-15)

    def loss(vae):
        return -np.mean(exact_elbo(vae, x))

    outcome = minimize(loss, vae, optimizer, steps=steps, callbacks=callbacks)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt
    return outcome.iterations


def learn(problem: Problem, steps: int, rng, *, noisy: bool = False) -> Learned:
    """Train a model by the exact ELBO, or, if noisy, by draws of it."""
    vae = linear_vae(problem.X.shape[1], problem.d, variance=problem.start, rng=rng)
    x, best = matched_points(problem.pca), problem.best
    due = set(np.geomspace(1, steps, LOOKS).astype(int))
    seen, gaps, angles = [], [], []

    def look(step, moving):
        seen.append(step)
        gaps.append(best - float(np.mean(exact_elbo(moving, x))))
        angles.append(angle(problem, moving))

    def watch(info):
        if info.step in due:
            look(info.step, info.state[0])

    if noisy:
        rates = CosineDecay(RATE, steps=steps)
        vae.fit(problem.X, steps=steps, rng=rng, learning_rate=rates, callbacks=[watch])
        if vars(vae)["history_"].interrupted:
            raise KeyboardInterrupt
    else:
        taken = climb(problem.pca, vae, steps, [watch])
        if taken not in seen:
            look(taken, vae)
    return Learned(np.array(seen), np.array(gaps), np.array(angles), vae)


def learn_all(size: str, found: Mapping[str, Problem], rng) -> dict[str, Learned]:
    """Train on both problems by the exact ELBO, and on the first one by draws of it."""
    learned = {
        name: learn(problem, STEPS[name][size], rng) for name, problem in found.items()
    }
    noisy = learn(found[GAUSSIAN], ADAM_STEPS[size], rng, noisy=True)
    return learned | {NOISY: noisy}


def couplings(vae: VAE) -> NDArray:
    """Return W, (M, d)."""
    return vae.decoder.network.layers[0].weights.T


def noise_variance(vae: VAE) -> float:
    """Return s^2."""
    return float(np.exp(require_linear("decoder", vae.decoder).log_variance))


def angle(problem: Problem, vae: VAE) -> float:
    """Return the largest principal angle of the two subspaces, in degrees."""
    axes = problem.pca.components[: problem.d].T
    return float(np.degrees(np.max(subspace_angles(axes, couplings(vae)))))


def tilt(problem: Problem, vae: VAE) -> float:
    """Return the largest angle between an axis and the column of W nearest to it."""
    W = couplings(vae)
    cosines = np.abs(problem.pca.components[: problem.d] @ W)
    cosines = np.max(cosines / np.linalg.norm(W, axis=0), axis=1)
    return float(np.degrees(np.arccos(np.min(np.minimum(cosines, 1)))))


def noise_error(problem: Problem, vae: VAE) -> float:
    """Return how far s^2 is off the mean discarded variance, relative."""
    return abs(noise_variance(vae) / float(problem.ppca.variance) - 1)


def shortfall(problem: Problem, vae: VAE) -> float:
    """Return by how much the mean of log p(x) lies below its maximum, in nats."""
    return problem.best - float(np.mean(exact_log_likelihood(vae, problem.X)))


def learned_metrics(
    found: Mapping[str, Problem], learned: Mapping[str, Learned], size: str
) -> list[Metric]:
    """Return what the trained models are held to."""
    metrics = []
    for name, problem in found.items():
        metrics += problem_metrics(name, problem, learned[name], CLOSE[size])
    problem, noisy = found[GAUSSIAN], learned[NOISY].vae
    metrics.append(
        Metric(
            f"{NOISY}: log p(x) below the optimum",
            shortfall(problem, noisy),
            "nats",
            at_least=-1e-9,
            at_most=ADAM_CLOSE[size],
            reference=0.0,
            source="probabilistic PCA in closed form",
        )
    )
    return metrics


def problem_metrics(name: str, problem: Problem, learned: Learned, close: float):
    """Return the metrics of a training by the exact ELBO."""
    vae, closed = learned.vae, "probabilistic PCA in closed form"
    return [
        Metric(
            f"{name}: mean log p(x)",
            float(np.mean(exact_log_likelihood(vae, problem.X))),
            "nats",
            tolerance=close,
            reference=problem.best,
            source=closed,
        ),
        Metric(
            f"{name}: log p(x) below the optimum",
            shortfall(problem, vae),
            "nats",
            at_least=-1e-9,
            at_most=close,
            reference=0.0,
            source=closed,
        ),
        Metric(
            f"{name}: ELBO below that optimum",
            float(problem.best - np.mean(exact_elbo(vae, problem.X))),
            "nats",
            at_least=-1e-9,
            at_most=2 * close,
            reference=0.0,
            source="the bound is tight there",
        ),
        Metric(
            f"{name}: angle to the principal subspace",
            angle(problem, vae),
            "degrees",
            at_most=1.0,
            reference=0.0,
            source="the subspaces are equal",
        ),
        Metric(
            f"{name}: s^2 off the mean discarded eigenvalue",
            noise_error(problem, vae),
            at_most=close,
            reference=0.0,
            source="they are equal",
        ),
    ]


def learned_table(
    found: Mapping[str, Problem], learned: Mapping[str, Learned]
) -> Table:
    """Tabulate all trainings."""
    rows = []
    for name, run in learned.items():
        problem = found.get(name, found[GAUSSIAN])
        rows.append(
            (
                name,
                f"{run.steps[-1]}",
                f"{problem.best:.4f}",
                f"{shortfall(problem, run.vae):.1e}",
                f"{problem.best - np.mean(exact_elbo(run.vae, problem.X)):.1e}",
                f"{angle(problem, run.vae):.3f}",
                f"{tilt(problem, run.vae):.3f}",
                f"{noise_error(problem, run.vae):.1e}",
            )
        )
    header = (
        "training",
        "steps",
        "best log p(x) (nats)",
        "log p(x) below",
        "ELBO below",
        "subspace (degrees)",
        "worst axis (degrees)",
        "s^2 off, relative",
    )
    caption = (
        "What the trained models lack of probabilistic PCA in closed form. The ELBO "
        "turns the columns of W to the principal axes themselves, and not only into "
        "their subspace; where two variances are close it does so slowly."
    )
    return Table("trained linear VAEs", header, rows, caption)
