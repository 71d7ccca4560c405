"""Types of the compiled SHA-256: for what a worker hashes itself, since hashlib brings OpenSSL, and for tests."""

from typing import Literal

def implementations() -> tuple[str, ...]:
    """Name the implementations that this processor can run, the one in use first."""

def digest(data: bytes, implementation: Literal["", "native", "portable"] = "") -> bytes:
    """Hash data; with one of implementations(), by that one. Raises ValueError for one that is not there."""
