"""What hw5 train says of a run: at its beginning what is trained, and at its end how good it is."""

from hw5.cli import options, output, ranks
from hw5.cli.display import described, in_words, say, task_in_words, warn
from hw5.plots import plot_training
from hw5.text import counted
from hw5.train.advice import advice, guessing
from hw5.train.figures import figures_on


def announce(run):
    """Say what is trained, and what was guessed about the data."""
    say(headline(run))
    if idle := ranks.idle(run):
        warn(idle)
    options.warn_of(run.dataset)


def headline(run, before=""):
    """The data, the network and how it is trained, in a few lines."""
    settings, counts = run.settings, ", ".join(f"{len(subset.rows):,} {name}" for name, subset in run.splits.items())
    classes = (
        f"{len(run.dataset.class_names)} classes" if run.dataset.class_names else task_in_words(run.dataset, settings)
    )
    theta = f" {settings.activation}" if settings.hidden else ""
    table = "".join(f"{line}\n" for line in described(run.dataset))
    return (
        f"{run.dataset.name}: {counted(run.network.features, 'feature')}, {classes}; {before}{counts} examples\n{table}"
        f"{settings.model} {run.network}{theta}, {settings.optimizer}, minibatch {settings.batch_size}, "
        f"learning rate {settings.lr:g}, on {run.network.device.name} ({run.training.how})" + _resuming(run.training)
    )


def _resuming(training):
    if not training.steps or training.is_over:
        return ""
    return f"\nresuming in epoch {training.epoch}, after {training.done:,} of {len(training.rows):,} examples"


def report(run, progress, saver, plot, figures):
    """Evaluate and plot the trained model, and say what was saved; the test figures are added to figures."""
    if progress is None:
        ending = run.training.ending
        say("nothing left to train" + (f": {ending}" if ending else "; increase --epochs to continue"))
    elif progress.ending:
        say(progress.ending)
    no_better = None
    if "test" in run.splits:
        test = figures["test"] = figures_on(run, "test")
        train_y, test_y = (run.splits[name].examples.y[run.splits[name].rows] for name in ("train", "test"))
        no_better = guessing(test, train_y, test_y, run.dataset.class_names)
        say(f"test {in_words(test, run.settings)} ({test['examples']:,} examples)")
    if progress and not progress.ending and (what_to_do := no_better or advice(run.history, run.settings)):
        say(what_to_do)
    if saver and not saver.error:
        say(f"saved {saver.path}")
    if plot and run.history:
        try:
            plot_training(run.history, plot, title=f"{run.dataset.name}, {run.settings.model}")
        except Exception:
            output.require_written(saver)  # where the model is comes first
            raise
        say(f"saved {plot}")
    if not saver:
        say("not saved; use --out FILE to save the model")
