"""Codes GC9xx: files and limits."""

from __future__ import annotations

from gradcli.source.code import Code

LIMIT_CODES = (
    Code(
        "GC901",
        "Too much memory",
        "The tensors of the run would need more memory than is allowed. The run stops before the machine does.",
        "inputs: {x: 'ones(1000000, 1000000)'}\n",
        "Make tensors smaller, or allow more: `--max-memory 16GB`.",
    ),
    Code(
        "GC902",
        "Too many elements",
        "One tensor would have more elements than an index can count or than is allowed.",
        "inputs: {x: 'ones(4000000000, 4000000000)'}\n",
        "Correct the sizes.",
    ),
    Code(
        "GC903",
        "Too many turns",
        "The loops of the spec made more turns than allowed; perhaps a `while` never becomes false.",
        "inputs: {x: 1.0}\nops:\n  y: {carry: {h: x}, while: h > 0, ops: {h: h * 2}}\n",
        "Check the condition, or allow more: `--max-steps 10000000`.",
    ),
    Code(
        "GC904",
        "Document too large",
        "The spec has more bytes than a document may have.",
        "inputs: {x: [1.0, 2.0, 3.0]}  # and so on, for gigabytes\n",
        "Keep large tensors in files: `{file: weights.npz}`.",
    ),
    Code(
        "GC905",
        "Nested too deeply",
        "Brackets, blocks or parentheses are nested deeper than anybody writes, which programs that follow them could"
        " not survive.",
        "inputs: {x: [[[[[[1.0]]]]]]}  # and so on, for hundreds of levels\n",
        "Give steps of a long expression names of their own; write a literal as `ones(…)` and reshape it.",
    ),
    Code(
        "GC906",
        "Too many aliases",
        "The aliases of the document, followed into each other, stand for more values than is allowed.",
        "x-a: &a [1, 1, 1, 1]\nx-b: &b [*a, *a, *a, *a]\nx-c: [*b, *b, *b, *b]  # and so on\n",
        "Use ops (`repeat`, `expand`, `stack`) to make large tensors out of small ones.",
    ),
    Code(
        "GC910",
        "File not found",
        "There is no such file. Paths in a spec are relative to the spec's folder; those of standard input, to the"
        " current one.",
        "inputs: {x: {file: wieghts.npz}}\n",
        "Correct the path.",
    ),
    Code(
        "GC911",
        "File not readable",
        "The file exists but cannot be read: it is a folder, or its permissions forbid it.",
        "inputs: {x: {file: .}}\n",
        "Correct the path, or the permissions.",
    ),
    Code(
        "GC912",
        "Unknown file format",
        "The suffix of a file says its format, and this one is not known.",
        "inputs: {x: {file: weights.pkl}}\n",
        "Tensors are read from .npy .npz .csv .json .safetensors. Results are written to .json .yaml .csv .md .npz"
        " .safetensors, graphs to .dot .mmd .json .svg .html.",
    ),
    Code(
        "GC913",
        "Pickled file refused",
        "The file holds pickled Python objects. Reading them runs code that the file chooses, so it is never done.",
        "inputs: {x: {file: objects.npy}}\n",
        "Save plain numbers: `numpy.savez(path, w=array)` with an array whose dtype is not object, or safetensors.",
    ),
    Code(
        "GC914",
        "Path leaves the folder",
        "Files of a spec lie in its folder or below, so that a spec from somebody else cannot read yours.",
        "inputs: {x: {file: ../secret.csv}}\n",
        "Move the file, or allow its folder: `--allow-path DIR`.",
    ),
    Code(
        "GC915",
        "Key not in the file",
        "The file holds several tensors, and none has this key.",
        "inputs: {x: {file: weights.npz, key: wieght}}\n",
        "Use one of the keys that the message lists; without `key` the tensor's own name is looked for.",
    ),
    Code(
        "GC916",
        "Broken file",
        "The contents are not what the suffix promises: the file is cut short, has another format, or has a dtype that"
        " gradcli does not know.",
        "inputs: {x: {file: text-renamed-to.npy}}\n",
        "Write the file again.",
    ),
    Code(
        "GC917",
        "File not writable",
        "The output file cannot be written. What was there before is unchanged: a file appears whole or not at all.",
        "inputs: {x: 1.0}  # with --output missing-folder/out.json\n",
        "Check that the folder exists and that you may write to it.",
    ),
    Code(
        "GC918",
        "Extra not installed",
        "The op or file format needs a package that comes with one of gradcli's extras.",
        "inputs: {x: 0.5}\nops:\n  y: special.airy_ai(x)\n",
        'Install the extra that the message names: `pip install "gradcli[scipy]"`.',
    ),
)
