"""What the pictures of hw5 lecture show: adversarial images, approximation, derivatives, XOR, descent."""

import numpy as np
import pytest

import hw5
from hw5.datasets import load
from hw5.datasets.fetch import find_downloaded
from hw5.devices import open_device
from hw5.devices.activations import ELEMENTWISE
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.lectures import approximation, derivatives, descent, gates
from hw5.lectures.adversarial import Attack
from hw5.nn.input_gradient import InputGradient
from hw5.train.predictor import Predictor

QUICK = {"progress": False, "device": "cpu"}


def on(device, model):
    return Predictor(device, model.checkpoint)


@pytest.fixture(scope="module")
def digits():
    return load("digits").train


@pytest.fixture(scope="module")
def convolutional():
    return hw5.fit("digits", hidden="conv:6x3+1,pool:2,dropout:0.2,24", epochs=8, **QUICK)


@pytest.fixture(scope="module")
def linear():
    return hw5.fit("digits", model="linear", epochs=10, **QUICK)


def test_an_adversarial_image_is_within_its_step_and_of_another_class(device, convolutional, digits):
    """The classes are those of predict on the same device.

    A step is not the smallest along its own noise if less flips.
    """
    model = on(device, convolutional)
    attack, x = Attack(model), np.float64(digits.X[0])
    before = model.predict(np.float32(x[np.newaxis])).argmax()
    sign, smallest = attack.by_gradient_sign(x), attack.smallest(x)
    assert 0 < smallest.step <= sign.step < 16
    for change in (sign, smallest):
        assert model.predict(change.image[np.newaxis]).argmax() == change.predicted != before
        assert np.abs(change.image - x).max() == pytest.approx(change.step)
        assert change.image.min() >= 0 and change.image.max() <= 16
        less = np.float32(x + 0.98 * (change.image - x))
        assert model.predict(less[np.newaxis]).argmax() == before


def test_the_smallest_step_of_a_linear_model_is_that_of_the_formula(linear, digits):
    """min over k of (z_y - z_k) / |w_k - w_y|_1, where no pixel reaches the end of its range; and never more than it.

    Float32's z has an error of 1e-6 or so, relative to margins of order 1: to 1e-3.
    """
    attack = Attack(on(linear.device, linear))
    attack.low, attack.high = -1e6, 1e6  # so that the ends of the range do not matter
    (W, b), its = linear.parameters[0], linear.checkpoint.standardisation
    for x in np.float64(digits.X[:5]):
        w = W * its.scale
        z = w @ (x - its.mean) + b
        y = z.argmax()
        others = np.arange(10) != y
        formula = ((z[y] - z[others]) / np.abs(w[others] - w[y]).sum(axis=1)).min()
        found = attack.smallest(x)
        assert found.step == pytest.approx(formula, rel=1e-3)


def test_the_range_of_pixels_is_taken_into_account(linear, digits):
    """With the range, the step of a linear model is the solution of a linear programme, which SciPy gives as well."""
    optimize = pytest.importorskip("scipy.optimize")
    attack = Attack(on(linear.device, linear))
    (W, b), its = linear.parameters[0], linear.checkpoint.standardisation
    W = np.float64(W) * its.scale
    x = np.float64(digits.X[3])
    z = W @ (x - its.mean) + b
    y, steps = z.argmax(), []
    for k in set(range(10)) - {y}:  # minimise e with |x' - x| <= e, x' in the range, z_k >= z_y at x'
        d = len(x)
        g = W[k] - W[y]
        A = np.block(
            [[np.eye(d), -np.ones((d, 1))], [-np.eye(d), -np.ones((d, 1))], [-g[np.newaxis], np.zeros((1, 1))]]
        )
        limits = np.concatenate([np.zeros(2 * d), [z[k] - z[y]]])
        bounds = [(-xi, 16 - xi) for xi in x] + [(0, None)]
        steps.append(optimize.linprog(np.append(np.zeros(d), 1), A, limits, bounds=bounds).fun)
    assert attack.smallest(x).step == pytest.approx(min(steps), rel=1e-3)


@pytest.mark.parametrize("name", ["numpy", "cpu", "emulator", "cuda"])
def test_the_gradient_is_that_of_differences_on_every_device(name, convolutional, digits):
    """Central differences of the loss in float64, pixel by pixel.

    They agree to 1e-4 of the largest, for sums of some 100 float32.
    """
    try:
        device = open_device(name)
    except InputError as error:
        pytest.skip(str(error))
    its = convolutional.checkpoint
    arguments = its.parameters, its.layers(), its.settings.loss, its.standardisation
    noise = np.random.default_rng(0).uniform(0, 0.5, (3, 64))  # so that no two pixels of a window are equal
    x, y, h = np.float64(np.float32(digits.X[:3] + noise)), np.array([4, 1, 2]), 1e-4
    exact = InputGradient(CpuDevice(np.float64), *arguments)

    def losses(X):
        z, _ = exact.of_outputs(X, np.zeros((len(X), 10)))
        return np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)) + z.max(axis=1) - z[np.arange(len(X)), y]

    differences = np.stack([(losses(x + h * e) - losses(x - h * e)) / (2 * h) for e in np.eye(64)], axis=1)
    found = InputGradient(device, *arguments).of_loss(np.float32(x), y)
    np.testing.assert_allclose(found, differences, atol=1e-4 * abs(differences).max())


@pytest.mark.slow
def test_the_smallest_change_on_mnist():
    """For ten digits: of another class by predict, never more than along the gradient's sign, and mostly much less."""
    if find_downloaded("mnist", None) is None:
        pytest.skip("MNIST is not here; HW5_DATA says where it is")
    model = hw5.fit("mnist", hidden="conv:6x5/2,32", epochs=1, threads=1, **QUICK)
    attack, steps = Attack(on(model.device, model)), []
    for x in np.float64(hw5.load_data("mnist").test.X[:10]):
        before = attack.classes([x])[0]
        sign, smallest = attack.by_gradient_sign(x), attack.smallest(x)
        assert model.predict(smallest.image[np.newaxis])[0] == smallest.predicted != before
        assert 0 <= smallest.image.min() and smallest.image.max() <= 255
        assert np.abs(smallest.image - x).max() == pytest.approx(smallest.step)
        steps.append((smallest.step, sign.step if sign else np.inf))
    assert all(small <= along for small, along in steps)
    assert np.median([small / along for small, along in steps]) < 0.9


def test_only_models_that_classify_images_have_adversarial_ones():
    model = hw5.fit("xor", epochs=1, **QUICK)
    with pytest.raises(InputError, match="need a model that classifies images"):
        Attack(on(model.device, model))


def test_more_hidden_units_approximate_a_curve_better(device):
    one, four, sixteen = approximation.fits(device, (1, 4, 16)) if device.name == "cpu" else pytest.skip("too slow")
    assert four.rmse < 0.8 * one.rmse and sixteen.rmse < 0.2 * four.rmse
    x, y = approximation.target()
    assert one.rmse == pytest.approx(np.sqrt(np.mean((one.curve - y) ** 2)))
    slopes = np.diff(one.curve) / np.diff(x[:, 0])  # of straight lines, which bend at the hinge alone
    (hinge,) = one.hinges
    for side in (x[:-1, 0] > hinge + 0.05, x[1:, 0] < hinge - 0.05):
        if side.any():
            np.testing.assert_allclose(slopes[side], slopes[side].mean(), atol=2e-3)


def test_derivatives_are_counted_on_a_model(device):
    dataset = load("digits")
    X = np.float32(dataset.train.X[:100])
    for theta in ("relu", "tanh"):
        model = hw5.fit("digits", hidden=(20, 10), activation=theta, epochs=2, **QUICK)
        first, second = derivatives.of_layers(on(device, model), X)
        (W, b), its = model.parameters[0], model.checkpoint.standardisation
        z = ((X - its.mean) * its.scale) @ W.T + b
        derivative = np.where(z > 0, 1, 0) if theta == "relu" else 1 - np.tanh(z) ** 2
        assert first.zero == pytest.approx((derivative == 0).mean(), abs=1e-3)
        assert first.small == pytest.approx((derivative < 0.01).mean(), abs=2e-3)
        assert first.counts.sum() == 2000 and second.counts.sum() == 1000
        assert first.dead == ((derivative == 0).all(axis=0)).mean()


def test_maxout_has_no_derivative_to_count():
    model = hw5.fit("digits", hidden=(4,), activation="maxout", epochs=1, **QUICK)
    with pytest.raises(InputError, match="no hidden layer with an activation of one piece"):
        derivatives.of_layers(on(model.device, model), np.zeros((2, 64), np.float32))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_curves_of_derivatives_are_slopes_of_those_of_the_activations(name):
    z = np.array([-2.0, -0.7, 0.4, 1.9])
    (above, _), (below, _), (_, slope) = (curves(name, z + h) for h in (1e-6, -1e-6, 0))
    np.testing.assert_allclose((above - below) / 2e-6, slope, atol=1e-8)


curves = derivatives.curves


def test_perceptrons_learn_the_gates_and_compose_xor(device):
    learned = gates.learned(device)
    for name, truth in gates.GATES.items():
        (w,), (b,) = learned[name]
        assert (gates.CORNERS @ w + b > 0).tolist() == np.array(truth, bool).tolist()
    hidden, classes = gates.composed(learned, gates.CORNERS)
    assert hidden.T.tolist() == [gates.GATES["OR"], gates.GATES["NAND"]] and classes.tolist() == [0, 1, 1, 0]
    assert gates.written((np.float32([[1, -2]]), np.float32([-1]))) == "x1 - 2 x2 - 1 > 0"
    assert gates.written((np.float32([[-1, 0]]), np.float32([0.5]))) == "- x1 + 0.5 > 0"


def test_the_paths_are_on_the_surface(device):
    """The last weights of each path have the loss that the training ended with, and all begin at the same point."""
    if device.name != "cpu":
        pytest.skip("too slow")
    run, paths = descent.paths(device)
    starts = [path.weights[0].tobytes() for path in paths.values()]
    assert len(set(starts)) == 1 and len({len(path.weights) for path in paths.values()}) == 1
    assert all(path.losses[-1] < 0.7 * path.losses[0] for path in paths.values())
    surface = descent.surface(run, paths)
    np.testing.assert_allclose(surface.axes @ surface.axes.T, np.eye(2), atol=1e-12)
    i, j = 7, 30
    weights = surface.centre + surface.a[j] * surface.axes[0] + surface.b[i] * surface.axes[1]
    assert surface.loss[i, j] == descent._loss(run, weights)
    np.testing.assert_allclose(surface.project(weights), [surface.a[j], surface.b[i]], atol=1e-12)
    everything = np.concatenate([path.weights for path in paths.values()])
    far = everything - surface.centre
    inside = surface.project(everything)
    assert surface.share == pytest.approx((inside**2).sum() / (far**2).sum()) and surface.share > 0.5
