"""Types of the PROXY protocol's reader; for tests and fuzzing."""

def proxy_header(data: bytes) -> tuple[str, int, int] | int | None:
    """Read one header: (address or "", port, bytes used), None where it is incomplete, a ProxyResult where refused."""
