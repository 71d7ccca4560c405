"""What the proxy must do: immutable, free of the Gateway API, serialisable.

A snapshot is a map of small entries with stable keys, so that a change travels as a delta and costs what it changes.
`model` has the entries, `codec` the bytes (the wire format and the golden format), `delta` the difference of two.
"""
