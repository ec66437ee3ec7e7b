"""hw5 completion"""

import click
from click.shell_completion import get_completion_class

from hw5.cli.parameter_types import OneOf


@click.command("completion")
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx, shell):
    """Print a shell completion script.

    \b
    eval "$(hw5 completion bash)"                                      in ~/.bashrc
    eval "$(hw5 completion zsh)"                                       in ~/.zshrc
    hw5 completion fish > ~/.config/fish/completions/hw5.fish          once
    """
    click.echo(get_completion_class(shell)(ctx.find_root().command, {}, "hw5", "_HW5_COMPLETE").source())
