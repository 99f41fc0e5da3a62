"""How a restricted Boltzmann machine learns from data: three steps, one loop."""

from collections.abc import Iterable
from dataclasses import fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contrastive_divergence import (
    contrastive_divergence,
    maximum_likelihood,
    persistent_contrastive_divergence,
)
from models.rbm_data import as_rows, is_binary
from optim import Batches, Checkpoint, Momentum
from optim.fit import fit as run
from optim.schedules import Schedule
from samplers.chains import require_count

METHODS = "exact", "cd", "pcd"


def fit(
    rbm,
    X: ArrayLike,
    *,
    steps: int,
    rng,
    method: str = "pcd",
    k: int = 1,
    batch_size: int = 50,
    chains: int = 100,
    learning_rate: float | Schedule = 0.1,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    callbacks: Iterable = (),
    checkpoint: Checkpoint | None = None,
):
    """Learn from X : (n, M), by so many updates of the parameters; return self.

    history_ holds the loss of each step: with method "exact" the negative
    log-likelihood of its batch in nats, else a free-energy gap, which is none.

    Parameters
    ----------
    X : of zeros and ones for binary units. Gray levels between are taken as they
        are, as the mean of their unit: a usual shortcut, but no likelihood rises
    method : "exact", by all states of the smaller layer; "cd", contrastive
        divergence; "pcd", persistent, with chains that start at rows of X
    k : Gibbs steps for each update
    batch_size : at most; n if there are no more examples
    chains : of "pcd"
    learning_rate : for the mean over a batch, a number or a schedule; best 0.02 or
        less for a sigma that is learned
    momentum, weight_decay : of the heavy ball; of W alone
    callbacks, checkpoint : as optim.fit takes them

    Raises ValueError or TypeError if the data or the settings do not fit, with all
    parameters as they were; NonFiniteError if the training diverges, with those of
    the last good step.
    """
    if method not in METHODS:
        raise ValueError(
            f"there is no method {method!r}; the names are {', '.join(METHODS)}"
        )
    X = as_data(rbm, X)
    rng = np.random.default_rng(rng)
    batches = Batches(X, size=min(batch_size, len(X)), rng=rng)
    # A copy without attributes that are no parameters, but with the same arrays.
    state: tuple = replace(rbm), Momentum(learning_rate, momentum)
    if method == "exact":
        step = maximum_likelihood(weight_decay=weight_decay)
    elif method == "cd":
        step = contrastive_divergence(k, weight_decay=weight_decay)
    else:
        step = persistent_contrastive_divergence(k, weight_decay=weight_decay)
        rows = rng.integers(len(X), size=require_count("chains", chains, 1))
        state = *state, X[rows]
    (trained, *_), rbm.history_ = run(
        step,
        state,
        batches,
        steps=steps,
        rng=rng,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    for field in fields(trained):
        setattr(rbm, field.name, getattr(trained, field.name))
    return rbm


def as_data(rbm, X: ArrayLike) -> NDArray:
    """Return X as as_rows does, or raise unless a binary machine can learn from it."""
    X = as_rows(rbm, X)
    if is_binary(rbm) and not (X.min() >= 0 and X.max() <= 1):
        raise ValueError(
            f"X has values from {X.min():g} to {X.max():g}, and the units are 0 or 1, "
            "or a mean between: rescale X, binarize it by X > threshold, or use a "
            "GaussianRBM for real numbers"
        )
    return X
