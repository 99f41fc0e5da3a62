"""Small Boltzmann machines: XOR, bars and stripes, with every likelihood exact.

How well machines of few hidden units can do at all, by exact maximum likelihood from
many starts; and how near contrastive divergence and persistent chains come to it, which
their reconstruction errors do not tell.
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.experiment import Picture, Result
from benchmarks.rbm_toy.curves import (
    LARGEST,
    Learned,
    learn_all,
    learned_metrics,
    learned_table,
)
from benchmarks.rbm_toy.figures import (
    ERROR_LABEL,
    KL_LABEL,
    curves_picture,
    disagreement_picture,
    draw_curves,
    draw_restarts,
    optima_picture,
    xor_picture,
)
from benchmarks.rbm_toy.restarts import (
    XOR,
    restart_all,
    restart_metrics,
    restart_table,
)

BUDGET = 8


def run(seed: int, size: str) -> Result:
    """Find the optima, then learn in four ways."""
    rng = np.random.default_rng(seed)
    restarts = restart_all(size, rng)
    learned = learn_all(size, rng)
    curves = {
        name: {method: curve(run) for method, run in runs.items()}
        for name, runs in learned.items()
    }
    return Result(
        metrics=[*restart_metrics(restarts), *learned_metrics(learned, size)],
        figures=[
            xor_picture(restarts[XOR], seed),
            optima_picture(restarts, seed),
            curves_picture(curves, f"seed {seed}"),
            disagreement_picture(learned[LARGEST], seed),
        ],
        tables=[restart_table(restarts), learned_table(learned)],
        series={
            "XOR": {f"{n}": found.values for n, found in restarts[XOR].items()},
            "curves": curves[LARGEST],
        },
    )


def curve(run: Learned) -> dict[str, np.ndarray]:
    """Return what the record keeps of a training."""
    return {"steps": run.steps, "kl": run.kl, "errors": run.errors}


def picture(series) -> Picture:
    """Draw the record: restarts of XOR, KL and reconstruction error of 4 x 4."""
    figure = Figure(figsize=(12.6, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    seeds = len(series["curves"])
    hidden = [int(n) for n in series["XOR"][0]]
    draw_restarts({n: [run[f"{n}"] for run in series["XOR"]] for n in hidden}, left)
    left.set_title("XOR by exact maximum likelihood")
    runs = {
        method: {
            key: [run[method][key] for run in series["curves"]]
            for key in ("steps", "kl", "errors")
        }
        for method in series["curves"][0]
    }
    for key, ax in (("kl", middle), ("errors", right)):
        draw_curves(runs, key, ax)
        ax.set_xlabel("training step")
    middle.set(ylabel=KL_LABEL, title=LARGEST.capitalize())
    right.set(ylabel=ERROR_LABEL, title="The same: reconstruction")
    middle.legend(frameon=False, fontsize=8, loc="lower left")
    figure.suptitle(f"Small Boltzmann machines ({seeds} seeds)")
    caption = (
        f"The record, {seeds} seeds. Left: where L-BFGS on the exact likelihood of XOR "
        "ends, sorted, by the number of hidden units; dashed, machines that tell none, "
        "one, two or all patterns. Middle and right: KL(data || model) by all states "
        "and the reconstruction error while a machine learns bars and stripes, "
        "geometric means in a band of one standard deviation. By the error CD-1 does "
        "about as well as the exact gradient, while its KL rises."
    )
    return Picture("record", figure, caption)
