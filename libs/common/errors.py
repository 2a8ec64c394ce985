"""The catalogue of errors: for each code its gRPC status, HTTP status, sentence and cure."""

from __future__ import annotations

import string
from typing import ClassVar

DOMAIN = "export.stellaops.io"


class ExportError(Exception):
    """An error that may cross a door; every dynamic part of its sentence stands in `details`.

    Subclasses are the catalogue: one a code. `status` is the name of a gRPC status code, `http` the status
    that REST answers with, `retryable` says whether the same call may succeed later without any change.
    """

    code: ClassVar[str] = "ERR_EXPORT_INTERNAL"
    status: ClassVar[str] = "INTERNAL"
    http: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong inside {part}: {reason}."
    cure: ClassVar[str] = "Look for the trace id in the service's log and report it."
    retryable: ClassVar[bool] = False

    def __init__(self, **details: object) -> None:
        """Fill the sentence; a missing or surplus detail is a fault of the caller."""
        wanted = {name for _, name, _, _ in string.Formatter().parse(self.sentence + self.cure) if name}
        if wanted != set(details):
            raise TypeError(f"{type(self).__name__} needs exactly {sorted(wanted)}, not {sorted(details)}")
        self.details = {name: str(value) for name, value in details.items()}
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """What happened, to what."""
        return self.sentence.format(**self.details)

    @property
    def remedy(self) -> str:
        """What to do next."""
        return self.cure.format(**self.details)


class Internal(ExportError):
    """A fault of ours."""


class InvalidField(ExportError):
    """A field of a request breaks a rule."""

    code = "ERR_EXPORT_INVALID"
    status = "INVALID_ARGUMENT"
    http = 400
    sentence = "Field `{field}` is not valid: {reason}."
    cure = "Correct `{field}` and send the request again."


class BadPageToken(ExportError):
    """A page token that this list did not give out."""

    code = "ERR_EXPORT_PAGE_TOKEN"
    status = "INVALID_ARGUMENT"
    http = 400
    sentence = "The page token does not belong to this list and filter."
    cure = "Start again without a page token."


class Unauthenticated(ExportError):
    """No token, or one that does not hold."""

    code = "ERR_EXPORT_UNAUTHENTICATED"
    status = "UNAUTHENTICATED"
    http = 401
    sentence = "The request carries no valid token: {reason}."
    cure = (
        "Get a token from the issuer and send it as `Authorization: Bearer …`; of a suite on this machine: "
        "`stella token issue`."
    )


class PermissionDenied(ExportError):
    """The token lacks a scope."""

    code = "ERR_EXPORT_DENIED"
    status = "PERMISSION_DENIED"
    http = 403
    sentence = "The token does not have scope `{scope}`, which this call needs."
    cure = "Ask an administrator of the tenant for a role that has `{scope}`."


class TenantDenied(ExportError):
    """The tenant asked for is not one of the token's."""

    code = "ERR_EXPORT_TENANT"
    status = "PERMISSION_DENIED"
    http = 403
    sentence = "The request names no tenant that the token is good for."
    cure = "Name one of the token's tenants: `--tenant`, over REST `X-Stella-Tenant`."


class NotFound(ExportError):
    """No such thing, or none that the caller may know of."""

    code = "ERR_EXPORT_NOT_FOUND"
    status = "NOT_FOUND"
    http = 404
    sentence = "There is no {resource} `{name}` in this tenant."
    cure = "List what there is and check the name."


class ProfileNotFound(NotFound):
    """No such profile."""

    code = "ERR_EXPORT_PROFILE_NOT_FOUND"
    sentence = "There is no profile `{name}` in this tenant."
    cure = "See `stella export profile list`, or create it: `stella export profile create {name} …`."


class RunNotFound(NotFound):
    """No such run."""

    code = "ERR_EXPORT_RUN_NOT_FOUND"
    sentence = "There is no run `{name}` in this tenant."
    cure = "See `stella export run list`."


class AlreadyExists(ExportError):
    """The name is taken."""

    code = "ERR_EXPORT_EXISTS"
    status = "ALREADY_EXISTS"
    http = 409
    sentence = "There is a {resource} `{name}` already."
    cure = "Choose another name, or update the one that exists."


class RequestIdReused(ExportError):
    """One request id, two different requests."""

    code = "ERR_EXPORT_REQUEST_ID_REUSED"
    status = "ALREADY_EXISTS"
    http = 409
    sentence = "Request id `{request_id}` was used before, for another request."
    cure = "Use a new request id for a new request."


class EtagMismatch(ExportError):
    """Somebody else changed it first."""

    code = "ERR_EXPORT_ETAG"
    status = "ABORTED"
    http = 412
    sentence = "{resource} `{name}` has changed since it was read."
    cure = "Read it again, apply the change to what it is now, and send it with the new etag."


class WrongState(ExportError):
    """The thing is in a state that does not allow the call."""

    code = "ERR_EXPORT_STATE"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "{resource} `{name}` is {state}, so it cannot be {action}."
    cure = "{hint}"


class BundleNotReady(ExportError):
    """The run has no bundle (yet)."""

    code = "ERR_EXPORT_NO_BUNDLE"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "Run `{run}` has no bundle to download."
    cure = (
        "Watch it with `stella export run watch {run}`; a bundle is there once it is signed and distributed."
    )


class BundleNotFound(NotFound):
    """No bundle, whatever the reason: whether there is such a run is not the distributor's to tell."""

    code = "ERR_EXPORT_BUNDLE_NOT_FOUND"
    sentence = "There is no bundle of run `{name}` in this tenant."
    cure = "A bundle is there once its run is signed and distributed; see `stella export run show {name}`."


class BundleRemoved(ExportError):
    """There was a bundle, and retention has removed it."""

    code = "ERR_EXPORT_BUNDLE_EXPIRED"
    status = "NOT_FOUND"
    http = 410
    sentence = "The bundle of run `{run}` was removed at {time}: it was kept for as long as its profile says."
    cure = (
        "Start a new run of the profile (`stella export run show {run}` names it); `--retention-days` of "
        "`stella export profile update` keeps bundles for longer."
    )


class BundleChanged(ExportError):
    """A download was begun from other bytes."""

    code = "ERR_EXPORT_BUNDLE_CHANGED"
    status = "FAILED_PRECONDITION"
    http = 412
    sentence = "Run `{run}` now has digest {digest}, not the one that the download began with."
    cure = "Start the download again from the beginning."


class RangeNotSatisfiable(ExportError):
    """An offset behind the end."""

    code = "ERR_EXPORT_RANGE"
    status = "OUT_OF_RANGE"
    http = 416
    sentence = "Offset {offset} lies behind the end: there are {total} bytes."
    cure = "Ask for an offset between 0 and {total}."


class TooManyRanges(ExportError):
    """A list of ranges that is not worth serving."""

    code = "ERR_EXPORT_RANGES"
    status = "OUT_OF_RANGE"
    http = 416
    sentence = "The request asks for {ranges} ranges; at most {most} are served at once."
    cure = "Ask for fewer ranges at once, or for one that covers them."


class AdapterUnknown(ExportError):
    """No such adapter."""

    code = "ERR_EXPORT_ADAPTER_UNKNOWN"
    status = "INVALID_ARGUMENT"
    http = 400
    sentence = "No adapter `{adapter}` is installed; there are: {known}."
    cure = "Choose one of those as kind and variant."


class AdapterVersion(ExportError):
    """Work for another version of an adapter."""

    code = "ERR_EXPORT_ADAPTER_VERSION"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "Adapter `{adapter}` is at version {installed} here, the work asks for {wanted}."
    cure = "Start a new run, or run adapter hosts of version {wanted}."


class CodecUnavailable(ExportError):
    """Work whose frames this host's compression library would make otherwise."""

    code = "ERR_EXPORT_CODEC"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "This host compresses with zstd {installed}, the work asks for {wanted}."
    cure = "Start a new run, or run adapter hosts that have zstd {wanted}."


class NothingSelected(ExportError):
    """A snapshot without a record."""

    code = "ERR_EXPORT_NOTHING_SELECTED"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "Profile `{profile}` selects no evidence: the ledger holds none of its kinds and sources."
    cure = (
        "See `stella evidence status`; import evidence with `stella evidence import …` or widen the selector."
    )


class SnapshotGone(ExportError):
    """A snapshot that was released."""

    code = "ERR_EXPORT_SNAPSHOT_GONE"
    status = "NOT_FOUND"
    http = 404
    sentence = "There is no evidence snapshot `{snapshot}`."
    cure = "Start a new run; it pins a new snapshot."


class EvidenceCorrupt(ExportError):
    """The upstream sent what it should not."""

    code = "ERR_EXPORT_EVIDENCE_CORRUPT"
    status = "DATA_LOSS"
    http = 500
    sentence = "Evidence of {dataset} does not match its digest: {reason}."
    cure = "Check the evidence service's store; import source again if it is damaged."


class BadArchive(ExportError):
    """Input that cannot be opened."""

    code = "ERR_EXPORT_BAD_INPUT"
    status = "INVALID_ARGUMENT"
    http = 400
    sentence = "`{location}` cannot be read: {reason}."
    cure = "Repair or leave out `{location}` and import again; nothing of this import was taken."


class TooLarge(ExportError):
    """Input over a limit."""

    code = "ERR_EXPORT_TOO_LARGE"
    status = "RESOURCE_EXHAUSTED"
    http = 413
    sentence = "{what} is larger than the limit of {limit}."
    cure = "Split it, or raise the limit where that is safe."


class QueueFull(ExportError):
    """As many runs of a tenant wait as may."""

    code = "ERR_EXPORT_QUEUE_FULL"
    status = "RESOURCE_EXHAUSTED"
    http = 429
    sentence = "{limit} runs of tenant `{tenant}` wait already, which is the limit; this one was not taken."
    cure = (
        "Wait until some have run, or cancel some: `stella export run cancel …`. "
        "An operator may raise `EXPORT_QUEUED_RUNS`."
    )
    retryable = True


class AreaTaken(ExportError):
    """Blobs of another installation, whose database alone knows which of them are needed."""

    code = "ERR_EXPORT_AREA_TAKEN"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = (
        "Area `{area}` of the blob store belongs to installation {owner}, "
        "and this is installation {installation}."
    )
    cure = (
        "Give each installation a store or folder of its own: `EXPORT_BLOBS_URL`. "
        "Only where the other one is gone for good, remove the object `{area}/_owner`."
    )


class BlobMissing(ExportError):
    """A blob that should be there is not."""

    code = "ERR_EXPORT_BLOB_MISSING"
    status = "DATA_LOSS"
    http = 500
    sentence = "Blob {digest} is not in the store."
    cure = "Retry the run: `stella export run retry …` makes what is missing again."


class BlobCorrupt(ExportError):
    """A blob whose bytes are not what its name says."""

    code = "ERR_EXPORT_BLOB_CORRUPT"
    status = "DATA_LOSS"
    http = 500
    sentence = "Blob {digest} in the store has other bytes than its name says."
    cure = "Check the disk or bucket, remove the blob and retry the run: it is then made again."


class KeyUnusable(ExportError):
    """The signing key cannot be used."""

    code = "ERR_EXPORT_KEY"
    status = "FAILED_PRECONDITION"
    http = 409
    sentence = "Signing key `{key}` cannot be used: {reason}."
    cure = "Check the signer's key and password files, or rotate: `stella export key rotate`."


class TargetFailed(ExportError):
    """One target did not take the bundle."""

    code = "ERR_EXPORT_TARGET"
    status = "UNAVAILABLE"
    http = 502
    sentence = "Target `{target}` did not take the bundle: {reason}."
    cure = "The bundle itself is good. Mend the target, then `stella export run retry {run}`."


class DeliveryCancelled(ExportError):
    """A delivery of a run that was cancelled."""

    code = "ERR_EXPORT_CANCELLED"
    status = "CANCELLED"
    http = 409
    sentence = "Delivery to `{target}` was stopped, since run `{run}` was cancelled."
    cure = "If the bundle is wanted after all: `stella export run retry {run}`."


class Unavailable(ExportError):
    """Something that is needed does not answer."""

    code = "ERR_EXPORT_UNAVAILABLE"
    status = "UNAVAILABLE"
    http = 503
    sentence = "{dependency} does not answer: {reason}."
    cure = "Nothing is lost. Check {dependency} and try again."
    retryable = True


class NoRoom(ExportError):
    """As many downloads as a process has room for."""

    code = "ERR_EXPORT_NO_ROOM"
    status = "UNAVAILABLE"
    http = 503
    sentence = "{part} has no room for another download: {reason}."
    cure = (
        "Nothing is lost. Try again in a moment; the download goes on where it stopped. "
        "An operator may start more of them, or raise the limit of open files (`ulimit -n`)."
    )
    retryable = True


class StorageFault(Unavailable):
    """A disk that is full, read-only or away."""

    code = "ERR_EXPORT_STORAGE"
    http = 507
    sentence = "{dependency} cannot be used: {reason}."
    cure = "Nothing is lost. Make room or mend the disk under {dependency}, then try again."


class DeadlineExceeded(ExportError):
    """Too slow."""

    code = "ERR_EXPORT_DEADLINE"
    status = "DEADLINE_EXCEEDED"
    http = 504
    sentence = "The call to {dependency} did not end in time."
    cure = "Try again; with a longer deadline if it happens often."
    retryable = True


class Unimplemented(ExportError):
    """A method that this service does not offer."""

    code = "ERR_EXPORT_UNIMPLEMENTED"
    status = "UNIMPLEMENTED"
    http = 501
    sentence = "Method `{method}` is not offered here."
    cure = "Call a service or version that offers it."


class MethodNotAllowed(ExportError):
    """A path that is there, for other methods."""

    code = "ERR_EXPORT_METHOD"
    status = "UNIMPLEMENTED"
    http = 405
    sentence = "`{path}` does not take {method}; it takes {allowed}."
    cure = "Use one of those methods, or see `/.well-known/openapi` for the right path."


class WorkGivenUp(ExportError):
    """Work that fails at every delivery."""

    code = "ERR_EXPORT_WORK_GIVEN_UP"
    sentence = "Work on stage {stage} failed {attempts} times; last: {reason}."
    cure = "Mend the cause, then `stella export run retry …`."

    def __init__(self, *, stage: object, attempts: int, reason: object) -> None:
        """Take the last reason; as a sentence of its own it would end twice."""
        super().__init__(stage=stage, attempts=attempts, reason=str(reason).rstrip("."))


def catalogue() -> dict[str, type[ExportError]]:
    """Return every error by code, in order of code."""
    found: dict[str, type[ExportError]] = {}
    pending: list[type[ExportError]] = [ExportError]
    while pending:
        for kind in pending.pop().__subclasses__():
            pending.append(kind)
            found[kind.code] = kind
    return dict(sorted(found.items()))
