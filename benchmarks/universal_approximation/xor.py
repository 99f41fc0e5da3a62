"""XOR: four points that no line separates, and two hidden units do.

A linear model has logits with z(0,0) + z(1,1) = z(0,1) + z(1,0): they cannot be
negative for the first pair and positive for the second, and at most three points are
right (M. Minsky and S. Papert, Perceptrons, 1969). Its cross-entropy is convex, and at
zero weights, where every p is 1/2, the gradient is zero because both classes have the
same mean: log 2 is the minimum. One hidden unit is a monotone function of such a z: it
can set one point apart, and its cross-entropy stays above 3/4 of the entropy of 1/3.

A model that confuses some points gives them one logit, at best that of their mean
label. So training stops, if it does not solve the problem, on one of three plateaus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from autodiff import sigmoid, softplus
from benchmarks.experiment import Metric, Picture
from benchmarks.figures import BLUE, GREEN, GREY, ORANGE, tidy
from optim import Adam, descent, fit

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
LABELS = np.array([0.0, 1.0, 1.0, 0.0])
ALL, THREE, TWO = np.log(2), (np.log(3) + 2 * np.log(3 / 2)) / 4, np.log(2) / 2
PLATEAUS = {"all confused": ALL, "three confused": THREE, "two confused": TWO}
# Below this mean of four terms each one is less than log 2: every p is on its side.
SOLVED = np.log(2) / 4
NETWORKS, STEPS, EVERY = 200, 1000, 5
WIDTHS = (0, 1, 2, 3, 4, 8)


@dataclass(eq=False)
class Lines:
    """Many linear models, side by side; weights : (n, 2, 1), offset : (n, 1, 1)."""

    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, x):
        """Map x : (points, 2) to the logits of every model, (n, points)."""
        return (x @ self.weights + self.offset)[..., 0]


@dataclass(eq=False)
class Networks:
    """Many networks of one hidden layer of m units, side by side.

    weights : (n, 2, m) and bias : (n, 1, m) of the tanh units; output : (n, m, 1) and
    offset : (n, 1, 1) of the logit.
    """

    weights: np.ndarray
    bias: np.ndarray
    output: np.ndarray
    offset: np.ndarray

    def __call__(self, x):
        """Map x : (points, 2) to the logits of every network, (n, points)."""
        hidden = np.tanh(x @ self.weights + self.bias)
        return (hidden @ self.output + self.offset)[..., 0]


def create(n: int, m: int, rng) -> Lines | Networks:
    """Draw n models of m hidden units, linear for m = 0, with normal weights."""
    if m == 0:
        return Lines(rng.normal(size=(n, 2, 1)), rng.normal(size=(n, 1, 1)))
    return Networks(
        rng.normal(size=(n, 2, m)),
        rng.normal(size=(n, 1, m)),
        rng.normal(size=(n, m, 1)) / np.sqrt(m),
        rng.normal(size=(n, 1, 1)),
    )


def cross_entropies(models: Lines | Networks):
    """Return the mean cross-entropy of each model on the four points, in nats, (n,)."""
    logits = models(X)
    return np.mean(softplus(logits) - logits * LABELS, axis=1)


def train(models: Lines | Networks, rng) -> np.ndarray:
    """Train all models in place by Adam; return their losses, (times, n).

    The losses of all are added: by the parameters of one model, the derivative of the
    sum is that of its own loss.
    """
    losses = [cross_entropies(models)]

    def total(models):
        return np.sum(cross_entropies(models))

    def measure(info):
        if info.step % EVERY == 0:
            losses.append(cross_entropies(models))

    state = (models, Adam(learning_rate=0.05))
    _, history = fit(
        descent(total), state, None, steps=STEPS, rng=rng, callbacks=[measure]
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return np.array(losses)


def train_all(rng) -> tuple[dict, dict]:
    """Return width -> models, trained, and width -> their losses."""
    models = {m: create(NETWORKS, m, rng) for m in WIDTHS}
    return models, {m: train(models[m], rng) for m in WIDTHS}


def fractions(losses: Mapping[int, np.ndarray]) -> list[float]:
    """Return the fraction of models that solved XOR, for each width."""
    return [float(np.mean(losses[m][-1] < SOLVED)) for m in WIDTHS]


def most_points_right(models: Lines | Networks) -> float:
    """Return the largest fraction of the four points that a model has right."""
    right = (models(X) > 0) == (LABELS == 1)
    return float(np.max(np.mean(right, axis=1)))


def farthest_from_plateau(losses: Mapping[int, np.ndarray]) -> float:
    """Return the largest distance of an unsolved model's loss from a plateau, in nats.

    It is zero if all are solved.
    """
    final = np.concatenate([losses[m][-1] for m in WIDTHS])
    stuck = final[final >= SOLVED]
    levels = np.array(list(PLATEAUS.values()))
    gaps = np.min(abs(stuck[:, np.newaxis] - levels), axis=1)
    return float(np.max(gaps, initial=0))


def metrics(models: Mapping, losses: Mapping[int, np.ndarray]) -> list[Metric]:
    """Hold linear models and one unit to what they cannot do, others to solving it."""
    solved = dict(zip(WIDTHS, fractions(losses), strict=True))
    at_least = {2: 0.2, 3: 0.5, 4: 0.8, 8: 0.95}
    return [
        Metric(
            "XOR, no hidden unit: cross-entropy, best start",
            float(np.min(losses[0][-1])),
            unit="nats",
            at_least=ALL - 1e-12,
            tolerance=1e-9,
            reference=ALL,
            source="log 2: convex, and the gradient is zero where all p are 1/2",
        ),
        Metric(
            "XOR, no hidden unit: accuracy, best start",
            most_points_right(models[0]),
            at_most=0.75,
            reference=0.75,
            source="M. Minsky and S. Papert (1969)",
        ),
        Metric(
            "XOR, one hidden unit: cross-entropy, best start",
            float(np.min(losses[1][-1])),
            unit="nats",
            at_least=THREE,
            tolerance=1e-4,
            reference=THREE,
            source="a monotone function sets one point apart: 3/4 H(1/3)",
        ),
        Metric(
            "XOR: cross-entropy of unsolved starts, distance from a plateau, worst",
            farthest_from_plateau(losses),
            unit="nats",
            at_most=0.02,
            reference=0.0,
            source="points that are confused have one logit",
        ),
        *[
            Metric(
                f"XOR, {m} hidden units: fraction of starts that solve it",
                solved[m],
                at_least=bound,
                tolerance=0.02,
            )
            for m, bound in at_least.items()
        ],
    ]


def draw_losses(losses: Mapping[int, np.ndarray], ax: Axes) -> Axes:
    """Draw the losses of models of 0, 1 and 2 hidden units, and the plateaus."""
    tidy(ax)
    steps = EVERY * np.arange(len(losses[0]))[1:]
    labels = {2: (BLUE, "two"), 1: (GREEN, "one"), 0: (ORANGE, "no")}
    for m, (color, label) in labels.items():
        shown = losses[m][1:, : 40 if m == 2 else 10]
        lines = ax.plot(steps, shown, color=color, lw=0.8, alpha=0.7)
        lines[0].set_label(f"{label} hidden unit{'s' if m == 2 else ''}")
    for name, level in PLATEAUS.items():
        ax.axhline(level, color=GREY, lw=0.8, ls="--")
        ax.text(STEPS, level + 0.01, name, color=GREY, fontsize=8, ha="right")
    ax.set(xscale="log", xlim=(EVERY, STEPS), ylim=(0, 1.15))
    ax.set(xlabel="step of Adam", ylabel="cross-entropy (nats)")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(frameon=False, loc="upper right", ncols=3, fontsize=9)
    return ax


def draw_fractions(fractions: Sequence, ax: Axes) -> Axes:
    """Draw the fraction of models that solve XOR, with its standard error.

    fractions : (widths,), or (seeds, widths) for several seeds
    """
    tidy(ax)
    runs = np.atleast_2d(fractions)
    p, places = runs.mean(axis=0), np.arange(len(WIDTHS))
    error = np.sqrt(p * (1 - p) / (NETWORKS * len(runs)))
    ax.errorbar(places, p, error, color=BLUE, marker="o", ls="", capsize=3)
    ax.set_xticks(places, ["none", *map(str, WIDTHS[1:])])
    ax.set(ylim=(-0.05, 1.05), xlabel="hidden units", ylabel="fraction that solve XOR")
    return ax


def draw_surface(models: Lines | Networks, i: int, ax: Axes) -> AxesImage:
    """Draw p(1|x) of model i around the four points."""
    axis = np.linspace(-0.5, 1.5, 201)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    image = ax.imshow(
        sigmoid(models(x)[i]).reshape(201, 201),
        origin="lower",
        extent=(-0.5, 1.5, -0.5, 1.5),
        interpolation="none",
        cmap="RdBu_r",
        vmin=0,
        vmax=1,
    )
    for label, marker in ((0, "o"), (1, "^")):
        points = X[label == LABELS]
        ax.plot(*points.T, marker, color="white", mec="black", ms=9)
    ax.set(xticks=[0, 1], yticks=[0, 1], xlabel="$x_1$", ylabel="$x_2$")
    return image


def picture(models: Mapping, losses: Mapping[int, np.ndarray], seed: int) -> Picture:
    """Draw losses, fractions solved, and a surface for each way to end."""
    figure = Figure(figsize=(10.4, 6.6), layout="constrained")
    figure.suptitle(f"XOR by hidden units (seed {seed})")
    top, bottom = figure.subfigures(2, 1, squeeze=False)[:, 0]
    left, right = top.subplots(1, 2, width_ratios=[3, 2])
    draw_losses(losses, left)
    draw_fractions(fractions(losses), right)
    axes = bottom.subplots(1, 4, sharey=True)
    rows = ((0, ALL, "no"), (1, THREE, "one"), (2, TWO, "two"), (2, 0, "two"))
    for ax, (m, level, number) in zip(axes, rows, strict=True):
        final = losses[m][-1]
        i = int(np.argmin(abs(final - level)))
        image = draw_surface(models[m], i, ax)
        units = "units" if m == 2 else "unit"
        ax.set_title(f"{number} hidden {units}: {final[i]:.3f} nats", fontsize=10)
        ax.label_outer()
    bottom.colorbar(image, ax=axes, label="p(1 | x)", shrink=0.9)
    caption = (
        f"XOR, {NETWORKS} starts a width, seed {seed}. Top left: the cross-entropy of "
        "a linear model falls to log 2 and no further; networks that do not solve the "
        "problem stop on plateaus, whose heights follow from which points they "
        "confuse. Top right: the fraction of starts that end with all four points "
        "right, with its standard error. Two units suffice, but not from every start. "
        "Bottom: the probability of the label 1 (triangles), one model of each kind."
    )
    return Picture("XOR", figure, caption)
