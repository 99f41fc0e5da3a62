"""Gaussians on a ring, some of them heavier, and what is judged of points among them.

    w_k ~ 1 + LEAN cos theta_k,   m_k = RADIUS (cos theta_k, sin theta_k),   s_k = SD.

They overlap, so that chains cross from one to the next. The mean of this law is
RADIUS LEAN / 2 along the first axis, for three components or more. As all s_k are the
same, |x|^2 is left out of all logits alike, which are linear then:

    log r_k = (m_k.x - |m_k|^2 / 2) / s^2 + log w_k - log(sum).
"""

import numpy as np

RADIUS, SD, LEAN = 2.0, 0.4, 0.9


def ring(components):
    """Return w : (K,) and m : (K, 2), in float32."""
    angles = 2 * np.pi * np.arange(components) / components
    weights = (1 + LEAN * np.cos(angles)) / components
    means = RADIUS * np.column_stack([np.cos(angles), np.sin(angles)])
    return weights.astype(np.float32), means.astype(np.float32)


def judged(x, means):
    """Return the mean of x : (points, 2), and of its square distance from m_k nearby.

    Nearby is the one that is nearest.
    """
    x = np.asarray(x, np.float64)
    away = ((x[:, np.newaxis] - means) ** 2).sum(axis=2)
    return {"mean x": x.mean(axis=0), "spread": away.min(axis=1).mean()}
