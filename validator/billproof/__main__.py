"""`python -m validator` is the command `billproof`."""

from validator.boundary import main

if __name__ == "__main__":
    raise SystemExit(main())
