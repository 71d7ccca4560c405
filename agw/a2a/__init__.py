"""What A2A means to a gateway: agent cards and how they are rewritten.

Values in, values out: no I/O, no clock, no logger; imports nothing of agw but errors. The worker's use of it, in full:

    from agw.a2a.card import CardOptions, KeyPlace, PublicBase, Refused, Rewritten, is_card_path, rewrite_card

    is_card_path("/p/.well-known/agent-card.json")                  # the request path, normalised, without the query
    base = PublicBase.parse("https://agents.example.com/hello")     # Card.external_url; ValueError where it is no base
    base = PublicBase.of("http", "127.0.0.1", 8080)                 # from the listener
    options = CardOptions(
        signatures=card.signatures,  # Strip | Reject
        other_urls=card.other_urls,  # Keep | Drop
        # the policy's sources where advertise_security, else ()
        keys=(KeyPlace("authorization", "Bearer"), KeyPlace("x-api-key")),
    )
    hosts = ("demo-a2a-agent-server", "demo-a2a-agent-server.default", "10.0.0.7")
    result = rewrite_card(body, base=base, hosts=hosts, options=options)

    None       leave the answer as it is, byte for byte, with its own ETag
    Rewritten  send `body` (identity-coded UTF-8 JSON) with its own length and entity tag; drop the agent's ETag,
               Last-Modified, Content-MD5, Digest, Content-Digest, Repr-Digest and Accept-Ranges
    Refused    answer 502; `reason` is for the body and the log

hosts are the targets' hosts as written (for a Service also `name.namespace`) and the endpoints' addresses. All
arguments are hashable, so that a small cache may stand in front: a card of 4 KiB costs about 1 ms.

Call it for the 200 answer of a GET, or with rpc=True for one of JSON-RPC whose `result` is an extended card (then without
ETag and 304). A GET goes to the agent without Accept-Encoding, Range, If-None-Match and If-Modified-Since: those speak of
the agent's bytes, not of ours. Where an answer is coded all the same, agw.a2a.coding undoes what it can; what it cannot, or
more than MAX_CARD_BYTES, is passed on untouched. HEAD is asked for as GET, since only a card that was read has a length.
"""
