"""A denoising network in the reverse chain of a diffusion, compiled.

x_0 is linear in whatever a network guesses (models/diffusion_forms.py), and in the
input skip of models/denoising_network.py. So with alpha = sqrt(abar_t) and sigma =
sqrt(1 - abar_t) its answer N to x = x_t becomes the estimate

    form      x0hat, without the skip         with it
    x0        N                               alpha x + N
    noise     x / alpha - sigma / alpha N     alpha x - sigma / alpha N
    score     x / alpha + sigma^2 / alpha N   alpha x + sigma^2 / alpha N
    v         alpha x - sigma N               alpha x - sigma N

and for data of levels v_k with the prior p_k the mean of the law

    w_k  ~  exp(log p_k + N_1 v_k + N_2 v_k^2 - r_k^2 / 2),
    r_k = x / sigma - v_k alpha / sigma,

without N_2 where there are two levels.

The skip is the best guess of standard normals, which for the data is alpha x in any
form. Written so, no digits cancel; where alpha is small they do in x - sigma (sigma x +
N). At t = 0 x is the data, and so is x0hat.

The features of the time are the same for all points. Their products with the weights
are found here, once for each t, and taken for the biases of the first layer
(models/denoiser_kernels.py).
"""

import numpy as np
from numpy.typing import NDArray

from models import denoiser_kernels as kernels
from models.denoising_network import DenoisingNetwork, powers
from models.diffusion_forms import coefficients
from models.mlp import MLP, Dense
from models.network_target import CODES, padded, size, write_weights
from samplers.denoiser import Denoiser
from samplers.points import in_dtype
from samplers.schedules import Schedule, require_schedule

CERTAIN = 1e15  # for 1 / sigma at t = 0; infinity times 0 would be no number


def network_denoiser(denoiser: DenoisingNetwork, schedule: Schedule) -> Denoiser:
    """Return x0hat(x, t) of a network at the weights as they are now, in their dtype.

    schedule : says the log SNR at t = 1, ..., T

    >>> from samplers.schedules import cosine
    >>> schedule = cosine(10)
    >>> network = DenoisingNetwork.create(2, hidden=(16,), rng=0)
    >>> compiled = network_denoiser(network, schedule)
    >>> x = np.array([[1.0, -2.0]])
    >>> compiled.estimate_at(x, 5) - network.denoise(x, schedule.log_snr[5:6])
    array([[0., 0.]])

    Raises TypeError for another denoiser or schedule, and ValueError if a weight is not
    finite, or a number of the table above is too large for the dtype.
    """
    require_both(denoiser, schedule)
    # The network of x alone; the other weights of the first layer go into its biases.
    first, *others = denoiser.network.layers
    d = denoiser.dimension
    points = MLP([Dense(first.weights[:d], first.bias, first.activation), *others])
    widths = padded(points)
    theta = np.zeros(size(widths), denoiser.dtype)
    write_weights(points, theta)
    biases = np.zeros((schedule.steps + 1, widths[1]))
    biases[1:, : first.bias.size] = time_biases(denoiser, schedule)
    stay, pull = line(denoiser, schedule)
    codes = [CODES[layer.activation] for layer in points.layers]
    names = {"biases": biases, "stay": stay, "pull": pull}
    names |= {"powers": np.zeros((1, 0)), "prior": np.zeros((d, 0))}
    if denoiser.prior is not None and denoiser.levels is not None:
        names |= {"powers": powers(denoiser.levels), "prior": denoiser.prior}
    biases, *numbers = in_dtype(denoiser.dtype, **names)
    params = theta, biases, np.array(widths), np.array(codes), *numbers
    return Denoiser(kernels.denoise, d, params, denoiser.dtype, schedule)


def time_biases(denoiser: DenoisingNetwork, schedule: Schedule) -> NDArray:
    """Return b + f(lambda_t) W', (T, n_1), with the rows W' of the weights after x's.

    They are found in float64: the angles of f are large, and float32 would round them.
    """
    first = denoiser.network.layers[0]
    features = denoiser.time_features(schedule.log_snr[1:])
    return first.bias + features @ first.weights[denoiser.dimension :].astype(float)


def line(denoiser: DenoisingNetwork, schedule: Schedule) -> tuple[NDArray, ...]:
    """Return the line of the table above that is x0hat = stay x + pull N.

    stay, pull : (T + 1,), 1 and 0 at t = 0

    With a prior it is the line r_k = stay x - pull v_k, whose slopes at t = 0 stand for
    infinity.
    """
    alpha, sigma = schedule.signal[1:], schedule.noise[1:]
    if denoiser.prior is not None:
        return np.append(CERTAIN, 1 / sigma), np.append(CERTAIN, alpha / sigma)
    stay, pull = coefficients(denoiser.form, "x0", schedule.log_snr[1:])
    stay = alpha if denoiser.skip else stay
    return np.append(1, stay), np.append(0, pull)


def require_both(denoiser: DenoisingNetwork, schedule: Schedule) -> None:
    """Raise unless there are a network with finite weights, and a schedule."""
    if not isinstance(denoiser, DenoisingNetwork):
        raise TypeError(
            f"denoiser is a {type(denoiser).__name__}, which says nothing of forms and "
            "times; it is a DenoisingNetwork: others have a function of their own, "
            "samplers.denoiser.Denoiser(denoise, dimension)"
        )
    require_schedule(schedule)
    for k, layer in enumerate(denoiser.network.layers):
        if not (np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all()):
            raise ValueError(
                f"layer {k} has weights or a bias that are not finite, so that there "
                "is no estimate of x_0; go back to the network before, with a smaller "
                "learning rate"
            )
