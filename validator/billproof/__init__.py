"""billproof checks OpenAI cost exports before they are uploaded to Pelanor. The functions here are loaded when first used."""

__version__ = "0.2.0"
__all__ = ["CheckedFile", "ConfigurationError", "Report", "UsageError", "check", "check_bytes", "merge"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from billproof.api import CheckedFile, ConfigurationError, Report, UsageError, check, check_bytes, merge


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'billproof' has no attribute {name!r}")
    from billproof import api

    return getattr(api, name)
