from __future__ import annotations

from agw.dataplane.entity_tags import not_modified, weak_etag


def test_an_entity_tag_is_weak_and_of_all_bytes():
    assert weak_etag(b"{}").startswith('W/"')
    assert weak_etag(b"{}") == weak_etag(b"{}")
    assert weak_etag(b"{}") != weak_etag(b"{} ")


def test_a_client_that_has_the_body_is_told_so():
    etag = weak_etag(b"{}")
    strong = etag.removeprefix("W/")

    assert not_modified(etag, etag)
    assert not_modified(f' "other" , {strong},W/"x"', etag)
    assert not_modified("*", etag)
    assert not not_modified("", etag)
    assert not not_modified('"other"', etag)
    assert not not_modified(strong.strip('"'), etag)
