"""How the two networks of a GAN learn: in turns, each by its own gradient.

A step of training is a round of the game. The discriminator takes one or several steps
down its loss, each on other data x and other draws y = G(h); then the generator takes
one, down its own. With the penalty R of models/gan_penalties.py and a weight w,

    theta_D <- theta_D - eta grad_{theta_D} [discriminator_loss(f(x), f(y)) + w R],
    theta_G <- theta_G - eta grad_{theta_G} generator_loss(f(G(h))).

Each gradient is by one network's parameters, and the other network is a constant. The
mean over data in L(D, G) does not depend on G at all, so the generator's loss is the
mean over draws alone.

This is no descent of one function. What one player gains the other loses, and two who
go down their slopes at once can circle about the solution, or away from it: on L = x y,
by a factor (1 + eta^2)^(1/2) in a step. Three things help. The discriminator should be
close to its best answer, of which the theory speaks: critic_steps. Its slope has to be
bounded: penalty, clip. And the average of the generator's parameters over the last
rounds lies inside of the circles: decay.

The losses of a round are no measure of quality. With the games "minimax" and
"non-saturating" that of the discriminator is 2 log 2 if it cannot tell draws from data,
because they are alike, or because it is bad.

Sources: I. Goodfellow et al., NeurIPS (2014), algorithm 1; I. Gulrajani et al., NeurIPS
(2017), algorithm 1, for the critic's steps; L. Mescheder, A. Geiger and S. Nowozin,
ICML (2018), for the circles; Y. Yazici et al., ICLR (2019), for the average.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from autodiff import value_and_grad, vjp
from models.gan_games import discriminator_loss, generator_loss, require_game
from models.gan_penalties import (
    clip_weights,
    gradient_penalty,
    r1_penalty,
    require_bound,
    require_penalty,
)
from models.mlp import MLP
from optim import Adam, Batches, Checkpoint, MovingAverage
from optim.finite import require_finite
from optim.fit import fit as run
from optim.schedules import Schedule
from samplers.chains import require_count

Rate = float | Schedule


def fit(
    gan,
    X: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    steps: int,
    rng,
    game: str = "non-saturating",
    penalty: str | None = None,
    weight: float = 10.0,
    clip: float | None = None,
    critic_steps: int = 1,
    decay: float = 0.99,
    batch_size: int = 256,
    learning_rate: Rate | tuple[Rate, Rate] = 1e-3,
    betas: tuple[float, float] = (0.5, 0.9),
    callbacks: Iterable[Callable] = (),
    checkpoint: Checkpoint | None = None,
):
    """Let both networks learn from X : (n, d) by Adam; return self.

    Parameters
    ----------
    labels : (n,), integers, if the model has classes
    steps : rounds, counted from the beginning of a run that is resumed
    rng : int, SeedSequence or Generator
    game, penalty, weight, clip, critic_steps : see `gan_descent`
    decay : of the moving average of the generator, which remembers 1 / (1 - decay)
        rounds and is what is left in the model; 0 leaves the last parameters
    batch_size : examples of each of the critic_steps, and draws; fewer if X has not so
        many for all of them
    learning_rate : a number, or a schedule over rounds; or a pair of them, of the
        generator and of the discriminator
    betas : beta1 and beta2 of Adam. A long memory, as beta1 = 0.9, is one of where the
        other player was
    callbacks, checkpoint : see optim.fit; the state is (model, the generator's
        optimizer, the discriminator's, average)

    Sets history_, of the metrics of each round. Raises ValueError or TypeError if the
    data or the settings do not fit, with all parameters as they were; NonFiniteError if
    the training diverges, with the last finite parameters, not averaged.
    """
    step = gan_descent(
        game=game, penalty=penalty, weight=weight, clip=clip, critic_steps=critic_steps
    )
    arrays, rng = gan.examples(X, labels), np.random.default_rng(rng)
    size = critic_steps * min(batch_size, _share(len(arrays[0]), critic_steps))
    of_G, of_D = (Adam(rate, *betas) for rate in _rates(learning_rate, critic_steps))
    average = MovingAverage(decay)
    (trained, _, _, average), gan.history_ = run(
        step,
        # A copy without attributes that are no parameters, but with the same arrays.
        (replace(gan), of_G, of_D, average),
        Batches(*arrays, size=size, rng=rng),
        steps=steps,
        rng=rng,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    gan.generator = average.averaged(trained.generator)
    gan.discriminator = trained.discriminator
    return gan


def gan_descent(
    *,
    game: str = "non-saturating",
    penalty: str | None = None,
    weight: float = 10.0,
    clip: float | None = None,
    critic_steps: int = 1,
) -> Callable:
    """Return the step of `fit`, a round in which both networks learn from one batch.

    The state is (model, generator's optimizer, discriminator's), and may have a
    MovingAverage of the generator besides. A batch is (x,), of x : (k n, d) for k
    critic_steps, or (x, labels):

        step((model, of_G, of_D, average), (x,), rng):
            for the x : (n, d) of each of k pieces:
                h, mix = n draws of the latent and of U(0, 1)
                of_D.step(D, the gradient of loss + weight penalty, of these)
            h = model.draw_latent(n, rng)
            of_G.step(G, the gradient of generator_loss(game, f(G(h))))
            average.update(G)

    Draws have the labels of the data that they are played against, those of the
    generator's step the labels of the last piece.

    Parameters
    ----------
    game : "minimax", "non-saturating" or "wasserstein"
    penalty : "gradient", "r1", or None; in any game
    weight : of the penalty, in units of the loss by that of the penalty
    clip : c, to which the discriminator's weights are clipped after each of its steps
    critic_steps : k, of the discriminator in a round

    The metrics are those of the last step of each: "loss", the discriminator's without
    the penalty, "penalty", if there is one, without its weight, and "generator". Raises
    ValueError for settings out of range; the step ValueError for a batch that cannot be
    cut in k, and NonFiniteError, with all parameters finite, if a loss or a gradient is
    not.
    """
    require_game(game)
    require_penalty(penalty, weight)
    require_count("critic_steps", critic_steps, 1)
    if clip is not None:
        require_bound(clip)

    def step(state, batch, rng):
        model, of_G, of_D, *averages = state
        for x, *labels in pieces(batch, critic_steps):
            h, mix = model.draw_latent(len(x), rng), rng.random((len(x), 1), x.dtype)
            metrics, gradient = discriminator_slope(
                model, x, h, mix, *labels, game=game, penalty=penalty, weight=weight
            )
            of_D.step(model.discriminator, gradient)
            if clip is not None:
                clip_weights(model.discriminator, clip)
        h = model.draw_latent(len(x), rng)
        metrics["generator"], gradient = generator_slope(model, h, *labels, game=game)
        of_G.step(model.generator, gradient)
        for average in averages:
            average.update(model.generator)
        return state, metrics

    return step


def pieces(batch: tuple, count: int) -> list[tuple]:
    """Return a batch, arrays (count n, ...), as count batches of n examples each.

    Raises ValueError if one would have fewer than the others.
    """
    examples = len(batch[0])
    if examples % count:
        raise ValueError(
            f"a batch of {examples} examples was given to {count} steps of the "
            f"discriminator, each of which takes as many: give a multiple of {count}"
        )
    return list(zip(*(np.split(array, count) for array in batch), strict=True))


def discriminator_terms(
    gan, x, h, mix, labels=None, *, game: str, penalty: str | None = None
) -> dict:
    """Return the "loss" of the discriminator and, if there is one, the "penalty".

    x : (n, d), data; h : (n, N), the latents of as many draws, of the same labels
    mix : (n, 1), uniform in [0, 1], for the penalty "gradient"
    """
    y = gan.generate(h, labels)

    def logits(x):
        return gan.logits(x, labels)

    terms = {"loss": discriminator_loss(game, logits(x), logits(y))}
    if penalty == "gradient":
        terms["penalty"] = gradient_penalty(logits, x, y, mix)
    if penalty == "r1":
        terms["penalty"] = r1_penalty(logits, x)
    return terms


def discriminator_slope(
    gan, *batch, game: str, penalty: str | None = None, weight: float = 10.0
) -> tuple[dict[str, float], MLP]:
    """Return discriminator_terms(gan, *batch), and the gradient of loss + w penalty.

    It is by the discriminator's parameters, in an MLP like it.
    """

    def terms(discriminator):
        player = replace(gan, discriminator=discriminator)
        return discriminator_terms(player, *batch, game=game, penalty=penalty)

    values, pullback = vjp(terms, gan.discriminator)
    for name, value in values.items():
        require_finite(f"the {name} of the discriminator", value)
    weights = {"loss": 1, "penalty": weight}
    seeds = {name: gan.dtype.type(weights[name]) for name in values}
    (gradient,) = pullback(seeds)
    return {name: float(value) for name, value in values.items()}, gradient


def generator_slope(gan, h, labels=None, *, game: str) -> tuple[float, MLP]:
    """Return the generator's loss at h : (n, N), and its gradient by G, like G."""

    def loss(generator):
        y = replace(gan, generator=generator).generate(h, labels)
        return generator_loss(game, gan.logits(y, labels))

    value, gradient = value_and_grad(loss)(gan.generator)
    require_finite("the loss of the generator", value)
    return float(value), gradient


@dataclass(frozen=True)
class OverRounds(Schedule):
    """A schedule over rounds, for an optimizer that takes several steps in each.

    schedule : eta_r at round r = 0, 1, ...
    steps : k, in each round; eta_t = eta_r with r = floor(t / k)
    """

    schedule: Schedule
    steps: int

    def __call__(self, t: int) -> float:
        """Return the rate of the round to which the step belongs."""
        return self.schedule(t // self.steps)


def _rates(given: Rate | tuple[Rate, Rate], critic_steps: int) -> tuple[Rate, Rate]:
    """Return the rates of the generator's optimizer and of the discriminator's."""
    pair = given if isinstance(given, tuple) else (given, given)
    if len(pair) != 2:
        raise ValueError(
            f"learning_rate is {pair}; it is one for both networks, or a pair, the "
            "generator's first: (1e-4, 4e-4)"
        )
    of_G, of_D = pair
    return of_G, OverRounds(of_D, critic_steps) if isinstance(of_D, Schedule) else of_D


def _share(examples: int, critic_steps: int) -> int:
    """Return how many examples each step of the discriminator can have."""
    if examples < critic_steps:
        raise ValueError(
            f"X has {examples} examples and a round takes {critic_steps} steps of the "
            "discriminator, each on examples of its own: lower critic_steps"
        )
    return examples // critic_steps
