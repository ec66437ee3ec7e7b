"""The arguments of a kernel as text."""

from types import SimpleNamespace

import numpy as np
import pytest

from hw5.cli.kernel_arguments import arguments_of, parameter_types
from hw5.errors import InputError

KERNEL = SimpleNamespace(name="k", signature="iPP?", targets=(None, "f", "e", None))


def test_arguments_have_the_types_of_the_parameters():
    n, x, half, flag = arguments_of(KERNEL, "0x10, random:3 arange:2,true", 0)
    assert (n, flag) == (16, True)
    np.testing.assert_array_equal(x, np.random.default_rng(0).uniform(-1, 1, 3).astype(np.float32))
    np.testing.assert_array_equal(half, np.float16([0, 1]))
    assert x.dtype == np.float32 and half.dtype == np.float16
    assert arguments_of(KERNEL, "1,null,null,false", 0) == [1, None, None, False]


def test_parameter_types():
    assert list(parameter_types(KERNEL)) == ["int32", "float32*", "float16*", "bool"]


@pytest.mark.parametrize(
    "text", ["1", "1,ones,null,true", "1,ones:x,null,true", "1.5,null,null,true", "1,no.npy,null,1"]
)
def test_text_that_does_not_fit(text):
    with pytest.raises(InputError):
        arguments_of(KERNEL, text, 0)
