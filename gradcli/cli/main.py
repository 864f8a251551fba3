"""The command line: commands, exit codes and streams. Each verb has a module of its own.

Exit codes: 0 fine; 1 done, and something was found; 2 the command line or a spec is wrong; 3 an internal fault; 130 Ctrl-C.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from gradcli import __version__
from gradcli.cli.streams import prepare, silence

FINE, FOUND, WRONG, FAULT, INTERRUPTED = 0, 1, 2, 3, 130

USAGE_ERROR: type[Any] = typer.BadParameter.__bases__[0]
"""What typer raises for a wrong command line; its module is private in the versions that carry their own click."""

VERBS = ("run", "graph", "check", "gradcheck", "test", "ops", "explain", "bench", "schema")
"""The commands in the order of the help; each is a module beside this one."""


def application(verbs: tuple[str, ...] = VERBS) -> typer.Typer:
    """Return the command line with some verbs; only their modules are imported."""
    app = typer.Typer(
        name="gradcli",
        help="Evaluate and differentiate computational graphs exactly as PyTorch's autograd does, without PyTorch.",
        epilog="Example: gradcli run specs/basics/one_layer.yaml",
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback(invoke_without_command=True)(gradcli)
    for verb in verbs:
        module = import_module(f"gradcli.cli.{verb}")
        app.command(verb, epilog=module.EXAMPLE)(module.command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradcli {__version__}")
        raise typer.Exit


def gradcli(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Evaluate and differentiate computational graphs exactly as PyTorch's autograd does, without PyTorch."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(WRONG)


def main() -> None:
    """Run the command line and exit with its code; graphs have no cycles, so nobody looks for them."""
    gc.disable()
    prepare()
    try:
        code = invoke(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        code = FINE
    except KeyboardInterrupt:
        code = INTERRUPTED
    gc.freeze()  # else the interpreter looks for cycles among all modules before it ends, which takes longer than a run
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit code; only a closed pipe and Ctrl-C are raised."""
    from gradcli.errors import OpError, SpecError

    try:
        named = tuple(verb for verb in arguments[:1] if verb in VERBS)
        return application(named or VERBS)(arguments, prog_name="gradcli", standalone_mode=False) or FINE
    except USAGE_ERROR as error:
        error.show()
        return WRONG
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return INTERRUPTED
    except (SpecError, OpError) as error:
        _report(error)
        return WRONG
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        _report_fault(error)
        return FAULT


def _report(error: Exception) -> None:
    from gradcli.cli.streams import report
    from gradcli.errors import OpError, SpecError

    report(
        error.diagnostics if isinstance(error, SpecError) else [error.at(None)] if isinstance(error, OpError) else []
    )


def _report_fault(error: Exception) -> None:
    """Say what to report of an internal fault: the error and where it arose, on one line each."""
    import platform
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(
        f"gradcli: internal error: {type(error).__name__}: {error}\n"
        f"  at {os.path.basename(place.filename)}:{place.lineno} in {place.name}\n"
        f"  gradcli {__version__}, Python {platform.python_version()}, {platform.system()}\n"
        f"  command: gradcli {' '.join(sys.argv[1:])}\n"
        "This is a fault of gradcli, not of your spec. Please report these lines together with the spec.\n"
    )
