"""CS 179, Lecture 14, "Neural Networks and Backpropagation": one test per slide, in its order and letters.

The lecture's matrices have one example per column: X is d x k. hw5's network gets the transposed arrays.
"""

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally
from hw5.nn.autodiff import Variable, softmax_cross_entropy
from hw5.nn.network import Network
from hw5.train.order import epoch_order
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
    lecture_matrices,
    outputs,
    place,
    stepped,
    stepper,
    trained,
)


def prime(X):
    """x' = (1, x) of every column."""
    return np.vstack([np.ones(X.shape[1]), X])


def softmax(Z):
    """p_k = exp(z_k) / sum over j of exp(z_j), of every column."""
    return np.exp(Z) / np.exp(Z).sum(axis=0)


def grandmother_cells(y, m):
    """Y, m x k: y_k = 1 iff class(x) = k; otherwise, y_k = 0."""
    return np.eye(m)[:, y]


THETA = {
    "relu": (lambda Z: np.maximum(0, Z), lambda Z: np.where(Z > 0, 1.0, 0.0)),
    "tanh": (
        lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)),
        lambda Z: 4 / (np.exp(Z) + np.exp(-Z)) ** 2,
    ),
    "sigmoid": (lambda Z: 1 / (1 + np.exp(-Z)), lambda Z: np.exp(-Z) / (1 + np.exp(-Z)) ** 2),
}


def test_refresher_on_the_task(device):
    """Refresher on the task: z = W^T x', and the class of x is the i with the largest z_i."""
    parameters, X, y = draw((5, 4), k=40)
    z = lecture_matrices(parameters)[1].T @ prime(X.T)
    _, accuracy, classes = evaluate(device, parameters, X, y)
    assert classes.tolist() == [list(column).index(max(column)) for column in z.T]
    assert accuracy == np.mean(classes == y)


def test_linear_classifier_j_and_gradient():
    """Linear classifier J & gradient: z = W^T x', p_k = exp(z_k) / sum exp(z_j), J = -sum y_k ln(p_k)."""
    parameters, X, y = draw((5, 3), k=6)
    z = lecture_matrices(parameters)[1].T @ prime(X.T)
    p = softmax(z)
    J = -(grandmother_cells(y, 3) * np.log(p)).sum(axis=0)
    np.testing.assert_allclose(outputs(parameters, X), p.T, **SAME_SUMS)
    for n in range(6):
        assert evaluate(FLOAT64, parameters, X[n : n + 1], y[n : n + 1])[0] == pytest.approx(J[n], rel=1e-12)


def test_linear_classifier_gradient_of_the_softmax(device):
    """Linear classifier gradient: dp_j/dz_i is p_i (1 - p_j) if i = j, else -p_i p_j; hence dJ/dz_i = p_i - y_i."""
    values, label, m = np.array([0.3, -1.2, 2.0, 0.7]), 2, 4
    y = np.eye(m)[label]
    Jacobian = np.empty((m, m))
    for j in range(m):
        z = Variable(values)
        p = z.exp() / z.exp().sum()
        (np.eye(m)[j] * p).sum().backward()  # p_j
        Jacobian[j] = z.gradient
    p = p.value
    want = [[p[i] * (1 - p[j]) if i == j else -p[i] * p[j] for i in range(m)] for j in range(m)]
    np.testing.assert_allclose(Jacobian, want, **SAME_SUMS)
    np.testing.assert_allclose(-(y / p) @ Jacobian, p - y, **SAME_SUMS)  # dJ/dz_j = -sum of y_i / p_i dp_i/dz_j

    Delta, b = device.upload(values[None], device.dtype), device.upload(np.zeros(m), device.dtype)
    labels = device.upload([label], device.index_dtype)
    weights = device.upload(np.ones(m), device.dtype)
    device.softmax_cross_entropy(Delta, b, labels, weights, Tally(device, 1))
    np.testing.assert_allclose(device.download(Delta), [p - y], **FLOAT32)


def test_linear_classifier_gradient_with_respect_to_the_weights():
    """Linear classifier gradient: the gradient of J with respect to W is x' (p - y)^T."""
    parameters, X, y = draw((5, 3), k=1)
    x, W = X.T, lecture_matrices(parameters)[1]
    p = softmax(W.T @ prime(x))
    gradient = prime(x) @ (p - grandmother_cells(y, 3)).T
    np.testing.assert_allclose(lecture_matrices(stepped(parameters, X, y).velocities())[1], gradient, **SAME_SUMS)


def test_gradient_descent():
    """Gradient descent: "0.03 is usually a good place to start"; w <- w - eta * gradient of J over the entire set."""
    eta = 0.03
    assert Settings().lr == eta
    parameters, X, y = draw((5, 3), k=20)
    W, b = (Variable(array) for array in parameters[0])
    for _ in range(3):
        softmax_cross_entropy(X @ W.T + b, y).backward()
        W, b = Variable(W.value - eta * W.gradient), Variable(b.value - eta * b.gradient)
    network = trained(parameters, X, y, Settings().lr, k=20, epochs=3)
    assert_same_parameters(network.parameters(), [(W.value, b.value)])


def test_gradient_descent_while_w_is_still_changing():
    """Gradient descent: "While w is still changing (hasn't converged)": training stops when it no longer is."""
    parameters, X, y = draw((5, 3), k=20)
    network, data, everything = Network(FLOAT64, parameters), place(FLOAT64, X, y), np.arange(20)
    settings = Settings(hidden=(), batch_size="all", lr=1.0, l2=0.1, epochs=1000, tolerance=1e-9)
    *_, last = Training(network.device.stepper(network, data), everything, settings)
    assert last.epoch < 1000 and last.ending.endswith("of their norm")
    W, b = (Variable(array) for array in network.parameters()[0])
    (softmax_cross_entropy(X @ W.T + b, y) + 0.1 / 2 * (W**2).sum()).backward()
    np.testing.assert_allclose(W.gradient, 0, atol=1e-8)  # at the minimum, up to a few tolerances times |w|


@pytest.mark.parametrize(("batch_size", "k", "updates"), [("all", 20, 1), (1, 1, 20), (8, 8, 3)])
def test_stochastic_gradient_descent(batch_size, k, updates):
    """Stochastic gradient descent: the entire data set before a step, a single data point, or a "mini-batch" of k."""
    parameters, X, y = draw((5, 3), k=20)
    network, rows = Network(FLOAT64, parameters), np.arange(20)
    settings = Settings(hidden=(), batch_size=batch_size, epochs=1)
    assert settings.minibatch(20) == k
    list(Training(FLOAT64.stepper(network, place(FLOAT64, X, y)), rows, settings))
    order, steps, W = epoch_order(rows, settings.seed, 1), 0, lecture_matrices(parameters)[1]
    for start in range(0, 20, k):
        x, Y = X[order[start : start + k]].T, grandmother_cells(y[order[start : start + k]], 3)
        p = softmax(W.T @ prime(x))
        W = W - settings.lr / Y.shape[1] * prime(x) @ (p - Y).T
        steps += 1
    assert steps == updates
    np.testing.assert_allclose(lecture_matrices(network.parameters())[1], W, **SAME_SUMS)


def test_stochastic_gradient_descent_for_W():
    """Stochastic gradient descent, for W: one data point at a time, W <- W - eta x' (p - y)^T."""
    parameters, X, y = draw((5, 3), k=12)
    W, eta = lecture_matrices(parameters)[1], 0.1
    for _ in range(2):
        for n in range(12):
            x = X[n : n + 1].T
            z = W.T @ prime(x)
            p = np.exp(z) / np.exp(z).sum()
            W = W - eta * prime(x) @ (p - grandmother_cells(y[n : n + 1], 3)).T
    network = trained(parameters, X, y, eta, k=1, epochs=2)
    np.testing.assert_allclose(lecture_matrices(network.parameters())[1], W, **SAME_SUMS)


@pytest.mark.parametrize("theta", ["sigmoid", "heaviside"])
def test_limitations_of_linear_models(device, theta):
    """Limitations of linear models: "Combine two OR gates with an AND gate to get a XOR gate".

    The gates are linear classifiers: class 1 if z > 0. The input of one OR is x, that of the other NOT x.
    """
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    x1, x2 = corners.T
    OR, OR_OF_NOTS, AND = ((20, 20), -10), ((-20, -20), 30), ((20, 20), -30)

    def classes_of(*layers):
        parameters = [(np.array(W, float), np.array(b, float)) for W, b in layers]
        return evaluate(device, parameters, corners, np.zeros(4, int), theta)[2].tolist()

    def choose(gate):
        """A top layer of two classes with z = (0, the gate's z)."""
        w, b = gate
        return [(0, 0), w], (0, b)

    assert classes_of(choose(OR)) == (x1 | x2).tolist()
    assert classes_of(choose(OR_OF_NOTS)) == ((1 - x1) | (1 - x2)).tolist()
    assert classes_of(choose(AND)) == (x1 & x2).tolist()
    two_ors = [OR[0], OR_OF_NOTS[0]], [OR[1], OR_OF_NOTS[1]]
    assert classes_of(two_ors, choose(AND)) == (x1 ^ x2).tolist()


def test_neural_networks_why_the_nonlinearity():
    """Neural networks: W2^T (W1^T x') is still a linear function of x; W2^T theta(W1^T x') is no longer one."""
    ((W1, b1), (W2, b2)), X, _ = draw((5, 8, 3), k=20)
    one_layer = outputs([(W2 @ W1, W2 @ b1 + b2)], X)
    two_layers = [(W1, b1), (W2, b2)]
    np.testing.assert_allclose(outputs(two_layers, X, "linear"), one_layer, **SAME_SUMS)

    def z(X, theta):
        """ln p - ln p_1, which is z - z_1."""
        ln_p = np.log(outputs(two_layers, X, theta))
        return ln_p - ln_p[:, :1]

    middle = (X[:10] + X[10:]) / 2
    for theta, bend in (("linear", 0), ("relu", 0.1), ("tanh", 0.1), ("sigmoid", 0.01)):
        bent = abs(z(middle, theta) - (z(X[:10], theta) + z(X[10:], theta)) / 2).max()
        assert bent < 1e-12 if theta == "linear" else bent > bend  # an affine function equals its chords


Z = np.array([[-3, -1, -0.25, 0.25], [0.5, 1, 2, 3]])


@pytest.mark.parametrize("theta", ["relu", "tanh"])
def test_examples_of_activation_fns(device, theta):
    """Examples of activation fns: max(0, z), and (e^x - e^-x) / (e^x + e^-x)."""
    formula, derivative = THETA[theta]
    X, slope = activated(device, theta, Z)
    np.testing.assert_allclose(X, formula(Z), **FLOAT32)
    np.testing.assert_allclose(slope, derivative(Z), **FLOAT32)


MORE_ACTIVATION_FUNCTIONS = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), Variable.sigmoid),
    "tanh": (np.tanh, Variable.tanh),
    "relu": (lambda x: np.maximum(0, x), Variable.relu),
    "leaky_relu": (lambda x: np.maximum(0.1 * x, x), lambda x: 0.1 * x + 0.9 * x.relu()),
    "elu": (lambda x: np.where(x >= 0, x, np.exp(x) - 1), lambda x: x.relu() + (-(-x).relu()).exp() - 1),
}


@pytest.mark.parametrize("theta", MORE_ACTIVATION_FUNCTIONS)
def test_more_activation_functions(device, theta):
    """More activation functions: the slide's formulas, ELU with alpha = 1, and their slopes from the graph."""
    formula, graph = MORE_ACTIVATION_FUNCTIONS[theta]
    x = Variable(Z)
    y = graph(x)
    y.backward()
    X, slope = activated(device, theta, Z)
    np.testing.assert_allclose(X, formula(Z), **FLOAT32)
    np.testing.assert_allclose(X, y.value, **FLOAT32)
    np.testing.assert_allclose(slope, x.gradient, **FLOAT32)


@pytest.mark.parametrize("pieces", [2, 3])
def test_more_activation_functions_maxout(device, pieces):
    """More activation functions: maxout is max(w1^T x + b1, w2^T x + b2), of two or more pieces."""
    rng = np.random.default_rng(0)
    W, b, x = rng.normal(size=(pieces, 4)), rng.normal(size=pieces), rng.normal(size=(6, 4))
    want = [max(W[q] @ x_i + b[q] for q in range(pieces)) for x_i in x]
    unit = [(W, b), (np.ones((1, 1)), np.zeros(1))]  # outputs it unchanged
    theta = f"maxout:{pieces}"
    np.testing.assert_allclose(outputs(unit, x, theta, device, "squared")[:, 0], want, **FLOAT32)

    largest = [int(np.argmax(W @ x_i + b)) for x_i in x]
    assert len({*largest}) > 1
    for x_i, q in zip(x, largest):  # dx/dw is x_i for the largest piece, 0 for the others
        target = np.array([want[0] - 0.5])  # any target
        network = stepped(unit, x_i[None], target, theta, loss="squared", device=device)
        upstream = 2 * (max(W @ x_i + b) - target[0])
        np.testing.assert_allclose(network.velocities()[0][0], upstream * np.outer(np.eye(pieces)[q], x_i), **FLOAT32)


def test_other_activation_functions_for_nns(device):
    """Other activation functions: with v'b = z and the bias a, a + z, max(0, a + z), 1 if a + z > 0, logistic."""
    a = 0.75
    np.testing.assert_allclose(activated(device, "linear", Z, a)[0], a + Z, **FLOAT32)
    np.testing.assert_allclose(activated(device, "relu", Z, a)[0], np.maximum(0, a + Z), **FLOAT32)
    np.testing.assert_allclose(activated(device, "sigmoid", Z, a)[0], (1 + np.exp(-a - Z)) ** -1, **FLOAT32)
    step, slope = activated(device, "heaviside", Z, a)
    assert step.tolist() == (a + Z > 0).astype(float).tolist() and not slope.any()


def graph_of_one_example(parameters, x, y, theta):
    """x^(l) and z^(l) of every layer as Variables, after J.backward() has filled in delta^(l) = z^(l).gradient."""
    X, Z = {0: Variable(x)}, {}
    for l, (W, b) in enumerate(parameters, start=1):
        Z[l] = X[l - 1] @ W.T + b
        X[l] = getattr(Z[l], theta)()  # not used in the last layer
    softmax_cross_entropy(Z[len(parameters)], y).backward()
    return X, Z


@pytest.mark.parametrize("theta", THETA)
def test_back_propagation_gradient(theta):
    """Back propagation gradient: with delta^(l) = dJ/dz^(l), that of W^(l) is x^(l-1)' delta^(l)T."""
    parameters, x, y = draw((5, 6, 4, 3), k=1)
    X, Z = graph_of_one_example(parameters, x, y, theta)
    gradients = lecture_matrices(stepped(parameters, x, y, theta).velocities())
    for l in (1, 2, 3):
        np.testing.assert_allclose(gradients[l], prime(X[l - 1].value.T) @ Z[l].gradient, **SAME_SUMS)


@pytest.mark.parametrize("theta", THETA)
def test_back_propagation_term(theta):
    """Back propagation term: delta_i^(l-1) = theta'(z_i^(l-1)) (W^(l) delta^(l))_i."""
    parameters, x, y = draw((5, 6, 4, 3), k=1)
    _, Z = graph_of_one_example(parameters, x, y, theta)
    W, slope = lecture_matrices(parameters), THETA[theta][1]
    trainer = stepper(FLOAT64, parameters, x, y, theta)
    trainer.train(np.arange(1), 1, Rates(1e-3), Tally(FLOAT64, 1))
    Delta = {l: slot.Delta for l, slot in enumerate(trainer.space(1).slots, start=1)}
    for l in (3, 2):
        delta = {l: Z[l].gradient.T, l - 1: Z[l - 1].gradient.T}  # columns
        want = slope(Z[l - 1].value.T) * (W[l] @ delta[l])[1:]  # i = 1, 2, ...: row 0 is that of the constant 1
        np.testing.assert_allclose(delta[l - 1], want, **SAME_SUMS)
        np.testing.assert_allclose(Delta[l - 1].T, want, **SAME_SUMS)


@pytest.mark.parametrize("theta", THETA)
def test_back_propagation_algorithm(theta):
    """Back propagation algorithm: every line of it, for each data point of the set."""
    parameters, data, labels = draw((5, 6, 4, 3), k=10)
    W, L, eta = lecture_matrices(parameters), 3, 0.1
    activation, slope = THETA[theta]
    for n in range(10):
        x, z = {0: data[n : n + 1].T}, {}
        y = grandmother_cells(labels[n : n + 1], 3)
        for l in range(1, L + 1):
            z[l] = W[l].T @ prime(x[l - 1])
            x[l] = activation(z[l]) if l < L else softmax(z[l])
        delta = {L: x[L] - y}
        for l in range(L, 0, -1):
            alpha = W[l] @ delta[l]
            if l > 1:  # the data has no z
                delta[l - 1] = alpha[1:] * slope(z[l - 1])
            W[l] = W[l] - eta * (prime(x[l - 1]) @ delta[l].T)
    ours = lecture_matrices(trained(parameters, data, labels, eta, k=1, theta=theta).parameters())
    for l in W:
        np.testing.assert_allclose(ours[l], W[l], **SAME_SUMS)


def test_parallelization():
    """Parallelization: compute the gradient for each data point in the minibatch, and take the average at the end."""
    parameters, X, y = draw((5, 6, 3), k=7)
    each = [stepped(parameters, X[n : n + 1], y[n : n + 1]).velocities() for n in range(7)]
    average = [tuple(np.mean(arrays, axis=0) for arrays in zip(*layer)) for layer in zip(*each)]
    assert_same_parameters(stepped(parameters, X, y).velocities(), average)


@pytest.mark.parametrize("theta", THETA)
@pytest.mark.parametrize("sizes", [(5, 3), (5, 6, 3), (5, 6, 4, 3)])
def test_using_minibatches(sizes, theta):
    """Using minibatches: every line of the algorithm, over two epochs; the last minibatch of each is a short one."""
    parameters, data, labels = draw(sizes, k=22)
    W, L, eta = lecture_matrices(parameters), len(sizes) - 1, 0.1
    activation, slope = THETA[theta]
    for start in (0, 8, 16) * 2:
        X, Z = {0: data[start : start + 8].T}, {}
        Y = grandmother_cells(labels[start : start + 8], sizes[-1])
        k = Y.shape[1]
        for l in range(1, L + 1):
            Z[l] = W[l].T @ prime(X[l - 1])
            X[l] = activation(Z[l]) if l < L else softmax(Z[l])
        Delta = {L: X[L] - Y}
        for l in range(L, 0, -1):
            A = W[l] @ Delta[l]
            if l > 1:  # the data has no Z
                Delta[l - 1] = A[1:] * slope(Z[l - 1])  # i = 1, ..., d: row 0 is that of the constant 1
            W[l] = W[l] - 1 / k * eta * (prime(X[l - 1]) @ Delta[l].T)
    ours = lecture_matrices(trained(parameters, data, labels, eta, k=8, epochs=2, theta=theta).parameters())
    for l in W:
        np.testing.assert_allclose(ours[l], W[l], **SAME_SUMS)
