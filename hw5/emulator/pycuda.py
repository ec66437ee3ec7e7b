"""Run scripts that were written for PyCUDA without a GPU.

`import hw5.emulator.pycuda` before `import pycuda.driver`, or `python -m hw5.emulator.pycuda script.py` for a script
that stays as it is. Where PyCUDA is installed, its own files run on the emulator's driver, with pycuda.gpuarray and the
rest. Elsewhere pycuda.driver, pycuda.autoinit, pycuda.autoprimaryctx and pycuda.compiler.SourceModule are there.
Kernels run in check mode, unless HW5_EMULATOR_CHECK is 0.
"""

import importlib.util
import runpy
import sys
import types
from pathlib import Path

from hw5.emulator import pycuda_basics, pycuda_driver


def install():
    """Make `import pycuda` find PyCUDA's own files over the emulator, if they are installed, or else the basics."""
    if "pycuda" in sys.modules:
        return
    if importlib.util.find_spec("pycuda"):
        try:
            return pycuda_driver.install()
        except ImportError as error:
            print(f"hw5: pycuda.gpuarray is not there: {error}", file=sys.stderr)
    _install_basics()


def _install_basics():
    public = {name: value for name, value in vars(pycuda_basics).items() if not name.startswith("_")}
    for name in ("MemoryError", "RuntimeError"):
        public[name] = type(name, (pycuda_basics.Error,), {})
    driver = types.ModuleType("pycuda.driver", pycuda_basics.__doc__)
    driver.__dict__.update(public)
    package = types.ModuleType("pycuda", __doc__)
    package.__path__ = []
    package.driver, package.VERSION = driver, (2025, 1)
    sys.modules |= {"pycuda": package, "pycuda.driver": driver, "pycuda._driver": driver}
    Device, Context = pycuda_basics.Device, pycuda_basics.Context
    for name, content in (
        ("compiler", {"SourceModule": pycuda_basics.SourceModule, "DEFAULT_NVCC_FLAGS": []}),
        ("autoinit", {"device": Device(), "context": Context()}),
        ("autoprimaryctx", {"device": Device(), "context": Context()}),
        ("tools", {"make_default_context": lambda *_: Context(), "clear_context_caches": lambda: None}),
    ):
        module = types.ModuleType(f"pycuda.{name}")
        module.__dict__.update(content)
        sys.modules[f"pycuda.{name}"] = module
        setattr(package, name, module)


install()

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m hw5.emulator.pycuda SCRIPT.py [ARGUMENTS]")
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
