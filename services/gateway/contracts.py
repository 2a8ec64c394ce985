"""Names the public services and who serves each: the whole REST surface follows from here."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import ServiceDescriptor
from stellaops.evidence.v1 import imports_pb2, ledger_pb2
from stellaops.export.v1 import adapters_pb2, distributions_pb2, keys_pb2, profiles_pb2, runs_pb2

IMPORT = "/stellaops.evidence.v1.ImportService/Import"
WATCH_RUN = "/stellaops.export.v1.RunService/WatchRun"
DOWNLOAD = "/stellaops.export.v1.DistributionService/Download"


@dataclass(frozen=True, slots=True)
class PublicService:
    """A service of the contracts and who serves it."""

    descriptor: ServiceDescriptor
    served_by: str


PUBLIC = (
    PublicService(profiles_pb2.DESCRIPTOR.services_by_name["ProfileService"], "planner"),
    PublicService(runs_pb2.DESCRIPTOR.services_by_name["RunService"], "planner"),
    PublicService(distributions_pb2.DESCRIPTOR.services_by_name["DistributionService"], "distributor"),
    PublicService(adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"], "adapter_host"),
    PublicService(keys_pb2.DESCRIPTOR.services_by_name["KeyService"], "signer"),
    PublicService(ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"], "evidence"),
    PublicService(imports_pb2.DESCRIPTOR.services_by_name["ImportService"], "evidence"),
)
