"""hw5 doctor."""

import json

from hw5.devices.doctor import REQUIREMENTS
from hw5.errors import InputError
from tests.cli.helpers import hw5


def whole():
    return "1.0"


def broken():
    raise InputError("it is not there: fetch it")


def test_the_table_and_the_verdicts(monkeypatch):
    monkeypatch.setitem(REQUIREMENTS, "cuda", [("driver", whole), ("nvcc", broken)])
    monkeypatch.setitem(REQUIREMENTS, "emulator", [("compiler", whole)])
    lines = hw5("doctor").stdout.splitlines()
    assert lines[-4:-1] == ["cpu: available", "numpy: available", "emulator: available"]
    assert lines[-1] == "cuda: not available: nvcc: it is not there: fetch it"
    found = json.loads(hw5("doctor", "--json").stdout)
    link = {"device": "cuda", "requirement": "nvcc", "ok": False, "text": "it is not there: fetch it"}
    assert found["cuda"][1] == link
