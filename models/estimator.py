"""What scikit-learn asks of an estimator, without importing scikit-learn.

An estimator is a dataclass of settings. `fit` changes none of them and puts what it
learns into attributes that end in an underscore. With that, and the few methods below,
pipelines, cross-validation and grid search take it as one of theirs.

Reference: L. Buitinck et al. (2013), API design for machine learning software,
arXiv:1309.0238.
"""

import sys
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.sparse import issparse


class NotFittedError(ValueError, AttributeError):
    """What needs a fit was asked for before it.

    Where scikit-learn is loaded its own class of that name is raised, for programs that
    catch that.
    """


@dataclass(eq=False, kw_only=True)
class Estimator:
    """Settings that can be read and changed by name; `fit` sets n_features_in_."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name; `deep` is for estimators made of others."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **params: Any) -> "Estimator":
        """Change settings by name; the next `fit` uses them."""
        names = [field.name for field in fields(self)]
        for name in params:
            if name not in names:
                raise ValueError(
                    f"{type(self).__name__} has no setting {name!r}; it has "
                    f"{', '.join(names)}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _require_fitted(self) -> None:
        """Raise NotFittedError unless `fit` has been called."""
        if not hasattr(self, "n_features_in_"):
            theirs = sys.modules.get("sklearn.exceptions")
            raise (theirs.NotFittedError if theirs else NotFittedError)(
                f"this {type(self).__name__} has learned nothing yet; call fit(X, y) "
                "first"
            )

    def _new_examples(self, X: Any, dtype: Any) -> np.ndarray:
        """Return X as an array like the one that `fit` saw, or raise."""
        self._require_fitted()
        X, expected = checked_examples(X, dtype), getattr(self, "n_features_in_", 0)
        if X.shape[1] != expected:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{expected} features as input, those that fit saw"
            )
        return X


def checked_examples(X: Any, dtype: Any) -> np.ndarray:
    """Return X as an array (n, d) of finite numbers of a dtype, or raise."""
    if issparse(X):
        raise TypeError(
            "X is a sparse matrix, and a network multiplies by all entries: write "
            "X.toarray()"
        )
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: a gradient is one of real numbers. Write "
            "np.column_stack([X.real, X.imag])"
        )
    X = np.asarray(X, dtype)
    if X.ndim != 2:
        raise ValueError(
            f"X has shape {X.shape} and must be (n, d), a row an example. Reshape your "
            "data: X.reshape(len(X), -1) for images, X.reshape(-1, 1) for one feature"
        )
    for count, what in zip(X.shape, ("example", "feature"), strict=True):
        if count == 0:
            raise ValueError(
                f"X has 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required."
            )
    if not np.all(np.isfinite(X)):
        raise ValueError(
            f"X contains NaN or infinity, or a number too large for {X.dtype}; one of "
            "them makes every parameter NaN: drop the row, or fill it in"
        )
    return X


def checked_targets(y: Any, n: int) -> np.ndarray:
    """Return y as an array of n targets, (n,) or (n, k), or raise."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None")
    y = np.asarray(y)
    if y.ndim not in (1, 2) or len(y) != n:
        raise ValueError(
            f"X has {n} rows and y has shape {y.shape}; there must be one target a row"
        )
    if y.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: write np.column_stack([y.real, y.imag])"
        )
    if y.dtype.kind == "f" and not np.all(np.isfinite(y)):
        raise ValueError(
            "y contains NaN or infinity, which nothing can be learned from: drop those "
            "examples"
        )
    return y
