"""Writes the README.md inside a bundle: what it is, what it holds, how to verify and read it offline.

A pure function of the manifest that ignores its `contents` entry for README.md itself and its `rerunHash`,
so it is made before both and comes out the same from the finished manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stellaops.export.bundle.v1.manifest_pb2 import Manifest

from libs.common.bundle import layout

_TEXT = """\
# Export {export_id}

This is a bundle of security evidence. `{manifest}` is its manifest: it names every other file with length and
SHA-256, and it is signed. `{provenance}` says from which sources the bundle was made. Nothing here needs a
network.

| | |
| --- | --- |
| export | `{export_id}` |
| tenant | `{tenant}` |
| profile | `{profile}`, revision `{revision}` |
| made by | `{adapter}` {adapter_version} |
| evidence as of | {as_of} |
| evidence snapshot | `{snapshot}` |

{holdings}
Which evidence was selected: `jq .selectors {manifest}`.

## Verify

Get the signer's public key by another way than this bundle: from the operator of the Export Center that made
it, or from an earlier delivery that was checked. The commands below call it `../trusted.pub` and run in this
folder. `{public_key}` is a copy for convenience. Whoever changes a bundle can change that copy too: it
proves nothing.

Everything at once (signatures, every file, every record count and index, and that nothing was added):

```sh
stella export verify . --key ../trusted.pub
```

With cosign alone, any version 2 or 3, the manifest and the provenance:

```sh
cosign verify-blob --key ../trusted.pub --signature {signature} --insecure-ignore-tlog=true {manifest}
cosign verify-blob-attestation --key ../trusted.pub --signature {provenance_envelope} --type slsaprovenance1 \
--insecure-ignore-tlog=true {manifest}
```

The same manifest signature as a Sigstore bundle, with cosign 3.0.4 or later:

```sh
cosign verify-blob --key ../trusted.pub --bundle {sigstore} --insecure-ignore-tlog=true {manifest}
```

and with cosign 2.4 to 3.0.3, which want a trusted root even where a key is given; an empty one will do:

```sh
echo '{{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}}' > ../trusted-root.json
cosign verify-blob --key ../trusted.pub --bundle {sigstore} --new-bundle-format \
--trusted-root ../trusted-root.json --insecure-ignore-tlog=true {manifest}
```

`--insecure-ignore-tlog=true` says that no public transparency log is asked; the signature is checked in full.
cosign 2.5.1 to 3.0.3 may warn that they could not fetch a trust root from the network, and go on.

Then every file against the signed manifest:

```sh
jq -r '.contents[] | "\\(.digest[7:])  \\(.path)"' {manifest} | sha256sum --check --strict --quiet
```

This does not notice files that the manifest does not name; `stella export verify` does.

## Read

Record files hold one JSON document a line, compressed with zstd, sorted by record key.
{example}
Line by line, the `.sources.jsonl.zst` beside a record file says which record it is (`key`), where it came
from (`uri`) and the SHA-256 of the bytes as they were received (`digest`). `indexes/` says where in a file
which keys begin.
"""

_EXAMPLE = """
```sh
zstd -dc {documents} | jq -c .
zstd -dc {sources} | jq -r .uri
```
"""


@dataclass(slots=True)
class _Holding:
    """What a bundle holds of one kind from one source."""

    files: int = 0
    records: int = 0
    stored_bytes: int = 0
    plain_bytes: int = 0


def render_readme(manifest: Manifest) -> bytes:
    """Return README.md for the bundle of `manifest`."""
    return _TEXT.format(
        export_id=manifest.export_id,
        tenant=manifest.tenant,
        profile=manifest.profile.name,
        revision=manifest.profile.revision,
        adapter=manifest.adapter.name,
        adapter_version=manifest.adapter.version,
        as_of=manifest.generated_at or "not stated by any source",
        snapshot=manifest.inputs.ledger.digest,
        holdings=_holdings_table(manifest),
        example=_example(manifest),
        manifest=layout.MANIFEST,
        provenance=layout.PROVENANCE,
        public_key=layout.PUBLIC_KEY,
        signature=layout.SIGNATURE,
        provenance_envelope=layout.PROVENANCE_ENVELOPE,
        sigstore=layout.SIGSTORE_BUNDLE,
    ).encode("utf-8")


def _holdings_table(manifest: Manifest) -> str:
    holdings: dict[tuple[str, str], _Holding] = {}
    for content in manifest.contents:
        if layout.is_documents_path(content.path):
            folder, source = content.path.split("/")[2:4]
            holding = holdings.setdefault((folder, source), _Holding())
            holding.files += 1
            holding.records += content.records
            holding.stored_bytes += content.bytes
            holding.plain_bytes += content.plain_bytes
    if not holdings:
        return "It holds no records: the selection matched none.\n"
    rows = (
        f"| {folder} | `{source}` | {holding.files} | {holding.records} | {holding.plain_bytes} "
        f"| {holding.stored_bytes} |"
        for (folder, source), holding in sorted(holdings.items())
    )
    head = (
        "| what | source | files | records | bytes | compressed |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    )
    return "\n".join((*head, *rows, ""))


def _example(manifest: Manifest) -> str:
    path = next(_documents(manifest), None)
    if path is None:
        return ""
    return _EXAMPLE.format(documents=path, sources=layout.companion_path(path))


def _documents(manifest: Manifest) -> Iterator[str]:
    return (content.path for content in manifest.contents if layout.is_documents_path(content.path))
