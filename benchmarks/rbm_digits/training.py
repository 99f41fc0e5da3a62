"""Machines that learn black and white digits, and how probable digits are to them.

The rate of the updates falls to zero, so that the noise of the batches and of the
chains averages out at the end. How much the couplings decay is chosen by a part of the
training images from which nothing is learned meanwhile; a test image decides nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from numpy.typing import NDArray

from data import split
from models.estimate import Estimate
from models.rbm import RBM
from optim.schedules import CosineDecay

RATE = 0.1
VALIDATION = 0.2  # of the training images


@dataclass(frozen=True)
class Plan:
    """How a machine is trained and measured.

    steps : of the training
    decays : the weight decays to choose from
    temperatures : of log Z by annealing
    """

    steps: int
    decays: Sequence[float]
    temperatures: int


@dataclass(frozen=True, eq=False)
class Trained:
    """A machine and what was measured on it, all of it in nats.

    rbm : the machine
    decay : the weight decay that it was trained with
    validation : weight decay -> negative log-likelihood of an image of the validation
        part; empty where there was nothing to choose
    log_Z : counted or estimated
    train, test : the mean negative log-likelihood of an image
    """

    rbm: RBM
    decay: float
    validation: dict[float, float]
    log_Z: Estimate
    train: float
    test: float


@dataclass(eq=False)
class LearningCurve:
    """A callback of fit: exact negative log-likelihoods at some steps.

    x, x_test : images
    steps : at which it measures
    train, test : nats an image, one for each of these steps that was reached
    """

    x: NDArray
    x_test: NDArray
    steps: NDArray
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)

    def __call__(self, info) -> None:
        """Measure, if it is time."""
        if info.step in self.steps:
            rbm = info.state[0]
            log_Z = rbm.log_partition("exact")
            self.train.append(cost(rbm, self.x, log_Z))
            self.test.append(cost(rbm, self.x_test, log_Z))


def cost(rbm: RBM, x: NDArray, log_Z: Estimate) -> float:
    """Return the mean of -log p(x) over images, in nats."""
    return -float(rbm.log_likelihood(x, log_partition=log_Z).mean())


def train(
    x: NDArray,
    hidden: int,
    steps: int,
    rng,
    *,
    rate: float = RATE,
    batch: int = 50,
    decay: float = 0.0,
    callbacks: Iterable = (),
) -> RBM:
    """Return a machine that has learned x : (n, M) by 100 persistent chains.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    rbm = RBM.create(x.shape[1], hidden, rng=rng, means=x.mean(axis=0), dtype=x.dtype)
    rbm.fit(
        x,
        steps=steps,
        rng=rng,
        batch_size=batch,
        learning_rate=CosineDecay(rate, steps),
        weight_decay=decay,
        callbacks=callbacks,
    )
    if vars(rbm)["history_"].interrupted:
        raise KeyboardInterrupt
    return rbm


def choose(x: NDArray, hidden: int, plan: Plan, rng) -> dict[float, float]:
    """Return the cost of validation images for each weight decay.

    Machines learn the other images, as many steps as the one that is chosen will.
    """
    rows, held_out = split(len(x), (1 - VALIDATION, VALIDATION), rng=rng)
    costs = {}
    for decay in plan.decays:
        rbm = train(x[rows], hidden, plan.steps, rng, decay=decay)
        log_Z = log_partition(rbm, x[rows], plan.temperatures, rng)
        costs[decay] = cost(rbm, x[held_out], log_Z)
    return costs


def log_partition(rbm: RBM, x: NDArray, temperatures: int, rng) -> Estimate:
    """Return log Z: counted, or annealed from independent pixels like those of x."""
    means = x.mean(axis=0)
    return rbm.log_partition(rng=rng, temperatures=temperatures, means=means)


def learn(
    x: NDArray,
    x_test: NDArray,
    hidden: int,
    plan: Plan,
    rng,
    callbacks: Iterable = (),
) -> Trained:
    """Choose the weight decay, train on all training images, measure on the test."""
    costs, decay = {}, plan.decays[0]
    if len(plan.decays) > 1:
        costs = choose(x, hidden, plan, rng)
        decay = min(costs, key=costs.__getitem__)
    rbm = train(x, hidden, plan.steps, rng, decay=decay, callbacks=callbacks)
    log_Z = log_partition(rbm, x, plan.temperatures, rng)
    on_train, on_test = (cost(rbm, some, log_Z) for some in (x, x_test))
    return Trained(rbm, decay, costs, log_Z, on_train, on_test)
