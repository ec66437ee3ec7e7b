"""hw5 train --config: read options from a TOML file. The command line overrides it."""

import re
import sys

import click

from hw5.cli.parameter_types import File
from hw5.errors import InputError, did_you_mean, reason_of
from hw5.opening import open_regular
from hw5.text import quoted

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_BYTES = 1 << 16
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""  # of a key; tomllib takes gigabytes for a key of 30,000 parts
_COMMENT = re.compile("^#.*", re.MULTILINE)
_DEEP_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{200}}")


def read(ctx, _, path):
    """Callback of --config: use the file's values as the defaults of the options. Raises InputError."""
    if path is None:
        return None
    options = _load(path)
    options_of = (option for option in ctx.command.params if option.name != "config_file")
    known = {flag.lstrip("-"): option for option in options_of for flag in option.opts}
    for name, value in options.items():
        if name not in known:
            raise InputError(f"--config {path}: there is no option {quoted(name)}{did_you_mean(name[:40], known)}")
        wrong = _misfit(name, value, getattr(known[name], "is_flag", False))
        if wrong:
            raise InputError(f"--config {path}: {name} must {wrong}")
    ctx.default_map = {known[name].name: _as_text(value) for name, value in options.items()}
    return path


def _misfit(name, value, is_flag):
    """What the value of an option must be instead, or None."""
    if isinstance(value, dict) or (isinstance(value, list) and name != "hidden"):
        return "be a number, string or boolean, not a table or a list"
    if isinstance(value, bool) != bool(is_flag):
        return "be true or false" if not isinstance(value, bool) else "have a value, not true or false"
    try:
        has_nul = "\0" in str(value)
    except ValueError:  # an integer of thousands of digits, which TOML may write in hexadecimal
        return "be a smaller number"
    return "have no NUL character" if has_nul else None


def _load(path):
    """The entries of a TOML file, which must be small and regular: nothing waits for a pipe, or reads on and on."""
    try:
        with open(path, "rb", opener=open_regular) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"--config {path} cannot be read: {reason_of(error)}; check the path") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"--config {path} is larger than {_MOST_BYTES:,} bytes; remove what is not an option")
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte-order mark
        if _DEEP_KEY.search(_COMMENT.sub("", text)):
            raise RecursionError
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"--config {path} is not TOML of options: it is nested too deeply") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path} is not TOML: {error}; correct it, or print options with hw5 show") from error
    except ValueError as error:  # Python reads no integer of thousands of digits
        raise InputError(f"--config {path} has a number of too many digits; give a smaller one") from error


def _as_text(value):
    """The value as text for click's types, as on the command line."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, bool) else str(value)


option = click.option(
    "--config",
    "config_file",
    type=File(),
    is_eager=True,
    callback=read,
    help="Read options from this TOML file; the command line overrides it.",
)
