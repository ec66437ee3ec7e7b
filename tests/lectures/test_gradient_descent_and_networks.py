"""The lecture "Gradient Descent and Neural Networks": one test per slide, in its order and letters."""

import numpy as np
import pytest

from hw5.nn.autodiff import Variable, log_softmax, softmax_cross_entropy

from .helpers import FLOAT32, FLOAT64, SAME_SUMS, assert_same_parameters, draw, evaluate, outputs, stepped, trained


def test_softmax_classifier(device):
    """Softmax classifier: cat 3.2, car 5.1, frog -1.7 -> exp 24.5, 164.0, 0.18 -> normalise 0.13, 0.87, 0.00."""
    logits = [3.2, 5.1, -1.7]
    cat, car, frog = Variable(logits).exp().value
    assert (f"{cat:.1f}", f"{car:.1f}", f"{frog:.2f}") == ("24.5", "164.0", "0.18")

    scores = [(np.eye(3), np.array(logits))]  # a linear classifier with z = x + b
    P = outputs(scores, np.zeros((1, 3)), device=device)[0]
    assert [f"{p:.2f}" for p in P] == ["0.13", "0.87", "0.00"]
    assert [f"{p:.2f}" for p in log_softmax(Variable(logits)).exp().value] == ["0.13", "0.87", "0.00"]


def test_regularization():
    """Regularization: L1 and L2 on weights add the gradients of l1 sum |w| and l2 / 2 sum w^2; biases are exempt."""
    parameters, X, y = draw((5, 3), k=8)
    W, b = (Variable(array) for array in parameters[0])
    size = W.relu() + (-W).relu()  # |w|
    (softmax_cross_entropy(X @ W.T + b, y) + 0.2 * size.sum() + 0.3 / 2 * (W**2).sum()).backward()
    gradients = stepped(parameters, X, y, l1=0.2, l2=0.3).velocities()
    assert_same_parameters(gradients, [(W.gradient, b.gradient)])


@pytest.mark.parametrize("theta", ["relu", "tanh", "sigmoid"])
def test_computing_gradients(theta):
    """Computing gradients: manual (the network's), numerical and automatic differentiation give one gradient."""
    parameters, X, y = draw((4, 5, 3), k=6)
    manual = stepped(parameters, X, y, theta).velocities()

    (W1, b1), (W2, b2) = layers = [(Variable(W), Variable(b)) for W, b in parameters]
    softmax_cross_entropy(getattr(X @ W1.T + b1, theta)() @ W2.T + b2, y).backward()
    assert_same_parameters(manual, [(W.gradient, b.gradient) for W, b in layers])

    h = 1e-5  # the error of (J(w + h) - J(w - h)) / 2h is about h^2 + eps / h = 1e-10
    for pair, gradients in zip(parameters, manual):
        for w, gradient in zip(pair, gradients):
            for i in np.ndindex(w.shape):
                value, J = w[i], []
                for w[i] in (value + h, value - h):
                    J.append(evaluate(FLOAT64, parameters, X, y, theta)[0])
                w[i] = value
                assert gradient[i] == pytest.approx((J[0] - J[1]) / (2 * h), abs=1e-8)


def regression():
    """x_i (N, d) and targets y_i in (0, 1), weights w and a learning rate alpha."""
    rng = np.random.default_rng(179)
    return rng.normal(size=(7, 3)), rng.uniform(size=7), rng.normal(size=3), 0.01


def test_manual_differentiation():
    """Manual differentiation: L = sum (y_i - w^T x_i)^2 is stepped down by w_j <- w_j + 2 alpha sum delta_i x_ij."""
    x, y, w, alpha = regression()
    W = Variable(w)
    L = ((y - x @ W) ** 2).sum()
    L.backward()
    delta = [y[i] - sum(w[k] * x[i, k] for k in range(3)) for i in range(7)]
    slope = [-2 * sum(delta[i] * x[i, j] for i in range(7)) for j in range(3)]  # dL/dw_j
    assert L.value == pytest.approx(sum(d**2 for d in delta), rel=1e-12)
    np.testing.assert_allclose(W.gradient, slope, **SAME_SUMS)
    update = [w[j] + 2 * alpha * sum(delta[i] * x[i, j] for i in range(7)) for j in range(3)]
    np.testing.assert_allclose(w - alpha * W.gradient, update, **SAME_SUMS)


def test_manual_differentiation_by_the_network(device):
    """Manual differentiation: the update by hw5's regression, whose loss is the mean over the N examples."""
    x, y, w, alpha = regression()
    delta = y - x @ w
    update = w + 2 * alpha * delta @ x
    for where, tolerance in ((FLOAT64, SAME_SUMS), (device, FLOAT32)):
        network = trained([(w[None], np.zeros(1))], x, y, eta=7 * alpha, k=7, loss="squared", device=where)
        ((updated, _),) = network.parameters()
        np.testing.assert_allclose(updated, [update], **tolerance)


def test_adding_a_non_linear_function():
    """Adding a non-linear function: one sigmoid unit with squared loss.

    sigma'(x) = sigma(x) (1 - sigma(x)), and w_j <- w_j + 2 alpha sum of delta_i sigma_i (1 - sigma_i) x_ij.
    """
    x, y, w, alpha = regression()
    d = Variable(x @ w)  # d_i = sum of w_k x_ik
    d.sigmoid().backward()
    sigma = 1 / (1 + np.exp(-d.value))
    np.testing.assert_allclose(d.gradient, sigma * (1 - sigma), **SAME_SUMS)

    W = Variable(w)
    L = ((y - (x @ W).sigmoid()) ** 2).sum()
    L.backward()
    delta = y - sigma
    assert L.value == pytest.approx(sum(delta**2), rel=1e-12)
    for j in range(3):
        update = w[j] + 2 * alpha * sum(delta[i] * sigma[i] * (1 - sigma[i]) * x[i, j] for i in range(7))
        assert w[j] - alpha * W.gradient[j] == pytest.approx(update, rel=1e-12)


def test_adding_a_non_linear_function_by_the_network(device):
    """Adding a non-linear function: "The sigmoid perception update rule" by hw5's network.

    One hidden sigmoid unit, which a regression outputs unchanged.
    """
    x, y, w, alpha = regression()
    sigma = 1 / (1 + np.exp(-x @ w))
    update = w + 2 * alpha * ((y - sigma) * sigma * (1 - sigma)) @ x
    unit = [(w[None], np.zeros(1)), (np.ones((1, 1)), np.zeros(1))]
    for where, tolerance in ((FLOAT64, SAME_SUMS), (device, FLOAT32)):
        network = trained(unit, x, y, eta=7 * alpha, k=7, theta="sigmoid", loss="squared", device=where)
        (updated, _), _ = network.parameters()
        np.testing.assert_allclose(updated, [update], **tolerance)


def test_computing_the_local_gradients():
    """Computing the local gradients: of h^l = W h^(l-1) they are dh/dh^(l-1) = W and dh_i/dw_i = h^(l-1)T."""
    (W, _), *_ = draw((4, 3), k=1)[0]
    below = np.array([0.5, -1, 2, 3])
    for i in range(3):
        weights, inputs = Variable(W), Variable(below)
        (np.eye(3)[i] * (weights @ inputs)).sum().backward()  # h_i
        np.testing.assert_array_equal(inputs.gradient, W[i])
        np.testing.assert_array_equal(weights.gradient, np.outer(np.eye(3)[i], below))  # h^(l-1)T in row i, w_i's


def test_computing_the_gradients_of_loss():
    """Computing the gradients of loss: dL/dh^(l-1) = dL/dh^l dh^l/dh^(l-1) and dL/dW = dL/dh^l dh^l/dW."""
    (W, _), *_ = draw((4, 3), k=1)[0]
    weights, below = Variable(W), Variable([0.5, -1, 2, 3])
    h = weights @ below
    L = (h.tanh() ** 2).sum()  # any function of h; its gradient is the upstream gradient
    L.backward()
    upstream = 2 * np.tanh(h.value) * (1 - np.tanh(h.value) ** 2)
    np.testing.assert_allclose(h.gradient, upstream, **SAME_SUMS)
    np.testing.assert_allclose(below.gradient, upstream @ W, **SAME_SUMS)
    np.testing.assert_allclose(weights.gradient, np.outer(upstream, below.value), **SAME_SUMS)


def test_neural_network_training():
    """Neural network training: 1 the loss on a minibatch, 2 its gradients, 3 all parameters are updated at the end."""
    parameters, X, y = draw((5, 6, 4, 3), k=24)
    layers, eta = [(Variable(W), Variable(b)) for W, b in parameters], 0.1
    for rows in (slice(0, 8), slice(8, 16), slice(16, 24)):
        (W1, b1), (W2, b2), (W3, b3) = layers
        h1 = (X[rows] @ W1.T + b1).relu()
        h2 = (h1 @ W2.T + b2).relu()
        softmax_cross_entropy(h2 @ W3.T + b3, y[rows]).backward()
        layers = [tuple(Variable(w.value - eta * w.gradient) for w in pair) for pair in layers]
    updated = trained(parameters, X, y, eta, k=8).parameters()
    assert_same_parameters(updated, [(W.value, b.value) for W, b in layers])


def test_backpropagation_a_simple_example():
    """Backpropagation: a simple example: f = (x + y) z at x = -2, y = 5, z = -4."""
    x, y, z = Variable(-2), Variable(5), Variable(-4)
    q = x + y
    f = q * z
    f.backward()
    assert (q.value, f.value) == (3, -12)
    assert f.gradient == 1
    assert z.gradient == 3  # q
    assert q.gradient == -4  # z
    assert (x.gradient, y.gradient) == (-4, -4)  # upstream -4 times local 1
