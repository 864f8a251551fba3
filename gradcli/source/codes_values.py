"""Codes GC3xx and GC5xx: shapes, dtypes and numbers."""

from __future__ import annotations

from gradcli.source.code import Code

SHAPE_CODES = (
    Code(
        "GC301",
        "Shapes do not fit",
        "The op cannot combine tensors of these shapes. Sizes must be equal, or one of them 1 where the op broadcasts;"
        " the inner sizes of a matrix product must be equal.",
        "inputs: {a: 'ones(2, 3)', b: 'ones(4, 5)'}\nops:\n  c: a @ b\n",
        "Transpose (`b.T`), reshape or unsqueeze one of the tensors, or correct a size at its declaration.",
    ),
    Code(
        "GC302",
        "Dtypes do not fit",
        "The op is not defined for this dtype, or for these dtypes together. Matrix products, for example, do not"
        " promote.",
        "inputs: {a: 'ones(2, 2)', b: 'ones(2, 2, dtype=float64)'}\nops:\n  c: a @ b\n",
        "Convert one of them: `b.to(float32)`.",
    ),
    Code(
        "GC303",
        "Unknown dtype",
        "There is no such dtype. The dtypes are float16 float32 float64 complex64 complex128 int8 int16 int32 int64"
        " uint8 bool, also float, double, half, int, long and short, as in PyTorch.",
        "dtype: float23\ninputs: {x: 1.0}\n",
        "Correct the name.",
    ),
    Code(
        "GC304",
        "Dimension out of range",
        "A dimension of a tensor with n dimensions is -n … n-1, and the same one cannot be given twice.",
        "inputs: {x: 'ones(2, 3)'}\nops:\n  y: x.sum(2)\n",
        "Count dimensions from 0, or from -1 backwards.",
    ),
    Code(
        "GC305",
        "Index out of bounds",
        "An index is not among the rows of that dimension, or there are more indices than dimensions.",
        "inputs: {x: ones(3)}\nops:\n  y: x[3]\n",
        "Indices of n rows are -n … n-1; slices may go beyond the end.",
    ),
    Code(
        "GC306",
        "More than one value",
        "A single number or a truth value is asked for, and the tensor does not have exactly one element.",
        "inputs: {x: ones(3)}\nops:\n  y: x * 2 if x > 0 else x\n",
        "Reduce it first: `(x > 0).all()`, `x.sum()`; to choose element by element: `where(x > 0, x * 2, x)`.",
    ),
    Code(
        "GC307",
        "Ragged literal",
        "The rows of a literal have different lengths or depths, so it is no tensor.",
        "inputs: {x: [[1, 2], [3]]}\n",
        "Make all rows equally long.",
    ),
    Code(
        "GC308",
        "Value does not fit the dtype",
        "A number cannot be represented in the dtype: an integer is too large, or a complex number is to become real.",
        "inputs: {x: {value: [300], dtype: uint8}}\n",
        "Use a wider dtype.",
    ),
)

NUMERIC_CODES = (
    Code(
        "GC501",
        "Value out of range",
        "An op got a value that it is not defined for: a class index beyond the classes, a probability that is not in"
        " [0, 1], a negative size, an integer divided by zero.",
        "inputs: {p: [0.5, 1.5], y: [0.0, 1.0]}\nops:\n  loss: binary_cross_entropy(p, y)\n",
        "Check where the value comes from; `run --all` shows what was computed before it.",
    ),
    Code(
        "GC502",
        "Singular matrix",
        "The matrix has no inverse, so that no unique solution exists.",
        "inputs: {a: [[1.0, 2.0], [2.0, 4.0]]}\nops:\n  b: linalg.inv(a)\n",
        "Add a small multiple of `eye(n)`, or use `linalg.pinv` or `linalg.lstsq`.",
    ),
    Code(
        "GC503",
        "Not positive definite",
        "A Cholesky factor exists only for symmetric positive definite matrices; a leading minor is not positive.",
        "inputs: {a: [[1.0, 2.0], [2.0, 1.0]]}\nops:\n  l: linalg.cholesky(a)\n",
        "Add a small multiple of `eye(n)`, or use `linalg.eigh`.",
    ),
    Code(
        "GC504",
        "No convergence",
        "An iterative algorithm, such as that of eigenvalues or singular values, did not reach a result; most often the"
        " matrix has NaN or infinite entries.",
        "inputs: {a: [[nan, 1.0], [1.0, 2.0]]}\nops:\n  w: linalg.eigvalsh(a)\n",
        "Check that the matrix is finite; scale it if its entries are extreme.",
    ),
    Code(
        "GC505",
        "Gradient differs",
        "The derivative that was computed and the numerical one differ by more than the tolerance. Near a kink or a"
        " jump, and in float32, the numerical one is the wrong one.",
        "inputs: {}\nparameters: {x: [0.0]}\nops:\n  y: relu(x)\nbackward: y\n",
        "Move away from kinks, use `dtype: float64`; if it stays, report it.",
    ),
    Code(
        "GC506",
        "Expectation does not hold",
        "What `expect` says of a name is not what was computed.",
        "inputs: {x: 2.0}\nops:\n  y: x * 3\nexpect: {y: 7.0}\n",
        "Correct the spec or the expectation; `rtol` and `atol` widen the tolerance where that is right.",
    ),
    Code(
        "GC507",
        "Error did not come",
        "`raises` says which error the spec must end in, and it ended in none or in another.",
        "inputs: {x: 2.0}\nraises: second time\n",
        "Correct the spec, or `raises`: it is a text that the message contains.",
    ),
)
