# SPDX-License-Identifier: ISC
"""Mail that leaves: from a submission through queue and relay to other hosts."""
import os
import re

import pytest
from mailtools import fetch_all, message, send, smtp

import godwit
import relaypeer

SITE = 'route "{name}" {{ to = {{"{name}.test"}} relay = "[127.0.0.1]:{port}" {more} }}'


def route(name, port, more=""):
    return SITE.format(name=name, port=port, more=more)


@pytest.fixture(scope="module")
def there():
    """The receiving side: bob@there.test."""
    with godwit.Instance(domain="there.test", hostname="mx.there.test") as g:
        g.start()
        g.add_user("bob@there.test", "secret")
        yield g


def instance(*routes):
    return godwit.Instance(config="\n".join(routes))


def start(g):
    g.start()
    g.add_user("alice@example.test", "secret")


def submit(g, to, data=None):
    send(g, data or message(sender="alice@example.test"), to=to, sender="alice@example.test", port=587, user="alice")


@pytest.fixture(scope="module")
def here(there):
    with instance(route("there", there.port("smtp")), 'relay { connection_cache_time = "5m" }') as g:
        start(g)
        yield g


def test_from_mailbox_to_mailbox(here, there):
    """... and what cannot be delivered comes back."""
    mark = here.mark()
    submit(here, ["bob@there.test"], message("hello there", "a line\r\n", "alice@example.test"))
    line = here.wait_log(r"relay\[\d+\]: sent ", since=mark, to="<bob@there.test>")
    assert f"relay=[127.0.0.1]:{there.port('smtp')}" in line
    assert " proto=esmtp tls=untrusted dsn=2.0.0 " in line, line
    assert re.search(r" delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+ reason=", line), line
    there.wait_log("sent", to="<bob@there.test>")
    m = imap_of(there, "bob@there.test")
    assert b"Subject: hello there" in m[-1]
    submit(here, ["nobody@there.test"], message("lost", "b\r\n", "alice@example.test"))
    here.wait_log(r"relay\[\d+\]: bounced ", since=mark, to="<nobody@there.test>")
    here.wait_log(r"deliver\[\d+\]: sent ", since=mark, to="<alice@example.test>")
    assert any(b"nobody@there.test" in m for m in fetch_all(here))
    here.wait_empty_queue()


def imap_of(g, user):
    return fetch_all(g, user)


def test_connection_is_used_again(here, there):
    marks = here.mark(), there.mark()
    for _ in range(5):
        mark = here.mark()
        submit(here, ["bob@there.test"])
        here.wait_log(r"relay\[\d+\]: sent ", since=mark)
    assert len(re.findall(r"relay\[\d+\]: sent ", here.log_text(marks[0]))) == 5
    assert len(re.findall(r"\]: connect .*listener=mx ", there.log_text(marks[1]))) <= 1
    row = next(d for d in here.status()["daemons"] if d["daemon"] == "relay")
    assert row["state"] == "ready"
    assert re.search(r"^relay", here.godwit("status", check=True).stdout, re.M)


def test_recipients_differ_and_wait():
    """One is taken, one refused, one asked to come again: and does."""
    later = []

    def rcpt(address):
        if address.startswith("no"):
            return "550 5.1.1 nobody"
        if address.startswith("later") and not later:
            later.append(address)
            return "450 4.2.1 come again"
        return None

    with relaypeer.Host(RCPT=rcpt) as h, instance(route("peer", h.port)) as g:
        start(g)
        submit(g, ["ok@peer.test", "no@peer.test", "later@peer.test"])
        g.wait_log(r"relay\[\d+\]: sent ", to="<ok@peer.test>")
        line = g.wait_log(r"relay\[\d+\]: bounced ", to="<no@peer.test>")
        assert " dsn=5.1.1 " in line and "550 5.1.1 nobody" in line
        line = g.wait_log(r"relay\[\d+\]: deferred ", to="<later@peer.test>")
        assert " dsn=4.2.1 " in line and re.search(r" next=\d\d:\d\d:\d\dZ", line), line
        # The bounce must have arrived: a leap of the clock would time it out.
        g.wait_log(r"deliver\[\d+\]: sent ", to="<alice@example.test>")
        g.advance(3600)
        g.wait_log(r"relay\[\d+\]: sent ", to="<later@peer.test>")
        g.wait_empty_queue()
        assert [m[0] for m in h.messages] == [["ok@peer.test"], ["later@peer.test"]]


def test_nobody_answers_then_somebody():
    with relaypeer.Host() as closed:
        port = closed.port
    with instance(route("peer", port)) as g:
        start(g)
        submit(g, ["x@peer.test"])
        line = g.wait_log(r"relay\[\d+\]: deferred ", to="<x@peer.test>")
        assert " dsn=4.4.1 " in line and "Connection refused" in line


def test_lmtp():
    def rcpt(address):
        return "550 5.1.1 nobody" if address.startswith("no") else None

    with relaypeer.Host(is_lmtp=True, RCPT=rcpt) as h, instance(route("sink", h.port, "protocol = lmtp")) as g:
        start(g)
        submit(g, ["a@sink.test", "no@sink.test", "b@sink.test"])
        for name in ("a", "b"):
            assert " proto=lmtp " in g.wait_log(r"relay\[\d+\]: sent ", to=f"<{name}@sink.test>")
        g.wait_log(r"relay\[\d+\]: bounced ", to="<no@sink.test>")
        assert h.messages[0][0] == ["a@sink.test", "b@sink.test"]
        assert any(c.startswith("LHLO ") for c in h.commands)


def test_replies_split_at_every_byte():
    with relaypeer.Host(split=True) as h, instance(route("peer", h.port)) as g:
        start(g)
        submit(g, ["x@peer.test"])
        g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        assert h.messages


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))


@pytest.mark.parametrize("fault", ["silent", "close", "endless", "long"])
def test_hostile_hosts_harm_nobody_else(fault):
    """At each step one host misbehaves while mail to another goes on."""
    verbs = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot")
    bad = [relaypeer.Host(fault=(v, fault)) for v in verbs]
    routes = []
    try:
        for i, h in enumerate(bad):
            h.__enter__()
            routes.append(route(f"bad{i}", h.port))
        with relaypeer.Host() as good, instance(*routes, route("good", good.port)) as g:
            start(g)
            for i in range(len(bad)):
                submit(g, [f"x@bad{i}.test"])
            for h in bad:
                h.wait(lambda h=h: h.faults > 0)
            submit(g, ["x@good.test"])
            g.wait_log(r"relay\[\d+\]: sent ", to="<x@good.test>")
            for _ in range(12):     # each may wait as long as its command may take
                g.advance(61)
            for i in range(len(bad)):
                g.wait_log(r"relay\[\d+\]: deferred ", to=f"<x@bad{i}.test>")
            for pid in g.pids("relay"):
                assert rss_kib(pid) < 100_000 or os.environ.get("GODWIT_VARIANT") == "san"
            assert max(h.flooded for h in bad) < 64 << 20
            assert "SIGSYS" not in g.log_text() and "]: bug " not in g.log_text()
    finally:
        for h in bad:
            h.__exit__()


TLS_EHLO = "250-peer\r\n250-PIPELINING\r\n250 STARTTLS"
# The first bytes of a handshake: a ServerHello's record and no more of it.
HALF_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"


@pytest.mark.parametrize("fault", ["close", "silent", b"this is not TLS at all\r\n", HALF_HELLO],
                         ids=["close", "silent", "garbage", "half-hello"])
@pytest.mark.parametrize("policy", ["may", "encrypt"])
def test_tls_that_does_not_come(fault, policy):
    """Opportunistic: the same host again in the clear; else deferred."""
    with relaypeer.Host(fault=("STARTTLS", fault), EHLO=TLS_EHLO) as h, \
            instance(route("peer", h.port, f"tls = {policy}")) as g:
        start(g)
        submit(g, ["x@peer.test"])
        h.wait(lambda: h.faults > 0)
        # The handshake has half a minute, the answer to STARTTLS five; no more
        # than that, or the next attempt has no time either.
        for _ in range({"silent": 7, HALF_HELLO: 1}.get(fault, 0)):
            g.advance(61)
        line = g.wait_log(r"relay\[\d+\]: (sent|deferred) ", to="<x@peer.test>")
        if policy == "may" and fault not in ("close", "silent"):
            assert "]: sent " in line and " tls=none " in line, line
            g.wait_log(r"relay\[\d+\]: tls_failed ")
            assert h.connects == 2
        else:
            assert "]: deferred " in line, line
            assert not h.messages


def test_relay_dies_in_the_middle():
    """Nothing is lost: the message is tried again."""
    with relaypeer.Host(fault=("dot", "silent")) as h, instance(route("peer", h.port)) as g:
        start(g)
        submit(g, ["x@peer.test"])
        h.wait(lambda: h.faults > 0)
        h.fault = None
        for pid in g.pids("relay"):
            g.kill("relay", g.pids("relay").index(pid))
            g.wait_ready()
        g.advance(3600)
        h.wait_messages(2)
        g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        g.wait_empty_queue()


def test_queue_dies_in_the_middle():
    with relaypeer.Host(fault=("MAIL", "silent")) as h, instance(route("peer", h.port)) as g:
        start(g)
        submit(g, ["x@peer.test"])
        h.wait(lambda: h.faults > 0)
        h.fault = None
        g.kill("queue")
        h.wait_messages(1)      # its successor begins with what was under way
        g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        g.wait_empty_queue()
        assert len(h.messages) == 1


def test_login():
    """The password comes from keyd, and only inside TLS."""
    with relaypeer.Host(EHLO="250-peer\r\n250 AUTH PLAIN") as h, \
            instance(route("peer", h.port, 'login = "alice"')) as g:
        start(g)
        p = g.tool("gwkey", "secret", "set", "peer", "--password-stdin", input="correct horse\n")
        assert p.returncode == 0, p.stderr
        submit(g, ["x@peer.test"])
        g.wait_log(r"relay\[\d+\]: deferred ", to="<x@peer.test>")
        assert not [c for c in h.commands if c.startswith("AUTH")]


def test_login_at_another_instance(there):
    more = 'login = "bob@there.test" tls = encrypt'
    with instance(route("there", there.port("submission"), more)) as g:
        start(g)
        p = g.tool("gwkey", "secret", "set", "there", "--password-stdin", input="secret\n")
        assert p.returncode == 0, p.stderr
        mark = there.mark()
        # There only bob may send, and only as bob: what matters is the login.
        submit(g, ["bob@there.test"])
        there.wait_log(r"\]: auth ", since=mark, sasl_username="bob@there.test")


def test_source_and_its_name():
    with relaypeer.Host() as h, instance(route("peer", h.port, 'source = {"127.0.0.5=out.example.test"}')) as g:
        start(g)
        submit(g, ["x@peer.test"])
        g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        assert "EHLO out.example.test" in h.commands


def test_fallback():
    with relaypeer.Host(greeting="421 4.3.2 busy") as busy, relaypeer.Host() as h, \
            instance(route("peer", busy.port, f'fallback = {{"[127.0.0.1]:{h.port}"}}')) as g:
        start(g)
        submit(g, ["x@peer.test"])
        line = g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        assert f"]:{h.port} " in line


def test_stop_with_idle_connection():
    """It ends with QUIT, and soon."""
    with relaypeer.Host() as h, instance(route("peer", h.port), 'relay { connection_cache_time = "5m" }') as g:
        start(g)
        submit(g, ["x@peer.test"])
        g.wait_log(r"relay\[\d+\]: sent ", to="<x@peer.test>")
        g.stop()
        h.wait(lambda: "QUIT" in h.commands)


def test_smtp_still_refuses_relaying(here):
    s = smtp(here)
    assert s.mail("x@else.example")[0] == 250
    assert s.rcpt("bob@there.test")[0] // 100 == 5
    s.quit()
