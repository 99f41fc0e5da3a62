"""The table of rules: which function is differentiated how."""

from collections.abc import Callable
from importlib import import_module
from sys import modules

from autodiff.refusals import NO_RULE


class Rules(dict):
    """function -> rule(tape, args, kwargs), which runs and records the function.

    SciPy's rules are loaded at the first function met that may be SciPy's, so that
    importing autodiff does not import SciPy.
    """

    def __missing__(self, function: Callable) -> Callable:
        if "scipy.special" in modules:
            import_module("autodiff.rules_special")
        if function not in self:
            module = getattr(function, "__module__", None) or "numpy"
            name = f"{module}.{getattr(function, '__name__', function)}"
            raise TypeError(NO_RULE.format(name=name))
        return self[function]


RULES = Rules()
