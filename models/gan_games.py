"""The minimax game: what a generator and a discriminator play for, and what it means.

A generator makes x = G(h) of noise h; p_g is the law of its draws, p_r that of the
data. A discriminator says how probable it is that x is one of the data, D(x) in [0, 1].
It raises, and the generator lowers,

(1)   L(D, G) = E_{p_r}[log D(x)] + E_h[log(1 - D(G(h)))]
(2)           = int p_r(x) log D(x) + p_g(x) log(1 - D(x)) dx,

where (2) holds since the mean of a function of G(h) over h is its mean over p_g.

The best discriminator. At each x the integrand of (2) is, with A = p_r(x), B = p_g(x),

(3)   l(u) = A log u + B log(1 - u)  at  u = D(x),
(4)   l'(u) = A / u - B / (1 - u),   zero at u = A / (A + B) only,
(5)   l''(u) = -A / u^2 - B / (1 - u)^2 < 0,

so that the zero is the maximum; without B it is at u = 1, without A at u = 0. Hence

(6)   D*(x) = p_r(x) / (p_r(x) + p_g(x)),   which has the logit log p_r(x) / p_g(x).

What the generator then lowers. With D* in (2), and m = (p_r + p_g) / 2,

(7)   L(D*, G) = int p_r log(p_r / 2m) + p_g log(p_g / 2m) dx
(8)            = KL(p_r || m) + KL(p_g || m) - 2 log 2
(9)            = 2 JS(p_r, p_g) - 2 log 2.

JS is zero for equal laws and positive else. So the least value is -2 log 2, at p_g =
p_r, where D* = 1/2 everywhere. JS is at most log 2, for laws that share no point: L
rises to 0 then, as far apart or as close as they may be.

Saturation. D = sigmoid(f), of a logit f that any network can give, so that log D =
-softplus(-f) and log(1 - D) = -softplus(f). The slopes of what the generator lowers are

(10)  d/df log(1 - D) = -D           "minimax"
(11)  d/df (-log D) = -(1 - D)       "non-saturating"
(12)  d/df (-f) = -1                 "wasserstein".

Draws that are told from data have f far below zero, and just these need to move: (10)
is zero there, (11) is -1. Given f both move a draw the same way, to where f is higher,
and both rest where f is flat, as D* is at p_g = p_r. But the second game is not
zero-sum, and (9) is not what its generator lowers.

Distance instead of divergence. The cheapest way to move p_r to p_g, by a joint law pi
of x ~ p_r and y ~ p_g, costs

(13)  W_1 = min_pi E_pi|x - y| = max E_{p_r}[u] + E_{p_g}[v],   u(x) + v(y) <= |x - y|,

by the duality of linear programs. Given v, the best u is u(x) = min_y [|x - y| - v(y)],
and a minimum of functions of slope one is 1-Lipschitz. Given such a u, the best v is
v(y) = min_x [|x - y| - u(x)] = -u(y). With u = f (Kantorovich and Rubinstein)

(14)  W_1 = max E_{p_r}[f] - E_{p_g}[f]   over   |f(x) - f(y)| <= |x - y|.

The critic f is no logit of a probability: f + c is as good, and nothing bounds it. But
2 f gives twice the value, so that without the constraint there is no maximum
(models/gan_penalties.py). Where laws share no point, as two parallel lines at a
distance theta, JS is log 2 for all theta but zero, and W_1 = theta has a slope.

Sources: I. Goodfellow et al., NeurIPS (2014), for (1) to (11); M. Arjovsky, S. Chintala
and L. Bottou, ICML (2017), for W_1; C. Villani, Topics in Optimal Transportation
(2003), chapter 1, for its dual.
"""

import numpy as np

from autodiff import softplus

GAMES = "minimax", "non-saturating", "wasserstein"


def discriminator_loss(game: str, real, fake):
    """Return what the discriminator lowers: -L(D, G), or E_{p_g}[f] - E_{p_r}[f].

    real, fake : (n,) and (m,), logits, or values of the critic, of data and of draws

    Raises ValueError if there is no such game.
    """
    if require_game(game) == "wasserstein":
        return np.mean(fake) - np.mean(real)
    return np.mean(softplus(-real)) + np.mean(softplus(fake))


def generator_loss(game: str, fake):
    """Return what the generator lowers, by its draws' logits : (n,); see (10) to (12).

    Raises ValueError if there is no such game.
    """
    if require_game(game) == "wasserstein":
        return -np.mean(fake)
    if game == "minimax":
        return -np.mean(softplus(fake))
    return np.mean(softplus(-fake))


def require_game(game: str) -> str:
    """Return the name of a game, or raise ValueError if there is none of that name."""
    if game not in GAMES:
        raise ValueError(f"there is no game {game!r}; the names are {', '.join(GAMES)}")
    return game
