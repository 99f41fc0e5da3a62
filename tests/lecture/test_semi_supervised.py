"""A classifier is a discriminator: K classes of data, and one of draws.

    Z = sum_k exp l_k,     p(k | x) = exp l_k / (Z + 1),     D(x) = Z / (Z + 1).

The K logits of a classifier say all: draws have the logit zero. The lines are those
that the docstrings of models/semi_supervised_gan.py, 1 to 6, and of
models/semi_supervised_training.py, 7 to 10, number. To be read after
test_minimax_game.py, from top to bottom; every statement is an assertion. Numbers like
T66 are those of the list in README.md.

Source: T. Salimans et al., NeurIPS (2016), sections 3.1 and 5.
"""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax

from autodiff import grad
from models import cross_entropy
from models.gan_games import discriminator_loss
from models.semi_supervised_gan import SemiSupervisedGAN
from models.semi_supervised_training import (
    feature_matching_loss,
    generator_slope,
    unsupervised_loss,
)

K, N = 4, 9


def some_logits(seed=0, scale=3.0):
    return scale * np.random.default_rng(seed).normal(size=(N, K))


def with_draws(logits, last=0.0):
    """K + 1 logits, the last one of draws."""
    return np.concatenate([logits, np.full((len(logits), 1), last)], axis=1)


def some_model(seed=0):
    """A model whose classifier has biases, and x of the data."""
    rng = np.random.default_rng(seed)
    gan = SemiSupervisedGAN.create(2, 3, K, hidden=(6,), activation="tanh", rng=rng)
    for layer in gan.classifier.layers:
        layer.bias += rng.normal(size=layer.bias.shape)
    return gan, rng.normal(size=(N, 2))


# 1. From K + 1 logits to K


def test_lines_1_and_2_one_logit_is_superfluous():
    """A number taken from all K + 1 logits changes no probability (T66).

    Taken is that of draws, which becomes 0: p(k) = exp l_k / (Z + 1), p(K + 1) = 1 / (Z
    + 1).
    """
    logits, last = some_logits(), np.random.default_rng(1).normal(size=(N, 1))
    whole = softmax(np.concatenate([logits + last, last], axis=1), axis=1)
    Z = np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(whole[:, :K], np.exp(logits) / (Z + 1), rtol=1e-12)
    np.testing.assert_allclose(whole[:, K:], 1 / (Z + 1), rtol=1e-12)


def test_line_3_the_probability_of_data():
    """D = 1 - p(K + 1) = Z / (Z + 1) = sigmoid(log Z), and so is the model's (T66)."""
    gan, x = some_model()
    logits = gan.logits(x)
    Z = np.exp(logits).sum(axis=1)
    D = 1 - softmax(with_draws(logits), axis=1)[:, K]
    np.testing.assert_allclose(D, Z / (Z + 1), rtol=1e-12)
    np.testing.assert_allclose(D, expit(np.log(Z)), rtol=1e-12)
    np.testing.assert_allclose(gan.discriminate(x), D, rtol=1e-12)


@pytest.mark.parametrize("shift", [0.0, -800.0, 800.0])
def test_lines_4_and_5_its_logarithms(shift):
    """log D = log Z - log(1 + Z) and log(1 - D) = -log(1 + Z), without Z itself (T66).

    Z overflows from logits of 710 on, and 1 - D is zero from 37 on; the logarithms of
    the K + 1 probabilities do not.
    """
    logits = some_logits() + shift
    log_p = log_softmax(with_draws(logits), axis=1)
    log_Z = logsumexp(logits, axis=1)
    log_D, log_not_D = -np.logaddexp(0, -log_Z), -np.logaddexp(0, log_Z)
    np.testing.assert_allclose(log_D, log_Z - np.logaddexp(0, log_Z), atol=1e-12)
    expected = logsumexp(log_p[:, :K], axis=1)
    np.testing.assert_allclose(log_D, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(log_not_D, log_p[:, K], rtol=1e-12, atol=1e-12)
    loss = unsupervised_loss(logits, logits[::-1])
    assert loss == pytest.approx(-np.mean(log_D) - np.mean(log_p[:, K]), rel=1e-12)


def test_line_6_the_class_of_what_is_data():
    """p(k | x, k <= K) = p(k | x) / D = exp l_k / Z, the softmax of K logits (T66)."""
    gan, x = some_model()
    whole = softmax(with_draws(gan.logits(x)), axis=1)
    given = whole[:, :K] / gan.discriminate(x)[:, np.newaxis]
    np.testing.assert_allclose(given, gan.predict_proba(x), rtol=1e-12)
    np.testing.assert_array_equal(gan.predict(x), whole[:, :K].argmax(axis=1))


# 2. What is lowered


def test_line_7_the_loss_of_a_label():
    """-log p(y) = -log p(y | y <= K) - log D, for each class and datum (T66)."""
    logits = some_logits()
    whole = -log_softmax(with_draws(logits), axis=1)[:, :K]
    given = -log_softmax(logits, axis=1)
    log_D = -np.logaddexp(0, -logsumexp(logits, axis=1))
    np.testing.assert_allclose(whole, given - log_D[:, np.newaxis], rtol=1e-10)


def test_lines_8_and_9_the_two_losses_are_that_of_all_classes():
    """Cross-entropy over K + 1 classes = supervised + unsupervised (T66).

    Data that are labeled and draws, which have the last class; the means are over as
    many of each. Seen is a term that is lost, counted twice, or of the wrong sign.
    """
    real, fake = some_logits(0), some_logits(1)
    labels = np.arange(N) % K
    of_draws = np.full(N, K)
    whole = cross_entropy(with_draws(real), labels)
    whole += cross_entropy(with_draws(fake), of_draws)
    parts = cross_entropy(real, labels) + unsupervised_loss(real, fake)
    assert parts == pytest.approx(whole, rel=1e-12)
    game = discriminator_loss(
        "minimax", logsumexp(real, axis=1), logsumexp(fake, axis=1)
    )
    assert unsupervised_loss(real, fake) == pytest.approx(game, rel=1e-12)


def test_labels_leave_open_what_unlabeled_data_settle():
    """A number c(x) added to all logits: the classes stay, the logit of D has c (T66).

    The slope of the supervised loss along it is zero; that of the unsupervised one, at
    c = 0, is -(1 - D) / n for data and D / n for draws.
    """
    real, fake = some_logits(0), some_logits(1)
    labels, zero = np.arange(N) % K, np.zeros((N, 1))
    supervised = grad(lambda c: cross_entropy(real + c, labels))(zero)
    np.testing.assert_allclose(supervised, 0, atol=1e-15)
    D = expit(logsumexp(real, axis=1))
    by_real = grad(lambda c: unsupervised_loss(real + c, fake))(zero)[:, 0]
    np.testing.assert_allclose(by_real, -(1 - D) / N, rtol=1e-9)
    D = expit(logsumexp(fake, axis=1))
    by_fake = grad(lambda c: unsupervised_loss(real, fake + c))(zero)[:, 0]
    np.testing.assert_allclose(by_fake, D / N, rtol=1e-9)


def test_an_unlabeled_datum_goes_to_the_class_it_is_taken_for():
    """d(-log D) / dl_k = -(1 - D) p(k | x, k <= K): each by what it has already (T66).

    The draws that stand beside it are told for sure, and have no slope.
    """
    logits = some_logits()
    D = expit(logsumexp(logits, axis=1, keepdims=True))
    told = np.full((1, K), -1e3)
    found = N * grad(lambda logits: unsupervised_loss(logits, told))(logits)
    np.testing.assert_allclose(found, -(1 - D) * softmax(logits, axis=1), rtol=1e-9)


def test_line_10_features_that_match():
    """|E f(x) - E f(G(h))|^2 by the last hidden layer, and its slope by a draw (T66).

    2 (E f(G) - E f(x)) / m at each draw's features, the same for all: nothing asks one
    draw to be like one datum, and it is zero where the means agree.
    """
    gan, x = some_model()
    h = np.random.default_rng(1).normal(size=(5, 3))
    y = gan.generator(h)
    hidden = gan.classifier.layers[0]
    f, g = (np.tanh(z @ hidden.weights + hidden.bias) for z in (x, y))
    np.testing.assert_allclose(gan.features(x), f, rtol=1e-12)
    away = g.mean(axis=0) - f.mean(axis=0)
    assert feature_matching_loss(f, g) == pytest.approx(np.sum(away**2), rel=1e-12)
    by_draws = grad(lambda g: feature_matching_loss(f, g))(g)
    np.testing.assert_allclose(by_draws, np.tile(2 * away / 5, (5, 1)), rtol=1e-10)
    loss, gradient = generator_slope(gan, h, x)
    assert loss == pytest.approx(np.sum(away**2), rel=1e-12)
    by_y = (2 * away / 5 * (1 - g**2)) @ hidden.weights.T
    np.testing.assert_allclose(gradient.layers[-1].bias, by_y.sum(axis=0), rtol=1e-9)
    at_rest = grad(lambda g: feature_matching_loss(f, g))(g - away)
    np.testing.assert_allclose(at_rest, 0, atol=1e-15)
