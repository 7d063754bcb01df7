import pytest
import torch

from cranial_sparse.bricks import coarsen, from_dense
from cranial_sparse.sparse_conv import DepthwiseConv3d, DownConv3d, SubmanifoldConv3d, UpConv3d


def test_a_small_network_learns():
    """Down, up and skip over one level; one step of descent lowers the loss and every parameter has a gradient."""
    torch.manual_seed(0)
    fine = from_dense(torch.rand(2, 12, 12, 12) < 0.3)
    coarse = coarsen(fine)
    layers = torch.nn.ModuleList(
        [SubmanifoldConv3d(3, 8), DownConv3d(8, 12), DepthwiseConv3d(12), UpConv3d(12, 8), SubmanifoldConv3d(8, 1, 1)]
    )
    features, target = torch.randn(len(fine), 3), torch.randn(len(fine), 1)

    def loss():
        first = layers[0](features, fine).relu()
        deep = layers[2](layers[1](first, fine, coarse), coarse).relu()
        return (layers[4](first + layers[3](deep, coarse, fine), fine) - target).square().mean()

    optimizer = torch.optim.SGD(layers.parameters(), lr=0.05)
    before = loss()
    before.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in layers.parameters())
    optimizer.step()
    assert loss() < before


def test_parameters():
    assert SubmanifoldConv3d(4, 6, kernel_size=5).weight.shape == (125, 4, 6)
    assert DepthwiseConv3d(4).weight.shape == (27, 4)
    assert DownConv3d(4, 6).weight.shape == UpConv3d(4, 6).weight.shape == (8, 4, 6)
    layer = SubmanifoldConv3d(4, 6, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight.abs().max() <= (27 * 4) ** -0.5


@pytest.mark.parametrize("size", [-1, 0, 2, 17])
def test_kernel_sizes_are_checked_when_a_layer_is_made(size):
    for make in (lambda: SubmanifoldConv3d(2, 2, size), lambda: DepthwiseConv3d(2, size)):
        with pytest.raises(ValueError, match=f"kernel_size: expected an odd number up to 15, got {size}"):
            make()
