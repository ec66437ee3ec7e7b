"""The parts of the code in which faults are planted: files, by pattern, and what judges a fault in them.

That is None, for the contracts of hw5 check kernels, or runs of pytest by their arguments, until one fails: those that
find most in the least time first.
"""

_LAUNCHES = (
    "tests/devices/test_grids.py",
    "tests/devices/test_operations.py -k 'emulator or stays'",
    "tests/devices/test_recorded.py",
    "tests/devices/test_agreement.py -k emulator",
    "tests/devices/test_slices.py -k 'emulator and agree'",
)
_NUMPY = (
    "tests/devices/test_operations.py -k numpy",
    "tests/nn",
    "tests/devices/test_slices.py -k numpy",
    "tests/devices/test_agreement.py -k numpy",
)
_TRAINING = ("tests/train/test_training.py", "tests/train/test_run.py tests/train/test_golden.py")


def _compiled(first, programs):
    """Judges of the compiled CPU step: `first` and others in a quick build, all tests, and at last the sanitizers."""
    both, slices = "tests/devices/test_native.py tests/devices/test_native_images.py", "tests/devices/test_slices.py"
    first = f"{first} {slices}::test_steps_by_slices_agree_with_whole_steps"
    quickly, without_adam = "-p tests.mutation.quick_build", "(threads-3 or cpu) and not adam"
    return (
        f"{quickly} {first} -k '{without_adam}'",
        f"{quickly} {both} -k '{without_adam} and not steps'",
        f"{both} -k 'not sanitizers'",
        f"{slices} -k 'compiled or cpu or threads-'",
        f"tests/devices/test_native.py -k 'sanitizers and {programs}'",
    )


def _tests(module, *names):
    return " ".join(f"tests/devices/{module}.py::test_{name}" for name in names)


_DENSE = _tests(
    "test_native", "steps_agree_at_every_size", "maxout_agrees_with_numpy_at_every_size", "steps_agree_with_numpy"
)
_IMAGES = _tests("test_native_images", "steps_agree_with_numpy", "evaluation_agrees_with_numpy", "random_networks")
_FOLDER = "hw5/devices/native"
_FOR_IMAGES = ("images.cpp", "convolution*.h", "*_stage.h", "stage.h", "dropout.h", "lanes.h", "pooling.h")
_FOR_IMAGES += ("sparse_gradient.h", "theta.h", "weights.h")

PARTS = {
    "kernels": {"kernels/*.cu": None, "kernels/*.cuh": None},
    "launches": {
        f"hw5/devices/{name}.py": _LAUNCHES for name in ("kernels", "kernel_images", "grids", "fused", "recorded")
    },
    "mathematics": {
        "hw5/nn/*.py": (
            "tests/nn",
            "tests/devices/test_recorded.py tests/devices/test_agreement.py -k 'recorded or emulator and images'",
            "tests/lectures",
            *_NUMPY,
        ),
        "hw5/devices/cpu.py": _NUMPY,
        "hw5/devices/cpu_images.py": _NUMPY,
    },
    "training": {
        "hw5/train/training.py": _TRAINING,
        "hw5/train/order.py": ("tests/train/test_order.py", *_TRAINING),
        "hw5/train/schedules.py": ("tests/train/test_schedules.py", *_TRAINING),
        "hw5/datasets/preprocessing.py": (
            "tests/datasets/test_preprocessing.py tests/train/test_folds.py",
            "tests/datasets",
            *_TRAINING,
        ),
    },
    "native": {
        f"{_FOLDER}/*.h": _compiled(f"{_DENSE} {_IMAGES}", "races"),
        **dict.fromkeys((f"{_FOLDER}/{name}" for name in ("step.cpp", "stretch.h")), _compiled(_DENSE, "races.cpp")),
        **dict.fromkeys((f"{_FOLDER}/{name}" for name in _FOR_IMAGES), _compiled(_IMAGES, "races_images.cpp")),
    },
}
