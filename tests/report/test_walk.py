"""walk_backward: grad_fn objects as numbered nodes."""

from __future__ import annotations

from gradcli.report.graph import BackwardNode, Leaf, walk_backward


class Node:
    """A grad_fn as the walk sees it."""

    def __init__(self, name: str, *edges: tuple[Node | None, int]) -> None:
        self._name, self.next_functions = name, edges

    def name(self) -> str:
        return self._name


def test_ids_count_in_pre_order() -> None:
    """Ids follow the first visit depth first; shared nodes have one id, missing edges are None."""
    w = Node("torch::autograd::AccumulateGrad")
    shared = Node("MmBackward0", (None, 0), (w, 0))
    root = Node("AddBackward0", (Node("QrBackward0", (shared, 0)), 1), (shared, 0))
    assert walk_backward([root, None, shared, Node("NegBackward0", (w, 0))], lambda node: ("w", (5, 3))) == (
        BackwardNode(0, "AddBackward0", None, ((1, 1), (2, 0))),
        BackwardNode(1, "QrBackward0", None, ((2, 0),)),
        BackwardNode(2, "MmBackward0", None, (None, (3, 0))),
        BackwardNode(3, "AccumulateGrad", "w", (), (5, 3)),
        BackwardNode(4, "NegBackward0", None, ((3, 0),)),
    )


def test_only_accumulate_grad_is_asked_for_its_leaf() -> None:
    """The function that names leaves sees no other node."""

    def leaf(node: object) -> Leaf:
        raise AssertionError(node)

    assert walk_backward([Node("NegBackward0")], leaf)[0].tensor is None


def test_a_million_nodes() -> None:
    """A chain of a million nodes is walked without recursion."""
    node = Node("AccumulateGrad")
    for _ in range(999_999):
        node = Node("MulBackward0", (node, 0), (None, 0))
    nodes = walk_backward([node])
    assert len(nodes) == 1_000_000
    assert nodes[-2].next_functions == ((999_999, 0), None)
    while node.next_functions:  # Python would free the chain by recursion
        node = node.next_functions[0][0] or node
