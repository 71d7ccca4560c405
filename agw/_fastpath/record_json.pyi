"""Types of the JSON form of request records."""

def format_record(record: bytes) -> bytes:
    """Give the line of a record, which has RECORD_SIZE bytes, newline included."""
