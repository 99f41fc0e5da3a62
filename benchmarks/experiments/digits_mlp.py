"""A network of one hidden layer learns to read handwritten digits.

    x (64) -> h = tanh(x W1 + b1) (128) -> logits z = h W2 + b2 (10)

is trained by Adam on the mean cross-entropy of batches of 64 images. At its initial
parameters the gradient, by reverse-mode differentiation, is held to finite differences:
to complex steps entry by entry, and to four schemes along random directions. The hidden
layer is tanh and not relu because complex steps need an analytic loss.
"""

import time

import numpy as np
from matplotlib.figure import Figure

from autodiff import explain, grad, tree_flatten, tree_leaves
from benchmarks.experiment import Metric, Picture, Result, Text
from benchmarks.figures import GREY, plot_learning_curve, plot_v_curve
from benchmarks.finite_differences import EPS, v_curve, worst_entry
from data import Digits, load_digits
from models import MLP, accuracy, cross_entropy
from optim import Adam, Batches, descent, fit

BUDGET = 8
BATCH, STEPS, EVERY = 64, 2000, 20
H = 10.0 ** np.arange(-15, -0.9, 0.25)
DIRECTIONS = 16
# Full and quick runs train alike; a full one checks every entry of the gradient.
ENTRIES = {"quick": 500, "full": 64 * 128 + 128 + 128 * 10 + 10}
PYTORCH = 0.978


def loss(model, x, labels):
    """Return the mean cross-entropy in nats; x : (n, 64), labels : (n,)."""
    return cross_entropy(model(x), labels)


def loss_by_hand(parameters, x, labels):
    """Return the same loss in plain NumPy, for parameters of any dtype.

    parameters : W1 (64, 128), b1 (128,), W2 (128, 10), b2 (10,); real or complex.
    """
    W1, b1, W2, b2 = parameters
    z = np.tanh(x.astype(W1.real.dtype) @ W1 + b1) @ W2 + b2
    # The shift keeps exp from overflowing. It cancels: its derivative does not count.
    shift = z.real.max(axis=1)
    log_partition = shift + np.log(np.exp(z - shift[:, np.newaxis]).sum(axis=1))
    return np.mean(log_partition - z[np.arange(len(labels)), labels])


def run(seed: int, size: str) -> Result:
    """Check the gradient of a new network, then train it."""
    digits = load_digits()
    rngs = np.random.default_rng(seed).spawn(4)
    model = MLP.create((64, 128, 10), activation="tanh", rng=rngs[0])

    x, labels = (array[:BATCH] for array in digits.train_set)
    program = str(explain(grad(loss), model, x, labels))
    theta, rebuild = tree_flatten(model)

    def by_hand(parameters):
        return loss_by_hand(parameters, x, labels)

    def gradient(parameters):
        return tree_leaves(grad(loss)(rebuild(parameters), x, labels))

    worst = worst_entry(
        by_hand, gradient(theta), theta, entries=ENTRIES[size], rng=rngs[1]
    )
    errors, taylor = v_curve(
        by_hand, gradient, theta, steps=H, directions=DIRECTIONS, rng=rngs[2]
    )

    curves, seconds = train(model, digits, rngs[3])
    x_test, labels_test = digits.test_set
    logits = model(x_test)
    return Result(
        metrics=[
            Metric(
                "test accuracy",
                accuracy(logits, labels_test),
                at_least=0.965 if size == "quick" else 0.975,
                tolerance=0.003,
                reference=PYTORCH,
                source="PyTorch, same split and network, 5 seeds (sd 0.003)",
            ),
            Metric(
                "test cross-entropy",
                float(cross_entropy(logits, labels_test)),
                unit="nats",
                tolerance=1e-3,
            ),
            Metric("training time", seconds, unit="s"),
            Metric(
                "gradient against complex steps, worst relative error",
                worst,
                at_most=1e-14,
                reference=EPS,
                source="eps, the spacing of floating-point numbers at 1",
            ),
            *best_errors(errors),
        ],
        figures=[
            learning_picture(curves, seed),
            v_picture(errors, taylor, seed),
            mistakes_picture(digits, logits.argmax(axis=1), seed),
        ],
        texts=[
            Text(
                "The program of the gradient",
                program,
                "What explain(grad(loss), model, x, labels) prints: backpropagation, "
                "derived for this loss, as NumPy source that runs.",
            )
        ],
        series=curves | {"errors": errors, "taylor": taylor},
    )


def train(model, digits: Digits, rng) -> tuple[dict[str, list[float]], float]:
    """Train the model in place; return its learning curves and the seconds.

    The curves are the loss on all training images and the accuracy on all test images,
    after every EVERY steps; the seconds include them.
    """
    curves: dict[str, list[float]] = {"steps": [], "loss": [], "accuracy": []}
    x_train, labels_train = digits.train_set
    x_test, labels_test = digits.test_set

    def measure(info):
        if info.step % EVERY == 0:
            curves["steps"].append(info.step)
            curves["loss"].append(float(loss(model, x_train, labels_train)))
            curves["accuracy"].append(accuracy(model(x_test), labels_test))

    batches = Batches(x_train, labels_train, size=BATCH, rng=rng)
    state = (model, Adam(learning_rate=1e-3))
    start = time.perf_counter()
    _, history = fit(
        descent(loss), state, batches, steps=STEPS, rng=rng, callbacks=[measure]
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return curves, time.perf_counter() - start


def best_errors(errors: dict[str, np.ndarray]) -> list[Metric]:
    """Return the least error of each double-precision scheme, beside its theory."""
    rows = {
        "forward": (1e-6, EPS ** (1 / 2), "eps^(1/2), where h = eps / h"),
        "central": (1e-8, EPS ** (2 / 3), "eps^(2/3), where h^2 = eps / h"),
        "complex step": (1e-14, EPS, "eps: nothing is subtracted"),
    }
    return [
        Metric(
            f"finite differences, {name}: best relative error",
            float(np.min(errors[name])),
            at_most=limit,
            tolerance=4 * theory,
            reference=theory,
            source=source,
        )
        for name, (limit, theory, source) in rows.items()
    ]


def draw_accuracy(steps, accuracies, ax) -> None:
    """Draw the test accuracy, with PyTorch's as a line to reach."""
    plot_learning_curve(steps, accuracies, label="this network", ax=ax)
    ax.axhline(PYTORCH, color=GREY, lw=1, ls="--", label=f"PyTorch, {PYTORCH}")
    ax.set(ylim=(0.9, 1.0), ylabel="accuracy on the test images")
    ax.legend(loc="lower right", frameon=False)


def draw_v_curve(errors, taylor, ax) -> None:
    """Draw the V-curve with its legend."""
    plot_v_curve(H, errors, taylor=taylor, ax=ax)
    ax.set(ylim=(1e-17, 1e4), xlabel="step h of every parameter")
    ax.legend(loc="lower right", frameon=False)


def learning_picture(curves, seed: int) -> Picture:
    """Draw the loss and the accuracy of one training."""
    figure = Figure(figsize=(8.6, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_learning_curve(curves["steps"], curves["loss"], ax=left)
    left.set(yscale="log", ylabel="loss on the training images (nats)")
    left.yaxis.set_major_formatter("{x:g}")
    draw_accuracy(curves["steps"], curves["accuracy"], right)
    figure.suptitle(f"A 64-128-10 network learns to read digits (seed {seed})")
    caption = (
        "Loss on all 1437 training images and accuracy on all 360 test images, during "
        f"{STEPS} steps of Adam with batches of {BATCH} images "
        f"({STEPS * BATCH / 1437:.0f} epochs), seed {seed}."
    )
    return Picture("learning curve", figure, caption)


def v_picture(errors, taylor, seed: int) -> Picture:
    """Draw the error of finite differences of the loss."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    ax = figure.subplots()
    draw_v_curve(errors, taylor, ax)
    ax.set_title(f"Finite differences against the gradient (seed {seed})")
    caption = (
        "Relative error of finite differences of the loss, at the initial parameters, "
        f"against autodiff's gradient: root mean square over {DIRECTIONS} random "
        f"directions in which every parameter moves by h, seed {seed}. Dots are "
        "measured. Lines are theory, nothing fitted: truncation grows as h (forward) "
        "or h^2 (central, complex step), rounding as eps/h; the complex step has none. "
        "Where h is too small for float32 no parameter moves, and the error is 1."
    )
    return Picture("V curve", figure, caption)


def mistakes_picture(digits: Digits, predicted: np.ndarray, seed: int) -> Picture:
    """Draw the test images that the network reads wrongly, up to twelve."""
    labels = digits.labels[digits.test]
    wrong = np.flatnonzero(predicted != labels)
    shown = wrong[:12]
    figure = Figure(figsize=(max(1, len(shown)), 1.3), layout="constrained")
    for column, i in enumerate(shown, start=1):
        ax = figure.add_subplot(1, len(shown), column)
        ax.axis("off")
        ax.imshow(digits.images[digits.test[i]], cmap="gray_r", vmin=0, vmax=16)
        ax.set_title(f"{labels[i]} read as {predicted[i]}", fontsize=7)
    caption = (
        f"The {len(wrong)} of 360 test images that the trained network reads wrongly"
        f"{', the first 12 of them' if len(wrong) > 12 else ''}; seed {seed}."
    )
    return Picture("mistakes", figure, caption)


def picture(series) -> Picture:
    """Draw the record: the learning of all seeds, and the V-curve of the first."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    seeds = len(series["accuracy"])
    draw_accuracy(series["steps"][0], series["accuracy"], left)
    left.set_title(f"A 64-128-10 network learns to read digits ({seeds} seeds)")
    draw_v_curve(series["errors"][0], series["taylor"][0], right)
    right.set_title("Finite differences against its gradient (seed 0)")
    caption = (
        f"The record. Left: accuracy on the 360 test images, mean of {seeds} seeds in "
        "a band of one standard deviation. Right: the relative error of finite "
        "differences of the loss against autodiff's gradient; dots are measured, lines "
        "are theory with nothing fitted."
    )
    return Picture("record", figure, caption)
