"""Noise schedules side by side, held to their formulas."""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.diffusion_mixture.chains import LAST, SCHEDULE
from benchmarks.experiment import Picture, Table
from benchmarks.figures import BLUE, GREEN, ORANGE, tidy
from samplers.schedules import cosine, linear, sigmoid

SCHEDULES = {
    "linear": linear(LAST),
    "sigmoid": sigmoid(LAST),
    "cosine": cosine(LAST),
    "cosine, no offset": SCHEDULE,
}


def schedule_error() -> float:
    """Return the largest relative error of abar against the formulas of schedules.

    All but the last time, where the cosine schedules are cut short.
    """
    t = np.arange(1, LAST)
    formulas = {
        "linear": np.cumprod(1 - np.linspace(1e-4, 0.02, LAST))[:-1],
        "sigmoid": 1 / (1 + np.exp(20 * (t - 1) / (LAST - 1) - 10)),
        "cosine": squared_cosine(t, 0.008) / squared_cosine(0, 0.008),
        "cosine, no offset": squared_cosine(t, 0.0),
    }
    return max(
        float(np.max(np.abs(SCHEDULES[name].abar[1:-1] / formula - 1)))
        for name, formula in formulas.items()
    )


def squared_cosine(t, offset: float):
    """Return cos^2(pi/2 (t/T + offset) / (1 + offset))."""
    return np.cos(np.pi / 2 * (t / LAST + offset) / (1 + offset)) ** 2


def schedules_table() -> Table:
    """List where the schedules begin and end."""
    rows = [
        (
            name,
            f"{schedule.beta[1]:.2g}",
            f"{schedule.log_snr[1]:.2f}",
            f"{schedule.log_snr[-1]:.2f}",
            f"{schedule.terminal_divergence:.1e}",
        )
        for name, schedule in SCHEDULES.items()
    ]
    return Table(
        "Schedules",
        ("schedule", "beta_1", "log SNR at 1", "log SNR at T", "divergence (nats)"),
        rows,
        f"Of T = {LAST} steps. The divergence is KL(q(x_T | x_0) || N(0, I)) for each "
        "dimension at x_0^2 = 1, by which the reverse chain starts in a wrong law.",
    )


def schedules_picture() -> Picture:
    """Draw how much signal is left, and the ratio of signal to noise."""
    figure = Figure(figsize=(10.4, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    # Two of them are nearly the same: the broad line lies below the last.
    styles = zip((ORANGE, GREEN, "#bbb", BLUE), (1.3, 1.3, 4, 1.3), strict=True)
    for (color, width), (name, one) in zip(styles, SCHEDULES.items(), strict=True):
        t = np.arange(one.steps + 1) / one.steps
        left.plot(t, one.abar, color=color, lw=width, label=name)
        right.plot(t[1:], one.log_snr[1:], color=color, lw=width)
    for ax in (left, right):
        tidy(ax).set_xlabel("t / T")
    left.set_ylabel(r"$\bar\alpha_t$, share of the signal in the variance")
    left.legend(frameon=False, fontsize=8)
    right.set_ylabel(r"log SNR, $\log\, \bar\alpha_t / (1 - \bar\alpha_t)$ (nats)")
    figure.suptitle(f"Schedules of {LAST} steps")
    caption = (
        f"What is left of the signal after a share t / T of T = {LAST} steps, and the "
        "logarithm of its ratio to the noise. The linear schedule has little left for "
        "its last third; the cosine ones lose it evenly. Without its offset the "
        "cosine's steps are equal in the angle of signal and noise, and its first "
        "steps are smaller; the chains of this experiment use that one."
    )
    return Picture("schedules", figure, caption)
