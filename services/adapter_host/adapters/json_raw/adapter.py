"""The adapter `json:raw`: evidence as it was received, as sorted canonical JSON lines."""

from __future__ import annotations

from collections.abc import Sequence

from services.adapter_host.adapters.base import About, Adapter, Fault, Spec, Transform
from services.adapter_host.adapters.json_raw.select import Select
from services.adapter_host.adapters.json_raw.validate import faults
from services.adapter_host.selection import Selection


class JsonRaw:
    """Changes no document: a selection leaves records out, and without one segments leave as they came."""

    about = About(
        kind="json",
        variant="raw",
        version="1.0.0",
        schema="https://stellaops.io/export-center/json-raw/v1",
        default_include=("advisory", "vex", "sbom", "finding"),
        description="Evidence as received: canonical JSON lines by source, with where each record came from.",
    )

    def validate(self, spec: Spec) -> Sequence[Fault]:
        """Return what is wrong with a spec."""
        return faults(spec)

    def transform(self, selection: Selection) -> Transform | None:
        """Return the selection at work, or None where it selects everything."""
        return None if selection.selects_all else Select(selection)


ADAPTER: Adapter = JsonRaw()
