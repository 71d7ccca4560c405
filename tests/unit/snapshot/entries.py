"""Random snapshot entries for property tests."""

from hypothesis import strategies as st

from agw.snapshot import model

_names = st.sampled_from(["a", "b", "c", "default", "agents"])
_refs = st.builds("{}/{}".format, _names, _names)
_listeners = st.builds(
    model.Listener, gateway=_refs, name=_names, port=st.integers(1, 65535), hostname=st.sampled_from(["", "*.x", "a.x"])
)
_matches = st.builds(
    model.Match,
    path=st.builds(model.PathMatch, kind=st.sampled_from(["Exact", "PathPrefix"]), value=st.sampled_from(["/", "/a"])),
    method=st.sampled_from(["", "GET"]),
    headers=st.lists(st.builds(model.FieldMatch, name=_names, value=_names), max_size=2).map(tuple),
)
_rules = st.builds(
    model.Rule,
    route=_refs,
    index=st.integers(0, 15),
    attachments=st.lists(st.builds(model.Attachment, listener=_names), max_size=2).map(tuple),
    matches=st.lists(_matches, min_size=1, max_size=2).map(tuple),
    backends=st.lists(st.builds(model.WeightedBackend, backend=_names, weight=st.integers(0, 9)), max_size=2).map(
        tuple
    ),
    error=st.sampled_from(["", "unsupported"]),
)
_targets = st.builds(
    model.Target,
    name=_names,
    host=_names,
    port=st.integers(1, 65535),
    endpoints=st.lists(st.builds(model.Endpoint, address=st.just("10.0.0.1"), port=st.integers(1, 9)), max_size=2).map(
        tuple
    ),
)
_backends = st.builds(
    model.Backend,
    ref=_refs,
    targets=st.lists(_targets, max_size=2).map(tuple),
    card=st.none() | st.builds(model.Card),
)
_policies = st.builds(
    model.Policy, api_key=st.none() | st.builds(model.ApiKeyAuth, credentials=_names), deny=st.sampled_from(["", "x"])
)
_credentials = st.builds(
    model.CredentialSet,
    ref=_refs,
    credentials=st.lists(
        st.builds(model.Credential, consumer=_names, sha256=st.binary(min_size=32, max_size=32)), max_size=2
    ).map(tuple),
)


def entry_maps() -> st.SearchStrategy[dict[str, model.Entry]]:
    """Maps of up to eight entries under few keys, so that two maps often share some."""
    keys = st.integers(0, 7).map("entry/{}".format)
    return st.dictionaries(keys, st.one_of(_listeners, _rules, _backends, _policies, _credentials), max_size=8)
