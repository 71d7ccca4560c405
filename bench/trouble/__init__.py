"""Behaviour under trouble: agw beside nginx and HAProxy, under the same script in the same run.

Why it exists: a proxy is chosen for what it does on a bad day. Each scenario brings one kind of trouble to all proxies
alike and says, for agw, whether what it did is what it promises.

Rules: counts and memory are exact and are judged as they are; rates and latencies are medians over interleaved rounds,
and are compared, never judged alone. Every request carries a nonce, its answer must bring it back, and the agent counts
what reached it, so that a lost, a doubled and a mixed-up answer are three different things. Where the documentation of a
peer recommends a setting for such trouble, it has it; deadlines are shortened in all of them alike. Loopback only, and
every scenario has an end.

    python -m bench.trouble                     all of it: out/trouble.md and .json
    python -m bench.trouble --only idle,stale   some of it
    python -m bench.trouble --quick             fewer connections, shorter loads: a look, not a result
"""
