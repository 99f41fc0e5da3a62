"""The step of supervised learning, for `fit`: a loss and the gradient of one batch."""

from collections.abc import Callable

from autodiff import value_and_grad
from optim.clipping import clip_by_norm
from optim.finite import require_finite


def descent(loss: Callable, *, max_norm: float | None = None) -> Callable:
    """Return the step that lowers a loss by the gradient of one batch.

    The state is (model, optimizer) or (model, optimizer, average) and the batch a tuple
    of arrays:

        step((model, optimizer, average), batch, rng):
            value, gradient = value_and_grad(loss)(model, *batch)
            gradient, norm = clip_by_norm(gradient, max_norm)
            optimizer.step(model, gradient)
            average.update(model)
            return (model, optimizer, average), {"loss": value, "gradient norm": norm}

    Parameters
    ----------
    loss : (model, *batch) -> a scalar
    max_norm : the length at which gradients are clipped; None for never. With it the
        metrics hold "gradient norm", before clipping, beside "loss"

    Raises NonFiniteError if the value or that length is not finite, before the
    optimizer moves.
    """
    differentiate = value_and_grad(loss)

    def step(state, batch, rng):
        model, optimizer, *averages = state
        value, gradient = differentiate(model, *batch)
        require_finite("loss", value)
        metrics = {"loss": float(value)}
        if max_norm is not None:
            gradient, norm = clip_by_norm(gradient, max_norm)
            require_finite("gradient norm", norm)
            metrics["gradient norm"] = norm
        optimizer.step(model, gradient)
        for average in averages:
            average.update(model)
        return state, metrics

    return step
