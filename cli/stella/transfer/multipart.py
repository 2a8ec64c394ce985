"""Writes a multipart/form-data body (RFC 7578) of known length as a stream: the spec, then the files."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence

from cli.stella.failures import wrong_file
from cli.stella.transfer.names import Outgoing

CHUNK_BYTES = 256 * 1024  # what one read of a file holds in memory


def new_boundary() -> str:
    """Return a boundary that no file can hold but by a chance of 2^-128."""
    return f"stella-{secrets.token_hex(16)}"


class Body:
    """A body to send: `length` is known before, `sent` is called with every file byte that goes out."""

    def __init__(
        self, spec: bytes, files: Sequence[Outgoing], boundary: str, sent: Callable[[int], None]
    ) -> None:
        self._spec = spec
        self._files = files
        self._boundary = boundary
        self._sent = sent

    @property
    def content_type(self) -> str:
        """The header that goes with it."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        heads = sum(len(self._head(file.name)) + file.size + 2 for file in self._files)
        return len(self._first()) + heads + len(self._end())

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._first()
        for file in self._files:
            yield self._head(file.name)
            yield from self._content(file)
            yield b"\r\n"
        yield self._end()

    def _first(self) -> bytes:
        head = 'Content-Disposition: form-data; name="spec"\r\nContent-Type: application/json\r\n\r\n'
        return f"--{self._boundary}\r\n{head}".encode() + self._spec + b"\r\n"

    def _head(self, name: str) -> bytes:
        disposition = f'Content-Disposition: form-data; name="file"; filename="{_quoted(name)}"'
        kind = "Content-Type: application/octet-stream"
        return f"--{self._boundary}\r\n{disposition}\r\n{kind}\r\n\r\n".encode()

    def _content(self, file: Outgoing) -> Iterator[bytes]:
        left = file.size
        try:
            with file.path.open("rb") as stream:
                while left:
                    chunk = stream.read(min(CHUNK_BYTES, left))
                    if not chunk:
                        break
                    left -= len(chunk)
                    yield chunk
                    self._sent(len(chunk))
                grown = not left and stream.read(1)
        except OSError as error:
            raise wrong_file(
                f"`{file.path}` cannot be read: {error.strerror}", "Nothing was taken."
            ) from error
        if left or grown:
            raise wrong_file(
                f"`{file.path}` changed while it was sent", "Nothing was taken; import it again."
            )

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    """Escape what would end the name early, as the HTML standard says."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
