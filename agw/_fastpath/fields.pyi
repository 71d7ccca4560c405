"""Types of the field rules that Python may ask for."""

def normalised_path(path: bytes) -> bytes | None:
    """The path as it is matched and forwarded (RFC 3986 6.2.2); None where a request with it is refused."""

def parsed_authority(authority: bytes) -> tuple[bytes, int] | None:
    """(host for matching, port or 0) of an authority (RFC 3986 3.2); None where malformed."""
