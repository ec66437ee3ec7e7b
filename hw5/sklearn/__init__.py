"""scikit-learn estimators.

    from hw5.sklearn import MLPClassifier, from_checkpoint

    model = MLPClassifier(hidden=(64,), momentum=0.9, random_state=0).fit(X, y)
    P = model.predict_proba(X_new)
    model.save("model.npz")                 # a checkpoint for hw5 eval, predict and export
    model = from_checkpoint("model.npz")    # also loads the files of hw5 train --out

The parameters are the options of hw5 train, with the same names and defaults, except that validation is 0. Features are
standardised, and X of dtype uint8 is treated as pixels. X may be a DataFrame with text, dates and gaps, which are
encoded as in a file, and a sparse matrix, which becomes dense.
"""

from hw5.sklearn.estimators import LinearClassifier, MLPClassifier, MLPRegressor, Perceptron
from hw5.sklearn.loading import from_checkpoint

__all__ = ["LinearClassifier", "MLPClassifier", "MLPRegressor", "Perceptron", "from_checkpoint"]
