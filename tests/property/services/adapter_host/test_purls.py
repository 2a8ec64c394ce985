"""The quick look at package URLs in bytes finds what reading the document finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from libs.common.canon.encode import encode
from services.adapter_host.adapters.base import Batch
from services.adapter_host.adapters.json_raw.patterns import Patterns
from services.adapter_host.adapters.json_raw.purls import (
    ecosystems_in,
    ecosystems_of,
    forms,
    name_of,
    purls_in,
)
from services.adapter_host.adapters.json_raw.select import Select
from services.adapter_host.selection import Selection

WORDS = ["deb", "npm", "rpm", "golang", "debian", "a", "É", "pkg:", '"pkg:npm/x']
SIGNS = ["/", "//", "@", "@1", "?a=b", "#s", "%", "%2F", "%40", '"', "\\", "\n", "{", ","]
PIECES = st.sampled_from([*WORDS, *SIGNS])
URLS = st.lists(PIECES, max_size=8).map(lambda pieces: "pkg:" + "".join(pieces))
TEXTS = st.one_of(URLS, st.lists(PIECES, max_size=5).map("".join))
DOCUMENTS = st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)


def texts_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from texts_of(entry)
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from texts_of(entry)


@given(DOCUMENTS)
def test_every_package_url_of_a_document_is_found_and_nothing_else(document: object) -> None:
    line = encode({"it": document})
    found = [unquote(text) for text in texts_of(json.loads(line)) if text.startswith("pkg:")]
    assert sorted(purls_in(line)) == sorted(found)


@given(DOCUMENTS)
def test_the_ecosystems_at_a_glance_are_those_of_all_package_urls(document: object) -> None:
    line = encode({"it": document})
    assert ecosystems_in(line) == {kind for purl in purls_in(line) for kind in ecosystems_of(purl)}


@given(URLS, st.lists(PIECES, min_size=1, max_size=4).map("".join), st.sampled_from(["", "*"]))
def test_no_package_is_ruled_out_before_its_url_is_read(url: str, start: str, end: str) -> None:
    line = encode({"it": [url]})
    entry = start.removeprefix("pkg:") + end
    patterns = Patterns([entry])
    names = [name_of(purl) for purl in purls_in(line)]
    if not entry.startswith("pkg:"):
        batch = Batch(line + b"\n", b'{"key":"a"}\n')
        taken = Select(Selection(packages=(entry,))).apply(batch) == batch
        assert taken == any(name and patterns.match(name) for name in names)


@given(URLS, st.integers(0, 30), st.sampled_from(["", "*"]))
def test_no_package_url_is_ruled_out_before_it_is_read(url: str, length: int, end: str) -> None:
    line = encode({"it": [url]})
    entry = unquote(url)[: max(length, 4)] + end
    batch = Batch(line + b"\n", b'{"key":"a"}\n')
    taken = Select(Selection(packages=(entry,))).apply(batch) == batch
    wanted = Patterns([unquote(entry)])
    assert taken == any(wanted.match_any(forms(purl)) for purl in purls_in(line))
