"""Who may do what: the scopes, the roles that hold them, and the scope that each RPC needs."""

from __future__ import annotations

from types import MappingProxyType

PROFILE_MANAGE = "export:profile:manage"
RUN = "export:run"
READ = "export:read"
DOWNLOAD = "export:download"
ADMIN = "export:admin"
AUDIT = "export:audit"
EVIDENCE_READ = "evidence:read"
EVIDENCE_IMPORT = "evidence:import"
SERVICE = "service"  # held by the suite's own services alone; no role gives it

_VIEWER = (READ, EVIDENCE_READ)
_OPERATOR = (*_VIEWER, RUN, DOWNLOAD)
_PUBLISHER = (*_OPERATOR, PROFILE_MANAGE, EVIDENCE_IMPORT)

ROLES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "viewer": _VIEWER,
        "operator": _OPERATOR,
        "publisher": _PUBLISHER,
        "auditor": (*_VIEWER, DOWNLOAD, AUDIT),
        "admin": (*_PUBLISHER, ADMIN, AUDIT),
    }
)

_PUBLIC = "stellaops.export.v1"
_EVIDENCE = "stellaops.evidence.v1"

# A method that is not here is refused to everybody.
REQUIRED: MappingProxyType[str, str] = MappingProxyType(
    {
        f"/{_PUBLIC}.ProfileService/CreateProfile": PROFILE_MANAGE,
        f"/{_PUBLIC}.ProfileService/GetProfile": READ,
        f"/{_PUBLIC}.ProfileService/ListProfiles": READ,
        f"/{_PUBLIC}.ProfileService/UpdateProfile": PROFILE_MANAGE,
        f"/{_PUBLIC}.ProfileService/DeleteProfile": PROFILE_MANAGE,
        f"/{_PUBLIC}.ProfileService/GetProfileRevision": READ,
        f"/{_PUBLIC}.ProfileService/ListProfileRevisions": READ,
        f"/{_PUBLIC}.RunService/CreateRun": RUN,
        f"/{_PUBLIC}.RunService/GetRun": READ,
        f"/{_PUBLIC}.RunService/ListRuns": READ,
        f"/{_PUBLIC}.RunService/WatchRun": READ,
        f"/{_PUBLIC}.RunService/CancelRun": RUN,
        f"/{_PUBLIC}.RunService/RetryRun": RUN,
        f"/{_PUBLIC}.RunService/PlanRun": RUN,
        f"/{_PUBLIC}.AdapterService/ListAdapters": READ,
        f"/{_PUBLIC}.AdapterService/ValidateSpec": SERVICE,
        f"/{_PUBLIC}.KeyService/ListKeys": READ,
        f"/{_PUBLIC}.KeyService/RotateKey": ADMIN,
        f"/{_PUBLIC}.KeyService/GetTrustBundle": READ,
        f"/{_PUBLIC}.DistributionService/ListDistributions": READ,
        f"/{_PUBLIC}.DistributionService/GetDistribution": READ,
        f"/{_PUBLIC}.DistributionService/ListBundleFiles": READ,
        f"/{_PUBLIC}.DistributionService/Download": DOWNLOAD,
        f"/{_PUBLIC}.DistributionService/CollectBlobs": ADMIN,
        f"/{_EVIDENCE}.LedgerService/OpenSnapshot": SERVICE,
        f"/{_EVIDENCE}.LedgerService/ReleaseSnapshot": SERVICE,
        f"/{_EVIDENCE}.LedgerService/ListSegments": SERVICE,
        f"/{_EVIDENCE}.LedgerService/StreamSegments": SERVICE,
        f"/{_EVIDENCE}.LedgerService/StreamRecords": SERVICE,
        f"/{_EVIDENCE}.LedgerService/GetStatus": EVIDENCE_READ,
        f"/{_EVIDENCE}.LedgerService/ListQuarantine": EVIDENCE_READ,
        f"/{_EVIDENCE}.ImportService/Import": EVIDENCE_IMPORT,
        f"/{_EVIDENCE}.ImportService/DeleteRecords": EVIDENCE_IMPORT,
    }
)

# Open to anybody who reaches the port: they say nothing of any tenant.
UNGUARDED = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    }
)
