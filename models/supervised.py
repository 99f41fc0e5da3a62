"""What a network that classifies and one that fits curves have in common.

Both are a multilayer perceptron, a loss, Adam and batches in a random order, in the
form in which scikit-learn uses estimators: settings, then fit(X, y), predict(X) and
score(X, y). Features are taken as they are: give numbers of order one, for example by
scikit-learn's StandardScaler in a pipeline.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from models.estimator import Estimator
from models.mlp import MLP, Dense
from optim import Adam, Batches, EarlyStopping, Progress, descent, fit, storage
from optim.schedules import SCHEDULES, Schedule
from samplers.archive import refusing

Self = TypeVar("Self", bound="Supervised")


@dataclass(eq=False, kw_only=True)
class Supervised(Estimator):
    """What the two have in common.

    Parameters
    ----------
    hidden_sizes : the number of units of each hidden layer; (): a linear model
    activation : of the hidden layers, a name in ACTIVATIONS
    learning_rate : of Adam, a number or a schedule
    batch_size : examples a step; all of them if there are fewer
    steps : the number of steps, or the largest one with a validation set
    validation_fraction : of the examples, drawn at random, from which nothing is
        learned; their loss chooses the number of steps. With 0 all steps are taken
    patience : passes over the other examples without a new smallest validation loss,
        after which the fit ends; the network of the smallest one is kept
    dtype : float64 or float32, in which everything is computed
    progress : whether to show the progress of the fit on stderr
    rng : int, SeedSequence or Generator; draws weights, batches and validation set. Two
        fits with the same int are the same; a Generator goes on from where it is.
    """

    hidden_sizes: Sequence[int] = (100,)
    activation: str = "relu"
    learning_rate: float | Schedule = 1e-3
    batch_size: int = 32
    steps: int = 2000
    validation_fraction: float = 0.0
    patience: int = 10
    dtype: DTypeLike = "float64"
    progress: bool = False
    rng: Any

    kind: ClassVar[str]
    learned: ClassVar[tuple[str, ...]]

    def _fit(self, loss: Callable, X: np.ndarray, y: np.ndarray, outputs: int) -> None:
        """Train a new network on arrays that the loss takes."""
        if np.ndim(self.hidden_sizes) != 1:
            raise TypeError(
                f"hidden_sizes is {self.hidden_sizes!r}; it holds the units of each "
                "hidden layer: write (100,) for one layer of 100, with the comma"
            )
        rng = np.random.default_rng(self.rng)
        sizes = (X.shape[1], *self.hidden_sizes, outputs)
        network = MLP.create(
            sizes, activation=self.activation, rng=rng, dtype=self.dtype
        )
        rows, held_out = self._split(len(X), rng)
        size = min(self.batch_size, len(rows))
        batches = Batches(X[rows], y[rows], size=size, rng=rng)
        data = X[held_out], y[held_out]
        stopping = EarlyStopping(
            lambda info: float(loss(info.state[0], *data)),
            patience=self.patience,
            every=math.ceil(len(rows) / size),
        )
        (network, _), self.history_ = fit(
            descent(loss),
            (network, Adam(self.learning_rate)),
            batches,
            steps=self.steps,
            rng=rng,
            callbacks=[
                *([stopping] if len(held_out) else []),
                *([Progress(type(self).__name__)] if self.progress else []),
            ],
        )
        if stopping.state is not None:
            network, _ = stopping.state
        self.network_, self.n_features_in_ = network, X.shape[1]

    def _split(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to learn from and those of the validation set."""
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}; it is the part of "
                "the examples that is held out, from 0 to less than 1"
            )
        if self.validation_fraction == 0:
            return np.arange(n), np.arange(0)
        count = max(1, round(self.validation_fraction * n))
        if count >= n:
            raise ValueError(
                f"{n} examples are too few to hold {self.validation_fraction} of them "
                "out: give more, or validation_fraction=0"
            )
        rows = rng.permutation(n)
        return rows[count:], rows[:count]

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        """Return what the network says about new examples, (n, outputs)."""
        X = self._new_examples(X, self.dtype)
        return self.network_(X)

    def save(self, path: str | Path) -> None:
        """Write settings and network to a file, for `load`; the history stays here.

        Raises NotFittedError before a fit, TypeError if a setting or a label is of a
        kind that no file keeps, such as a Python object.
        """
        self._require_fitted()
        tree = {
            "estimator": type(self).__name__,
            "settings": self.get_params() | {"dtype": np.dtype(self.dtype).name},
            "learned": {name: getattr(self, name) for name in self.learned},
        }
        storage.save(path, tree)

    @classmethod
    def load(cls: type[Self], path: str | Path) -> Self:
        """Return the estimator that `save` wrote, which predicts the same.

        Raises CheckpointError if the file is damaged or not of this class.
        """
        tree = storage.load(path, [MLP, Dense, *SCHEDULES])
        with refusing(path):
            if tree["estimator"] != cls.__name__:
                raise ValueError(
                    f"it holds no {cls.__name__}: {tree['estimator']!r:.80}"
                )
            estimator = cls(**tree["settings"])
            for name in cls.learned:
                setattr(estimator, name, tree["learned"][name])
            layers = [Dense(**vars(layer)) for layer in estimator.network_.layers]
            estimator.network_ = MLP(layers)
            estimator.n_features_in_ = len(layers[0].weights)
        return estimator

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's description of this estimator; only it asks."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        classifies = self.kind == "classifier"
        return Tags(
            estimator_type=self.kind,
            target_tags=TargetTags(required=True, multi_output=not classifies),
            classifier_tags=ClassifierTags() if classifies else None,
            regressor_tags=None if classifies else RegressorTags(),
        )
