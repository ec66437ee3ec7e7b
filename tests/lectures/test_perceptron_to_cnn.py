"""The lecture from the perceptron to convolutional networks: one test a slide, in its order and in its letters.

Its log is the natural logarithm. A network with one sigmoid output f is hw5's network with the two logits (0, f):
softmax gives their second class the probability exp(f) / (1 + exp(f)) = sigmoid(f).
"""

import numpy as np
import pytest

from hw5.autodiff import Variable, softmax_cross_entropy
from hw5.network import initial_parameters

from .helpers import (
    FLOAT64,
    SAME_SUMS,
    assert_same_parameters,
    draw,
    evaluate,
    place,
    probabilities,
    stepped,
    trained,
)

CORNERS = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
XOR = np.array([0, 1, 1, 0])


def sigmoid(z):
    """1 / (1 + e^-z)"""
    return 1 / (1 + np.exp(-z))


def one_output(w, b):
    """A top layer with the logits (0, w^T h + b)."""
    return np.stack([np.zeros_like(w), w]), np.array([0, b])


def learn(X, y, sizes, seed, theta="tanh", eta=0.5, epochs=2000):
    """(mean loss, accuracy, P) after batch gradient descent from random weights."""
    network = trained(initial_parameters(sizes, theta, seed), X, y, eta, len(y), epochs, theta)
    data, rows = place(FLOAT64, X, y), np.arange(len(y))
    return *network.evaluate(data, rows)[:2], network.outputs(data, rows)


@pytest.mark.parametrize("seed", range(3))
def test_limitation_xor_problem_for_one_linear_classifier(seed):
    """Limitation: XOR problem. Neurons can only generate linear separators: three of the four corners at most.

    The loss is convex, and by the symmetry of the four corners it is least where every p = 1/2: it ends at ln 2.
    """
    loss, accuracy, P = learn(CORNERS, XOR, (2, 2), seed)
    assert accuracy <= 3 / 4
    assert loss == pytest.approx(np.log(2), abs=1e-9)
    np.testing.assert_allclose(P, 0.5, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_limitation_xor_problem_with_two_layers(seed):
    """Limitation: XOR problem, and what lifts it: a hidden layer learns the same four corners."""
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


def test_single_hidden_layer():
    """Single hidden layer: h = sigma(W x + b), f = w_2^T h + b_2, p(y = 1 | x) = 1 / (1 + e^-f)."""
    ((W, b), (W2, b2)), X, _ = draw((4, 6, 1), k=5)
    found = probabilities([(W, b), one_output(W2[0], b2[0])], X, "sigmoid")
    for x, p in zip(X, found):
        h = sigmoid(W @ x + b)
        f = W2[0] @ h + b2[0]
        np.testing.assert_allclose(p[1], 1 / (1 + np.exp(-f)), **SAME_SUMS)


def test_multi_class_classification():
    """Multi-class classification: p(y | x) = exp f_y(x) / sum exp f_i(x): k probabilities that sum to 1."""
    ((W, b), (W2, b2)), X, _ = draw((4, 6, 5), k=5)
    for x, p in zip(X, probabilities([(W, b), (W2, b2)], X, "sigmoid")):
        f = W2 @ sigmoid(W @ x + b) + b2
        np.testing.assert_allclose(p, np.exp(f) / sum(np.exp(f)), **SAME_SUMS)
        assert p.min() >= 0 and p.sum() == pytest.approx(1, rel=1e-14)
        assert p.argsort().tolist() == f.argsort().tolist()  # "Larger the f_i, larger the corresponding entry"


@pytest.mark.parametrize(("theta", "sigma"), [("sigmoid", sigmoid), ("tanh", np.tanh)])
def test_deep_neural_networks(theta, sigma):
    """Deep neural networks: h1 = sigma(W1 x + b1), h2 = ..., h3 = ..., f = W4 h3 + b4, y = softmax(f)."""
    parameters, X, _ = draw((4, 6, 5, 7, 3), k=5)
    (W1, b1), (W2, b2), (W3, b3), (W4, b4) = parameters
    for x, y in zip(X, probabilities(parameters, X, theta)):
        h1 = sigma(W1 @ x + b1)
        h2 = sigma(W2 @ h1 + b2)
        h3 = sigma(W3 @ h2 + b3)
        f = W4 @ h3 + b4
        np.testing.assert_allclose(y, np.exp(f) / sum(np.exp(f)), **SAME_SUMS)


def loss_of_probabilities(device, p, y):
    """The cross-entropy of a network whose output is p, whatever it is shown, and the label y."""
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
def test_binary_cross_entropy_loss(p, y):
    """Binary cross-entropy loss: -y log p - (1 - y) log(1 - p) is the cross-entropy of (p_0 = 1 - p, p_1 = p)."""
    binary = -y * np.log(p) - (1 - y) * np.log(1 - p)
    assert loss_of_probabilities(FLOAT64, [1 - p, p], y) == pytest.approx(binary, rel=1e-13)


def test_quiz_cross_entropy_loss(device):
    """Quiz on the cross-entropy loss: -log(0.05), -log(0.01), -log(3) or -log(0.90) for a label of class 3?

    It is -log of the probability that class 3 has in the figure. The three probabilities among the answers are tried
    in that place. -log(3) takes the log of the label: it is negative, and no loss of a probability is.
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
        w = [part - alpha / len(B) * sum(slopes) for part, slopes in zip(w, zip(*gradients))]
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


def test_example_backpropagation_by_the_network():
    """Example: backpropagation, by hw5's network: the weights of its second class receive (sigma(-1) - 1) x."""
    parameters, x, y = [one_output(np.array([1.0, 2.0]), 0)], np.array([[1, -1]]), np.array([1])
    s = 1 / (1 + np.exp(1))  # sigma(-1)
    assert probabilities(parameters, x)[0, 1] == pytest.approx(s, rel=1e-14)
    assert evaluate(FLOAT64, parameters, x, y)[0] == pytest.approx(-np.log(s), rel=1e-14)
    ((W, b),) = stepped(parameters, x, y).velocities()
    np.testing.assert_allclose(W[1], [s - 1, 1 - s], rtol=1e-14)
    assert b[1] == pytest.approx(s - 1, rel=1e-14)  # dl/dz


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
