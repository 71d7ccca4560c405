"""Codes of problems that only a running gateway has, AGW3xxx, and the explanation of every code there is."""

from __future__ import annotations

PORT_TAKEN = "AGW3001"
PORT_FORBIDDEN = "AGW3002"
AGENT_DOWN = "AGW3010"
AGENT_WITHOUT_CARD = "AGW3011"
OPEN_LISTENER = "AGW3012"
NOTHING_SERVED = "AGW3013"

EXPLANATIONS: dict[str, str] = {
    PORT_TAKEN: "Another program listens on that address; stop it, or serve the listener elsewhere with --listen.",
    PORT_FORBIDDEN: "The address is not this machine's, or its port needs rights that the process has not; see --listen.",
    AGENT_DOWN: "The agent does not answer now. The gateway serves all the same, and answers 503 until the agent is up.",
    AGENT_WITHOUT_CARD: "The agent answers, but has a card under neither well-known path, so clients cannot find it by URL.",
    OPEN_LISTENER: "Everybody who reaches the listener reaches the agent; ask for a key with --key NAME.",
    NOTHING_SERVED: "No Gateway of ours has a listener with a route, so every request is answered with 404 or refused.",
}


def explanations() -> dict[str, str]:
    """Return the explanation of every code, by code."""
    from agw.resources import codes as decoding  # noqa: PLC0415 - `--help` does not need it
    from agw.translate import codes as translation  # noqa: PLC0415 - `--help` does not need it

    return dict(sorted({**decoding.EXPLANATIONS, **translation.EXPLANATIONS, **EXPLANATIONS}.items()))
