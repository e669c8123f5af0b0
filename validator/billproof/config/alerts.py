"""`alerts:` in billproof.yaml: which findings of `billproof spend --alert` are worth a message."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from billproof.model.record import Record
from billproof.reading.decode import Spec

if TYPE_CHECKING:
    from billproof.config.file import Config, Integration

_USD = r"[0-9]{1,12}(\.[0-9]{1,6})?"


class Alerts(Record):
    """The kinds of finding that alert, each from so many USD on."""

    spike: Annotated[int | str | None, Spec(pattern=_USD, doc="A day above what was expected by so many USD.")] = None
    new: Annotated[int | str | None, Spec(pattern=_USD, doc="A new project or line item with so many USD since.")] = None
    vanished: Annotated[int | str | None, Spec(pattern=_USD, doc="One that had so many USD in 28 days, and stopped.")] = None
    price_change: Annotated[int | str | None, Spec(pattern=_USD, doc="A unit price that changed, by so many USD since.")] = None
    odd_price: Annotated[int | str | None, Spec(pattern=_USD, doc="Rows with another unit price, by so many USD.")] = None
    no_quantity: Annotated[int | str | None, Spec(pattern=_USD, doc="So many USD charged without a quantity.")] = None
    line: int = 1

    def limits(self) -> dict[str, Decimal]:
        """The kinds that alert, with the USD from which on they do."""
        return {kind: Decimal(least) for kind, least in self._asdict().items() if kind != "line" and least is not None}


def alerts_of(config: Config, integration: Integration) -> dict[str, Decimal]:
    """What alerts for an integration: what it says itself, and of kinds that it does not name, what the top level says."""
    return {kind: least for one in (config.file.alerts, integration.alerts) if one for kind, least in one.limits().items()}


def alerts_errors(config: Config) -> Iterator[tuple[int, str]]:
    """Lines of `alerts` with what is wrong there."""
    for alerts in (config.file.alerts, *(integration.alerts for integration in config.file.integrations)):
        if alerts is not None:
            yield from ((alerts.line, f"`alerts`: `{kind}` is negative") for kind, least in alerts.limits().items() if least < 0)
