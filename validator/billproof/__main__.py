"""`python -m billproof` is the command `billproof`."""

from billproof.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
