"""Chapter 1: what a derivative is, and how a program computes its own.

To be read from top to bottom; every statement is an assertion. It goes from the digits
of a number to the equations by which a network learns, and to the program that derives
those equations by itself. Numbers like T7 are those of the list in README.md. How a
derivative is checked follows in test_finite_differences.py, the cost function and its
gradient in test_cost_function.py.

Notation: x input, y output; g a cotangent (the derivative of the final result by some
value), t a tangent (the derivative of some value along a direction). In a network
z^l = a^{l-1} W^l + b^l, a^l = sigma(z^l), a^0 = x, one example a row. C is the cost and
delta^l = dC/dz^l.

Sources: R. E. Wengert (1964); S. Linnainmaa (1976); D. E. Rumelhart, G. E. Hinton and
R. J. Williams (1986); A. Griewank and A. Walther (2008), Evaluating Derivatives.
"""

import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from autodiff import (
    Tensor,
    explain,
    grad,
    jvp,
    relu,
    sigmoid,
    softmax,
    softplus,
    tree_leaves,
    vjp,
)
from autodiff.micro import Number, diamond, gradient, tanh
from autodiff.tape import Tape
from data import load_digits
from models import MLP, cross_entropy

# 1. What a derivative is, seen in the digits


def test_the_derivative_stands_in_the_digits():
    """Move 2 by 0.00001 and cube it: 2^3 = 8, then 12, then 6, then 1.

    The twelve is the derivative, 3 x^2. Five digits further on stands the six, 3 x,
    half of the second derivative, and at the end the one, a sixth of the third.
    """
    assert Decimal("2.00001") ** 3 == Decimal("8.00012" + "00006" + "00001")
    assert grad(lambda x: x**3)(2.0) == 12
    assert grad(grad(lambda x: x**3))(2.0) / 2 == 6
    assert grad(grad(grad(lambda x: x**3)))(2.0) / 6 == 1


def test_a_derivative_is_a_linear_map():
    """Near a point a function is its value plus something linear in the step.

    With two inputs each step is multiplied by a partial derivative, and the two are
    added. What is left shrinks with the square of the step.
    """

    def f(x, y):
        return x**2 * y

    by_x, by_y = grad(f, (0, 1))(3.0, 2.0)
    assert (by_x, by_y) == (2 * 3.0 * 2.0, 3.0**2)
    for h in (1e-2, 1e-3, 1e-4):
        left = f(3 + h, 2 - 2 * h) - f(3.0, 2.0) - (by_x * h + by_y * (-2 * h))
        assert abs(left) < 12 * h**2


# 2. The chain rule by hand


def test_the_chain_rule_by_hand():
    """One neuron, y = tanh(w x + b), in numbers.

    Forwards: z = w x + b = 0.4 and y = tanh 0.4. Backwards: dy/dz = 1 - y^2, which is
    multiplied by dz/dw = x, dz/dx = w and dz/db = 1.
    """
    w, x, b = 0.5, 2.0, -0.6
    z = w * x + b
    y = math.tanh(z)
    assert z == pytest.approx(0.4)
    assert y == pytest.approx(0.379949, abs=1e-6)
    slope = 1 - y**2
    assert slope == pytest.approx(0.855639, abs=1e-6)
    by_w, by_x, by_b = slope * x, slope * w, slope
    assert by_w == pytest.approx((math.tanh((w + 1e-5) * x + b) - y) / 1e-5, rel=1e-4)
    assert by_x == pytest.approx((math.tanh(w * (x + 1e-5) + b) - y) / 1e-5, rel=1e-4)
    assert by_b == pytest.approx((math.tanh(w * x + b + 1e-5) - y) / 1e-5, rel=1e-4)

    def neuron(w, x, b):
        return tanh(w * x + b)

    assert gradient(neuron, w, x, b) == (y, [by_w, by_x, by_b])


# 3. The same on a list, for plain numbers: autodiff/micro.py


def test_a_program_that_ran_is_a_list():
    """Every entry holds its value, its parents, and the partial derivative by each."""
    tape = []
    w, x, b = (Number(tape, value) for value in (0.5, 2.0, -0.6))
    y = tanh(w * x + b)
    leaves, (product, total, last) = tape[:3], tape[3:]
    assert leaves == [(0.5, ()), (2.0, ()), (-0.6, ())]
    assert product == (1.0, ((0, 2.0), (1, 0.5)))
    assert total == (0.4, ((3, 1.0), (2, 1.0)))
    assert last == (y.value, ((4, 1 - y.value**2),))


def test_fan_out_adds():
    """A value used twice collects one share of the derivative from each use (T6)."""
    assert gradient(lambda x: x * x, 3.0) == (9.0, [3.0 + 3.0])
    assert gradient(lambda x: x * x + x, 3.0) == (12.0, [3.0 + 3.0 + 1.0])
    assert gradient(diamond, 5.0) == (20.0, [4.0])


def test_the_order_of_the_sweep_matters():
    """In b = a + a, c = b + b, what b passes on must wait until b has all it gets.

    Backwards through the list, b holds 2 when its turn comes, and a gets 2 + 2. If b
    passed on what it holds at the first share, 1, and then counted as done, a would
    get 2, half of the truth.
    """
    tape = []
    a = Number(tape, 5.0)
    diamond(a)

    def first_come_first_served(position, g, cotangents, done):
        cotangents[position] = cotangents.get(position, 0.0) + g
        if position not in done:
            done.add(position)
            for parent, partial in tape[position][1]:
                first_come_first_served(parent, g * partial, cotangents, done)
        return cotangents

    assert first_come_first_served(2, 1.0, {}, set())[a.position] == 2
    assert gradient(diamond, 5.0)[1] == [4]


def test_sixty_doublings_are_sixty_entries():
    """From the end of n doublings 2^n paths lead to the start; the list has n entries.

    Walking path by path is exact and hopeless: the sum over paths of the products of
    partials is what the sweep computes, in n steps.
    """

    def doublings(a, n):
        for _ in range(n):
            a = a + a
        return a

    def paths(tape, position):
        _, parents = tape[position]
        return sum(paths(tape, parent) for parent, _ in parents) if parents else 1

    for n in range(10):
        tape = []
        last = doublings(Number(tape, 1.0), n)
        assert len(tape) == 1 + n
        assert paths(tape, last.position) == 2**n
    assert gradient(lambda a: doublings(a, 60), 1.0) == (2.0**60, [2.0**60])


# 4. The same list with arrays: autodiff/tape.py


def recorded(f, *arrays):
    """Run f on tensors of a new tape; return the tape, what f got and what it gave."""
    tape = Tape()
    leaves = [Tensor(x, tape, tape.record()) for x in arrays]
    return tape, leaves, f(*leaves)


def test_entries_and_edges_of_the_tape():
    """sum(tanh(w x)) for a number w and a vector x: six entries, six edges.

    Leaves have no edges. The number w meets a vector, so it is broadcast, which is an
    operation of its own; then come the product, tanh and the sum.
    """
    x, w = np.array([1.0, 2.0, 3.0]), np.array(0.5)
    tape, _, y = recorded(lambda w, x: np.sum(np.tanh(w * x)), w, x)
    w_leaf, x_leaf, broadcast, product, tanh_entry, total = range(6)
    parents = [[parent for parent, *_ in edges] for edges in tape.entries]
    assert parents == [[], [], [w_leaf], [broadcast, x_leaf], [product], [tanh_entry]]
    assert y.index == total


def test_cotangents_flow_backwards_edge_by_edge():
    """Each edge turns the cotangent of a result into a share for its operand.

    The sum repeats its cotangent 1; tanh multiplies by 1 - y^2; the product by the
    other factor; broadcasting is undone by a sum over what was repeated.
    """
    x, w = np.array([1.0, 2.0, 3.0]), np.array(0.5)
    tape, _, y = recorded(lambda w, x: np.sum(np.tanh(w * x)), w, x)

    def pull(entry, edge, g):
        _, pull_back, _, saved = tape.entries[entry][edge]
        return pull_back(g, *saved)

    ones = pull(5, 0, np.float64(1))
    assert ones.tolist() == [1, 1, 1]
    slopes = pull(4, 0, ones)
    np.testing.assert_allclose(slopes, 1 - np.tanh(w * x) ** 2)
    np.testing.assert_array_equal(pull(3, 0, slopes), slopes * x)
    np.testing.assert_array_equal(pull(3, 1, slopes), slopes * w)
    np.testing.assert_allclose(pull(2, 0, slopes * x), np.sum(slopes * x))

    by_w, by_x, *passed_on = tape.pull_back({y.index: np.float64(1)})
    np.testing.assert_allclose(by_w, np.sum(slopes * x))
    np.testing.assert_array_equal(by_x, slopes * w)
    assert passed_on == [None] * 4


def test_what_was_broadcast_is_summed_back():
    """A bias added to every row of a batch collects a share from every row (T6)."""
    x, b, g = np.ones((4, 3)), np.zeros(3), np.arange(12.0).reshape(4, 3)
    by_x, by_b = vjp(np.add, x, b)[1](g)
    np.testing.assert_array_equal(by_x, g)
    np.testing.assert_array_equal(by_b, g.sum(axis=0))
    by_column = grad(lambda c: np.sum(g * c))(np.ones((4, 1)))
    np.testing.assert_array_equal(by_column, g.sum(axis=1, keepdims=True))


def test_what_the_tape_keeps():
    """An edge keeps what its partial derivative needs, and nothing else.

    Addition needs nothing. tanh needs its output alone, since tanh' = 1 - tanh^2. A
    product needs the other factor. A sum needs the shape.
    """
    x, y = np.ones(3), np.full(3, 2.0)

    def kept(f, *arrays):
        tape, _, result = recorded(f, *arrays)
        saved = [edge[3] for edge in tape.entries[result.index]]
        return [[a for a in s if isinstance(a, np.ndarray)] for s in saved], result

    assert kept(np.add, x, y)[0] == [[], []]
    [[output]], result = kept(np.tanh, x)
    assert output is result.value
    [[by_x], [by_y]], _ = kept(np.multiply, x, y)
    assert by_x is y
    assert by_y is x
    assert kept(np.sum, x)[0] == [[]]


def test_the_same_list_read_forwards():
    """Tangents travel with the program, cotangents against it (T6).

    For every direction t and every weighting g of the results <g, J t> = <J^T g, t>:
    the two readings of the list are transposes of each other. One sweep forwards gives
    one column of J, one sweep backwards one row, whatever J's size.
    """

    def f(x):
        return np.sin(x[:2] * x[2])

    x, t, g = np.array([0.3, -1.2, 0.8]), np.array([1.0, 2.0, -1.0]), np.ones(2)
    cosines = np.cos(x[:2] * x[2])
    jacobian = np.column_stack([np.diag(cosines) * x[2], cosines * x[:2]])
    np.testing.assert_allclose(jvp(f, (x,), (t,))[1], jacobian @ t)
    np.testing.assert_allclose(vjp(f, x)[1](g)[0], jacobian.T @ g)


def test_a_second_derivative_is_a_tape_inside_a_tape():
    """The inner tensor's value is a tensor of the outer, older tape.

    So whatever the inner sweep computes is recorded in its turn, and
    tanh'' = -2 tanh (1 - tanh^2) comes from the one line that says tanh' = 1 - tanh^2.
    """
    seen = []

    def inner(x):
        seen.append((type(x.value), x.value.tape.serial < x.tape.serial))
        return np.tanh(x)

    y = np.tanh(0.4)
    assert grad(grad(inner))(0.4) == pytest.approx(-2 * y * (1 - y**2), rel=1e-14)
    assert seen == [(Tensor, True)]


# 5. Backpropagation: the equations of an L-layer network


def forward(x, layers, sigma):
    """All z^l and a^l of a network: z^l = a^{l-1} W^l + b^l, a^l = sigma(z^l)."""
    a, z = [x], []
    for weights, bias in layers:
        z.append(a[-1] @ weights + bias)
        a.append(sigma(z[-1]))
    return z, a


def backward(delta, a, z, layers, slope):
    """dC/dW^l and dC/db^l of every layer, from delta^L.

    dC/dW^l = (a^{l-1})^T delta^l,  dC/db^l = sum of delta^l over the examples,
    delta^{l-1} = delta^l (W^l)^T * sigma'(z^{l-1}).
    """
    gradients = []
    for i in reversed(range(len(layers))):
        gradients.append((a[i].T @ delta, delta.sum(axis=0)))
        if i > 0:
            delta = delta @ layers[i][0].T * slope(z[i - 1])
    return gradients[::-1]


def cost(layers, x, y, sigma):
    """C = (1/n) sum over examples and outputs of (a^L - y)^2."""
    return np.sum((forward(x, layers, sigma)[1][-1] - y) ** 2) / len(x)


ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "softplus": (softplus, sigmoid),
    "relu": (relu, lambda z: (z > 0).astype(float)),
    "sine": (np.sin, np.cos),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_delta_equations_are_reverse_mode(depth, activation):
    """Back propagation by hand, by grad, and as explain prints it: one result (T7).

    delta^L = (2/n) (a^L - y) * sigma'(z^L). The printed program was recorded on other
    parameters and other data than those on which it is compared.
    """
    sigma, slope = ACTIVATIONS[activation]
    sizes = [3, 5, 4, 6, 2][: depth + 1]

    def draw(seed):
        rng = np.random.default_rng(seed)
        layers = [
            (rng.normal(size=(m, n)), rng.normal(size=n)) for m, n in pairwise(sizes)
        ]
        return layers, rng.normal(size=(7, 3)), rng.normal(size=(7, sizes[-1]))

    def loss(layers, x, y):
        return cost(layers, x, y, sigma)

    printed = explain(grad(loss), *draw(0))
    for seed in (0, 1):
        layers, x, y = draw(seed)
        z, a = forward(x, layers, sigma)
        delta = 2 / len(x) * (a[-1] - y) * slope(z[-1])
        by_hand = tree_leaves(backward(delta, a, z, layers, slope))
        by_tape = tree_leaves(grad(loss)(layers, x, y))
        by_program = tree_leaves(printed(layers, x, y))
        for hand, tape, program in zip(by_hand, by_tape, by_program, strict=True):
            np.testing.assert_allclose(tape, hand, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(program, tape, rtol=1e-12, atol=1e-15)


def test_the_delta_equations_on_real_digits():
    """A classifier of 8x8 digits, 64-16-12-10, and its cross-entropy (T7).

    With p = softmax(z^L) the first delta is (p - onehot(labels)) / n: the slope of the
    logarithm and that of the softmax cancel. The rest is as before.
    """
    digits = load_digits()
    x = digits.images.reshape(-1, 64) / 16
    model = MLP.create((64, 16, 12, 10), activation="tanh", rng=0)
    layers = [(layer.weights, layer.bias) for layer in model.layers]

    def loss(model, x, labels):
        return cross_entropy(model(x), labels)

    first, second = digits.train[:20], digits.train[20:40]
    printed = explain(grad(loss), model, x[first], digits.labels[first])
    for rows in (first, second):
        labels = digits.labels[rows]
        z, a = forward(x[rows], layers[:-1], np.tanh)
        logits = a[-1] @ layers[-1][0] + layers[-1][1]
        delta = (softmax(logits) - np.eye(10)[labels]) / len(rows)
        by_hand = tree_leaves(
            backward(delta, a, z, layers, lambda z: 1 - np.tanh(z) ** 2)
        )
        by_tape = tree_leaves(grad(loss)(model, x[rows], labels))
        by_program = tree_leaves(printed(model, x[rows], labels))
        for hand, tape, program in zip(by_hand, by_tape, by_program, strict=True):
            np.testing.assert_allclose(tape, hand, rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(program, tape, rtol=1e-12, atol=1e-15)
