"""Codes GC2xx: the graph, its names and ops."""

from __future__ import annotations

from gradcli.source.code import Code

GRAPH_CODES = (
    Code(
        "GC201",
        "Unknown name",
        "An expression, a backward step or an expectation uses a name that is declared nowhere in the spec.",
        "inputs: {x: ones(3)}\nops:\n  y: relu(z)\n",
        "Declare it under `inputs`, `parameters` or `ops`, or correct it as suggested.",
    ),
    Code(
        "GC202",
        "Unknown op",
        "No op, method or attribute has this name. A bare name is looked for in torch.nn.functional, then torch, then"
        " torch.Tensor.",
        "inputs: {x: ones(3)}\nops:\n  y: softmaxx(x, 0)\n",
        "Correct it as suggested; `gradcli ops` lists all of them.",
    ),
    Code(
        "GC203",
        "Name declared twice",
        "A full name is declared once in a spec, whether as an input, a parameter or an op, so that it always means"
        " the same tensor.",
        "inputs: {x: ones(3)}\nparameters: {x: zeros(3)}\n",
        "Rename one of the two. Scopes give names of their own: `encoder.x`.",
    ),
    Code(
        "GC204",
        "Not a name",
        "Names are identifiers: letters, digits and `_`, not beginning with a digit, and no Python keyword, dtype,"
        " `inf`, `nan` or `pi`.",
        "inputs: {my-input: ones(3)}\n",
        "Rename it, for example `my_input`.",
    ),
    Code(
        "GC205",
        "Cycle",
        "Ops may be written in any order, but these need each other's values, so none of them can be first.",
        "inputs: {x: ones(3)}\nops:\n  a: b + x\n  b: a * 2\n",
        "Cut the circle at one place; what repeats itself is a loop: `y: {carry: {a: x}, repeat: 3, ops: {a: a * 2}}`.",
    ),
    Code(
        "GC206",
        "Arguments do not fit",
        "The op takes other arguments: one is missing, one is too many, a keyword is unknown, or a value is of another"
        " kind than the signature says.",
        "inputs: {x: ones(3)}\nops:\n  y: softmax(x, dimension=0)\n",
        "Compare with the signature that `gradcli ops NAME` shows.",
    ),
    Code(
        "GC207",
        "Name not visible here",
        "The name exists, but not at this place: `inputs` and `parameters` see only each other; from a loop or a branch"
        " only carried names and names of both sides are seen outside; parts such as `z.0` are no part of expressions.",
        "inputs: {x: y * 2}\nops:\n  y: ones(3)\n",
        "Move the declaration, carry the name out of the loop, or give the part a name of its own.",
    ),
    Code(
        "GC208",
        "Number of results",
        "The names on the left are more or fewer than the results of the op, or an op with several results is used as"
        " one tensor.",
        "inputs: {a: eye(3)}\nops:\n  q, r, s: linalg.qr(a)\n",
        "Write as many names as results, or take one of them: `qr: linalg.qr(a)`, then `qr[0]` or `qr.Q`.",
    ),
    Code(
        "GC209",
        "Not a tensor",
        "A tensor is asked for, and the name is a number, a list or a group of tensors: only tensors have gradients,"
        " shapes and dtypes.",
        "inputs: {x: ones(3)}\nops:\n  n: x.shape[0]\nbackward: n\n",
        "Name the tensor that is meant.",
    ),
    Code(
        "GC210",
        "Loop or branch",
        "A loop carries what it does not declare, goes over something that has no rows, counts with something that is"
        " no integer, or the two sides of a branch share no name.",
        "inputs: {x: ones(3)}\nops:\n  y: {carry: {h: x}, for: i in 3, ops: {h: h * 2}}\n",
        "Write `for: row in x`, `for: i in range(3)`, `for: a, b in zip(x, y)` or `repeat: 3`.",
    ),
    Code(
        "GC211",
        "Op that is not supported",
        "PyTorch has this op, but gradcli does not, or not with these arguments.",
        "inputs: {x: ones(3)}\nops:\n  y: torch.compile(x)\n",
        "Write it with other ops; `gradcli ops` lists what there is.",
    ),
)
