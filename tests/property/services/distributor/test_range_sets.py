"""Any set of ranges over HTTP gives the slices of the tar, in the order asked for, with an honest length."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.blobs.store import Blobs
from libs.common.digests import sha256_digest
from libs.common.errors import RangeNotSatisfiable
from services.distributor.content import TarContent, read
from services.distributor.downloads import TAR_TYPE, Representation
from services.distributor.files import selected
from services.distributor.layouts import Layout, parse_layout
from services.distributor.ranges import MAX_RANGES, wanted_spans
from tests.kit.bundles import make_bundle, tar_of
from tests.kit.stored_bundles import store_files

FILES = make_bundle()
TAR = tar_of(FILES)

POSITIONS = st.integers(0, len(TAR) + 10)
RANGES = st.one_of(
    st.tuples(POSITIONS, POSITIONS).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    POSITIONS.map(lambda start: f"{start}-"),
    POSITIONS.map(lambda length: f"-{length}"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Blobs, Layout]:
    blobs = Blobs(f"file://{tmp_path_factory.mktemp('blobs')}", "exports")
    stored = asyncio.run(store_files(blobs, FILES, piece_bytes=777))
    return blobs, parse_layout(stored.message.SerializeToString())


def expected(header: str) -> list[bytes]:
    """Return the slices by the plainest reading of RFC 9110, section 14.1.2."""
    found = []
    for text in header.split(","):
        first, _, last = text.partition("-")
        if not first:
            found.append(TAR[len(TAR) - min(int(last), len(TAR)) :])
        else:
            found.append(TAR[int(first) : int(last) + 1 if last else None])
    return [piece for piece in found if piece]


@settings(max_examples=80, deadline=None)
@given(ranges=st.lists(RANGES, min_size=1, max_size=MAX_RANGES))
def test_any_range_set_is_the_slices_of_the_tar(store: tuple[Blobs, Layout], ranges: list[str]) -> None:
    blobs, layout = store
    header = ",".join(ranges)
    slices = expected(header)
    if not slices:
        with pytest.raises(RangeNotSatisfiable):
            wanted_spans(f"bytes={header}", len(TAR))
        return
    whole = Representation(TarContent(layout), sha256_digest(TAR), TAR_TYPE, "x.tar")
    status, headers, content = selected(whole, wanted_spans(f"bytes={header}", len(TAR)))

    async def gather() -> bytes:
        return b"".join([chunk async for chunk in read(blobs, "acme", content, 0, content.size)])

    body = asyncio.run(gather())
    assert len(body) == int(headers["Content-Length"])
    if status == 200:
        assert sum(map(len, slices)) > len(TAR)
        assert body == TAR
    elif len(slices) == 1:
        assert body == slices[0]
    else:
        assert parts_of(headers["Content-Type"], body) == slices


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    return [bytes(part.get_payload(decode=True)) for part in message.iter_parts()]
