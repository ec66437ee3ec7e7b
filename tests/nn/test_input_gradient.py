"""The gradient with respect to the input, against automatic differentiation and differences of predictions."""

import numpy as np
import pytest

import hw5
from hw5.datasets.preprocessing import Standardisation
from hw5.devices.cpu import CpuDevice
from hw5.nn.autodiff import Variable, softmax_cross_entropy
from hw5.nn.hidden import dense_layers
from hw5.nn.input_gradient import InputGradient

rng = np.random.default_rng(3)


def of_model(model):
    its = model.checkpoint
    return InputGradient(CpuDevice(np.float64), its.parameters, its.layers(), its.settings.loss, its.standardisation)


def test_it_is_that_of_automatic_differentiation():
    """Both in float64: to 1e-12."""
    parameters = [(rng.normal(size=(6, 5)), rng.normal(size=6)), (rng.normal(size=(3, 6)), rng.normal(size=3))]
    X, y = rng.normal(size=(4, 5)), np.array([0, 2, 1, 1])
    its = Standardisation(rng.normal(size=5), rng.uniform(0.5, 2, 5))
    x = Variable(X)
    (W1, b1), (W2, b2) = parameters
    z = (((x - its.mean) * its.scale) @ W1.T + b1).tanh() @ W2.T + b2
    softmax_cross_entropy(z, y).backward()
    gradient = InputGradient(CpuDevice(np.float64), parameters, dense_layers((5, 6, 3), "tanh"), "cross-entropy", its)
    np.testing.assert_allclose(gradient.of_loss(X, y) / 4, x.gradient, rtol=1e-12, atol=1e-13)
    Delta = rng.normal(size=(4, 3))
    found, of_z = gradient.of_outputs(X, Delta)
    np.testing.assert_allclose(found, z.value, rtol=1e-12)
    x = Variable(X)
    (((((x - its.mean) * its.scale) @ W1.T + b1).tanh() @ W2.T + b2) * Delta).sum().backward()
    np.testing.assert_allclose(of_z, x.gradient, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("hidden", ["dropout:0.5,12", "conv:3x3,dropout:0.3,pool:2,8", "pool:2,6", "meanpool:2"])
def test_it_is_that_of_the_loss_by_differences_for_layers_of_all_kinds(hidden):
    """Central differences of -ln p in float64, with h = 1e-4 of pixels up to 255: to 1e-5 of the largest."""
    images = rng.integers(0, 256, (60, 8, 7)).astype(np.uint8)
    images[0] = rng.permutation(56).reshape(8, 7)  # no two are equal: where they are, a maximum has no derivative
    model = hw5.fit(
        (images, np.arange(60) % 3), hidden=hidden, epochs=2, device="numpy", progress=False, activation="tanh"
    )
    x, y = images[:1].reshape(1, -1).astype(float), np.array([2])
    gradient = of_model(model)
    found, h = gradient.of_loss(x, y)[0], 1e-4

    def loss(x):
        z = gradient.of_outputs(x, np.zeros((1, 3)))[0][0]
        return np.log(np.exp(z - z.max()).sum()) + z.max() - z[2]

    np.testing.assert_allclose(
        gradient.of_outputs(x, np.zeros((1, 3)))[0], model._predictor.logits(np.float32(x)), rtol=1e-4, atol=1e-4
    )
    step = h * np.eye(x.size)
    differences = np.array([(loss(x + e) - loss(x - e)) / (2 * h) for e in step])
    np.testing.assert_allclose(found, differences, atol=1e-5 * abs(differences).max())
