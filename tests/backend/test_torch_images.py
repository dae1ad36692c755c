"""Images by PyTorch's own kernels are those of Keras' layers."""

import keras
import numpy as np
import pytest

from kerasfuse import backend
from kerasfuse.layers import ResNet18

torch = pytest.importorskip("torch")
if keras.config.backend() != "torch":
    pytest.skip("PyTorch's own kernels", allow_module_level=True)


def encoder(policy="float32"):
    keras.utils.set_random_seed(0)
    found = ResNet18(4, dtype=policy)
    found.build((None, None, None, 2))
    rng = np.random.default_rng(1)
    for norm in found.norms.values():
        norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
        norm.beta.assign(rng.normal(size=norm.beta.shape))
        norm.moving_mean.assign(rng.normal(size=norm.beta.shape))
        norm.moving_variance.assign(rng.uniform(0.5, 2.0, norm.beta.shape))
    return found


def step(layer, x, training, direct):
    """Return the output, the gradients of all weights and the moving moments after a call."""
    with pytest.MonkeyPatch.context() as patch:
        if not direct:
            patch.setattr(backend, "images", lambda layer: None)
        x = torch.tensor(x, requires_grad=True)
        y = layer(x, training=training)
        (y * torch.linspace(-1, 1, y.shape[-1])).sum().backward()
    gradients = [v.value.grad for v in layer.trainable_variables]
    return y, [x.grad, *gradients], [v.value for v in layer.non_trainable_variables]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(3, 32, 40, 2), (1, 65, 33, 2), (8, 17, 9, 2)])
def test_output_gradients_and_moments_are_those_of_keras(shape, training):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    x[0] = 0.0
    found = step(encoder(), x, training, True)
    expected = step(encoder(), x, training, False)
    assert found[0].detach().numpy() == pytest.approx(expected[0].detach().numpy(), abs=1e-4)
    for part, other in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(part, other, strict=True):
            a, b = a.detach().numpy(), b.detach().numpy()
            assert np.abs(a - b).max() <= 2e-3 * np.abs(b).max() + 1e-5


def test_moments_may_move_before_the_gradients_of_an_inference_are_there():
    layer = encoder()
    x = torch.ones(2, 32, 32, 2)
    y = layer(x, training=False).sum()
    layer(x, training=True)
    y.backward()
    assert layer.convolutions["stem"].kernel.value.grad.abs().sum() > 0


def test_frozen_norms_keep_their_moments():
    layer = encoder()
    for norm in layer.norms.values():
        norm.trainable = False
    before = [v.numpy().copy() for v in layer.non_trainable_variables]
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 2)).astype("float32")
    assert layer(x, training=True).detach().numpy() == pytest.approx(
        layer(x, training=False).detach().numpy()
    )
    assert all(
        (a == v.numpy()).all() for a, v in zip(before, layer.non_trainable_variables, strict=True)
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_other_policies_go_by_the_layers_of_keras(policy):
    layer = encoder(policy)
    assert backend.images(layer) is None
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 2))
    assert np.isfinite(keras.ops.convert_to_numpy(layer(x, training=True)).astype("float32")).all()


def test_it_takes_the_direct_way_where_nothing_is_traced():
    assert backend.images(encoder()) is not None
    with keras.src.backend.common.stateless_scope.StatelessScope():
        assert backend.images(encoder()) is None
