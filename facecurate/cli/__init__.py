"""The command line: thin commands over library calls, and the one place where errors end.

Nothing heavy is imported here: ``facecurate --help`` loads neither torch nor cv2.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from facecurate import __version__
from facecurate.cli import (
    bring,
    copies,
    crawl,
    curate,
    data,
    redundancy,
    shards,
    takedown,
    tour,
    train,
)
from facecurate.cli.state import State, common
from facecurate.errors import DamagedError, FacecurateError
from facecurate.text import printable

COMMANDS = [
    *tour.COMMANDS,
    *crawl.COMMANDS,
    *bring.COMMANDS,
    *curate.COMMANDS,
    *copies.COMMANDS,
    *redundancy.COMMANDS,
    *shards.COMMANDS,
    *takedown.COMMANDS,
    *data.COMMANDS,
    *train.COMMANDS,
]


class Group(click.Group):
    """Lists the commands in the order of the chain."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which they were added."""
        return list(self.commands)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facecurate")
@common
def cli(state: State) -> None:
    """Build, measure and train on face datasets.

    The chain: import, crawl or synth -> detect -> dedupe -> redundancy-report -> shard ->
    pretrain -> evaluate. Try it all on rendered faces with 'facecurate demo'.
    """


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 0, 1 error or findings, 2 usage, 75 stopped, 130/143 signals."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    state = State(arguments=arguments)
    try:
        result = cli.main(arguments, prog_name="facecurate", standalone_mode=False, obj=state)
        return result if isinstance(result, int) else 0
    except DamagedError as error:
        return _told(state, _with_remedy(str(error)), error.exit_code)
    except FacecurateError as error:
        return _told(state, str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        usage = error.ctx.get_usage() + "\n" if error.ctx else ""
        lines = [printable(line, 2000) for line in error.format_message().splitlines()]
        click.echo(usage + "Error: " + "\n".join(lines), err=True)
        return 2
    except click.ClickException as error:
        return _told(state, error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _told(state, "interrupted: the same command goes on from here", 130)
    except BrokenPipeError:  # the reader of our output is gone: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _told(state, f"{error.strerror or error}: {error.filename or ''}", 1)
    except Exception as error:
        told = f"this should not happen ({type(error).__name__}: {error}); -v shows where"
        return _told(state, told, 1)


def _with_remedy(damage: str) -> str:
    """What is damaged and, where the message does not say it, which command makes it again."""
    if "facecurate" in damage or "--redo" in damage or "delete" in damage:
        return damage
    return f"{damage}; 'facecurate verify' names the command that makes it again"


def _told(state: State, message: str, code: int) -> int:
    if state.verbose:
        import traceback

        traceback.print_exc()
    click.echo(f"Error: {printable(message, 2000)}", err=True)
    return code


def _terminated(number: int, frame: FrameType | None) -> Any:
    raise SystemExit(128 + number)
