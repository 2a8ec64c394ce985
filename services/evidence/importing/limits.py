"""Bounds what one import may bring, because archives and documents are hostile input."""

from __future__ import annotations

from libs.common.errors import TooLarge

MIB = 1 << 20

BLOCK_BYTES = 1 * MIB  # lines that are handed on together: large enough that handing on costs nothing
MAX_BLOCK_LINES = 8192  # and so many lines at most, about: tiny ones cost more as objects than as bytes
MAX_LOOSE_PIECES = (
    512  # of those lines: real streams come in far fewer, smaller ones cost more than their bytes
)
BATCH_BYTES = 4 * MIB  # what one process reads at a time; a larger document travels alone
MAX_BATCH_DOCUMENTS = 2 * MAX_BLOCK_LINES  # the same for documents
RUN_BYTES = 16 * MIB  # records that one process holds before it sorts and packs them
MAX_KEPT_REFUSALS = 10_000  # of one import: a person reads none of more; all are counted
MAX_DOCUMENT_BYTES = 64 * MIB  # the largest real SBOMs and CSAF files reach tens of MB; one is held in memory
MAX_MEMBERS = (
    500_000  # OSV's archive of everything holds a few hundred thousand; a member costs memory in a zip
)
MAX_SOURCES = 500  # each dataset takes some statements in the one transaction
MAX_PLAIN_BYTES = 64 << 30  # hundred times the whole public corpus; bounds the disk that sorting takes
MAX_SPOOL_BYTES = 4 << 30  # a zip is kept on disk while it is read, since it can only be read from its end
MAX_RATIO = 1000  # near-identical VEX documents reach 80:1; bombs start where this ends
RATIO_GRACE_BYTES = 64 * MIB  # small inputs may be all alike: below this the ratio says nothing
MAX_NAME_BYTES = 4096  # the longest path that common systems can store
MAX_ARCHIVE_DEPTH = 2  # an archive in an archive is seen in the wild, a third only in attacks
MAX_URI_BYTES = 8192  # the usual limit of a request line
MAX_KEY_BYTES = 1024  # keys are listed, paged over and put into requests


class Budget:
    """Counts what an import has taken so far and refuses what would pass a limit."""

    def __init__(self) -> None:
        self.received = 0
        self.plain = 0
        self.members = 0

    def receive(self, size: int) -> None:
        """Count bytes as they came in."""
        self.received += size
        self._check_total(max(self.received, self.plain))

    def member(self) -> None:
        """Count one file or archive member."""
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise TooLarge(what="The number of files in this import", limit=MAX_MEMBERS)

    def expand(self, location: str, size: int) -> None:
        """Count plain bytes that came out of `location`."""
        self.plain += size
        self._check_total(self.plain)
        if self.plain > RATIO_GRACE_BYTES and self.plain > self.received * MAX_RATIO:
            raise TooLarge(what=f"The compression ratio of `{location}`", limit=f"{MAX_RATIO}:1")

    def _check_total(self, size: int) -> None:
        if size > MAX_PLAIN_BYTES:
            raise TooLarge(what="What this import unpacks to", limit=f"{MAX_PLAIN_BYTES} bytes")
