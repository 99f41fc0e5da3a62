"""Optimizers: where they go in a ravine, on Rosenbrock's valley and on digits.

In a ravine gradient descent, momentum and Nesterov's method are held to their closed
forms. On Rosenbrock's function gradients are counted. On digits each method trains the
same network at the learning rate that is best on validation images, and what other
rates give is drawn beside.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Metric, Picture, Result, Table
from benchmarks.optimizers.descents import (
    CONTRACTIONS,
    RAVINE,
    ROSENBROCK,
    ROSENBROCK_START,
    SOLVED,
    START,
    Path,
    closed_form,
    descend,
    ravine,
)
from benchmarks.optimizers.evaluations import rosenbrock, sums
from benchmarks.optimizers.figures import (
    draw_rates,
    draw_training,
    ravine_picture,
    rosenbrock_picture,
)
from data import load_digits, split
from models import MLP, accuracy, cross_entropy
from optim import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Batches,
    Momentum,
    Nesterov,
    NonFiniteError,
    RMSprop,
    descent,
    fit,
)

BUDGET = 20
RAVINE_STEPS, ROSENBROCK_STEPS = 100, 3000
BATCH, STEPS, EVERY = 64, 1000, 20
# For each method the rate of the least validation loss after STEPS steps, mean of five
# seeds, of two rates a decade. A full run trains at the rates around it too.
METHODS: dict[str, tuple[Callable, float]] = {
    "SGD": (SGD, 1.0),
    "Momentum": (Momentum, 10**-0.5),
    "Nesterov": (Nesterov, 10**-0.5),
    "AdaGrad": (AdaGrad, 10**-1.0),
    "RMSprop": (RMSprop, 10**-3.0),
    "Adam": (Adam, 10**-2.5),
    "AdamW": (AdamW, 10**-1.5),
}
EXPONENTS = {"quick": (-0.5, 0.0, 0.5), "full": (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0)}
DIVERGED = 100.0  # nats, kept for a larger loss


@dataclass(frozen=True, eq=False)
class Training:
    """One training: the loss on all training images after every EVERY steps, the loss
    on the validation images and the accuracy on the test images at the end."""

    curve: list[float]
    validation: float
    accuracy: float


def loss(model, x, labels):
    """Return the mean cross-entropy in nats; x : (n, 64), labels : (n,)."""
    return cross_entropy(model(x), labels)


def run(seed: int, size: str) -> Result:
    """Descend in the plane, then train on digits at several rates."""
    ravines = {
        name: descend(ravine, START, make(), RAVINE_STEPS)
        for name, make in RAVINE.items()
    }
    valleys = {
        name: descend(rosenbrock, ROSENBROCK_START, make(), ROSENBROCK_STEPS, SOLVED)
        for name, make in ROSENBROCK.items()
    }
    evaluations = {method: sums(method) for method in ("BFGS", "L-BFGS")}
    exponents = EXPONENTS[size]
    trainings = {
        name: [train(make, rate * 10**exponent, seed) for exponent in exponents]
        for name, (make, rate) in METHODS.items()
    }
    tuned = exponents.index(0.0)
    curves = {name: found[tuned].curve for name, found in trainings.items()}
    rates = {
        name: {"rate": [rate * 10**exponent for exponent in exponents]}
        | {"loss": [training.validation for training in trainings[name]]}
        | {"tuned": tuned}
        for name, (_, rate) in METHODS.items()
    }
    return Result(
        metrics=[
            *ravine_metrics(ravines),
            *rosenbrock_metrics(valleys),
            *evaluation_metrics(evaluations),
            *digits_metrics({name: found[tuned] for name, found in trainings.items()}),
        ],
        figures=[
            ravine_picture(ravines, closed_forms()),
            rosenbrock_picture(valleys),
            digits_picture(curves, rates, seed),
        ],
        tables=[rosenbrock_table(valleys), evaluation_table(evaluations)],
        series={"curves": curves, "rates": rates},
    )


def closed_forms() -> dict[str, np.ndarray]:
    """Return the points of each closed form."""
    return {name: closed_form(name, RAVINE_STEPS) for name in CONTRACTIONS}


def train(make: Callable, rate: float, seed: int) -> Training:
    """Train a new network with a method; seed decides split, weights and batches."""
    digits = load_digits()
    rngs = np.random.default_rng(seed).spawn(3)
    x, labels = digits.train_set
    chosen, held_out = split(len(x), (0.8, 0.2), rng=rngs[0], labels=labels)
    model = MLP.create((64, 128, 10), activation="tanh", rng=rngs[1])
    batches = Batches(x[chosen], labels[chosen], size=BATCH, rng=rngs[2])
    curve = []

    def measure(info):
        if info.step % EVERY == 0:
            curve.append(min(float(loss(model, x[chosen], labels[chosen])), DIVERGED))

    try:
        _, history = fit(
            descent(loss),
            (model, make(rate)),
            batches,
            steps=STEPS,
            rng=rngs[2],
            callbacks=[measure],
        )
    except NonFiniteError:
        missing = STEPS // EVERY - len(curve)
        return Training(curve + missing * [DIVERGED], DIVERGED, 0.1)
    if history.interrupted:
        raise KeyboardInterrupt
    validation = float(loss(model, x[held_out], labels[held_out]))
    x_test, labels_test = digits.test_set
    correct = accuracy(model(x_test), labels_test)
    return Training(curve, min(validation, DIVERGED), correct)


def ravine_metrics(paths: dict[str, Path]) -> list[Metric]:
    """Hold the paths to their closed forms: the error of theta relative to its size.

    The size is that of the slower component in theory, contraction^k |theta_0|.
    """
    metrics = []
    for name, contraction in CONTRACTIONS.items():
        power, why = (1, "") if name == "SGD" else (3, " at a double root")
        points = paths[name].points
        error = np.linalg.norm(points - closed_form(name, RAVINE_STEPS), axis=1)
        size = np.linalg.norm(START) * contraction ** np.arange(len(points))
        metrics.append(
            Metric(
                f"ravine, {name}: distance from the closed form",
                float(np.max(error / size)),
                at_most=1e-9,
                reference=float(np.finfo(float).eps) * RAVINE_STEPS**power,
                source=f"k^{power} eps: how k steps magnify rounding{why}",
            )
        )
    return metrics


def rosenbrock_metrics(paths: dict[str, Path]) -> list[Metric]:
    """Count the gradients of the two quasi-Newton methods."""
    return [
        Metric(
            f"Rosenbrock, {name}: gradients until f < 1e-8",
            float(paths[name].solved(SOLVED) or math.inf),
            at_most=60,
            tolerance=2,
        )
        for name in ("BFGS", "L-BFGS")
    ]


def rosenbrock_table(paths: dict[str, Path]) -> Table:
    """List what every method needed, or where it was when the steps ended."""
    rows = []
    for name, path in paths.items():
        solved = path.solved(SOLVED)
        needed = f"{solved}" if solved else f"not within {path.evaluations[-1]}"
        rows.append((name, needed, f"{path.values[-1]:.2g}"))
    return Table(
        "Rosenbrock's function from (-1.2, 1)",
        ("method", "gradients until f < 1e-8", "last value"),
        rows,
        "Each method at the best of four rates a decade. A gradient is one step of the "
        "first six methods; BFGS and L-BFGS compute some more while they search along "
        "a line, and choose their own steps.",
    )


def evaluation_metrics(evaluations: dict[str, list]) -> list[Metric]:
    """Hold the evaluations, summed over five problems, to SciPy's."""
    return [
        Metric(
            f"{method}: evaluations over SciPy's, five problems",
            rows[-1][1] / rows[-1][2],
            at_most=1.2,
            tolerance=0.05,
            reference=1.0,
            source="scipy.optimize.minimize, same starts and tolerance",
        )
        for method, rows in evaluations.items()
    ]


def evaluation_table(evaluations: dict[str, list]) -> Table:
    """List the evaluations of every problem."""
    rows = [
        (method, problem, f"{ours}", f"{theirs}", f"{ours / theirs:.2f}")
        for method, found in evaluations.items()
        for problem, ours, theirs in found
    ]
    return Table(
        "Evaluations of value and gradient, beside SciPy",
        ("method", "problem", "ours", "SciPy's", "ratio"),
        rows,
        "Three starts a problem, summed; both stop where no entry of the gradient is "
        "larger than 1e-5.",
    )


def digits_metrics(tuned: dict[str, Training]) -> list[Metric]:
    """Report the loss that each method reached, and the accuracy on test images."""
    losses = [
        Metric(
            f"digits, {name}: training loss after {STEPS} steps",
            training.curve[-1],
            unit="nats",
            tolerance=1e-6,
        )
        for name, training in tuned.items()
    ]
    worst = min(training.accuracy for training in tuned.values())
    accuracy = Metric(
        "digits: test accuracy, worst method",
        worst,
        at_least=0.95,
        tolerance=0.003,
    )
    return [*losses, accuracy]


def digits_picture(curves, rates, seed: int) -> Picture:
    """Draw the training curves, and the validation loss against the rate."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    draw_training(steps, {name: [curve] for name, curve in curves.items()}, left)
    draw_rates({name: [found] for name, found in rates.items()}, right)
    figure.suptitle(f"Optimizers on digits (seed {seed})")
    caption = (
        f"A 64-128-10 network with tanh and batches of {BATCH} images, seed {seed}. "
        "Left: loss on the training images at each method's tuned rate. Right: loss "
        f"on the validation images after {STEPS} steps, against the rate; the tuned "
        "rate is ringed. Only the rates are tuned: momentum is 0.9, weight decay 0.01."
    )
    return Picture("digits", figure, caption)


def picture(series) -> Picture:
    """Draw the record: the training of all seeds beside the loss against the rate."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(EVERY, STEPS + 1, EVERY)
    seeds = len(series["curves"])
    gathered = {
        key: {name: [run[name] for run in series[key]] for name in METHODS}
        for key in ("curves", "rates")
    }
    draw_training(steps, gathered["curves"], left)
    draw_rates(gathered["rates"], right)
    figure.suptitle(f"Optimizers on digits ({seeds} seeds)")
    caption = (
        "The record. A 64-128-10 network with tanh learns the digits by seven methods. "
        f"Left: loss on the training images at each method's tuned rate, geometric "
        f"mean of {seeds} seeds in a band of one standard deviation of its logarithm. "
        f"Right: loss on validation images after {STEPS} steps against the rate, mean "
        "of the seeds; the tuned rate is ringed. Only the rates are tuned."
    )
    return Picture("record", figure, caption)
