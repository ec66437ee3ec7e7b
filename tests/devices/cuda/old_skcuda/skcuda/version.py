import pkg_resources

__version__ = pkg_resources.require("scikit-cuda")[0].version
