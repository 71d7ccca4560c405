"""Redirects, as tests call them."""

from typing import final

from agw.snapshot.model import Redirect

@final
class CompiledRedirect:
    """A Redirect of the snapshot."""

    @property
    def status(self) -> int: ...

def location(redirect: Redirect, authority: bytes, target: bytes, port: int, https: bool = False) -> bytes:
    """Give the Location for a request with this authority and target that came to this listener port."""
