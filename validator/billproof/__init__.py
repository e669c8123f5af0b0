"""billproof: proves that a billing export is fit to be imported, and says why when it is not."""

__version__ = "0.2.0"
