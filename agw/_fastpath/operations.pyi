"""Types of the look-up of A2A's operations; for tests."""

def operation_of(what: str, name: str, path: str = "") -> tuple[int, int | str]:
    """Look one up: "rpc" and a method (with its IdPlace), "grpc" and a path, "rest", an HTTP method and a path (with its task); or "plain", whether its path is."""
