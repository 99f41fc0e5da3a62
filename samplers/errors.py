"""The one error that a running chain raises."""

import numpy as np
from numpy.typing import NDArray


class DivergenceError(FloatingPointError):
    """A chain met a number that is not finite; it stands where it was before.

    Attributes
    ----------
    what : the name of the number
    chain, step : where it was met: the chain, and the steps done before
    key : of the random numbers; with it and the start the run can be repeated
    """

    def __init__(self, what: str, chain: int, step: int, key: np.uint64):
        self.what, self.chain, self.step, self.key = what, int(chain), int(step), key
        super().__init__(what, self.chain, self.step, key)

    def __str__(self):
        return (
            f"{self.what} is not finite in chain {self.chain} at step {self.step} "
            f"(key {int(self.key):#018x}). Comparisons with nan are false, so the "
            "chain would go on and look alive; look at the parameters and at the state "
            "from which it started, or take smaller steps"
        )


def require_finite(
    what: str, values: NDArray, step: int, thin: int, key: np.uint64
) -> None:
    """Raise DivergenceError if some of the values (chain, draw, ...) are not finite.

    step : of the first draw, with thin steps from one draw to the next
    """
    if values.dtype.kind in "fc" and not np.isfinite(values).all():
        chain, draw, *_ = np.argwhere(~np.isfinite(values))[0]
        raise DivergenceError(what, chain, step + draw * thin, key)
