"""What shows how far a training is: a bar on a terminal, by rich, or a line in a notebook."""


def with_bar(progress, epochs):
    """Yield the Progress of a training, and show it on standard error, or in the output of a notebook's cell."""
    from rich.console import Console

    console = Console(stderr=True)
    yield from _as_line(progress, epochs) if console.is_jupyter else _as_bar(progress, epochs, console)


def _as_line(progress, epochs):
    """A bar of rich would need ipywidgets."""
    from IPython.display import DisplayHandle

    line = DisplayHandle()
    line.display({"text/plain": ""}, raw=True)
    for now in progress:
        text = f"epoch {now.epoch}/{epochs}: {_brief(now)}, {now.examples_per_second:,.0f} examples/s"
        line.update({"text/plain": text}, raw=True)
        yield now


def _as_bar(progress, epochs, console):
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[speed]:,.0f} examples/s"),
        TimeRemainingColumn(compact=True),
    ]
    if console.width < 100:  # too narrow for the speed
        del columns[3]
    with Progress(*columns, console=console) as display:
        task = display.add_task("", total=epochs, epoch=1, epochs=epochs, figures="", speed=0)
        for now in progress:
            done = now.epoch - 1 + now.examples / now.of
            speed = now.examples_per_second
            display.update(task, completed=done, epoch=now.epoch, figures=_brief(now), speed=speed)
            yield now


def _brief(now):
    """Loss and accuracy for the progress bar."""
    accuracy, validation_accuracy = (
        "" if value is None else f" {value:.1%}" for value in (now.accuracy, now.validation_accuracy)
    )
    text = f"loss {now.loss:.4f}{accuracy}"
    return text if now.validation_loss is None else f"{text}, validation {now.validation_loss:.4f}{validation_accuracy}"
