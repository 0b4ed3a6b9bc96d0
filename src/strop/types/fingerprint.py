"""Content hashes: canonical JSON (sorted keys, UTF-8, no white space) under SHA-256.

Canonical form after RFC 8785 (JCS) for the values strop stores: no floats beyond what orjson
prints, no NaN. Hashes are lower-case hex; `short` is for people, never a key.
"""

from __future__ import annotations

import hashlib

import orjson


def canonical(value: object) -> bytes:
    """`value` (JSON values, dataclasses, enums, tuples) as canonical JSON bytes.

    Raises:
        TypeError: the value holds something JSON cannot say.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_bytes(body: bytes) -> str:
    """SHA-256 of raw bytes, 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def short(fingerprint: str) -> str:
    """The first ten digits, for screens and logs."""
    return fingerprint[:10]
