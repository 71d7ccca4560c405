"""Types of the figures by agent, and their layout for whoever reads them."""

AGENTS_SIZE: int
AGENT_SLOTS: int
AGENT_WORDS: int
ACTIVE: int
CARDS_UNREAD: int
STREAMS_ACTIVE: int
STREAMS: int
DURATIONS: int
DURATION: int
OUTCOME: int
VERSION: int
TASK_STATE: int
FIRST_BYTE: int
OPERATION: int
OUTCOMES: tuple[str, ...]

def outcome_of(reason: int, status: int) -> str:
    """Give the word for how an exchange ended with this Reason and status."""
