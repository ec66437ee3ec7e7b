"""scikit-learn's own tests of its networks, from the installed package, on hw5's through an adapter."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pages import ROOT

pytest.importorskip("sklearn", reason="pip install 'hw5[sklearn]'")

OTHERS = {
    "test_fit": "sets the weights and private attributes of an estimator that was not fitted",
    "test_learning_rate_warmstart": "the learning rate invscaling, which hw5 does not have",
    "test_adaptive_learning_rate": "the learning rate adaptive, which hw5 does not have",
    "test_multilabel_classification": "several labels per example: hw5 has one; see MultiOutputClassifier",
    "test_predict_proba_multilabel": "several labels per example",
    "test_multioutput_regression": "several targets per example: hw5 has one; see MultiOutputRegressor",
    "test_nonfinite_params": "the text of the error: hw5 names the value of X that is too large, before it trains",
    "test_early_stopping_stratified": "the text of the error: hw5 says that the validation set is too small",
    "test_preserve_feature_names[MLPClassifier]": "fits a classifier on one class, which hw5 refuses",
    "test_mlp_diverging_loss": "training that diverges raises RunError, with advice",
    "test_mlp_vs_poisson_glm_equivalent[42]": "the loss poisson, which hw5 does not have",
}


def outcomes(folder):
    """{test: whether it passed} of scikit-learn's tests."""
    tests, report = (
        Path(find_spec("sklearn").origin).parent / "neural_network" / "tests" / "test_mlp.py",
        folder / "r.xml",
    )
    if not tests.is_file():
        pytest.skip("this scikit-learn is installed without its tests")
    plugins = ("-p", "tests.peers.mlp_adapter", "-p", "no:cacheprovider")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        os.devnull,
        f"--rootdir={folder}",
        *plugins,
        f"--junitxml={report}",
    ]
    result = subprocess.run([*command, str(tests)], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return {case.get("name"): case.find("failure") is None for case in ElementTree.parse(report).iter("testcase")}


@pytest.mark.slow
def test_scikit_learns_tests_of_its_networks(tmp_path):
    passed = outcomes(tmp_path)
    assert {name for name, ok in passed.items() if not ok} == OTHERS.keys() & passed.keys()
    assert len(passed) - len(OTHERS) >= 0.8 * len(passed)
