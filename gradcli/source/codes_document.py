"""Codes GC1xx: the YAML, its keys and the expressions' syntax."""

from __future__ import annotations

from gradcli.source.code import Code

DOCUMENT_CODES = (
    Code(
        "GC101",
        "YAML syntax",
        "The text is no YAML document: a bracket or quote is not closed, the indentation does not fit, or a character"
        " cannot stand where it stands. Nothing behind that place can be read.",
        'inputs:\n  x: "ones(3)\n',
        "Look at the place and just above it: close the bracket or quote, indent with spaces, put a space after `:`.",
    ),
    Code(
        "GC102",
        "Duplicate key",
        "A mapping has the same key twice. YAML parsers often keep the last one silently, and then half of what was"
        " written has no effect, so it is an error here. Both places are shown.",
        "ops:\n  h: relu(x)\n  h: tanh(x)\n",
        "Rename or remove one of the two.",
    ),
    Code(
        "GC103",
        "Unknown tag",
        "A value has a YAML tag that is not part of the core schema, or its text is no value of that tag. Tags that"
        " build objects of a programming language are never followed.",
        "inputs:\n  x: !!python/tuple [1, 2]\n",
        "Remove the tag. The known ones are !!str !!int !!float !!bool !!null !!seq and !!map.",
    ),
    Code(
        "GC104",
        "Several documents",
        "A spec is one YAML document; a line `---` begins a second one.",
        "inputs: {x: 1.0}\n---\ninputs: {x: 2.0}\n",
        "Put each spec into a file of its own: every command takes several files.",
    ),
    Code(
        "GC105",
        "Empty document",
        "There is nothing in the spec but blanks and comments.",
        "# TODO\n",
        "Declare at least one tensor under `inputs`, `parameters` or `ops`.",
    ),
    Code(
        "GC106",
        "Expression cut by YAML",
        "An unquoted expression ends, for YAML, at `: `, and inside `{…}` or `[…]` at a comma or bracket too. What"
        " remains is no expression.",
        "ops: {h: matmul(x, w)}\n",
        'Quote the expression: `ops: {h: "matmul(x, w)"}`, or write it in block style on a line of its own.',
    ),
    Code(
        "GC107",
        "Not UTF-8 text",
        "A spec is UTF-8 text. The file has bytes that are no UTF-8, or control characters that YAML does not allow.",
        'description: "\\u0000 written as a raw byte"\n',
        "Save the file as UTF-8; if it is a binary file, name it as `{file: …}` in a spec instead.",
    ),
    Code(
        "GC108",
        "Anchor or merge key",
        "An alias (`*name`) has no anchor (`&name`) above it, an alias contains itself, or a merge key (`<<`) does not"
        " hold a mapping or a list of mappings.",
        "inputs:\n  x: *start\n",
        "Write the anchor above its first use: `x: &start ones(3)`, then `y: *start`.",
    ),
    Code(
        "GC110",
        "Unknown key",
        "The spec has no such key here. Keys are a closed set, so that a slip of the pen is found and not ignored.",
        "inputs: {x: 1.0}\nparametres: {w: 2.0}\n",
        "Correct the key as suggested. Keys of your own begin with `x-` and stand at the top.",
    ),
    Code(
        "GC111",
        "Wrong kind of value",
        "A key holds another kind of value than it must: a list where a mapping is asked for, a text where a"
        " number is.",
        "inputs: [x, y]\n",
        "Write what the message asks for, for example `inputs: {x: ones(3), y: zeros(3)}`.",
    ),
    Code(
        "GC112",
        "Missing key",
        "A mapping has one of the spec's forms, but a key that this form needs is not there.",
        "inputs: {x: 1.0}\nops:\n  y: {kwargs: {dim: 0}}\n",
        "Add the key: a call has `op`, an expression with flags `expr`, a loop `ops`, a backward step `output`.",
    ),
    Code(
        "GC113",
        "Keys that exclude each other",
        "A mapping has keys of two different forms, so it is not clear which one is meant.",
        "inputs: {x: 1.0}\nops:\n  y: {expr: x * 2, op: relu, args: [x]}\n",
        "Keep the keys of one form.",
    ),
    Code(
        "GC114",
        "Unknown format version",
        "`gradcli` at the top of a spec is the version of the format, and this program knows version 1.",
        "gradcli: 2\ninputs: {x: 1.0}\n",
        "Write `gradcli: 1` or leave it out; or install a newer gradcli.",
    ),
    Code(
        "GC115",
        "Not a literal",
        "A literal is numbers and booleans in lists. Something else stands among them, such as a mapping, a null or"
        " a text that is no number.",
        "inputs: {x: [1.0, null, 2.0]}\n",
        "Write `nan` for a missing number; write computed values as one expression, not as a list of them.",
    ),
    Code(
        "GC120",
        "Expression syntax",
        "The expression is no complete expression: an operand, a comma or a bracket is missing.",
        "inputs: {x: 1.0}\nops:\n  y: (x + 1\n",
        "Look at the caret. The grammar is that of Python's expressions.",
    ),
    Code(
        "GC121",
        "Python that is not in the language",
        "Expressions are a subset of Python's that is parsed, never evaluated by Python. Lambdas, comprehensions,"
        " assignments, f-strings, dictionaries and the like are not in it.",
        "inputs: {x: ones(3)}\nops:\n  y: stack([v * 2 for v in x])\n",
        "Use an op on the whole tensor, or a loop: `y: {carry: …, for: v in x, ops: …}`.",
    ),
    Code(
        "GC122",
        "The spec has its own way",
        "In-place methods, `out=`, `backward()`, `requires_grad_()` and the like change tensors that already exist. In"
        " a spec each name has one value, and what happens to it is written in the spec's own keys.",
        "inputs: {x: ones(3)}\nops:\n  y: x.add_(1)\n",
        "Use the op that gives a new tensor (`x.add(1)`), `backward:` at the top, or the flags `requires_grad: true`"
        " and `retain_grad: true`.",
    ),
)
