"""Publishing: data planes subscribe to their Gateway's snapshot, and say what of it is in force.

`publisher` is the interface and the server, `session` one connection, `ledger` what is published of one Gateway,
`doorman` the limits, `identity` who is who, `authority` and `keeper` the certificates. The messages are those of
agw.snapshot.stream, which the data plane has too.
"""
