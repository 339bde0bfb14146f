"""The command `metier`: its verbs, one file each in `commands/`, and the moment before any of them has begun.

Knows their names and order.
"""

import signal
import sys
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    import typer


def main() -> None:
    """Run the command that the process was called with."""
    asked_back = signal.getsignal(signal.SIGINT)
    if asked_back is signal.default_int_handler:
        # until a verb has begun there is nothing to tidy up, so Ctrl-C may end it at once, without a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    app = command_line()
    sys.unraisablehook = _stop_all_the_same
    signal.signal(signal.SIGINT, asked_back)
    app()


def _stop_all_the_same(lost: "sys.UnraisableHookArgs") -> None:
    """A Ctrl-C that fell into a callback of a compiler has nobody to go to and would be lost: it comes again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import _thread
    from threading import Timer

    from metier.commands.base import LOST_INTERRUPTS

    LOST_INTERRUPTS.append(lost.exc_value)
    Timer(0.05, _thread.interrupt_main).start()


def command_line() -> "typer.Typer":
    """The verbs under their one name."""
    import typer

    from metier.commands import assistant
    from metier.commands.audit import audit
    from metier.commands.base import guarded
    from metier.commands.chat import chat
    from metier.commands.domains import domains
    from metier.commands.evaluate import evaluate
    from metier.commands.keys import keys
    from metier.commands.ledger import ledger
    from metier.commands.predict import predict
    from metier.commands.registry import registry
    from metier.commands.serve import check, serve
    from metier.commands.show import show
    from metier.commands.train import train

    # a traceback of its own would show the values of variables, and so the rows of whoever uses it
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for verb in (train, predict, evaluate, audit, show, domains, serve, check, ledger, chat):
        app.command()(guarded(verb))
    app.add_typer(registry, name="registry")
    app.add_typer(keys, name="keys")
    app.add_typer(assistant.app(), name="assistant")

    @app.callback()
    def metier(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")
        ] = False,
    ) -> None:
        """Small models that know their trade: labelled rows in, a calibrated specialist out."""

    return app


def _version(asked: bool) -> None:
    import typer

    from metier import __version__

    if asked:
        typer.echo(f"metier {__version__}")
        raise typer.Exit
