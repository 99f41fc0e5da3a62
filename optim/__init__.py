"""Optimizers, batches and the training loop.

Read gradient_descent first, with optimizer, where all first-order methods meet; then
momentum, adagrad, rmsprop and adam; schedules; batches, descent and fit. quasi_newton,
bfgs and lbfgs follow a line_search and no rate. checkpoint is what a run leaves on
disk, snapshot and archive how.
"""

from optim.adagrad import AdaGrad
from optim.adam import Adam, AdamW
from optim.batches import Batches
from optim.bfgs import BFGS
from optim.checkpoint import Checkpoint
from optim.clipping import clip_by_norm, global_norm
from optim.descent import descent
from optim.early_stopping import EarlyStopping
from optim.finite import NonFiniteError
from optim.fit import fit
from optim.gradient_descent import SGD
from optim.lbfgs import LBFGS
from optim.minimize import Outcome, minimize
from optim.momentum import Momentum, Nesterov
from optim.moving_average import MovingAverage
from optim.progress import Progress
from optim.rmsprop import RMSprop
from optim.run import History, Info
from optim.schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    StepDecay,
    WarmUp,
)
from optim.storage import load, save
from samplers.archive import CheckpointError

__all__ = [
    "BFGS",
    "LBFGS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Batches",
    "Checkpoint",
    "CheckpointError",
    "Constant",
    "CosineDecay",
    "EarlyStopping",
    "ExponentialDecay",
    "History",
    "Info",
    "InverseTimeDecay",
    "Momentum",
    "MovingAverage",
    "Nesterov",
    "NonFiniteError",
    "Outcome",
    "Progress",
    "RMSprop",
    "StepDecay",
    "WarmUp",
    "clip_by_norm",
    "descent",
    "fit",
    "global_norm",
    "load",
    "minimize",
    "save",
]
