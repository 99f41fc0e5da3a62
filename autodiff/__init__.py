"""Reverse-mode differentiation of NumPy programs, written to be read.

Reading order: micro (the idea), tape, tensor, rules (the engine), one of the tables
rules_*, transforms with run and pytree, check, program.
"""

from autodiff import (  # noqa: F401  (importing a table of rules declares them)
    rules_contraction,
    rules_elementwise,
    rules_indexing,
    rules_linalg,
    rules_norms,
    rules_reductions,
    rules_shape,
    rules_sorting,
    rules_values,
)
from autodiff.check import check_gradients
from autodiff.composite import composite, value_only
from autodiff.functions import (
    array,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    stop_gradient,
)
from autodiff.program import explain
from autodiff.pytree import (
    static,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_paths,
)
from autodiff.rules import bilinear, elementwise, linear, rule
from autodiff.tensor import Tensor
from autodiff.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)

__all__ = [
    "Tensor",
    "array",
    "bilinear",
    "check_gradients",
    "composite",
    "elementwise",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linear",
    "log_softmax",
    "logsumexp",
    "relu",
    "rule",
    "sigmoid",
    "softmax",
    "softplus",
    "static",
    "stop_gradient",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_paths",
    "value_and_grad",
    "value_only",
    "vjp",
]
