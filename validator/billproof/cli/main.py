"""The single try/except around the program: every error becomes a clear message and its documented exit code."""

from __future__ import annotations

import gc
import os
import sys

# Nothing more is loaded before `main` stands ready for Ctrl-C, not even typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code. Never raises, never prints a traceback."""
    try:
        from billproof.cli.parser import run_command

        code = run_command(sys.argv[1:] if arguments is None else list(arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _say("interrupted; running the same command again is safe")
        return 130
    except BrokenPipeError:
        # Nobody reads the result any more: it was not shown, so it does not count as a pass.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 3
    except SystemExit:
        raise
    except BaseException as error:  # a library in Rust that panics raises no Exception
        return _told(error)


def _told(error: BaseException) -> int:
    """Says what went wrong; gives the exit code."""
    from billproof.model.errors import BillproofError, UsageError
    from billproof.model.values import shown

    if isinstance(error, BillproofError):
        from billproof.io.secrets import without_keys

        for line in error.lines():
            # What people typed is quoted where it is wrong, and it may be a key that was pasted in place of its file's name.
            _say(shown(without_keys(line) if error.exit_code == UsageError.exit_code else line, None))
        return error.exit_code
    _say(f"UNPROVED  unexpected error: {type(error).__name__} at {_origin(error)}; nothing was proved")
    _say("Please report this line and the command, but do not attach the file: it may contain private data.")
    return 3


def console() -> NoReturn:
    """The command `billproof`. Everything is written by now; to take the interpreter apart would cost a twelfth of a run."""
    # What a check builds holds no circles (tested), so the collector would walk over it for nothing: a tenth of a short run.
    gc.disable()
    # Another process (--jobs) must not take a file of the working folder for a module of Python's.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # it is closed: the exit code still speaks
    os._exit(code)


def _origin(error: BaseException) -> str:
    """Room, module and line of the innermost step in the package; the message itself may contain text of the file."""
    import traceback

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(package)]
    if not own:
        return "start"
    return f"{os.path.relpath(own[-1].filename, package).replace(os.sep, '/')}:{own[-1].lineno}"


def _say(text: str) -> None:
    try:
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    except (OSError, ValueError, AttributeError):
        pass  # standard error is closed: the exit code still speaks
