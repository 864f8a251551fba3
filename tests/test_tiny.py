"""The tutorial, end to end, in under a second: this fails first when anything essential is broken."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcli
from gradcli.cli.main import invoke

TUTORIAL = """
description: One linear layer and its loss.
inputs:
  x: ones(5)
  y: zeros(3)
parameters:
  w: randn(5, 3)
  b: randn(3)
ops:
  z: matmul(x, w) + b
  loss: binary_cross_entropy_with_logits(z, y)
backward: loss
"""


def test_the_tutorial_gives_pytorch_s_numbers_and_names() -> None:
    """The tutorial's layer has the loss, the nodes and the gradients that the tutorial's mathematics gives."""
    result = gradcli.run(gradcli.loads(TUTORIAL))
    w, b, z, loss = (result[name] for name in ("w", "b", "z", "loss"))
    np.testing.assert_allclose(w.numpy()[0], [1.5410, -0.2934, -2.1788], atol=5e-5)
    logits = w.numpy().sum(0) + b.numpy()
    np.testing.assert_allclose(z.numpy(), logits, rtol=1e-6)
    np.testing.assert_allclose(loss.item(), np.log1p(np.exp(logits)).mean(), rtol=1e-6)
    np.testing.assert_allclose(b.grad, 1 / (1 + np.exp(-logits)) / 3, rtol=1e-6)
    np.testing.assert_allclose(w.grad, np.tile(b.grad, (5, 1)), rtol=1e-6)
    assert (z.grad_fn.name(), loss.grad_fn.name()) == ("AddBackward0", "BinaryCrossEntropyWithLogitsBackward0")
    assert result["x"].grad is None


def test_the_command_prints_what_the_library_gives(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """`gradcli run --format json` prints the numbers that `gradcli.run` returns."""
    path = tmp_path / "tutorial.yaml"
    path.write_text(TUTORIAL)
    assert invoke(["run", str(path), "--format", "json"]) == 0
    tensors = json.loads(capsys.readouterr().out)["tensors"]
    expected = gradcli.run(path)
    assert list(tensors) == ["x", "y", "w", "b", "z", "loss"]
    for name, row in tensors.items():
        np.testing.assert_array_equal(np.float32(row["value"]), expected[name].numpy())
    np.testing.assert_array_equal(np.float32(tensors["w"]["grad"]), expected["w"].grad)
