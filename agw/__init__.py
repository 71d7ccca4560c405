"""agw: a gateway for agent traffic (A2A) on the Kubernetes Gateway API."""

__version__ = "0.1.0"
