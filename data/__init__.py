"""The data that the models learn from.

`load_*` reads what is shipped here and needs no network.
"""

from data.digits import DataError, Digits, load_digits

__all__ = ["DataError", "Digits", "load_digits"]
