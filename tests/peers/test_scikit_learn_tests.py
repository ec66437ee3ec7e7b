"""scikit-learn's own tests of its networks and linear models, as installed, on hw5's through an adapter.

Of the tests of LogisticRegression, SGDClassifier and SGDRegressor, those are chosen whose meaning carries over: the
others are about solvers, losses, averaged weights, given initial weights and paths of penalties, which hw5 does not
have.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pages import ROOT

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

NETWORKS = {  # those that do not pass, and why
    "test_fit": "sets the weights and private attributes of an estimator that was not fitted",
    "test_learning_rate_warmstart": "the learning rate invscaling, which hw5 does not have",
    "test_adaptive_learning_rate": "the learning rate adaptive, which hw5 does not have",
    "test_nonfinite_params": "the text of the error: hw5 names the value of X that is too large, before it trains",
    "test_early_stopping_stratified": "the text of the error: hw5 says that the validation set is too small",
    "test_preserve_feature_names[MLPClassifier]": "fits a classifier on one class, which hw5 refuses",
    "test_mlp_diverging_loss": "training that diverges raises RunError, with advice",
    "test_mlp_vs_poisson_glm_equivalent[42]": "the loss poisson, which hw5 does not have",
}


PERCEPTRON = {
    "test_perceptron_correctness": "at z = 0, where all begins, hw5 predicts the first class, and only a mistake counts",
    "test_perceptron_l1_ratio": "penalties, which hw5's perceptron does not have",
}


LOGISTIC_TESTS = (
    "test_predict_2 or test_predict_3 or inconsistent_input or write_parameters or test_nan or not_modified"
)
LOGISTIC = {
    "test_predict_2_classes[csr_matrix]": "also without a bias, which hw5's units have",
    "test_predict_2_classes[csr_array]": "also without a bias",
    "test_write_parameters": "coef_ is computed from the weights for standardised features, so it cannot be changed",
}

SGD_TESTS = """
    (clone or test_early_stopping or n_iter_no_change or not_enough_sample or sgd_clf or at_least_two_labels or sgd_multiclass
    or wrong_class_weight or weights_multiplied or balanced_weight or partial_fit_exception or partial_fit_binary
    or partial_fit_multiclass or fit_then_partial_fit or partial_fit_equal_fit or multiple_fit or sgd_verbose
    or sgd_random_state or dtype_match or numerical_consistency or input_format or multi_core)
    and not oneclass and not one_class and not average and not init_coef
"""
SGD = {  # by the name before the kind of estimator, which is dense and sparse
    "test_input_format[SGDRegressor": "expects that two targets are refused, which hw5 learns",
    "test_weights_multiplied[SGDClassifier": "weights of examples are how often they are drawn, not factors",
    "test_balanced_weight[SGDClassifier": "expects that the rare class is not learnt without weights; hw5 learns it",
    "test_partial_fit_equal_fit_classif[adaptive-SGDClassifier": "the learning rate adaptive, which hw5 does not have",
    "test_partial_fit_equal_fit[adaptive-SGDRegressor": "the learning rate adaptive",
    "test_sgd_dtype_match[float32-SGDClassifier": "coef_ is computed in float64",
    "test_sgd_dtype_match[float32-SGDRegressor": "coef_ is computed in float64",
}
SGD = {f"{test.replace('SGD', kind)}]": reason for test, reason in SGD.items() for kind in ("SGD", "SparseSGD")}
SGD["test_sgd_random_state[42-SGDClassifier]"] = "expects that two seeds differ by 1 in a weight, as at its first rates"


def outcomes(folder, tests, chosen):
    """{test: whether it passed} of a module of scikit-learn's tests.

    chosen: which ones, as pytest's -k, or all if None.
    """
    path, report = Path(find_spec("sklearn").origin).parent / tests, folder / "r.xml"
    if not path.is_file():
        pytest.skip("this scikit-learn is installed without its tests")
    plugins = ("-p", "tests.peers.sklearn_adapter", "-p", "no:cacheprovider")
    options = ("-q", "-c", os.devnull, f"--rootdir={folder}", *plugins, f"--junitxml={report}")
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        *(["-k", " ".join(chosen.split())] if chosen else []),
        str(path),
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    cases = ElementTree.parse(report).iter("testcase")
    return {case.get("name"): case.find("failure") is None for case in cases}


@pytest.mark.slow
@pytest.mark.parametrize(
    "tests, chosen, others, share",
    [
        ("neural_network/tests/test_mlp.py", None, NETWORKS, 0.8),
        ("linear_model/tests/test_perceptron.py", None, PERCEPTRON, 0.6),
        ("linear_model/tests/test_logistic.py", LOGISTIC_TESTS, LOGISTIC, 0.6),
        ("linear_model/tests/test_sgd.py", SGD_TESTS, SGD, 0.8),
    ],
)
def test_scikit_learns_own_tests(tmp_path, tests, chosen, others, share):
    passed = outcomes(tmp_path, tests, chosen)
    assert {name for name, ok in passed.items() if not ok} == others.keys() & passed.keys()
    assert sum(passed.values()) >= share * len(passed)
