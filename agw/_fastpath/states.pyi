"""Types of the look-up of task states; for tests."""

def state_of(name: bytes) -> int:
    """Look one up: its agw.a2a.states.TaskState."""
