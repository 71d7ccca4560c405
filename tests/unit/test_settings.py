"""The table of settings: one row per field, forms read and shown, errors that name flag and rule."""

from __future__ import annotations

from dataclasses import fields

import pytest

from agw.settings import TABLE, Address, Settings, SettingsError, format_duration, parse_duration, parse_size, rows


def test_table_and_fields_agree() -> None:
    assert [setting.name for setting in TABLE] == [field.name for field in fields(Settings)]


def test_defaults_are_readable_and_shown_as_written() -> None:
    settings = Settings.load({}, {})
    assert settings.header_deadline == 10_000
    assert settings.max_head == 65_536
    assert settings.admin == Address("127.0.0.1", 15_000)
    assert [row.value for row in rows(settings)] == [row.default for row in rows(settings)]


def test_a_flag_wins_over_the_environment_and_an_empty_variable_is_not_set() -> None:
    env = {"AGW_WORKERS": "3", "AGW_BODY_IDLE": "7s", "AGW_MAX_BODY": "", "AGW_PORT": "tcp://10.0.0.1:80"}
    settings = Settings.load(env, {"workers": "4", "body_idle": None})
    assert (settings.workers, settings.body_idle, settings.max_body) == (4, 7_000, 0)


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("2s", 2_000), ("500ms", 500), ("1m30s", 90_000), ("1h0m", 3_600_000), ("0s", 0)]
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@pytest.mark.parametrize("text", ["", "2", "2 s", "1.5s", "-1s", "1d", "123456s", "1s1s1s1s1s", "\uff11s", "2s\n"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("8Mi", 8 << 20), ("64Ki", 65_536), ("1k", 1_000), ("1.5Ki", 1_536), ("2e6", 2_000_000), ("7", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "8mi", "8 Mi", "-1", "1K", "0x10", "1.3", "500m"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_size(text)


def test_every_error_is_reported_with_its_origin_and_rule() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(
            {"AGW_BODY_IDLE": "soon"}, {"max_fields": "2", "log_format": "xml", "admin": "::1:3", "speed": "9"}
        )
    assert caught.value.problems == (
        "speed: no such setting",
        "--admin '::1:3': an IPv6 address needs brackets, such as [::1]:15000",
        "--log-format 'xml': must be one of text, json",
        "AGW_BODY_IDLE 'soon': must be a duration such as 2s, 500ms or 1m30s",
        "--max-fields '2': must be 8 to 10000",
    )


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        (" 192.0.2.1 , 2001:DB8::/32,", ("192.0.2.1/32", "2001:db8::/32")),
        ("", ()),
    ],
)
def test_networks(text: str, networks: tuple[str, ...]) -> None:
    assert Settings.load({}, {"trusted_peers": text}).trusted_peers == networks


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "all", "10.0.0.0/8 ::1"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--proxy-protocol .*: must be networks such as 10.0.0.0/8"):
        Settings.load({}, {"proxy_protocol": text})


@pytest.mark.parametrize(
    ("text", "shown"), [("[::1]:1", "[::1]:1"), (":15000", "[::]:15000"), ("localhost:0", "localhost:0")]
)
def test_addresses(text: str, shown: str) -> None:
    assert str(Settings.load({}, {"admin": text}).admin) == shown


@pytest.mark.parametrize(("text", "host"), [("0.0.0.0", "0.0.0.0"), ("[::]", "::"), ("Gateway.local", "gateway.local")])
def test_hosts(text: str, host: str) -> None:
    assert Settings.load({}, {"bind": text}).bind == host


def test_targets() -> None:
    assert Settings.load({"AGW_ACCESS_LOG": "/var/log/a.log"}).access_log == "/var/log/a.log"
    for text in ("/var/log/", "a\0b"):
        with pytest.raises(SettingsError, match="off, stdout or the path of a file"):
            Settings.load({}, {"access_log": text})


def test_switches() -> None:
    assert Settings.load({}).core_dumps is False
    assert Settings.load({"AGW_CORE_DUMPS": "true"}).core_dumps is True
    with pytest.raises(SettingsError, match="--core-dumps 'yes': must be true or false"):
        Settings.load({}, {"core_dumps": "yes"})


@pytest.mark.parametrize(
    "url",
    [
        "valkey://:s3cret@h",
        "valkey://u:s3cret@h:1/0",
        "valkey://a@b:s3cret@h",
        "valkey://u%3As3cret@h",
        "valkey://u:s3cret/x@h",
        "valkey://h?password=s3cret",
        "unix:///run/store?db=1&password=s3cret",
        "valkey://h:s3cret",
        "valkey://[s3cret",
        "nothing://s3cret",
    ],
)
def test_what_may_be_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.load({}, {"limit_store": url})
    assert "--limit-store" in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("url", ["valkey://h:0", "valkey://h:65536", "valkey://h:x", "valkey://[::1"])
def test_a_port_of_the_store_that_there_is_not(url: str) -> None:
    with pytest.raises(SettingsError, match="1 to 65535"):
        Settings.load({}, {"limit_store": url})


@pytest.mark.parametrize(
    "url",
    ["", "valkey://h", "valkeys://user@h:1/0?ssl_ca_certs=/ca.pem", "valkey://[::1]:6379/0", "unix:///run/s?db=1"],
)
def test_urls_of_a_store(url: str) -> None:
    assert Settings.load({}, {"limit_store": url}).limit_store == url
