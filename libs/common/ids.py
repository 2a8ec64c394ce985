"""The one place that draws random ids, so that rules get them as arguments."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case: no i, l, o, u
_TIME_CHARACTERS = 9  # milliseconds up to the year 3084
_RANDOM_CHARACTERS = 11  # 55 bits: not to be guessed, no collision within a millisecond


def run_id(moment: datetime) -> str:
    """Return a new run id that sorts by the time it was made and cannot be guessed."""
    number = int(moment.timestamp() * 1000)
    time_part = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_TIME_CHARACTERS)))
    random_part = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return f"{time_part}-{random_part}"


def new_uid() -> str:
    """Return a new UUID."""
    return str(uuid.uuid4())
