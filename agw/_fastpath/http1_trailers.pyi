"""Types of the trailer parser's function for tests."""

def parse_trailer_section(section: bytes, room: int = 32) -> list[tuple[bytes, bytes, int]] | int:
    """The fields (name, value, flags) of a whole trailer section without the empty line after it, or a status."""
