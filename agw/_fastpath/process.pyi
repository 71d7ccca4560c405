"""Types of what the kernel is told of this process."""

def prctl(option: int, value: int) -> None:
    """Set an option (PR_SET_...) of this process to a value. OSError where the kernel refuses."""
