"""Restricted Boltzmann machines learn digits in black and white, held to test images.

Machines of 16, 64 and 128 hidden units learn by persistent chains. Held to the truth
are the negative log-likelihood of 360 test images, exact for 16 units and by annealed
importance sampling for more; log Z by annealing, for 20 units, whose states can be
counted; and what the features of hidden units are worth to a classifier.

The test images decide nothing. Rates and numbers of steps were chosen by a fifth of the
training images, and so is the weight decay, by each full run anew.
"""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.bernoulli_mixture import fit_mixture, independent_pixels
from benchmarks.experiment import Picture, Result
from benchmarks.rbm_digits.chains import (
    UPPER_HALF,
    fair_coins,
    film,
    one_of_each,
    shuffled,
    surprise,
)
from benchmarks.rbm_digits.features import read_digits
from benchmarks.rbm_digits.figures import (
    draw_learning,
    free_energy_picture,
    learning_caption,
    learning_picture,
    partition_picture,
)
from benchmarks.rbm_digits.partition import COUNTED, Annealed, anneal
from benchmarks.rbm_digits.pictures import (
    fields_picture,
    filled_picture,
    film_picture,
)
from benchmarks.rbm_digits.tables import (
    decay_table,
    feature_metrics,
    filling_metrics,
    likelihood_metrics,
    machine_table,
    partition_metrics,
)
from benchmarks.rbm_digits.training import LearningCurve, Plan, Trained, learn, train
from data import load_digits

BUDGET = 12
HIDDEN = (16, 64, 128)
PLANS = {
    "quick": Plan(steps=8000, decays=(1e-3,), temperatures=1000),
    "full": Plan(steps=30_000, decays=(0.0, 3e-4, 1e-3, 3e-3), temperatures=5000),
}
POINTS = 25  # of a learning curve
COMPONENTS = 100  # of the mixture
STEPS_OF_COUNTED = 4000
NUMBERS = {"quick": (1, 16, 256), "full": (1, 4, 16, 64, 256)}  # of temperatures
RUNS = {"quick": 16, "full": 64}
READING = {"quick": 1500, "full": 8000}  # steps of the classifiers
FILLING = {"quick": 200, "full": 1000}  # Gibbs steps
STOPS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # of the chains shown
CHAINS = 4  # shown from noise, and as many from digits


def run(seed: int, size: str) -> Result:
    """Train all machines, measure them, and let the largest one draw."""
    plan, rngs = PLANS[size], np.random.default_rng(seed).spawn(5)
    digits = load_digits(dtype=np.float32)
    binary = digits.binarized()
    (x, _), (x_test, labels) = binary.train_set, binary.test_set
    trained, curve = learn_all(x, x_test, plan, rngs[0])
    log_Z, annealed = count(x, size, rngs[1])
    best = trained[-1].rbm
    bounds = best.log_partition_bounds(
        rng=rngs[1], temperatures=plan.temperatures, means=x.mean(axis=0)
    )
    mixture, pixels = fit_mixture(x, COMPONENTS, rng=rngs[2]), independent_pixels(x)
    lines = {
        "independent pixels": -float(pixels.log_likelihood(x_test).mean()),
        f"mixture of {COMPONENTS}": -float(mixture.log_likelihood(x_test).mean()),
    }
    filled = best.inpaint(x_test, UPPER_HALF, rng=rngs[3], steps=FILLING[size])
    by_mixture = mixture.fill(x_test, UPPER_HALF)
    surprises = [surprise(x_test, p) for p in (filled, by_mixture, pixels.m)]
    rows = [
        {"hidden": hidden, "train": found.train, "test": found.test}
        for hidden, found in zip(HIDDEN, trained, strict=True)
    ]
    return Result(
        metrics=[
            *likelihood_metrics(trained, lines, size),
            *partition_metrics(annealed, log_Z, bounds, size),
            *feature_metrics(*read_digits(digits, READING[size], rngs[4]), size),
            *filling_metrics(surprises, size),
        ],
        figures=[
            learning_picture(curve, rows, lines, seed),
            fields_picture([found.rbm.W for found in trained[:2]], seed),
            *pictures_of(trained[-1], x, x_test, labels, filled, seed),
            partition_picture(annealed, log_Z, seed),
        ],
        tables=[machine_table(trained, plan.steps), *decay_table(trained)],
        series={"curve": curve, "rows": rows, "lines": lines},
    )


def learn_all(x, x_test, plan: Plan, rng) -> tuple[list[Trained], dict[str, list]]:
    """Return a trained machine for each of HIDDEN, and the learning curve of the first.

    The curve holds steps, train and test, in exact nats an image.
    """
    at = np.unique(np.geomspace(20, plan.steps, POINTS).astype(int))
    curve = LearningCurve(x, x_test, at)
    trained = [
        learn(x, x_test, hidden, plan, rng, [curve] if hidden == HIDDEN[0] else [])
        for hidden in HIDDEN
    ]
    return trained, {"steps": at.tolist(), "train": curve.train, "test": curve.test}


def count(x: NDArray, size: str, rng) -> tuple[float, list[Annealed]]:
    """Return the exact log Z of a trained machine, and how it was annealed."""
    rbm = train(x, COUNTED, STEPS_OF_COUNTED, rng)
    log_Z = rbm.log_partition("exact").value
    return log_Z, anneal(rbm, x.mean(axis=0), NUMBERS[size], RUNS[size], rng)


def pictures_of(found: Trained, x, x_test, labels, filled, seed: int) -> list[Picture]:
    """Draw chains, halves filled in, and free energies of one machine.

    filled : (n_test, M), the test images with the lower half filled in
    """
    rng, rbm, hidden = np.random.default_rng(seed), found.rbm, len(found.rbm.b)
    shown = one_of_each(labels)
    ten = x_test[shown]
    coins = fair_coins(x.shape, x.dtype, rng)
    begin = np.concatenate([coins[:CHAINS], ten[:CHAINS]])
    noisy = np.where(UPPER_HALF, ten, coins[: len(ten)])
    rows = {
        "test image": ten,
        "reconstruction": rbm.reconstruct(ten),
        "upper half": np.where(UPPER_HALF, ten, np.nan),
        "filled in, mean": filled[shown],
        "filled in, a draw": rbm.gibbs(noisy, 200, rng=rng, clamped=UPPER_HALF),
    }
    images = {
        "training images": x,
        "test images": x_test,
        "shuffled pixels": shuffled(x, rng),
        "fair coins": coins,
    }
    costs = {
        name: -rbm.log_likelihood(some, log_partition=found.log_Z)
        for name, some in images.items()
    }
    return [
        film_picture(film(rbm, begin, STOPS, rng), STOPS, hidden, seed),
        filled_picture(rows, hidden, seed),
        free_energy_picture(costs, hidden, seed),
    ]


def picture(series) -> Picture:
    """Draw the record: exact learning curves of all seeds, and what they came to."""
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    rows = [
        {key: [row[key] for row in same] for key in ("train", "test")}
        | {"hidden": same[0]["hidden"]}
        for same in zip(*series["rows"], strict=True)
    ]
    lines = {
        name: float(np.mean([run[name] for run in series["lines"]]))
        for name in series["lines"][0]
    }
    draw_learning(series["curve"], rows, lines, figure)
    seeds = len(series["curve"])
    figure.suptitle(f"Machines learn 8 x 8 digits in black and white ({seeds} seeds)")
    caption = learning_caption(series["curve"][0]["steps"][-1])
    return Picture("record", figure, f"The record of {seeds} seeds. {caption}")
