"""The parts of the code in which faults are planted: files, by pattern, and what judges a fault in them.

That is None, for the contracts of hw5 check kernels, or runs of pytest, each by its arguments, until one fails: those that
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
_NATIVE = (
    "tests/devices/test_native.py::test_steps_agree_at_every_size",
    "tests/devices/test_native_images.py::test_steps_agree_with_numpy",
    "tests/devices/test_native.py tests/devices/test_native_images.py -k 'not sanitizers'",
    "tests/devices/test_slices.py -k 'not emulator'",
    "tests/devices/test_native.py -k sanitizers",
)

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
    "native": {"hw5/devices/native/*.h": _NATIVE, "hw5/devices/native/*.cpp": _NATIVE},
}
