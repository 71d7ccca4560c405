"""What `agw demo` puts on both sides of the gateway: a real A2A agent and a real client, both of the official SDK.

Each runs in a process of its own and imports the SDK there, so that neither the command line nor the gateway pays for
it, and both start while the gateway does. They speak JSON lines over their pipes with `agw demo`.
"""
