"""A network that predicts numbers: the mean squared error, minimized.

The targets are shifted and scaled to mean 0 and variance 1 for the fit, and predictions
back, so that one learning rate suits all units of y: fitted to a y + b, the network
predicts a times as much, plus b.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.estimator import checked_examples, checked_targets
from models.losses import mean_squared_error
from models.supervised import Supervised


@dataclass(eq=False, kw_only=True)
class MLPRegressor(Supervised):
    """A network that predicts numbers, one or several an example.

    The settings are those of `Supervised`; rng has no default.

    Attributes after `fit`
    ----------------------
    target_mean_, target_scale_ : the targets' mean and standard deviation (one where it
        is zero), numbers or (k,)
    network_ : MLP, from features to scaled targets
    history_ : the loss of each step, in units of the variance of y
    """

    kind = "regressor"
    learned = ("network_", "target_mean_", "target_scale_")

    def fit(self, X: ArrayLike, y: ArrayLike) -> "MLPRegressor":
        """Learn from examples X : (n, d) and targets y : (n,) or (n, k); return self.

        Raises ValueError or TypeError if the data do not fit, NonFiniteError if the
        training diverges.
        """
        X = checked_examples(X, self.dtype)
        y = np.asarray(checked_targets(y, len(X)), np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = y.mean(axis=0), y.std(axis=0)
        if not np.all(np.isfinite(scale)):
            raise ValueError(
                f"y runs from {y.min()} to {y.max()}, and its variance is larger than "
                "any number: give it in a larger unit"
            )
        scale = np.where(scale > 0, scale, 1)
        scaled = ((y - mean) / scale).reshape(len(y), -1).astype(self.dtype)
        self._fit(_regression_loss, X, scaled, scaled.shape[1])
        self.target_mean_, self.target_scale_ = mean, scale
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the predicted targets, (n,) or (n, k) as the y that was fitted."""
        outputs = self._outputs(X)
        scaled = outputs.reshape(len(outputs), *np.shape(self.target_mean_))
        return (scaled * self.target_scale_ + self.target_mean_).astype(self.dtype)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return R^2 = 1 - sum (y - prediction)^2 / sum (y - mean of y)^2.

        One for a perfect fit, zero for the mean as prediction, without a lower bound;
        of several targets the mean.
        """
        predicted = self.predict(X)
        y = np.asarray(checked_targets(y, len(predicted)), np.float64)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y has shape {y.shape} and the predictions {predicted.shape}; "
                "broadcasting would compare wrong pairs: give one shape"
            )
        total = np.sum((y - y.mean(axis=0)) ** 2, axis=0)
        if not np.all(total > 0):
            raise ValueError(
                "R^2 compares with the variance of y, which is zero here; give "
                "different targets"
            )
        return float(np.mean(1 - np.sum((y - predicted) ** 2, axis=0) / total))


def _regression_loss(network, x, targets):
    return mean_squared_error(network(x), targets)
