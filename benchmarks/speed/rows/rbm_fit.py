"""Training a restricted Boltzmann machine on the digits, ours and scikit-learn's.

Both begin at small random couplings and learn by persistent contrastive divergence,
with batches, chains and Gibbs steps as scikit-learn has them. What differs is told to
ours: the means of the data for its first biases, and a rate that falls to zero. In one
case both take the same number of updates; in the other ours takes only so many epochs
that the machine is not worse. A repetition is a whole training, and ours counts only if
the mean log-likelihood of the digits is at least that of scikit-learn.
"""

import numpy as np

from benchmarks.speed.peers import rbm_fit as peers
from benchmarks.speed.peers.rbm_fit import BATCH, EPOCHS, HIDDEN, judged
from benchmarks.speed.row import Peer, Problem, Row, Run
from data import load_digits
from models.rbm import RBM
from optim.schedules import CosineDecay

DIGITS, PIXELS = 1797, 64
UPDATES = -(-DIGITS // BATCH)  # of an epoch
FEWER_EPOCHS = 4
RATE = 0.3


def problem(size, rng: np.random.Generator) -> Problem:
    """Return all digits, their pixels on or off, for so many epochs of ours."""
    digits = load_digits(dtype=np.float32).binarized()
    X = np.concatenate([digits.train_set[0], digits.test_set[0]])
    return {"X": X, "updates": np.array(UPDATES * size)}


def ours(problem: Problem) -> Run:
    """Call RBM.fit."""
    X, updates = problem["X"], int(problem["updates"])

    def run(repetitions):
        for seed in range(repetitions):
            means = X.mean(axis=0)
            rbm = RBM.create(PIXELS, HIDDEN, rng=seed, means=means, dtype=X.dtype)
            rbm.fit(
                X,
                steps=updates,
                rng=seed,
                batch_size=BATCH,
                chains=BATCH,
                learning_rate=CosineDecay(RATE, updates),
            )
        return judged(rbm.W, rbm.a, rbm.b, X)

    return run


ROW = Row(
    title=f"fit an RBM {PIXELS}x{HIDDEN} to {DIGITS} digits by persistent CD, batch "
    f"{BATCH}, {EPOCHS} epochs",
    dtype="float32",
    cases={"as many updates": EPOCHS, f"ours {FEWER_EPOCHS} epochs": FEWER_EPOCHS},
    problem=problem,
    ours=ours,
    peers={"scikit-learn": Peer(peers.scikit_learn, "scikit-learn", "BernoulliRBM")},
    tolerance={},
    at_least=("mean log p",),
)
