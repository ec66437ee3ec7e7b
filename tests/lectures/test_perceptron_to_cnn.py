"""The lecture from the perceptron to convolutional networks: one test per slide, in its order and letters.

log is the natural logarithm. The data points and weights of the perceptron are small integers, which float32 adds
without rounding, so the weights are exact on every device.
"""

from math import prod

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally
from hw5.nn.autodiff import Variable, softmax_cross_entropy
from hw5.nn.hidden import LENET, dense_layers, layers_of
from hw5.nn.network import Network, initial_parameters
from hw5.train.settings import Settings
from hw5.train.training import Training

from .helpers import (
    FLOAT32,
    FLOAT64,
    SAME_SUMS,
    activated,
    assert_same_parameters,
    draw,
    evaluate,
    outputs,
    place,
    stepped,
    trained,
)

CORNERS = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
XOR = np.array([0, 1, 1, 0])


def sigmoid(z):
    """1 / (1 + e^-z)"""
    return 1 / (1 + np.exp(-z))


def neuron(w, b):
    """The parameters of one neuron, with the output w^T x + b."""
    return [(np.array([w], float), np.array([b], float))]


def test_perceptron(device):
    """Perceptron: o = sigma(w^T x + b) with sigma(x) = 1 if x > 0, 0 otherwise: on the line itself it is 0."""
    X = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [-1, 2], [0.5, 0.25]])
    z = X @ [1, 2] - 1
    o = [1 if z_i > 0 else 0 for z_i in z]
    assert 0 in z and {*o} == {0, 1}
    assert evaluate(device, neuron((1, 2), -1), X, np.zeros(6, int), loss="perceptron")[2].tolist() == o
    assert activated(device, "heaviside", z[None])[0].tolist() == [o]


def extended(network):
    """The extended vectors (w, b) of a linear network, one per row."""
    ((W, b),) = network.parameters()
    return np.column_stack([W, b]).tolist()


def pass_over(device, network, X, y):
    """An epoch in the order of the rows: for each point, whether it was predicted correctly, and then (w, b)."""
    data, order = place(device, X, y), device.upload(np.arange(len(y)), device.index_dtype)
    for i in range(len(y)):
        tally = Tally(device, 1)
        device.stepper(network, data).train(order[i : i + 1], 1, Rates(eta=1), tally)
        yield tally.read()[1] == 1, extended(network)


def test_training_the_perceptron(device):
    """Training the Perceptron: where o_i != y_i, w <- w + x_i if y_i = 1 and w <- w - x_i if y_i = 0."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(-3, 4, (40, 3)), rng.integers(0, 2, 40)
    network, w, mistakes = Network(device, neuron((0, 0, 0), 0), loss="perceptron"), np.zeros(4), 0
    for _ in range(2):
        for x, y_i, (right, vectors) in zip(np.column_stack([X, np.ones(40)]), y, pass_over(device, network, X, y)):
            o = 1 if w @ x > 0 else 0
            if o != y_i:
                w = w + x if y_i == 1 else w - x
                mistakes += 1
            assert right == (o == y_i) and vectors == [w.tolist()]
    assert mistakes > 20


def test_training_the_perceptron_for_several_classes(device):
    """Training the Perceptron, with (w, b) for each class: y_i's gains x_i, and that of the predicted class loses it.

    The numbers are computed by hand, from 0. Ties go to the first class. The second epoch makes no mistake.
    """
    X, y = np.array([[1, 0], [0, 1], [-1, -1]]), np.array([1, 2, 0])
    network = Network(device, [(np.zeros((3, 2)), np.zeros(3))], loss="perceptron")
    end = [[-1, 0, -1], [1, -1, 0], [0, 1, 1]]
    assert list(pass_over(device, network, X, y)) == [
        (False, [[-1, 0, -1], [1, 0, 1], [0, 0, 0]]),  # (0, 0, 0): predicted 0 for 1
        (False, end),  # (-1, 1, 0): predicted 1 for 2
        (True, end),  # (0, 0, -1)
    ]
    assert list(pass_over(device, network, X, y)) == [(True, end)] * 3


def perceptron_of(X, y, epochs):
    """The last epoch of hw5's training of a perceptron on these points."""
    network = Network(FLOAT64, neuron(np.zeros(X.shape[1]), 0), loss="perceptron")
    settings = Settings(hidden=(), loss="perceptron", batch_size=1, lr=1.0, epochs=epochs)
    *_, last = Training(FLOAT64.stepper(network, place(FLOAT64, X, y)), np.arange(len(y)), settings)
    return last


def test_training_the_perceptron_stops():
    """Training the Perceptron: "If in an epoch we make no mistakes [...] The method just stop." Else it continues."""
    line = np.arange(-5, 6)[:, None]
    last = perceptron_of(line, (line[:, 0] > 1).astype(int), epochs=1000)
    assert (
        last.epoch < 1000 and last.accuracy == 1 and last.ending.endswith("made no mistake: the classes are separated")
    )
    last = perceptron_of(line, line[:, 0] % 2, epochs=50)
    assert last.epoch == 50 and last.accuracy < 1 and "the last, still made mistakes" in last.ending


def test_example_training_the_perceptron(device):
    """Example: Training the Perceptron: from (1, 2, -1) over four points, two epochs, to each product and weight."""
    X, y = np.array([[0, 1], [1, 0], [2, 1], [1, 2]]), np.array([0, 0, 1, 1])
    network = Network(device, neuron((1, 2), -1), loss="perceptron")
    data = place(device, X, y)
    after = [[1, 1, -2]]
    epochs = [
        [(1, False, after), (-1, True, after), (1, True, after), (1, True, after)],
        [(-1, True, after), (-1, True, after), (1, True, after), (1, True, after)],
    ]
    for epoch in epochs:
        points = pass_over(device, network, X, y)
        for i, (product, right, w) in enumerate(epoch):
            assert device.stepper(network, data).outputs(np.array([i])).tolist() == [[product]]
            assert next(points) == (right, w)


def learn(X, y, sizes, seed, theta="tanh", eta=0.5, epochs=2000):
    """(mean loss, accuracy, P) after batch gradient descent from random weights."""
    network = trained(initial_parameters(dense_layers(sizes, theta), seed), X, y, eta, len(y), epochs, theta)
    stepper, rows = FLOAT64.stepper(network, place(FLOAT64, X, y)), np.arange(len(y))
    return *stepper.evaluate(rows)[:2], stepper.outputs(rows)


@pytest.mark.parametrize("seed", range(3))
def test_limitation_xor_problem_for_one_linear_classifier(seed):
    """Limitation: XOR problem. Neurons can only generate linear separators: three of the four corners at most.

    The loss is convex, and by the symmetry of the four corners its minimum is ln 2, where every p = 1/2.
    """
    loss, accuracy, P = learn(CORNERS, XOR, (2, 2), seed)
    assert accuracy <= 3 / 4
    assert loss == pytest.approx(np.log(2), abs=1e-9)
    np.testing.assert_allclose(P, 0.5, atol=1e-4)


def test_limitation_xor_problem_for_one_perceptron():
    """Limitation: XOR problem. "The perceptron cannot learn an XOR function": no epoch is without a mistake."""
    last = perceptron_of(CORNERS, XOR, epochs=500)
    assert last.epoch == 500 and last.accuracy < 1 and "not linearly separable" in last.ending


@pytest.mark.parametrize("seed", range(3))
def test_limitation_xor_problem_with_two_layers(seed):
    """Limitation: XOR problem. A network with a hidden layer learns the four corners."""
    loss, accuracy, _ = learn(CORNERS, XOR, (2, 8, 2), seed)
    assert accuracy == 1
    assert loss < 0.01


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [(CORNERS, [1, 0, 0, 0]), (CORNERS, [1, 1, 1, 0]), ([[0], [1]], [1, 0])],
    ids=["AND", "OR", "NOT"],
)
def test_limitation_xor_problem_and_or_not(inputs, outputs):
    """Limitation: XOR problem: "On the other hand", one neuron can represent AND, OR and NOT."""
    X, y = np.array(inputs), np.array(outputs)
    loss, accuracy, _ = learn(X, y, (X.shape[1], 2), seed=0)
    assert accuracy == 1
    assert loss < 0.05


def test_limitation_xor_problem_by_composition(device):
    """Limitation: XOR problem. Perceptrons represent AND, OR and NOT, "and their composition" XOR, with steps."""
    OR, NAND, AND = ((2, 2), -1), ((-2, -2), 3), ((2, 2), -3)
    hidden = np.array([OR[0], NAND[0]], float), np.array([OR[1], NAND[1]], float)
    network = [hidden, *neuron(*AND)]
    assert evaluate(device, network, CORNERS, XOR, "heaviside", "perceptron")[2].tolist() == XOR.tolist()


def test_quiz_on_the_perceptron():
    """Quiz on the perceptron. It can learn the AND function; C, "can learn XOR function", is NOT true."""
    AND = CORNERS.min(axis=1)
    assert perceptron_of(CORNERS, AND, epochs=500).accuracy == 1
    assert perceptron_of(CORNERS, XOR, epochs=500).accuracy < 1


def test_single_hidden_layer():
    """Single hidden layer: h = sigma(W x + b), f = w_2^T h + b_2, p(y = 1 | x) = 1 / (1 + e^-f).

    "For regression, we can simply use f as the final output of the network."
    """
    parameters, X, _ = draw((4, 6, 1), k=5)
    (W, b), (w2, b2) = parameters
    p_of, f_of = (outputs(parameters, X, "sigmoid", loss=loss) for loss in ("binary-cross-entropy", "squared"))
    for x, p, f_found in zip(X, p_of, f_of):
        h = sigmoid(W @ x + b)
        f = w2 @ h + b2
        np.testing.assert_allclose(f_found, f, **SAME_SUMS)
        np.testing.assert_allclose(p, 1 / (1 + np.exp(-f)), **SAME_SUMS)


def test_multi_class_classification():
    """Multi-class classification: p(y | x) = exp f_y(x) / sum exp f_i(x): k probabilities that sum to 1."""
    ((W, b), (W2, b2)), X, _ = draw((4, 6, 5), k=5)
    for x, p in zip(X, outputs([(W, b), (W2, b2)], X, "sigmoid")):
        f = W2 @ sigmoid(W @ x + b) + b2
        np.testing.assert_allclose(p, np.exp(f) / sum(np.exp(f)), **SAME_SUMS)
        assert p.min() >= 0 and p.sum() == pytest.approx(1, rel=1e-14)
        assert p.argsort().tolist() == f.argsort().tolist()  # "Larger the f_i, larger the corresponding entry"


@pytest.mark.parametrize(("theta", "sigma"), [("sigmoid", sigmoid), ("tanh", np.tanh)])
def test_deep_neural_networks(theta, sigma):
    """Deep neural networks: h1 = sigma(W1 x + b1), h2 = ..., h3 = ..., f = W4 h3 + b4, y = softmax(f)."""
    parameters, X, _ = draw((4, 6, 5, 7, 3), k=5)
    (W1, b1), (W2, b2), (W3, b3), (W4, b4) = parameters
    for x, y in zip(X, outputs(parameters, X, theta)):
        h1 = sigma(W1 @ x + b1)
        h2 = sigma(W2 @ h1 + b2)
        h3 = sigma(W3 @ h2 + b3)
        f = W4 @ h3 + b4
        np.testing.assert_allclose(y, np.exp(f) / sum(np.exp(f)), **SAME_SUMS)


def loss_of_probabilities(device, p, y):
    """The cross-entropy for the label y of a network whose output is always p."""
    always_p = [(np.zeros((len(p), 1)), np.log(p))]
    return evaluate(device, always_p, np.zeros((1, 1)), [y])[0]


def test_cross_entropy_loss(device):
    """Cross-entropy loss: for p = (0.8, 0.2) and Y = (1, 0), L_CE = sum over j of -Y_j log(p_j) = -log(0.8)."""
    assert loss_of_probabilities(device, [0.8, 0.2], 0) == pytest.approx(-np.log(0.8), abs=2e-6)  # float32
    p, Y = Variable([0.8, 0.2]), np.array([1, 0])
    L_CE = (-Y * p.log()).sum()
    L_CE.backward()
    assert L_CE.value == pytest.approx(-np.log(0.8), rel=1e-14)
    assert p.gradient.tolist() == [-1 / 0.8, 0]


@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_binary_cross_entropy_loss(device, p, y):
    """Binary cross-entropy loss: -y log p - (1 - y) log(1 - p) is the cross-entropy of (p_0 = 1 - p, p_1 = p)."""
    binary = -y * np.log(p) - (1 - y) * np.log(1 - p)
    always_p = neuron([0], np.log(p / (1 - p)))  # whose sigmoid is p
    loss = evaluate(device, always_p, np.zeros((1, 1)), [y], loss="binary-cross-entropy")[0]
    assert loss == pytest.approx(binary, rel=1e-6)  # float32
    assert loss_of_probabilities(device, [1 - p, p], y) == pytest.approx(binary, rel=1e-6)


def test_quiz_cross_entropy_loss(device):
    """Quiz on the cross-entropy loss: -log(0.05), -log(0.01), -log(3) or -log(0.90) for a label of class 3?

    It is -log of the probability of class 3 in the figure. The test tries the three probabilities among the answers.
    -log(3) is the log of the label: it is negative, but the loss of a probability never is.
    """
    others = {0.05: [0.9, 0.01, 0.02, 0.02], 0.01: [0.9, 0.05, 0.02, 0.02], 0.9: [0.05, 0.01, 0.02, 0.02]}
    for p3, (p1, p2, p4, p5) in others.items():
        loss = loss_of_probabilities(device, [p1, p2, p3, p4, p5], y=2)  # class 3, counted from 0
        assert loss == pytest.approx(-np.log(p3), abs=2e-6)  # float32
        assert loss > 0 > -np.log(3)


def test_minibatch_stochastic_gradient_descent():
    """Minibatch stochastic gradient descent: w_t = w_(t-1) - alpha 1/|B| sum over B of dl(x_i, y_i)/dw_(t-1)."""
    parameters, X, y = draw((5, 3), k=12)
    (w,), alpha = parameters, 0.2
    for B in np.split(np.arange(12), 3):
        gradients = []
        for i in B:
            W, b = map(Variable, w)
            softmax_cross_entropy(X[i : i + 1] @ W.T + b, y[i : i + 1]).backward()
            gradients.append((W.gradient, b.gradient))
        w = [array - alpha / len(B) * sum(slopes) for array, slopes in zip(w, zip(*gradients))]
    assert_same_parameters(trained(parameters, X, y, alpha, k=4).parameters(), [w])


def test_example_backpropagation():
    """Example: backpropagation, sigmoid and binary cross-entropy: w = (1, 2), x = (1, -1), y = 1, forward and back."""
    (w1, w2), (x1, x2), y = map(Variable, (1, 2)), (1, -1), 1
    z = w1 * x1 + w2 * x2
    y_hat = z.sigmoid()
    loss = -y * y_hat.log() - (1 - y) * (1 - y_hat).log()
    loss.backward()

    s = 1 / (1 + np.exp(1))  # sigma(-1)
    assert z.value == -1
    assert y_hat.value == pytest.approx(s, rel=1e-14)
    assert loss.value == pytest.approx(-np.log(s), rel=1e-14)
    assert y_hat.gradient == pytest.approx((s - 1) / (s * (1 - s)), rel=1e-14)
    assert z.gradient == pytest.approx(s - 1, rel=1e-14)
    assert w1.gradient == pytest.approx((s - 1) * 1, rel=1e-14)
    assert w2.gradient == pytest.approx((s - 1) * -1, rel=1e-14)


def test_example_backpropagation_by_the_network(device):
    """Example: backpropagation, by hw5's network: dl/dw = (sigma(-1) - 1) x, also with the two logits (0, z)."""
    x, y, s = np.array([[1, -1]]), np.array([1]), 1 / (1 + np.exp(1))  # sigma(-1)
    sigmoid_unit, loss = neuron((1, 2), 0), "binary-cross-entropy"
    assert outputs(sigmoid_unit, x, device=device, loss=loss)[0, 0] == pytest.approx(s, rel=1e-6)
    assert evaluate(device, sigmoid_unit, x, y, loss=loss)[0] == pytest.approx(-np.log(s), rel=1e-6)
    ((w, b),) = stepped(sigmoid_unit, x, y, loss=loss, device=device).velocities()
    np.testing.assert_allclose(w, [[s - 1, 1 - s]], **FLOAT32)
    np.testing.assert_allclose(b, [s - 1], **FLOAT32)  # dl/dz

    softmax_of_two = [(np.array([[0, 0], [1, 2]], float), np.zeros(2))]
    assert outputs(softmax_of_two, x, device=device)[0, 1] == pytest.approx(s, rel=1e-6)
    assert evaluate(device, softmax_of_two, x, y)[0] == pytest.approx(-np.log(s), rel=1e-6)
    ((W, b),) = stepped(softmax_of_two, x, y, device=device).velocities()
    np.testing.assert_allclose(W[1], [s - 1, 1 - s], **FLOAT32)


def test_calculate_gradient_backpropagation_with_chain_rule():
    """Calculate gradient: of a = sigmoid(W x + b) it is the gradient on the top x the gradient from the operation."""
    ((W0, b0),), x, _ = draw((4, 3), k=1)
    W, x, b = Variable(W0), Variable(x[0]), Variable(b0)
    z1 = W @ x
    z2 = z1 + b
    a = z2.sigmoid()
    L = (a**2).sum()
    L.backward()
    on_the_top = 2 * a.value  # dL/da
    np.testing.assert_allclose(a.gradient, on_the_top, **SAME_SUMS)
    on_the_top = on_the_top * a.value * (1 - a.value)  # x da/dz2
    np.testing.assert_allclose(z2.gradient, on_the_top, **SAME_SUMS)
    np.testing.assert_allclose(b.gradient, on_the_top, **SAME_SUMS)  # x dz2/db = 1
    np.testing.assert_allclose(z1.gradient, on_the_top, **SAME_SUMS)  # x dz2/dz1 = 1
    np.testing.assert_allclose(W.gradient, np.outer(on_the_top, x.value), **SAME_SUMS)  # x dz1/dW
    np.testing.assert_allclose(x.gradient, on_the_top @ W0, **SAME_SUMS)  # x dz1/dx


def test_quiz_relu_and_square_loss():
    """Quiz on ReLU activation and square loss: w = (1, -2), x = (1, -1), y = 1. The answer is D: dl/dw1 = 4."""
    (w1, w2), (x1, x2), y = map(Variable, (1, -2)), (1, -1), 1
    z = w1 * x1 + w2 * x2
    y_hat = z.relu()
    loss = (y_hat - y) ** 2
    loss.backward()
    assert (z.value, y_hat.value, loss.value) == (3, 3, 4)
    assert (y_hat.gradient, z.gradient, w1.gradient) == (4, 4, 4)


def test_quiz_relu_and_square_loss_by_the_network(device):
    """Quiz on ReLU activation and square loss, by hw5's network: one hidden unit, which is output unchanged."""
    unit, x, y = [*neuron((1, -2), 0), *neuron([1], 0)], np.array([[1, -1]]), np.array([1.0])
    assert outputs(unit, x, "relu", device, "squared").tolist() == [[3]]
    assert evaluate(device, unit, x, y, "relu", "squared")[0] == 4
    (w, b), _ = stepped(unit, x, y, "relu", loss="squared", device=device).velocities()
    assert w.tolist() == [[4, -4]] and b.tolist() == [4]


def convolved(device, X, hidden, parameters, theta="linear"):
    """The outputs (k, *shape) of the hidden layers for the images X (k, h, w, c)."""
    k, shape = len(X), X.shape[1:]
    layers = layers_of(shape, hidden, 1, theta)
    top = (np.zeros((1, prod(layers[-2].shape))), np.zeros(1))
    network = Network(device, [*parameters, top], loss="squared", layers=layers)
    rows = device.upload(np.arange(k), device.index_dtype)
    trainer = device.stepper(network, place(device, X.reshape(k, -1), np.zeros(k)))
    space = trainer.network.workspace(k, device.dtype)
    device.minibatch(trainer.data, rows, 0, space.X, space.y)
    network.forward(space)
    return device.download(space.slots[-2].X).reshape(k, *layers[-2].shape)


def filtered(image, kernel, stride=1, padding=0):
    """The sums over the channels of the products of a kernel (i, j, c) and the windows of an image (h, w, c)."""
    image = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    (i, j, _), (h, w, _) = kernel.shape, image.shape
    places = ((y, x) for y in range(0, h - i + 1, stride) for x in range(0, w - j + 1, stride))
    sums = [np.sum(image[y : y + i, x : x + j] * kernel) for y, x in places]
    return np.reshape(sums, ((h - i) // stride + 1, -1))


def test_2_d_convolution_layer_with_stride_and_padding(device):
    """The output has floor((n_h - k_h + p_h + s_h) / s_h) x floor((n_w - k_w + p_w + s_w) / s_w) numbers."""
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, (2, 7, 6, 1))
    for k_h, k_w, padding, stride in ((1, 1, 0, 1), (3, 3, 0, 1), (3, 2, 1, 1), (5, 4, 2, 3), (7, 6, 0, 2)):
        W, p = rng.integers(-3, 4, (1, k_h * k_w)), 2 * padding  # p_h and p_w count both edges
        found = convolved(device, X, [f"conv:1x{k_h}x{k_w}/{stride}+{padding}"], [(W, np.zeros(1))])
        assert found.shape == (2, (7 - k_h + p + stride) // stride, (6 - k_w + p + stride) // stride, 1)
        expected = [filtered(image, W.reshape(k_h, k_w, 1), stride, padding) for image in X]
        np.testing.assert_array_equal(found[..., 0], expected)  # sums of small integers are exact


def test_multiple_input_channels(device):
    """A filter has a kernel for each channel; their outputs are summed into one."""
    rng = np.random.default_rng(1)
    X, filter_ = rng.integers(0, 9, (2, 6, 5, 3)), rng.integers(-3, 4, (3, 3, 3))
    found = convolved(device, X, ["conv:1x3"], [(filter_.reshape(1, -1), np.array([2.0]))])
    by_channel = [[filtered(image[..., [c]], filter_[..., [c]]) for c in range(3)] for image in X]
    np.testing.assert_array_equal(found[..., 0], np.sum(by_channel, axis=1) + 2)


def test_multiple_filters_lead_to_multiple_output_channels(device):
    """Each filter (3D kernel) produces one output channel."""
    rng = np.random.default_rng(2)
    X, filters = rng.integers(0, 9, (1, 6, 5, 3)), rng.integers(-3, 4, (4, 2, 3, 3))
    found = convolved(device, X, ["conv:4x2x3"], [(filters.reshape(4, -1), np.arange(4.0))])
    assert found.shape == (1, 5, 3, 4)
    for number, filter_ in enumerate(filters):
        np.testing.assert_array_equal(found[0, ..., number], filtered(X[0], filter_) + number)


def test_conv1_filters_detect_patterns(device):
    """The output is an inner product: it is large where the window has the pattern of the filter."""
    pattern = np.array([[1, -1, 1], [-1, 1, -1], [1, -1, 1]])
    image = np.random.default_rng(3).choice([-1, 1], (12, 12))
    image[4:7, 8:11] = pattern
    found = convolved(device, image[None, :, :, None], ["conv:1x3"], [(pattern.reshape(1, -1), np.zeros(1))])
    assert found[0, 4, 8, 0] == 9 == found.max()
    matches = [np.sum(image[y : y + 3, x : x + 3] == pattern) for y in range(10) for x in range(10)]
    np.testing.assert_array_equal(found.ravel(), 2 * np.array(matches) - 9)


def test_pooling(device):
    """The largest, or the mean, of each window of a channel."""
    X = np.random.default_rng(4).integers(0, 99, (2, 6, 4, 3)).astype(float)
    windows = X.reshape(2, 3, 2, 2, 2, 3)
    np.testing.assert_array_equal(convolved(device, X, ["pool:2"], []), windows.max(axis=(2, 4)))
    np.testing.assert_array_equal(convolved(device, X, ["meanpool:2"], []), windows.mean(axis=(2, 4)))


def test_basic_architectures_lenet(device):
    """LeNet learns to tell bars that lie from bars that stand, which are anywhere in the image."""
    rng, k = np.random.default_rng(5), 64
    y = np.arange(k) % 2
    X = rng.normal(0, 0.1, (k, 28, 28))
    for image, stands in zip(X, y):
        row, column = rng.integers(0, 28 - 9, 2)
        image[(slice(row, row + 9), column) if stands else (row, slice(column, column + 9))] = 1
    layers = layers_of((28, 28, 1), LENET, 2, "relu")
    network = Network(device, initial_parameters(layers, 0), layers=layers)
    trainer, tally = device.stepper(network, place(device, X.reshape(k, -1), y)), Tally(device, 16)
    order = device.upload(np.arange(k), device.index_dtype)
    for _ in range(12):
        trainer.train(order, 16, Rates(0.003, adam=True), tally)
    assert trainer.evaluate(np.arange(k))[1] == 1
