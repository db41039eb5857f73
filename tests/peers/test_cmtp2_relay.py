# SPDX-License-Identifier: ISC
"""Two suites that find each other by MX: mail between them goes by CMTP 2, on
port 25, sealed from one to the other, and is the same bytes in the mailbox."""
import re

import pytest
from mailtools import fetch_all, message, send, without_trace

import dnstools
import godwit

ZONE = """$ORIGIN test.
$TTL 1
@ IN SOA ns hostmaster 1 3600 600 86400 1
@ IN NS ns
ns IN A 127.0.0.1
mx IN A 127.0.0.1
a IN MX 10 mx
b IN MX 10 mx
"""
BODY = "caf\xe9\r\n.dots\r\n".encode() + bytes(range(128, 256)) + b"\r\n" + b"0123456789abcdef\r\n" * 6000


def offers(g):
    return (f'listen "cmtp" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtp")}"}} }}\n'
            'cmtpd { processes = 1 }\n')


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    folder = tmp_path_factory.mktemp("pair")
    nsd = dnstools.Nsd(f"{folder}/nsd", {"test": ZONE})
    try:
        with godwit.Instance(domain="a.test", hostname="mx.a.test") as a, \
                godwit.Instance(domain="b.test", hostname="mx.b.test") as b:
            for g, other in ((a, b), (b, a)):
                g.add_config(offers(g) + f'dns {{ server = "127.0.0.1:{nsd.port}"  cache_min_time = 1s }}\n'
                             f'relay {{ port = {other.port("smtp")}  processes = 1 }}\n')
            for g in (a, b):
                g.start()
            a.add_user("ann@a.test", "secret")
            b.add_user("bob@b.test", "secret")
            b.add_user("carol@b.test", "secret")
            yield a, b
    finally:
        nsd.stop()


def test_both_ways(pair):
    a, b = pair
    for g, user, to, other in ((a, "ann@a.test", ["bob@b.test", "carol@b.test"], b),
                               (b, "bob@b.test", ["ann@a.test"], a)):
        data = message("by cmtp", "", sender=user, to=to[0]) + BODY
        mark, seen = g.mark(), other.mark()
        send(g, data, to=to, sender=user, port=587, user=user)
        for rcpt in to:
            g.wait_log(rf"relay\[\d+\]: sent .*to=<{re.escape(rcpt)}>.* proto=cmtp2", since=mark)
            other.wait_log(rf"deliver\[\d+\]: sent .*to=<{re.escape(rcpt)}>", since=seen)
        for rcpt in to:
            found = fetch_all(other, rcpt)[-1]
            assert without_trace(found).endswith(BODY)
            assert f"cmtp=pass (CMTP 2) header.d={user.partition('@')[2]}".encode() in found
