"""Splits and shards: what two threads do on halves is what one does on the whole."""

from __future__ import annotations

import os
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradcli
from gradcli.autograd import blocks, shards
from gradcli.autograd.plan import Tape, Traced, needed
from gradcli.autograd.splits import SUM, Split, split
from gradcli.ops import arithmetic, exponential, product, rearrange, reduction, softmax, views


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call be worth a thread, and every array a block."""
    for name in ("STARTS", "LEAST", "LEAST_EACH"):
        monkeypatch.setattr(shards, name, 0)
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)


def traced(*shapes: tuple[int, ...]) -> list[Traced]:
    """Return inputs of these shapes on one tape."""
    tape, draws = Tape(), np.random.RandomState(0)
    return [tape.input(f"x{n}", draws.standard_normal(shape)) for n, shape in enumerate(shapes)]


def found(value: Traced, *axes: int | None) -> Split | None:
    """Return how the call that made a value is split where its first arguments are halves along these dimensions."""
    call = next(call for call in value.tape.calls if value.slot in call.outs)
    return split(call, (*axes, *(None,) * (len(call.args) - len(axes))))


def test_elementwise_calls_keep_the_dimension() -> None:
    """Both operands are halved where they have the dimension; what is broadcast along it stays whole."""
    x, row, column = traced((4, 6), (6,), (4, 1))
    assert found(x * row, 0) == Split((0, None), (0,))
    assert found(x * row, 1) == Split((1, 0), (1,))
    assert found(x * column, 1) == Split((1, None), (1,))
    assert found(x + 2, 0) == Split((0, None), (0,))


def test_products_split_rows_columns_or_what_they_sum_over() -> None:
    """Rows of the left, columns of the right; halves of the inner dimension give partial sums; a mixture gives nothing."""
    x, y = traced((4, 6), (6, 8))
    z = product.mm(x, y)
    assert found(z) == found(z, 0, None) == Split((0, None), (0,))
    assert found(z, None, 1) == Split((None, 1), (1,))
    assert found(z, 1, None) == found(z, None, 0) == found(z, 1, 0) == Split((1, 0), (SUM,))
    assert found(z, 0, 0) is None
    assert found(z, 0, 1) is None


def test_views_carry_the_dimension_along() -> None:
    """A transposition moves it, another size keeps the first one, and nothing starts with a view."""
    (x,) = traced((4, 6))
    assert found(views.t(x), 0) == Split((0,), (1,))
    assert found(rearrange.transpose(x, 0, 1), 1).outs == (0,)
    assert found(views.view(x, (2, 12)), 0) == Split((0, None), (0,), 1)
    assert found(views.view(x, (2, 12)), 1) is None
    assert found(views.t(x)) is None


def test_reductions_sum_over_halves_or_keep_them() -> None:
    """A sum over the halved dimension is a partial sum; over another one it moves the dimension down."""
    (x,) = traced((4, 6, 2))
    assert found(reduction.sum_all(x)).outs == (SUM,)
    assert found(reduction.sum_(x, (0,), False), 0).outs == (SUM,)
    assert found(reduction.sum_(x, (0,), False), 1).outs == (0,)
    assert found(reduction.sum_(x, (0,), True), 1).outs == (1,)


@pytest.mark.parametrize("shape", [(5, 4), (1, 4)])
def test_odd_lengths_are_not_halved(shape: tuple[int, ...]) -> None:
    """Halves are equal."""
    (x,) = traced(shape)
    assert found(exponential.exp(x)) is None


def test_integers_and_half_precision_are_not_summed_in_parts() -> None:
    """Partial sums of float16 would be rounded twice."""
    tape = Tape()
    x = tape.input("x", np.ones((4, 2), np.float16))
    assert found(reduction.sum_all(x)) is None
    assert found(x + 1, 0) is not None


def test_softmax_is_split_across_its_dimension() -> None:
    """Each row is its own."""
    (x,) = traced((4, 6))
    assert found(softmax.softmax_op(x, 1)) == Split((0, None), (0,))
    assert found(softmax.softmax_op(x, 0)) is None


def test_small_work_is_left_alone() -> None:
    """No thread is woken for a few numbers."""
    (x,) = traced((4, 6))
    y = exponential.exp(x)
    assert shards.sharded(x.tape.calls, [y.slot]) == x.tape.calls


@pytest.mark.usefixtures("eager")
def test_a_stretch_is_one_call_that_gives_what_is_needed() -> None:
    """What is wanted is whole, partial sums are added, and what waits for a whole runs in between."""
    x, w = traced((4, 6), (6, 2))
    y = softmax.softmax_op(product.mm(x, w), 1)
    total = arithmetic.sqrt(reduction.sum_all(y))
    slope = product.mm(views.t(x), y * total)
    wanted = [y.slot, slope.slot]
    calls = shards.sharded(needed(x.tape.calls, wanted), wanted)
    values = {x.slot: x.raw, w.slot: w.raw}
    assert [isinstance(call.function, shards.Shards) for call in calls].count(True) == 2
    for call in calls:
        args = [values[v.slot] if type(v) is Traced else v for v in call.args]
        made = call.function(*args)
        values.update(zip(call.outs, made if call.several else (made,), strict=True))
    np.testing.assert_allclose(values[y.slot], y.raw, rtol=1e-14)
    np.testing.assert_allclose(values[slope.slot], slope.raw, rtol=1e-14)


LINES = (
    "sin({})", "relu({})", "softmax({}, dim=-1)", "log_softmax({}, dim=0)", "{} @ w", "{} @ {}.T @ {}", "({} * u)",
    "{}.T.reshape(6, 4).T", "layer_norm({}, [6], u)", "{} + {}", "{} * {}", "{} * {}.sum(0)", "{} + {}.mean()",
    "{}.reshape(2, 12).sum(1, keepdim=True) * {}.reshape(2, 2, 6).sum(0)", "cumsum({}, 0)", "F.linear({}, w, u)",
    "max_pool2d({}.reshape(2, 2, 2, 3), 1).reshape(4, 6)", "{}.reshape(2, 2, 6).transpose(0, 1).reshape(4, 6)",
    "conv2d({}.reshape(2, 2, 2, 3), w[:4, :1].reshape(2, 2, 1, 1)).reshape(4, 6)",
)  # fmt: skip
SHAPES = {"a": (4, 6), "b": (4, 6), "w": (6, 6), "u": (6,)}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a spec of a few lines on 4×6 matrices with shared weights."""
    names, ops = ["a", "b"], {}
    for number in range(draw(st.integers(1, 6))):
        line = draw(st.sampled_from(LINES))
        first, second = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        same = line.count("{}") != 2 or ".T" in line
        ops[f"h{number}"] = line.replace("{}", first) if same else line.format(first, second)
        if "sum(1" not in line:
            names.append(f"h{number}")
    ops["out"] = " + ".join(f"({name}).sum()" for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)))
    draws = np.random.RandomState(draw(st.integers(0, 99)))
    return {
        "parameters": {name: draws.standard_normal(shape) for name, shape in SHAPES.items()}, "ops": ops, "backward": "out",
    }  # fmt: skip


@pytest.mark.usefixtures("eager")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(specs())
def test_a_random_spec_in_shards_gives_what_it_gives_whole(spec: dict[str, Any]) -> None:
    """Values and gradients agree to the last digits, however the work is divided."""
    expected, step = gradcli.run(spec), gradcli.compile(spec)
    for result in (step(), step()):
        for name in expected:
            np.testing.assert_allclose(result[name].numpy(), expected[name].numpy(), rtol=1e-11, atol=1e-11)
        for name in SHAPES:
            ours, theirs = result[name].grad, expected[name].grad
            assert (ours is None) == (theirs is None)
            np.testing.assert_allclose(0 if ours is None else ours, 0 if theirs is None else theirs, rtol=1e-10, atol=1e-10)


def step() -> Any:
    """Return a compiled spec of which a part is done in halves."""
    draws = np.random.RandomState(0)
    parameters = {name: draws.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    ops = {"h": "softmax(a @ w + u, dim=1)", "out": "(h * b).sum()"}
    return gradcli.compile({"parameters": parameters, "ops": ops, "backward": "out"})


def bits(compiled: Any) -> bytes:
    """Return the gradients of one call, byte by byte."""
    result = compiled()
    return b"".join(np.ascontiguousarray(result[name].grad).tobytes() for name in SHAPES)


@pytest.mark.usefixtures("eager")
def test_one_processor_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is divided in the same way, whoever does it."""
    expected = bits(step())
    monkeypatch.setattr("gradcli.autograd.threads.cores", lambda: 1)
    assert bits(step()) == expected


@pytest.mark.usefixtures("eager")
def test_several_threads_may_call_one_step() -> None:
    """Who finds the second thread busy does both halves itself, and each gets its own results."""
    compiled = step()
    expected, found = bits(compiled), []
    users = [Thread(target=lambda: found.extend(bits(compiled) for _ in range(10))) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert found == [expected] * 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.usefixtures("eager")
def test_a_forked_process_has_a_second_thread_of_its_own() -> None:
    """A child of a process that has used its second thread does not wait for it."""
    compiled = step()
    expected = bits(compiled)
    child = os.fork()
    if child == 0:
        os._exit(0 if bits(compiled) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
