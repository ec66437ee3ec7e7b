"""hw5: a small neural-network trainer with hand-written CUDA kernels.

    import hw5

    model = hw5.fit("digits", hidden=64)          # or a file, arrays (X, y), or a DataFrame
    print(model.evaluate()["accuracy"])
    model.predict(X)                              # classes; or of a file, or of a DataFrame

fit, load_data and load_model are in hw5.api, and so is Model, which they return: help(hw5.fit), help(hw5.Model). The
estimators for scikit-learn are in hw5.sklearn, the emulator in hw5.emulator, and `hw5 --help` shows the program.
"""

from importlib import import_module

__version__ = "0.2.0"
__all__ = ["InputError", "Model", "RunError", "fit", "load_data", "load_model"]

_PLACES = dict.fromkeys(("Model", "fit", "load_data", "load_model"), "hw5.api") | dict.fromkeys(
    ("InputError", "RunError"), "hw5.errors"
)


def __getattr__(name):
    """Import what is used when it is used, so that `hw5 --help` need not."""
    if name not in _PLACES:
        raise AttributeError(f"module 'hw5' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
