"""Uploads to any API by configuration: one request per month, sent with patience, its outcome never guessed.

What each answer means is in `responses.py`, how it is sent in `io/attempts.py`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from typing import BinaryIO
from urllib.parse import quote

from billproof.config.destinations import DestinationSettings, lacks_id, open_keys, variables
from billproof.config.file import Integration
from billproof.config.settings import clock
from billproof.delivery.destinations.message import Message, content_digest, message_of, request_of, revealed
from billproof.delivery.destinations.pelanor import NotFilledIn
from billproof.delivery.destinations.responses import BODY_BYTES, answer_of, result_of
from billproof.delivery.shipment import Answer, Request, Shipment
from billproof.io.attempts import PATIENCE, HttpRequest, NotPrepared, Patience, attempts_of, load_libraries
from billproof.io.secrets import NoToken, Secret, from_environment
from billproof.model.errors import BillproofError


class HttpDestination:
    """An API by configuration. `integrations` say where each secret comes from, `shown_path` names the configuration."""

    needs_token = True

    def __init__(
        self, name: str, settings: DestinationSettings, integrations: Sequence[Integration] = (),
        shown_path: str = "billproof.yaml", patience: Patience = PATIENCE,
    ) -> None:  # fmt: skip
        self.name = name
        self.settings = settings
        self.patience = patience
        self._integrations = {integration.organization: integration for integration in integrations}
        self._shown_path = shown_path

    def request(self, shipment: Shipment) -> Request:
        """The request for a shipment. Raises NotFilledIn if the configuration still lacks what it needs."""
        integration = self._integrations.get(shipment.organization)
        return request_of(self._message(shipment), shipment, integration.token if integration else None)

    def lacks(self, shipment: Shipment) -> bool:
        """An API is not asked: what it has is known from its answers."""
        return False

    def send(self, shipment: Shipment, body: BinaryIO, token: Secret | None) -> Answer:
        """Sends the bytes of `body` from its start, several times if need be. Raises NotFilledIn, NoToken, or BillproofError
        if the bytes are not the shipment's or a library is missing: then nothing was sent.
        """
        message = self._message(shipment)
        if token is None:
            raise NoToken(f"destination {self.name} needs a token")
        digest = _verified(message, shipment, body)
        load_libraries()
        secrets = {"token": token, **{f"env:{name}": from_environment(name) for name in variables(self.settings)}}
        headers = {name: revealed(value, secrets) for name, value in message.headers.items()}
        headers["Content-Digest"] = digest
        url = revealed(message.url, secrets, lambda value: quote(value, safe=""))
        request = HttpRequest(message.method, url, headers, BODY_BYTES, lambda: message.content(body))
        started = time.monotonic()
        try:
            results = attempts_of(
                request, self.patience, lambda answer: result_of(answer, self.settings, [*secrets.values()], clock().timestamp())
            )
        except NotPrepared as error:
            return Answer("refused", f"{error.message}; nothing was sent", attempts=0)
        return answer_of(results, time.monotonic() - started)

    def _message(self, shipment: Shipment) -> Message:
        gaps = self._gaps(shipment)
        if gaps:
            raise NotFilledIn(gaps, self.settings.preset)
        return message_of(self.settings, shipment)

    def _gaps(self, shipment: Shipment) -> list[str]:
        gaps = []
        keys = ", ".join(f"`{key}`" for key in open_keys(self.settings))
        if keys:
            gaps.append(f"{self._shown_path}:{self.settings.line}  destination {self.name} is not filled in: {keys}")
        if lacks_id(self.settings, shipment.integration):
            own = self._integrations.get(shipment.organization)
            others = [owner for owner in self._integrations.values() if owner != own and owner.to == self.name]
            owners = [own, *(owner for owner in others if lacks_id(self.settings, owner.integration))]
            for owner in owners:
                place = f":{owner.line}  integration {owner.name}" if owner else f"  {shipment.organization}"
                gaps.append(f"{self._shown_path}{place} is not filled in: `integration`, its ID at {self.name}")
        return gaps


def _verified(message: Message, shipment: Shipment, body: BinaryIO) -> str:
    """The Content-Digest of what will be sent. Raises BillproofError if the bytes are not those that passed."""
    body.seek(0)
    of_file, of_content = hashlib.file_digest(body, "sha256"), hashlib.sha256()  # type: ignore[arg-type]
    if of_file.hexdigest() != shipment.sha256 or body.seek(0, os.SEEK_END) != shipment.size:
        text = f"the bytes of {shipment.name} are not those that passed; nothing was sent"
        raise BillproofError(text, "Run the command again.")
    for chunk in message.content(body):
        of_content.update(chunk)
    return content_digest(of_content.digest())
