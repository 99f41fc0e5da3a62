"""Optimizers, batches and the training loop.

Read gradient_descent first, then adam, batches and fit; leaves and finite hold what the
optimizers share.
"""

from optim.adam import Adam
from optim.batches import Batches
from optim.finite import NonFiniteError
from optim.fit import History, Info, descent, fit
from optim.gradient_descent import SGD
from optim.progress import Progress

__all__ = [
    "SGD",
    "Adam",
    "Batches",
    "History",
    "Info",
    "NonFiniteError",
    "Progress",
    "descent",
    "fit",
]
