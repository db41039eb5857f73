# SPDX-License-Identifier: ISC
"""The stub resolver with a real name server and a real validating resolver."""
import os
import re
import subprocess

import dnstools
import pytest

HEAD = ("$ORIGIN {zone}.\n$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n"
        "@ IN NS ns\nns IN A 127.0.0.1\n")
TXT = [chr(ord("a") + n) * 250 for n in range(12)]
DIGEST = "ab" * 32
SIGNED = HEAD + (
    "@ IN MX 20 mx2\n@ IN MX 10 mx1\nnull IN MX 0 .\n"
    "mx1 IN A 192.0.2.1\nmx1 IN AAAA 2001:db8::1\nmx2 IN A 192.0.2.2\n"
    f"_25._tcp.mx1 IN TLSA 3 1 1 {DIGEST}\n"
    "big IN TXT " + " ".join(f'"{s}"' for s in TXT) + "\n"
    "alias IN CNAME mx1\nabroad IN CNAME host.plain.test.\n"
    "_25._tcp.mx2 IN CNAME _25._tcp.mx1\n" +
    "".join(f"c{n} IN CNAME c{n + 1}\n" for n in range(20)) + "c20 IN A 192.0.2.20\n")
PLAIN = HEAD + "@ IN MX 10 host\nhost IN A 192.0.2.9\n"


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd, unbound or ldnsutils is not installed")
    folder = str(tmp_path_factory.mktemp("dns"))
    signed, anchor = dnstools.sign(folder, "signed.test", SIGNED.format(zone="signed.test"))
    bogus, bogus_anchor = dnstools.sign(folder, "bogus.test", PLAIN.format(zone="bogus.test"))
    assert "192.0.2.9" in bogus
    zones = {"signed.test": signed, "plain.test": PLAIN.format(zone="plain.test"),
             "bogus.test": bogus.replace("192.0.2.9", "192.0.2.66")}
    nsd = dnstools.Nsd(f"{folder}/nsd", zones)
    try:
        unbound = dnstools.Unbound(f"{folder}/unbound", nsd, [anchor, bogus_anchor])
        try:
            yield folder, nsd, unbound, [anchor, bogus_anchor]
        finally:
            unbound.stop()
    finally:
        nsd.stop()


class Asker:
    def __init__(self, *servers, trusted=True):
        argv = [f"{os.environ['GODWIT_TESTBIN']}/dns_ask"] + (["-t"] if trusted else [])
        for s in servers:
            argv += [s.address, str(s.port)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        """What it logged."""
        log = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, log
        return log


@pytest.fixture
def ask(net):
    a = Asker(net[2])
    yield a
    a.end()


def test_secure(ask):
    assert ask("MX signed.test") == \
        "OK secure=1 alias=0 name=signed.test 10:mx1.signed.test 20:mx2.signed.test"
    assert ask("A MX1.Signed.Test.") == "OK secure=1 alias=0 name=mx1.signed.test 192.0.2.1"
    assert ask("AAAA mx1.signed.test") == "OK secure=1 alias=0 name=mx1.signed.test 2001:db8::1"
    assert ask("MX null.signed.test") == "OK secure=1 alias=0 name=null.signed.test 0:"
    assert ask("TLSA _25._tcp.mx1.signed.test") == \
        f"OK secure=1 alias=0 name=_25._tcp.mx1.signed.test 3,1,1,{DIGEST}"


def test_absence_is_proven(ask):
    assert ask("A no.signed.test") == "NXDOMAIN secure=1 alias=0 name=no.signed.test"
    assert ask("AAAA mx2.signed.test") == "NODATA secure=1 alias=0 name=mx2.signed.test"
    assert ask("TLSA _25._tcp.no.signed.test").startswith("NXDOMAIN secure=1")
    assert ask("A no.plain.test") == "NXDOMAIN secure=0 alias=0 name=no.plain.test"


def test_unsigned_is_not_secure(ask):
    assert ask("MX plain.test") == "OK secure=0 alias=0 name=plain.test 10:host.plain.test"


def test_ad_of_an_untrusted_resolver_is_nothing(net):
    a = Asker(net[2], trusted=False)
    assert a("MX signed.test").startswith("OK secure=0")
    assert a("A no.signed.test").startswith("NXDOMAIN secure=0")
    a.end()


def test_aliases(ask):
    assert ask("A alias.signed.test") == "OK secure=1 alias=1 name=mx1.signed.test 192.0.2.1"
    # secure only as far as the alias itself: RFC 7672 s2.2.2
    assert ask("A abroad.signed.test") == "OK secure=0 alias=1 name=host.plain.test 192.0.2.9"
    assert ask("CNAME abroad.signed.test") == \
        "OK secure=1 alias=0 name=abroad.signed.test host.plain.test"
    assert ask("TLSA _25._tcp.mx2.signed.test") == \
        f"OK secure=1 alias=1 name=_25._tcp.mx1.signed.test 3,1,1,{DIGEST}"


def test_bogus_is_a_failure(ask):
    assert ask("A host.bogus.test") == \
        "SERVFAIL secure=0 alias=0 name=host.bogus.test reason=the server failed"
    assert ask("MX bogus.test").startswith("OK secure=1")      # this one was not touched


def test_long_answer_over_tcp(ask):
    assert ask("TXT big.signed.test") == \
        "OK secure=1 alias=0 name=big.signed.test " + "".join(TXT)
    assert ask("counts") == "asked=1 cached=0 sent=2 tcp=1"


def fence(unbound, ask, name):
    """All that was asked before is in its log when this question is."""
    ask(f"A {name}")
    unbound.wait_line(rf" {re.escape(name)}\. A IN")


def test_caches(net, ask):
    unbound = net[2]
    for name in ("cached.signed.test", "mx2.signed.test"):
        before = unbound.queries(name, "A")
        first = ask(f"A {name}")
        assert ask(f"A {name}") == first
        ask("advance 30000")
        assert ask(f"A {name}") == first
        fence(unbound, ask, f"still{before}.{name}")
        assert unbound.queries(name, "A") == before + 1
        ask("advance 300000")
        assert ask(f"A {name}") == first
        fence(unbound, ask, f"again{before}.{name}")
        assert unbound.queries(name, "A") == before + 2


def test_authority_without_recursion(net):
    """nsd itself answers for its zones, and refuses what it does not have."""
    a = Asker(net[1])
    assert a("MX plain.test") == "OK secure=0 alias=0 name=plain.test 10:host.plain.test"
    assert a("A www.example.com").endswith("reason=the server refused")
    a.end()


def test_over_ipv6(net):
    try:
        dnstools.free_port("::1")
    except OSError:
        pytest.skip("no IPv6 on this host")
    server = dnstools.Nsd(f"{net[0]}/nsd6", net[1].zones, address="::1")
    try:
        a = Asker(server)
        assert a("A host.plain.test").endswith(" 192.0.2.9")
        assert a("TXT big.signed.test").endswith("l" * 250)
        assert a("counts") == "asked=2 cached=0 sent=3 tcp=1"
        a.end()
    finally:
        server.stop()


def test_too_long_a_chain(ask):
    assert ask("A c10.signed.test") == "OK secure=1 alias=1 name=c20.signed.test 192.0.2.20"
    assert ask("A c0.signed.test").startswith("SERVFAIL")


def test_refused_names(ask):
    for name in ("192.0.2.1", "[192.0.2.1]", "2001:db8::1", "a..b", "a b", "x" * 64 + ".test"):
        assert ask(f"A {name}") == "refused: syntax error"


def test_resolver_that_goes_and_comes(net):
    folder, nsd, _, anchors = net
    second = dnstools.Unbound(f"{folder}/second", nsd, anchors)
    port = second.port
    a = Asker(second)
    try:
        assert a("A mx1.signed.test").startswith("OK")
    finally:
        second.stop()
    assert a("A mx2.signed.test") == ("SERVFAIL secure=0 alias=0 name=mx2.signed.test "
                                      "reason=the server cannot be reached")
    assert a("A mx1.signed.test").startswith("OK")      # what is known stays known
    second = dnstools.Unbound(f"{folder}/second", nsd, anchors, port=port)
    try:
        a("advance 1000")
        assert a("A mx2.signed.test") == "OK secure=1 alias=0 name=mx2.signed.test 192.0.2.2"
    finally:
        second.stop()
    log = a.end()
    assert log.count("state=down") == 1 and log.count("state=up") == 1
