"""The arguments of a kernel as text: zeros:N, FILE.npy, numbers, and so on, as hw5 emulate --args takes them."""

import numpy as np

from hw5.emulator.module import TYPES
from hw5.errors import InputError

_FILLS = {
    "zeros": lambda n, dtype, random: np.zeros(n, dtype),
    "ones": lambda n, dtype, random: np.ones(n, dtype),
    "arange": lambda n, dtype, random: np.arange(n).astype(dtype),
    "random": lambda n, dtype, random: (
        random.uniform(-1, 1, n).astype(dtype) if dtype.kind == "f" else random.integers(0, 100, n).astype(dtype)
    ),
}

_NUMBERS = {"e": np.dtype(np.float16)}  # by code
_NUMBERS |= {code: np.dtype(kind) for code, (kind, _) in TYPES.items() if code not in "PsTS"}
_IMAGES = {"T": "texture", "S": "surface"}


def arguments_of(kernel, text, seed):
    """The arguments in a text, by the types of the kernel's parameters."""
    texts = text.replace(",", " ").split()
    if len(texts) != len(kernel.signature):
        types = ", ".join(parameter_types(kernel)) or "none"
        raise InputError(
            f"{kernel.name} takes {len(kernel.signature)} arguments ({types}), and --args has {len(texts)}"
        )
    random = np.random.default_rng(seed)
    return [_argument(*both, random) for both in zip(texts, zip(kernel.signature, kernel.targets))]


def parameter_types(kernel):
    """The types of the parameters, such as float32* and int32."""
    for code, target in zip(kernel.signature, kernel.targets):
        kind = target if code == "P" else code
        name = _NUMBERS[kind].name if kind in _NUMBERS else _IMAGES.get(kind, "struct")
        yield name + "*" * (code == "P")


def _argument(text, types, random):
    code, target = types
    if code in _IMAGES and not text.endswith(".npy"):
        raise InputError(f"--args: {text}: the parameter is a {_IMAGES[code]}; pass a FILE.npy of its shape")
    if code != "P" and code not in _IMAGES:
        return _number(text, code)
    if text == "null":
        return None
    if text.endswith(".npy"):
        return _saved(text)
    fill, _, count = text.partition(":")
    if fill not in _FILLS or not count.isdecimal():
        raise InputError(f"--args: {text} is no array; write {', '.join(f'{f}:N' for f in _FILLS)}, FILE.npy or null")
    if target not in _NUMBERS:
        raise InputError(f"--args: the pointer for {text} is to a structure or a pointer; pass a FILE.npy of its bytes")
    return _FILLS[fill](int(count), _NUMBERS[target], random)


def _saved(file):
    """The array in a .npy file."""
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--args: {file} cannot be read: {error}") from error


def _number(text, code):
    if code == "s":
        raise InputError(f"--args: {text}: the parameter is a structure, which only Python can pass (Emulator.run)")
    try:
        if code == "?" and text in ("true", "false"):
            return text == "true"
        return float(text) if code in "fd" else int(text, 0)
    except ValueError:
        raise InputError(f"--args: {text} is not {TYPES[code][1].partition(' (')[0]}") from None
