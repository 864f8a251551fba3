"""Codes GC4xx: the rules of autograd."""

from __future__ import annotations

from gradcli.source.code import Code

AUTOGRAD_CODES = (
    Code(
        "GC401",
        "Rule of autograd",
        "The backward pass is asked for something that autograd cannot do. The message is PyTorch's.",
        "inputs: {x: ones(3)}\nops:\n  y: x * 2\n  g: autograd.grad(y.sum(), x)[0]\n",
        "See the message and its hint.",
    ),
    Code(
        "GC402",
        "Second backward",
        "The first backward pass frees the values that the graph saved for it, so a second one has nothing to work"
        " with. Ops that save nothing, such as `+`, can be passed again.",
        "parameters: {x: ones(3)}\nops:\n  y: (x * x).sum()\nbackward: [y, y]\n",
        "Keep the values in the first pass: `{output: y, retain_graph: true}`.",
    ),
    Code(
        "GC403",
        "Scalar outputs only",
        "Without `v` the backward pass starts with 1, and that is defined only for an output of one element.",
        "parameters: {x: ones(3)}\nops:\n  y: x * 2\nbackward: y\n",
        "Reduce the output (`y.sum()`), or give the vector of the vector-Jacobian product: `{output: y, v: ones(3)}`.",
    ),
    Code(
        "GC404",
        "Shape of v",
        "The vector v of a vector-Jacobian product has exactly the shape of the output.",
        "parameters: {x: ones(3)}\nops:\n  y: x * 2\nbackward: {output: y, v: [1.0, 1.0]}\n",
        "Give v the output's shape, for example `v: ones_like(y)`.",
    ),
    Code(
        "GC405",
        "Only leaves",
        "Only a leaf, a tensor that was not computed from others that require grad, can change whether it requires"
        " grad.",
        "parameters: {x: ones(3)}\nops:\n  y: {expr: x * 2, requires_grad: false}\n",
        "Cut the tensor off: `{expr: (x * 2).detach(), requires_grad: true}`; or record nothing: `no_grad: true`.",
    ),
    Code(
        "GC406",
        "Does not require grad",
        "The output was not computed from a tensor that requires grad, or was not recorded, so there is nothing to"
        " differentiate.",
        "inputs: {x: ones(3)}\nops:\n  y: x.sum()\nbackward: y\n",
        "Declare x under `parameters` or with `requires_grad: true`; look for `no_grad` and `detach` on the way.",
    ),
    Code(
        "GC407",
        "Unused in the graph",
        "A tensor that the gradient is asked for was not used to compute the outputs. That is often a mistake, and a"
        " gradient of none is not zero.",
        "parameters: {x: ones(3), w: ones(3)}\nops:\n  y: (x * 2).sum()\n  g: autograd.grad(y, w)[0]\n",
        "Leave it out, or say that it may be unused: `allow_unused=True`.",
    ),
    Code(
        "GC408",
        "Only floating point requires grad",
        "Only tensors of floating point and complex dtype can require gradients.",
        "inputs: {n: {value: [1, 2], requires_grad: true}}\n",
        "Use a floating dtype: `{value: [1, 2], dtype: float32, requires_grad: true}`.",
    ),
    Code(
        "GC409",
        "retain_grad without grad",
        "`retain_grad` keeps the grad of a tensor in the middle of the graph; this one does not require grad.",
        "inputs: {x: ones(3)}\nops:\n  y: {expr: x * 2, retain_grad: true}\n",
        "Declare what it is computed from under `parameters`, or leave the flag out.",
    ),
    Code(
        "GC410",
        "No derivative",
        "The op gives values, but its derivative with respect to this input is not defined or not implemented.",
        "parameters: {x: ones(3)}\nops:\n  y: nextafter(x, x + 1).sum()\nbackward: y\n",
        "Use `x.detach()` where the gradient does not matter, or another op.",
    ),
    Code(
        "GC411",
        "Gradient of a complex output",
        "An implicit v of 1 is defined for real outputs only.",
        "parameters: {x: [1+2j]}\nops:\n  y: (x * x).sum()\nbackward: y\n",
        "Make the output real (`y.real`, `y.abs()`), or give v.",
    ),
)
