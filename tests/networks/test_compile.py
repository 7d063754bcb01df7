"""torch.compile of the cascade: sizes that depend on data are all that can break its graph."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from cranial_sparse.networks.cascade import Cascade, CascadeInputs


@pytest.fixture
def inputs() -> CascadeInputs:
    """A shell of which a part is missing, on a box of 48³ voxels of 0.45 mm, and a field that knows the whole."""
    axis = torch.arange(48) - 23.5
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    skull = ((radius > 14) & (radius < 21) & (axis[:, None, None] > -4)).to(torch.uint8)
    field = torch.nn.functional.avg_pool3d(torch.minimum(21 - radius, radius - 14)[None], 2)[0]
    return CascadeInputs(skull, skull.flip(0), field)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def network() -> Cascade:
    torch.manual_seed(0)
    network = Cascade().eval()
    for parameter in network.parameters():  # an untrained head returns the proposal whatever the rest does
        torch.nn.init.normal_(parameter, std=0.05)
    return network


def logits(network, inputs: CascadeInputs) -> list[Tensor]:
    with torch.no_grad():
        return [output.logits for output in network(inputs)]


def test_one_graph_where_the_compiler_may_leave_sizes_open(network, inputs):
    expected = logits(network, inputs)
    with torch._dynamo.config.patch(capture_scalar_outputs=True, capture_dynamic_output_shape_ops=True):
        found = logits(torch.compile(network, backend="eager", fullgraph=True), inputs)
    torch.testing.assert_close(found, expected)


def test_otherwise_only_such_sizes_break_it(network, inputs):
    with torch.no_grad():
        seen = torch._dynamo.explain(network)(inputs)
    allowed = ("Dynamic shape operator", "Unsupported Tensor.item()")
    assert [str(b.reason) for b in seen.break_reasons if not str(b.reason).startswith(allowed)] == []
