"""Functions through which no derivative passes: their results are constants.

They are constant between jumps (comparisons, sign, floor), give positions (argmax,
argsort) or answer questions. What answers from the shape and type alone is a plain
answer even while a program is recorded.
"""

import numpy as np

from autodiff.composite import value_only

METADATA = {
    np.shape,
    np.ndim,
    np.size,
    np.result_type,
    np.can_cast,
    np.iscomplexobj,
    np.isrealobj,
    np.may_share_memory,
    np.shares_memory,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
}
QUESTIONS = {
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.bitwise_not,
    np.isfinite,
    np.isinf,
    np.isnan,
    np.signbit,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.all,
    np.any,
}
STEPS = {
    np.sign,
    np.floor,
    np.floor_divide,
    np.ceil,
    np.rint,
    np.trunc,
    np.fix,
    np.round,
    np.around,
    np.heaviside,
}
POSITIONS = {
    np.argmax,
    np.argmin,
    np.argsort,
    np.argwhere,
    np.nonzero,
    np.flatnonzero,
    np.count_nonzero,
    np.searchsorted,
    np.digitize,
}
NEW_ARRAYS = {np.zeros_like, np.ones_like, np.full_like, np.empty_like}

for function in METADATA | QUESTIONS | STEPS | POSITIONS | NEW_ARRAYS:
    value_only(function)
