"""gradcli bench: what it measures and prints; never how long it takes."""

from __future__ import annotations

import gradcli
from gradcli.bench.profile import measure
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
