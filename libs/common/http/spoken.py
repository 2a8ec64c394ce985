"""HTTP/1.1 that answers what it cannot read in the shape of all errors."""

from __future__ import annotations

import secrets
import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from libs.common.clock import now
from libs.common.errors import ExportError, InvalidField, TooLarge
from libs.common.http.answers import Refusal

MAX_INCOMPLETE_BYTES = 64 * 1024  # a request line and header larger than this is refused while it is read
_HEADER_TOO_LARGE = 431


def _fault(error: BaseException | None) -> ExportError:
    if getattr(error, "error_status_hint", 0) == _HEADER_TOO_LARGE:
        return TooLarge(what="The header of the request", limit=f"{MAX_INCOMPLETE_BYTES} bytes")
    return InvalidField(field="request", reason="it is not HTTP/1.1")


class Spoken(H11Protocol):
    """Answers what is no HTTP, or has a header beyond any limit, in the shape of all errors."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words are not ours
        """Answer once, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # in the middle of an answer there is nothing more to say
            return
        response = Refusal.of(_fault(sys.exc_info()[1])).response(secrets.token_hex(16), now())
        headers = [(b"connection", b"close"), *response.raw_headers]
        body = bytes(response.body)
        head = h11.Response(status_code=response.status_code, headers=headers)
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
