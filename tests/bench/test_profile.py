"""gradcli bench: what it measures and prints; never how long it takes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import gradcli
from gradcli.bench.profile import Cost, Profile, measure
from gradcli.bench.stopwatch import Stopwatch, size_of
from gradcli.render.bench_text import render_bench
from tests.cli.transcript import SPECS, captured


def test_bench_prints_times_and_the_costliest_ops() -> None:
    """Median and best time forward and backward, peak memory, and the ops."""
    out, err, code = captured(["bench", str(SPECS / "layer.yaml"), "--repeat", "3", "--top", "2"], {})
    assert (err, code) == ("", 0)
    assert all(word in out for word in ("forward", "backward", "median", "best", "memory"))
    assert out.startswith(f"{SPECS / 'layer.yaml'}")


def test_bench_of_a_broken_spec_is_2() -> None:
    """What cannot be evaluated cannot be measured; the other specs are."""
    out, err, code = captured(["bench", str(SPECS / "shape.yaml"), str(SPECS / "kink.yaml"), "--repeat", "1"], {})
    assert code == 2
    assert "GC301" in err
    assert "kink.yaml" in out


def test_a_measurement_leaves_the_spec_as_it_was() -> None:
    """A spec that was measured gives the same result as before."""
    spec = gradcli.load(SPECS / "layer.yaml")
    before = gradcli.run(spec)["w"].grad.tolist()
    measure(spec, 2, None)
    assert gradcli.run(spec)["w"].grad.tolist() == before


def test_both_passes_take_time() -> None:
    """The backward pass is measured by itself: it is never 0 where there is one, and 0 where there is none."""
    profile = measure(gradcli.loads("parameters: {w: ones(3)}\nops: {y: w.sum()}\nbackward: y"), 5, None)
    assert min(*profile.forward, *profile.backward) > 0
    assert measure(gradcli.loads("ops: {y: ones(3)}"), 2, None).backward == (0.0, 0.0)


def costs(ops: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Return calls and bytes by name and pass of one spec over w, five float32 numbers."""
    profile = measure(gradcli.loads("parameters: {w: ones(5)}\n" + ops), 2, None)
    assert list(profile.costs) == sorted(profile.costs, key=lambda cost: -cost.seconds)
    return {(cost.name, cost.direction): (cost.calls, cost.bytes) for cost in profile.costs}


def test_ops_and_nodes_have_calls_and_the_bytes_of_their_results() -> None:
    """Forward the bytes of the values, backward those of the gradients that the node returns."""
    found = costs("ops: {a: w * w, b: tanh(a), c: tanh(b), y: c.sum()}\nbackward: y")
    assert (
        found.items()
        >= {
            ("mul", "forward"): (1, 20),
            ("tanh", "forward"): (2, 40),
            ("sum", "forward"): (1, 4),
            ("SumBackward0", "backward"): (1, 20),
            ("TanhBackward0", "backward"): (2, 40),
            ("MulBackward0", "backward"): (1, 40),
        }.items()
    )


def test_ops_that_a_recorded_pass_applies_are_of_the_backward_pass() -> None:
    """With create_graph the nodes apply ops, which have costs of their own."""
    found = costs("ops: {y: (w * w).sum()}\nbackward: {output: y, create_graph: true}")
    assert found["mul", "forward"] == (1, 20)
    assert found["mul", "backward"] == (2, 40)


def test_of_several_results_all_bytes_count() -> None:
    """A tuple of tensors is as large as its items; what is no tensor has no bytes."""
    assert size_of((gradcli.Tensor(np.ones(3)), [np.float32(1), None], 7)) == 28


def test_the_time_of_a_call_inside_another_is_not_the_outer_one_s() -> None:
    """Own times add up to the time of the outermost call, also where one of them fails."""
    module = SimpleNamespace()
    module.inner = lambda: np.ones((300, 300)) @ np.ones((300, 300))
    module.outer = lambda: module.inner() and None
    watch = Stopwatch()
    with (
        watch.on(module, "outer", lambda: "outer"),
        watch.on(module, "inner", lambda: "inner"),
        pytest.raises(ValueError, match="ambiguous"),
    ):
        module.outer()
    assert not watch.running
    assert {name: (spent.calls, spent.bytes) for name, spent in watch.spent.items()} == {
        "inner": (1, 720_000),
        "outer": (1, 0),
    }
    assert watch.spent["outer"].seconds > 0
    module.inner()
    assert watch.spent["inner"].calls == 1


PROFILE = Profile(
    "a.yaml", (0.25, 0.5, 0.125), (0.5, 1.0, 0.75), 3 << 20,
    (Cost("matmul", "forward", 1, 0.5, 4_000_000), Cost("MmBackward0", "backward", 2, 0.25, 800),
     Cost("add", "forward", 3, 0.15, 12), Cost("sum", "forward", 1, 0.1, 4)),
)  # fmt: skip


def test_what_top_leaves_out_is_one_line() -> None:
    """Shares are of the sum over all ops and nodes, and those that are shown add up to 100 %."""
    assert render_bench(PROFILE, 2) == (
        "a.yaml: 3 evaluations\n"
        "                  median        best\n"
        "  forward         250 ms      125 ms\n"
        "  backward        750 ms      500 ms\n"
        "  memory        3.00 MiB at the peak\n"
        "\n"
        "  op           pass       calls        time   share           bytes\n"
        "  matmul       forward        1      500 ms   50.0%       4,000,000\n"
        "  MmBackward0  backward       2      250 ms   25.0%             800\n"
        "  2 others                    4      250 ms   25.0%              16\n"
    )


def test_all_costs_fit_without_others() -> None:
    """Nothing is left out where `--top` is large enough; `--top 0` lists no ops."""
    assert "others" not in render_bench(PROFILE, 4)
    assert len(render_bench(PROFILE, 4).splitlines()) == 11
    assert len(render_bench(PROFILE, 0).splitlines()) == 5


def test_the_shares_of_a_real_profile_are_of_the_whole() -> None:
    """What is listed takes as long as all ops together, whatever is left out."""
    profile = measure(gradcli.load(SPECS / "layer.yaml"), 2, None)
    for top in (1, 3, 100):
        assert sum(cost.seconds for cost in profile.listed(top)) == pytest.approx(profile.seconds())
