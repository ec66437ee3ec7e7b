"""The scikit-learn estimators on a simulated GPU, which they keep open between calls."""

import gc
import threading

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

from sklearn.datasets import load_iris

from hw5.sklearn import MLPClassifier
from hw5.train import opened

X, Y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def closed():
    """Nothing stays open after a test, whose GPU is gone then."""
    opened.close()
    yield
    opened.close()
    gc.collect()


@pytest.fixture
def on_gpu(gpu, closed):
    yield gpu
    opened.close()
    gc.collect()  # before the fixture of the GPU looks at what is left


def fitted(**options):
    return MLPClassifier(hidden=(8,), epochs=2, device="cuda", random_state=0, **options).fit(X, Y)


def test_a_second_call_opens_nothing(on_gpu):
    model = fitted()
    first = model.predict_proba(X[:1])
    before = (len(on_gpu.handles), on_gpu.order.count("module"), len(on_gpu.contexts))
    for row in range(5):
        model.predict_proba(X[row : row + 1])
    assert (len(on_gpu.handles), on_gpu.order.count("module"), len(on_gpu.contexts)) == before
    np.testing.assert_array_equal(model.predict_proba(X[:1]), first)
    on_cpu = MLPClassifier(hidden=(8,), epochs=2, device="cpu", random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X), on_cpu.predict_proba(X), atol=1e-5)


def test_many_rows_leave_nothing_on_the_gpu(on_gpu):
    model = fitted()
    opened.close()
    gc.collect()
    assert model.predict(np.tile(X, (10, 1))).shape == (1500,)
    gc.collect()
    assert not on_gpu.allocations and not on_gpu.handles


def test_a_thread_closes_what_it_opened(on_gpu):
    model, results = fitted(), []
    here = len(on_gpu.handles)

    def predict():
        results.extend(model.predict_proba(X[:3]))
        results.append(len(on_gpu.handles))

    thread = threading.Thread(target=predict)
    thread.start()
    thread.join()
    gc.collect()
    np.testing.assert_array_equal(results[:3], model.predict_proba(X[:3]))
    assert results[3] == here + 1 and len(on_gpu.handles) == here
