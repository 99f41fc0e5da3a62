"""What the engine refuses, why, and what to write instead.

A derivative can be lost without a trace: an array that swallows a tensor's number, a
branch that is frozen, a result whose type its cotangent cannot keep. Each of these
raises with one of the messages below.
"""

AS_ARRAY = (
    "a tensor cannot become a plain array, or be stored in one, without losing its "
    "derivative. Keep to NumPy functions of the tensor itself; autodiff.array([a, b]) "
    "builds an array from parts; stop_gradient(x) is the plain value where it is to "
    "count as a constant"
)
AS_NUMBER = (
    "a tensor cannot become a Python number or truth value without losing its "
    "derivative, or freezing a branch in a recorded program. Select with "
    "np.where(x > 0, a, b); under grad a comparison x > 0 is a plain array and may be "
    "branched on, stop_gradient(x) is the plain value, np.sin stands for math.sin, and "
    "autodiff.array([a, b]) builds what array[i] = x would fill"
)
NO_ATTRIBUTE = (
    "a tensor has no attribute {name}. It has those of an array that derivatives pass "
    "through; use a NumPy function of the tensor, as np.{name}(x) if there is one"
)
ASSIGNMENT = (
    "a tensor cannot be changed in place: others may already have used it. Select with "
    "np.where(mask, new, old), or build the array with np.stack or np.concatenate"
)
OUT = (
    "np.{} would write a tensor into an existing array (out=, or an in-place "
    "operator such as +=), which loses its derivative. Make a new array: y = y + x"
)
UFUNC_METHOD = (
    "np.{}.{} of a tensor has no derivative rule. Use the function that "
    "names the whole operation: np.sum for np.add.reduce, np.outer for "
    "np.multiply.outer, x[index] for np.add.at"
)
CLOSED = (
    "a tensor was used after its differentiated function had returned: the tape is "
    "closed and no derivative could reach it. Return it from the function, or keep "
    "stop_gradient(x) if its number is all you need"
)
NO_RULE = (
    "{name} has no derivative rule here, so the derivative would be lost. Write it "
    "with functions that have one, give it stop_gradient(x) if x is to count as a "
    "constant, or declare one: autodiff.elementwise(np.fabs, lambda x: np.sign(x))"
)
RESULT_TYPE = (
    "{name} of a {expected} tensor gave {found}: its cotangent could not keep the type "
    "of its leaf. Write array.astype(x.dtype) for an array, a Python number for a "
    "NumPy scalar, x.astype(np.{found}) if the wider type is meant; keep real and "
    "imaginary parts as two tensors"
)
ARGUMENTS = (
    "the derivative rule of {name} does not take {what}. Beside its arrays, given by "
    "position, it takes: {names}"
)
SHAPE_OF_VALUES = (
    "a recorded program cannot hold {name} of a value or mask that its input decides: "
    "the shape of the result would be frozen. Keep the shape: np.where(mask, x, 0), "
    "and np.sum(mask) for the count"
)
OTHER_SHAPES = (
    "this program was recorded for arguments of shapes and types {expected} and holds "
    "for those; it was given {found}. Explain the function for these arguments"
)
PARTIAL = (
    "a partial derivative has the parameters {wanted}. Their names say what it needs: "
    "at least one of {names} (the arguments in order, and the output y), with g before "
    "them if it returns the product with g"
)
SHARE = (
    "the pull-back of {name} returned {found} for an argument of shape {shape}. "
    "Return the argument's shape, or one that it broadcasts to: the engine sums over "
    "the repeated axes"
)
NO_FLOATS = (
    "argument {position} ({found:.60}) has no floating-point numbers, so it has no "
    "derivative. Write 3.0 for 3, x.astype(float) for integers; take the real and "
    "imaginary parts of complex numbers as two arguments"
)
SUBCLASS = (
    "argument {position} holds a {found}, whose products or masks mean something else "
    "than an array's. Write np.asarray(x)"
)
TWICE = (
    "argument {position} holds one array twice, at {first} and at {second}: its "
    "derivative would be split between them. Copy it if they are two parameters, keep "
    "it in one place if they are one"
)
NOT_SCALAR = (
    "grad needs a function of one real number as its result, not {found}. Sum or "
    "average it, or use jacobian, or vjp with a cotangent"
)
NOT_ONE_ARRAY = (
    "jacobian and hessian need a function of one array with one array as its result, "
    "and one argnum: vjp, jvp and hvp take trees"
)
PAIRS = (
    "jvp takes its primals and tangents as tuples, one entry for each argument: "
    "jvp(f, (x,), (t,))"
)
SEED = (
    "a {what} must have the structure, shapes and types of what it belongs to: "
    "expected {expected}, got {found}"
)
ARGNUMS = (
    "argnums {argnums} of {count} positional arguments: the arguments to differentiate "
    "are given by position, each once"
)
