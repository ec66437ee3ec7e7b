"""What hw5 train says of a run."""

from hw5.cli.run_report import headline, report
from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.train.data_source import DataSource
from hw5.train.run import Run
from hw5.train.settings import Settings


def a_run():
    dataset = load("xor")
    return Run(CpuDevice(), dataset, Settings(hidden=(4,), epochs=1), DataSource.of(dataset, None, None))


def test_the_headline_names_data_network_and_training():
    data, network = headline(a_run(), "in all: ").splitlines()
    assert data.startswith("xor: 2 features, 2 classes; in all: ") and data.endswith(" test examples")
    assert network.startswith("mlp 2-4-2 relu, ")


def test_a_report_evaluates_and_says_that_nothing_was_saved(capsys):
    run, figures = a_run(), {}
    for progress in run.train():
        pass
    report(run, progress, None, None, figures)
    said = capsys.readouterr().out
    assert said.startswith(f"test accuracy {figures['test']['accuracy']:.2%}, ")
    assert said.endswith("not saved; use --out FILE to save the model\n")
