"""`billproof sandbox`: a server on this machine for trying uploads."""

from __future__ import annotations

import argparse

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import config_option
from billproof.model.errors import BillproofError, how_to_install


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof sandbox`."""
    parser.add_argument("--port", default="8765", metavar="N", help="port to listen on; 0 is any free port. Default: 8765")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on. Default: 127.0.0.1 (this machine only)"
    )
    parser.add_argument("--delay", default="0", metavar="SECONDS", help="seconds until an upload becomes visible. Default: 0")
    config_option(parser)
    parser.add_argument(
        "--integration", action="append", default=[], metavar="ID=ORGANIZATION",
        help="add an integration to those in billproof.yaml; repeatable",
    )  # fmt: skip
    parser.add_argument("--max-bytes", default="104857600", metavar="N", help="largest upload accepted. Default: 100 MiB")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[:N]",
        help="simulate a failure for the next N uploads or questions about costs (docs/sandbox.md lists them); repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--costs-from", metavar="FOLDER", help="answer `billproof costs fetch` from one organization's exports in this folder"
    )
    parser.epilog = (
        "exit codes: 0 terminated; 2 usage or configuration error; 3 cannot listen, or the extra is missing; 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Serves until it is interrupted (130) or terminated (0). Raises BillproofError if the extra is missing."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise BillproofError(f"billproof sandbox needs {error.name}, which is not installed", how_to_install("sandbox")) from None
    from billproof.sandbox.command import serve

    return serve(options, config_of(options), say)
