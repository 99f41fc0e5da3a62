"""Tensor: a value seen through one tape.

Users write NumPy. A NumPy function that meets a tensor hands the call over (protocols
__array_ufunc__, __array_function__: NEP 13, 18); operators and methods go there without
NumPy's help. The youngest tape among the arguments runs it by its rule (rules.py).

Whatever would silently lose a derivative raises (refusals.py): a tensor made an array,
number or truth value, changes in place, out=, a function without a rule, a type that
a cotangent could not keep, a tensor that outlived its function.
"""

from operator import attrgetter, getitem

import numpy as np

from autodiff import refusals
from autodiff.tape import Tape


def youngest(args, tape=None):
    """The youngest tape of the tensors among args, in lists and tuples too, or None."""
    for x in args:
        if type(x) is Tensor:
            if x.tape is not tape and (tape is None or x.tape.serial > tape.serial):
                tape = x.tape
        elif type(x) in (tuple, list):
            tape = youngest(x, tape)
    return tape


def door(function):
    """The method of Tensor that hands function(self, ...) to the youngest tape."""

    def method(self, *others, **kwargs):
        return youngest(others, self.tape).apply(function, (self, *others), kwargs)

    return method


def operator(function, flip=False):
    """The same for an operator, in as few steps as Python allows."""

    def method(self, other):
        tape = self.tape
        if type(other) is Tensor and other.tape is not tape:
            tape = youngest((other,), tape)
        args = (other, self) if flip else (self, other)
        return tape.apply(function, args, {})

    return method


def astype(x, dtype):
    return x.astype(dtype)


class Tensor:
    """An array of floating-point numbers whose uses are recorded.

    grad, vjp and jvp make them of the arguments of the function they differentiate.
    value is the array, or a tensor of an older tape; index its place on the tape.
    """

    __slots__ = ("index", "tape", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value, tape: Tape, index: int):
        self.value, self.tape, self.index = value, tape, index

    shape = property(attrgetter("value.shape"))
    ndim = property(attrgetter("value.ndim"))
    size = property(attrgetter("value.size"))
    dtype = property(attrgetter("value.dtype"))
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        if method != "__call__":
            raise TypeError(refusals.UFUNC_METHOD.format(ufunc.__name__, method))
        if "out" in kwargs:
            raise TypeError(refusals.OUT.format(ufunc.__name__))
        return youngest(args, self.tape).apply(ufunc, args, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return youngest((*args, *kwargs.values())).apply(function, args, kwargs)

    def __array__(self, dtype=None, copy=None):
        raise TypeError(refusals.AS_ARRAY)

    def __bool__(self):
        raise TypeError(refusals.AS_NUMBER)

    __float__ = __int__ = __index__ = __complex__ = item = tolist = __bool__

    def __deepcopy__(self, memo):  # nothing changes it
        return self

    def __getattr__(self, name):
        raise AttributeError(refusals.NO_ATTRIBUTE.format(name=name))

    def __format__(self, spec):
        return format(self.value, spec) if spec else repr(self)

    def __setitem__(self, index, value):
        raise TypeError(refusals.ASSIGNMENT)

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"Tensor({self.value!r})"

    def __pow__(self, exponent):
        if type(exponent) is int and exponent == 2:  # np.power is many times slower
            return np.square(self)
        return np.power(self, exponent)

    def reshape(self, *shape):
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes):
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    __add__, __radd__ = operator(np.add), operator(np.add, flip=True)
    __sub__, __rsub__ = operator(np.subtract), operator(np.subtract, flip=True)
    __mul__, __rmul__ = operator(np.multiply), operator(np.multiply, flip=True)
    __truediv__, __rtruediv__ = operator(np.divide), operator(np.divide, flip=True)
    __matmul__, __rmatmul__ = operator(np.matmul), operator(np.matmul, flip=True)
    __mod__, __rmod__ = operator(np.remainder), operator(np.remainder, flip=True)
    __floordiv__, __rpow__ = operator(np.floor_divide), operator(np.power, flip=True)
    __rfloordiv__ = operator(np.floor_divide, flip=True)
    __neg__, __pos__, __abs__ = map(door, (np.negative, np.positive, np.absolute))
    __and__, __or__, __xor__ = map(
        door, (np.bitwise_and, np.bitwise_or, np.bitwise_xor)
    )
    __invert__, copy = door(np.bitwise_not), door(np.positive)
    __lt__, __le__, __gt__ = map(door, (np.less, np.less_equal, np.greater))
    __ge__, __eq__, __ne__ = map(door, (np.greater_equal, np.equal, np.not_equal))
    __getitem__, astype = door(getitem), door(astype)
    sum, mean, prod, cumsum = map(door, (np.sum, np.mean, np.prod, np.cumsum))
    max, min, var, std = map(door, (np.max, np.min, np.var, np.std))
    squeeze, swapaxes, dot = map(door, (np.squeeze, np.swapaxes, np.dot))
    clip, take, any, all = map(door, (np.clip, np.take, np.any, np.all))
    argmax, argmin, argsort = map(door, (np.argmax, np.argmin, np.argsort))
    ravel = flatten = door(np.ravel)
