"""Signs each attempt of a run exactly once, whatever is delivered twice, killed or rotated in between."""

from __future__ import annotations

from libs.common.blobs.store import Blobs
from libs.common.db.engine import Database
from libs.common.errors import Internal, KeyUnusable
from libs.common.points import reached
from services.signer.keyring import Keyring
from services.signer.keys import KeyVersion
from services.signer.rotation import may_sign
from services.signer.sign import SignedBundle, SignOrder, sign
from services.signer.store import keys, signatures
from services.signer.store.signatures import Signature

MAX_KEY_CHANGES = 3  # rotations take a person; more than these during one signature are a fault


class Attempts:
    """Blobs first, then the log: a signature counts from the moment that its row stands.

    The row is written while its key is held as active, so no row is younger than the end of its key. A second
    delivery finds the row and gives the same answer, even after a rotation.
    """

    def __init__(self, database: Database, keyring: Keyring, blobs: Blobs, builder_id: str) -> None:
        self._database = database
        self._keyring = keyring
        self._blobs = blobs
        self._builder_id = builder_id

    async def sign_once(self, order: SignOrder) -> Signature:
        """Return the attempt's signature, made now or before."""
        found = await self._find(order)
        for _ in range(MAX_KEY_CHANGES):
            if found is not None:
                return found
            version = await self._keyring.active(order.tenant)
            key = await self._keyring.open(version)
            signed = await sign(order, key, self._blobs, self._builder_id)
            reached("signer.stored")
            found = await self._log(order, version, signed)
        if found is None:
            raise KeyUnusable(key=version.key.reference, reason="keys are being rotated all the time")
        return found

    async def _find(self, order: SignOrder) -> Signature | None:
        async with self._database.tenant(order.tenant) as connection:
            found = await signatures.find(connection, order.tenant, order.run, order.attempt)
        if found is not None and found.manifest_digest != order.manifest.digest:
            reason = f"attempt {order.attempt} of run `{order.run}` was signed with another manifest"
            raise Internal(part="the work before signing", reason=reason)
        return found

    async def _log(self, order: SignOrder, version: KeyVersion, signed: SignedBundle) -> Signature | None:
        """Log the signature, or return None where its key stopped signing meanwhile."""
        async with self._database.tenant(order.tenant) as connection:
            held = await keys.hold(connection, version.version)
            moment = await keys.moment(connection)
            if not may_sign(held, moment):
                return None
            new = Signature(
                order.run,
                order.attempt,
                order.manifest.digest,
                signed.provenance_digest,
                signed.layout,
                version.key.hint,
                moment,
            )
            if await signatures.add(connection, order.tenant, new):
                return new
        return await self._find(order)
