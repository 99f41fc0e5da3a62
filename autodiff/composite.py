"""Functions without a derivative rule of their own: composites, and constants.

A composite is written with functions that have rules, and is differentiated through
them. Through a value-only function no derivative passes.
"""

from autodiff.calls import Parameters, dispatching, values_of
from autodiff.table import RULES


def composite(function):
    """Decorate the definition of function in terms of others that have rules."""

    def declare(definition):
        accepted = Parameters(definition, 0)

        RULES[function] = lambda tape, args, kwargs: definition(
            *args, **accepted.check(function, args, kwargs)
        )
        return definition

    return declare


def value_only(function):
    """Declare that no derivative passes through function: a plain array comes out."""

    def record(tape, args, kwargs):
        named = {name: values_of(tape, x) for name, x in kwargs.items()}
        return function(*values_of(tape, args), **named)

    function = dispatching(function)
    RULES[function] = record
    return function
