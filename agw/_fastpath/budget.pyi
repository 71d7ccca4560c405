"""Types of the retry budget."""

from typing import Final, Self, final

@final
class RetryBudget:
    """A token bucket in thousandths of a retry."""

    saved: Final[int]
    def __new__(cls) -> Self: ...
    def take(self, now_ms: int) -> bool:
        """Pay for one retry; False where there is not enough. now_ms: of a monotonic clock."""
    def earn(self, requests: int) -> None:
        """Count requests that were sent."""
