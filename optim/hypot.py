"""The length of a right triangle's long side, for legs whose squares overflow.

AdaGrad, RMSprop and Adam divide a gradient by the root of a mean of squared gradients.
In float32 the square of 1e20 is infinite and that of 1e-23 is zero, so they remember
the root r and not its square, and add to it as `np.hypot` does,

    sqrt(x^2 + y^2) = s sqrt(1 + q^2),   s = max(|x|, |y|),   q = min(|x|, |y|) / s,

of which every part is in range wherever x and y are.
"""

import numpy as np

from samplers.kernel import kernel


@kernel
def hypot(x, y):
    """Return sqrt(x^2 + y^2) for scalars of one dtype, without a branch."""
    x, y = abs(x), abs(y)
    y_is_larger = y > x
    larger = y if y_is_larger else x
    smaller = x if y_is_larger else y
    ratio = smaller / larger if larger > 0 else smaller
    one = np.float32(1)  # which leaves the type to the ratio
    return larger * np.sqrt(one + ratio * ratio)
