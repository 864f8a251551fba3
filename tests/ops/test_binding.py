"""Bindings: calls that are bound by their types alone get the values that their signature would give them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from gradcli.autograd.tensor import Tensor
from gradcli.errors import BindError, DtypeError
from gradcli.graph.call import call_target
from gradcli.ops import registry

X = Tensor(np.arange(6.0).reshape(2, 3), True)
VALUES = (X, 2, 1.5, True, 1j, None, "mean", (0, 1), [1], [X, X])
POSITIONAL = [args for count in (1, 2, 3) for args in product(VALUES, repeat=count)]


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one, or equal and of one type."""
    return one is other or (type(one) is type(other) and not isinstance(one, Tensor) and one == other)


@pytest.mark.parametrize(
    "qualified", ["torch.add", "torch.sum", "nn.functional.softmax", "torch.div", "torch.where", "Tensor.clamp"]
)
def test_a_binding_gives_what_the_signature_gives(qualified: str) -> None:
    """Whatever the arguments and their names: either nothing is known, or exactly what `bind` returns."""
    signature = registry.overloads(qualified)[0].signature
    names = [param.name for param in signature.params]
    calls = [(args, {}) for args in POSITIONAL]
    calls += [(args, {name: value}) for args in POSITIONAL[:110] for name in [*names, "axis", "odd"] for value in VALUES]
    known = 0
    for args, kwargs in calls:
        binding = registry.binding(qualified, args, kwargs)
        if binding is not None:
            known += 1
            expected = signature.bind("f", args, kwargs)
            assert all(map(same, binding.values(args, kwargs), expected)), (args, kwargs)
    assert known


def test_an_error_is_said_in_the_words_of_its_operator() -> None:
    """A call that is bound by its types fails as it does when it is bound by its values."""
    whole = Tensor(np.array([1, 2]))
    real = Tensor(np.array([1.0, 2.0]))
    for _ in range(2):
        call_target("operator.invert", [whole], {})
        with pytest.raises(DtypeError) as caught:
            call_target("operator.invert", [real], {})
        assert caught.value.message == "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        with pytest.raises(BindError, match="unsupported operand"):
            call_target("operator.add", [real, "x"], {})
