"""scikit-cuda 0.5.3, reduced to the obstacles of importing its cublas module."""

try:
    __import__("pkg_resources").declare_namespace(__name__)
except ImportError:
    pass

from .version import __version__
