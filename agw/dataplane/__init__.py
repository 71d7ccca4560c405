"""The processes that serve: a supervisor in plain Python, and workers that own the compiled reactor.

The supervisor takes configuration from a source, opens the listening sockets, starts the workers, sends them
snapshots as deltas, and answers at the admin port. It never reads a byte that a client of the data plane sent.
Workers serve. The two meet in the frames of `frames` and in shared memory (`shared`).

Public entry points, all that the command line needs:

    agw.dataplane.state       ConfigUpdate(entries, problems, generation): what a source yields; State: what is going on
    agw.dataplane.supervisor  await run_supervisor(source, settings, listen_map, resolve_map, log=, on_state=) -> exit code
    agw.dataplane.ports       parse_listen("80=127.0.0.1:8080") -> (80, Address); place(...) -> where a port is served
    agw.dataplane.resolve     parse_resolve("HOST:PORT=ADDR:PORT") -> ((host, port), Address)
    agw.dataplane.logs        Log(level, form, stream)

A source is an async iterable of ConfigUpdate; where it has a method `refresh()`, SIGHUP calls it. `on_state` is called
with a State whenever something that a person would look at has changed; its `ready` turns true once.

Imports downward only: snapshot, a2a, _fastpath, settings, errors. Never resources, translate or controller.
"""
