# SPDX-License-Identifier: ISC
"""A network of mail hosts: three Godwits, Postfix, Exim and OpenSMTPD, with
signed zones and a validating resolver.  Mail flows all ways; DANE is enforced,
and broken on purpose."""
import hashlib
import os
import subprocess

import pytest

import dnstools
import godwit
import mtas
import network

PEERS = ("pf", "ex", "os")
GODWITS = ("gw1", "gw2", "gw3")
NUMBERS = {"gw1": 11, "gw2": 12, "gw3": 13, "pf": 21, "ex": 22, "os": 23, "web": 31}
NOBODY = 99         # no host has it
HEAD = "$ORIGIN {z}.test.\n$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
HOST = "@ IN MX 10 mx\nmx IN A {v4}\nmx IN AAAA {v6}\n"
# Mail for these goes over IPv6 only, and over IPv4 since IPv6 is dead.
FAMILIES = ("v6 IN MX 10 mx6\nmx6 IN AAAA {v6}\nhalf IN MX 10 mxhalf\nmxhalf IN A {v4}\n"
            "mxhalf IN AAAA " + network.V6.format(NOBODY) + "\n")
WRONG = "00" * 32
# Names for gw3: with a TLSA record that does not match, with one that does but
# no STARTTLS, and with a wrong one in a zone that is not signed.
CLEAR = network.V4.format(14)
DANE = ("wrong IN MX 10 mxwrong\nmxwrong IN A {v4}\nmxwrong IN AAAA {v6}\n"
        "_25._tcp.mxwrong IN TLSA 3 1 1 " + WRONG + "\nclear IN MX 10 mxclear\nmxclear IN A " + CLEAR + "\n"
        "_25._tcp.mxclear IN TLSA 3 1 1 {digest}\n")
GW3 = "".join(f'domain "{d}" {{ class = alias  target = "gw3.test" }}\n'
              for d in ("open.test", "strict.open.test", "testing.open.test", "wrong.gw3.test", "clear.gw3.test")) + \
    f'listen "clear" {{ service = smtp  address = {{"{CLEAR}:25"}}  tls = no }}\n'
# MTA-STS (RFC 8461): domains and their policies; none has a TLSA record. What
# is below pf.test goes to Postfix, whose certificate gw1 can verify; what is
# below open.test to gw3, whose certificate it cannot.
POLICIES = {"sts.pf.test": ("enforce", "*.pf.test"), "other.pf.test": ("enforce", "mx.elsewhere.test"),
            "lost.pf.test": None, "strict.open.test": ("enforce", "mx.open.test"), "testing.open.test": ("testing", "mx.open.test")}
STS = '@ IN MX 10 mx.{z}.test.\n_mta-sts IN TXT "v=STSv1; id={id};"\nmta-sts IN A ' + \
    network.V4.format(NUMBERS["web"]) + "\n"


def page_of(domain):
    return f"mta-sts.{domain}", "/.well-known/mta-sts.txt"


def policy_of(mode, mx):
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"


def sts_records(zone, number=1):
    """For the domains with a policy below a zone."""
    return "".join(f"$ORIGIN {d}.\n" + STS.format(z=zone, id=number) for d in POLICIES if d.endswith(f".{zone}.test"))


def digest_of(certificate):
    """For TLSA 3 1 1: of the public key (RFC 6698 s2.1)."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True,
                         capture_output=True, timeout=60).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True,
                         capture_output=True, timeout=60).stdout
    return hashlib.sha256(der).hexdigest()


def tlsa(digest):
    return f"_25._tcp.mx IN TLSA 3 1 1 {digest}\n"


class World:
    """Everything; an attribute for each host."""

    def __init__(self, folder, net):
        self.folder, self.net, self.names, self.web, self.all = folder, net, None, None, []
        hosts = {name: net.host(n) for name, n in NUMBERS.items()}
        server, authority = net.hub.v4, mtas.Authority(f"{folder}/authority")
        for name, kind in zip(PEERS, (mtas.Postfix, mtas.Exim, mtas.OpenSmtpd)):
            self.add(name, kind(folder, hosts[name], f"{name}.test", server, authority,
                                ("v6", "half", "sts", "other", "lost")))
        config = {"gw1": f'relay {{ tls_ca_file = "{authority.file}" }}', "gw2": "", "gw3": GW3}
        for name in GODWITS:
            self.add(name, network.Node(hosts[name], f"{name}.test", server, config[name]))
        os.makedirs(f"{folder}/web")
        authority.make(f"{folder}/web", *(f"mta-sts.{d}" for d in POLICIES))
        self.web = network.Web(hosts["web"], f"{folder}/web/cert.pem", f"{folder}/web/key.pem",
                               {page_of(d): policy_of(*p) for d, p in POLICIES.items() if p})

    def add(self, name, thing):
        setattr(self, name, thing)
        self.all.append(thing)

    def zone(self, name, more=""):
        host = getattr(self, name).host
        return HEAD.format(z=name) + HOST.format(v4=host.v4, v6=host.v6) + more

    def start(self):
        self.gw3.host.ip(f"address add {CLEAR}/24 dev eth0")
        for name in GODWITS:
            getattr(self, name).begin()
        zones = {f"{n}.test": self.zone(n) for n in ("ex", "os", "gw1")}
        zones["pf.test"] = self.zone("pf", FAMILIES.format(v4=self.pf.host.v4, v6=self.pf.host.v6) + sts_records("pf"))
        for name in ("gw2", "gw3"):
            zones[f"{name}.test"] = self.zone(name, tlsa(digest_of(getattr(self, name).certificate)))
        zones["gw3.test"] += DANE.format(v4=self.gw3.host.v4, v6=self.gw3.host.v6,
                                         digest=digest_of(self.gw3.certificate))
        zones["null.test"] = HEAD.format(z="null") + "@ IN MX 0 .\n"
        zones["open.test"] = HEAD.format(z="open") + HOST.format(v4=self.gw3.host.v4, v6=self.gw3.host.v6) + \
            tlsa(WRONG) + sts_records("open")
        self.names = network.Names(self.folder, self.net.hub, zones, unsigned=("open.test",))
        for name in PEERS:
            getattr(self, name).run()
        for thing in self.all:
            thing.wait_ready()

    def close(self):
        for thing in self.all:
            thing.close()
        for end in (self.names and self.names.stop, self.web and self.web.close):
            if end:
                end()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    if not dnstools.has_all():
        pytest.skip("nsd, unbound or ldnsutils is not installed")
    try:
        mtas.unpack()
    except (godwit.Failed, OSError, subprocess.SubprocessError) as e:
        pytest.skip(f"no other mail servers: {e}")
    try:
        net = network.Network().__enter__()
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"no network namespaces: {e}")
    try:
        w = World(str(tmp_path_factory.mktemp("network")), net)
        try:
            w.start()
            yield w
        finally:
            w.close()
    finally:
        net.__exit__()


@pytest.fixture(autouse=True)
def tell(world, request):
    """What the others said, when a test fails."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        for name in PEERS:
            print(getattr(world, name).said())
        for name in GODWITS:
            print(f"--- {name}\n{getattr(world, name).g.log_tail(60)}")


@pytest.mark.parametrize("to", GODWITS)
@pytest.mark.parametrize("peer", PEERS)
def test_peer_to_godwit(world, peer, to):
    sender, node = getattr(world, peer), getattr(world, to)
    mark, text = node.g.mark(), f"from-{peer}-to-{to}"
    sender.send(node.user, text)
    message = node.wait_mail(text, mark)
    assert f"Return-Path: <user@{peer}.test>" in message
    assert f"from mx.{peer}.test" in message and "ESMTPS" in message


def tls_of(world, peer, sender):
    """How a connection to one of the others is told: none has a TLSA record,
    and only gw1 knows the authority that signed their certificates.
    OpenSMTPD 6.8 with OpenSSL 3 loses its private key, each handshake fails
    and mail goes in the clear: TLS is opportunistic (RFC 7435)."""
    is_broken = peer == "os" and "missing private key" in world.os.log.text()
    return f" tls={'none' if is_broken else 'trusted' if sender == 'gw1' else 'untrusted'} "


def sent(node, to, since):
    """relay's line about a recipient that was taken."""
    return node.wait_result("sent", to, since)


@pytest.mark.parametrize("source", GODWITS)
@pytest.mark.parametrize("peer", PEERS)
def test_godwit_to_peer(world, source, peer):
    node, other, text = getattr(world, source), getattr(world, peer), f"from-{source}-to-{peer}"
    mark = node.g.mark()
    node.send(f"user@{peer}.test", text)
    line = sent(node, f"user@{peer}.test", mark)
    assert f" relay=mx.{peer}.test[" in line and " dsn=2." in line
    assert tls_of(world, peer, source) in line
    if "tls=none" in line:
        node.g.wait_log(rf"\]: tls_failed .* relay=mx.{peer}.test\[", mark)
    assert f"mx.{source}.test" in other.mail.wait(text)


@pytest.mark.parametrize("source, to", [("gw1", "gw2"), ("gw2", "gw3"), ("gw3", "gw2"), ("gw2", "gw1")])
def test_godwit_to_godwit(world, source, to):
    """gw2 and gw3 have TLSA records: DANE (RFC 7672)."""
    node, other, text = getattr(world, source), getattr(world, to), f"from-{source}-to-{to}"
    mark, other_mark = node.g.mark(), other.g.mark()
    node.send(other.user, text)
    line = sent(node, other.user, mark)
    assert f" relay={other.name}[" in line
    assert f" tls={'untrusted' if to == 'gw1' else 'verified'} " in line
    assert "ESMTPS" in other.wait_mail(text, other_mark)


def test_all_at_once(world):
    """One message for everyone, and one of those does not exist."""
    text, to = "to-all-of-you", [f"user@{n}.test" for n in ("gw2", "gw3", *PEERS)]
    marks = {n: getattr(world, n).g.mark() for n in GODWITS}
    world.gw1.send([*to, "nobody@ex.test"], text)
    for name in PEERS:
        getattr(world, name).mail.wait(text)
    for name in ("gw2", "gw3"):
        getattr(world, name).wait_mail(text, marks[name])
    bounce = world.gw1.wait_mail("Final-Recipient: rfc822; nobody@ex.test", marks["gw1"])
    assert "Action: failed" in bounce
    for address in to:
        assert f"Final-Recipient: rfc822; {address}" not in bounce


@pytest.mark.parametrize("peer", PEERS)
def test_unknown_user(world, peer):
    node = world.gw2
    mark, who = node.g.mark(), f"unknown@{peer}.test"
    node.send(who, f"for-nobody-at-{peer}")
    assert tls_of(world, peer, "gw2") in node.wait_result("bounced", who, mark)
    bounce = node.wait_mail(f"Final-Recipient: rfc822; {who}", mark)
    assert "Return-Path: <>" in bounce and "multipart/report" in bounce
    assert f"Remote-MTA: dns; mx.{peer}.test" in bounce and "Diagnostic-Code: smtp; 550" in bounce
    assert f"for-nobody-at-{peer}" in bounce


@pytest.mark.parametrize("peer", PEERS)
def test_unknown_user_of_godwit(world, peer):
    """Refused at once, so that it is the other that reports it."""
    other, who = getattr(world, peer), f"unknown-to-{peer}@gw3.test"
    other.send(who, f"for-nobody-from-{peer}")
    assert who in other.mail.wait(f"for-nobody-from-{peer}")


def test_big_message(world):
    """Dots, bytes above 127 and long text arrive as they are."""
    lines = [b"." * (n % 5) + b"line %d \xc3\xa4\xc3\xb6" % n for n in range(60000)]
    body = b"begin-of-the-big\r\n" + b"\r\n".join(lines) + b"\r\nend-of-the-big\r\n"
    mark = world.gw2.g.mark()
    world.gw1.send(["user@gw2.test", *(f"user@{n}.test" for n in PEERS)], "big", mail=["BODY=8BITMIME"], body=body)
    text = body.decode().replace("\r\n", "\n")
    assert world.gw2.wait_mail("end-of-the-big", mark).replace("\r\n", "\n").endswith("\n\n" + text)
    for name in PEERS:
        message = getattr(world, name).mail.wait("end-of-the-big")
        assert message.rstrip("\n").endswith("\n\n" + text.rstrip("\n"))


def test_null_mx(world):
    node = world.gw1
    mark = node.g.mark()
    node.send("user@null.test", "a domain that takes no mail")
    assert " dsn=5.1.10 " in node.wait_result("bounced", "user@null.test", mark)
    assert "Status: 5.1.10" in node.wait_mail("Final-Recipient: rfc822; user@null.test", mark)


def test_no_such_domain(world):
    node = world.gw1
    mark = node.g.mark()
    node.send("user@nowhere.null.test", "a domain that is not there")
    assert " dsn=5.1.2 " in node.wait_result("bounced", "user@nowhere.null.test", mark)


def test_families(world):
    """A host with IPv6 only, and one whose IPv6 address is dead."""
    node = world.gw3
    for name, address in (("v6", world.pf.host.v6), ("half", world.pf.host.v4)):
        mark, to = node.g.mark(), f"user@{name}.pf.test"
        node.send(to, f"over-{name}")
        assert f"[{address}]:25 " in sent(node, to, mark)
        world.pf.mail.wait(f"over-{name}")


def test_success_is_reported(world):
    """Postfix and Godwit know RFC 3461 and report themselves; for Exim, which
    does not offer it here, the report says relayed."""
    node = world.gw1
    for name in ("ex", "pf", "gw2"):
        mark, to = node.g.mark(), f"user@{name}.test"
        node.send(to, f"tell-me-of-{name}", rcpt=["NOTIFY=SUCCESS"], mail=["ENVID=id+2B1", "RET=HDRS"])
        report = node.wait_mail(f"Final-Recipient: rfc822; {to}", mark)
        assert f"Action: {'relayed' if name == 'ex' else 'delivered'}" in report
        assert "Original-Envelope-Id: id+1" in report
        assert ("Reporting-MTA: dns; mx.gw1.test" in report) == (name == "ex")


def test_dane_of_others(world):
    """Postfix and Exim hold Godwit to its TLSA record."""
    for name, yes, no in (("pf", r"Verified TLS connection established to mx.gw3.test",
                           r"to=<user@wrong.gw3.test>.*status=deferred .*not (trusted|verified)"),
                          ("ex", r"=> user@gw3.test .*CV=dane", r"user@wrong.gw3.test.*(DANE|TLS|certificate)")):
        peer, text = getattr(world, name), f"dane-from-{name}"
        mark, log = world.gw3.g.mark(), peer.log.mark()
        peer.send("user@gw3.test", text)
        world.gw3.wait_mail(text, mark)
        peer.log.wait(yes, log)
        peer.send("user@wrong.gw3.test", f"wrong-{text}")
        peer.log.wait(no, log)
        assert world.gw3.mail(f"wrong-{text}") is None


def test_dane_refuses(world):
    """A record that does not match, and a host without STARTTLS: deferred."""
    for domain, dsn, reason in (("wrong.gw3.test", "4.7.5", "no TLSA record matches"),
                                ("clear.gw3.test", "4.7", "TLS is required")):
        mark = world.gw1.g.mark()
        world.gw1.send(f"user@{domain}", f"by-{domain}")
        line = world.gw1.wait_result("deferred", f"user@{domain}", mark)
        assert f" dsn={dsn}" in line and reason in line
        assert world.gw3.mail(f"by-{domain}") is None


def test_tlsa_of_an_unsigned_zone_is_nothing(world):
    marks = world.gw1.g.mark(), world.gw3.g.mark()
    world.gw1.send("user@open.test", "not signed")
    assert " tls=untrusted " in sent(world.gw1, "user@open.test", marks[0])
    world.gw3.wait_mail("not signed", marks[1])


def test_dane_broken_and_repaired(world):
    """gw2's zone gets a wrong TLSA record, then a broken signature, then is
    right again: until then nothing arrives, and nothing is lost."""
    gw1, gw2, names = world.gw1, world.gw2, world.names
    good = names.zones["gw2.test"]
    digest = digest_of(gw2.certificate)
    assert digest in good
    texts = []

    def try_it(text):
        mark = gw1.g.mark()
        texts.append(text)
        gw1.g.advance(60)       # it has no record nor connection from before
        gw1.send(gw2.user, text)
        line = gw1.wait_result("deferred", gw2.user, mark)
        assert gw2.mail(text) is None
        return line

    mark = gw2.g.mark()
    names.zones["gw2.test"] = good.replace(digest, WRONG)
    names.publish("gw2.test")
    assert " dsn=4.7.5 " in try_it("a record that does not match")
    names.zones["gw2.test"] = good
    names.publish("gw2.test", tamper=(digest, WRONG))
    assert "TLSA lookup of mx.gw2.test failed" in try_it("a TLSA record that is bogus")
    names.publish("gw2.test", tamper=("\tMX\t10 ", "\tMX\t11 "))
    assert " dsn=4." in try_it("an MX record that is bogus")
    names.publish("gw2.test")
    before = gw1.g.mark()
    gw1.g.advance(60)       # or queue's clock is ahead, and relay still knows the failure
    gw1.g.advance(7200)
    for text in texts:
        gw2.wait_mail(text, mark)
    assert " tls=verified " in sent(gw1, gw2.user, before)


def test_mta_sts(world):
    """A policy that holds, one that names other hosts until it is put right,
    one that the host's certificate does not meet, the same when the domain
    only tests, and one that cannot be fetched."""
    gw1, marks = world.gw1, {n: getattr(world, n).g.mark() for n in GODWITS}

    def try_it(event, domain):
        mark = gw1.g.mark()
        gw1.send(f"user@{domain}", f"sts-for-{domain}")
        return gw1.wait_result(event, f"user@{domain}", mark)

    line = try_it("sent", "sts.pf.test")
    assert " relay=mx.pf.test[" in line and " tls=verified " in line and " policy=sts " in line
    assert page_of("sts.pf.test") in world.web.asked
    line = try_it("deferred", "other.pf.test")
    assert " dsn=4.7.5 " in line and "mx.pf.test is not in the MTA-STS policy of other.pf.test" in line
    line = try_it("deferred", "strict.open.test")
    assert " dsn=4.7.5 " in line and " policy=sts " in line and "self-signed certificate" in line
    line = try_it("sent", "testing.open.test")
    assert " tls=untrusted " in line and " policy=sts-testing " in line
    line = try_it("sent", "lost.pf.test")
    assert " tls=trusted " in line and " policy=" not in line
    assert page_of("lost.pf.test") in world.web.asked
    for domain in ("sts.pf.test", "lost.pf.test"):
        world.pf.mail.wait(f"sts-for-{domain}")
    world.gw3.wait_mail("sts-for-testing.open.test", marks["gw3"])
    assert world.pf.mail.find("sts-for-other.pf.test") is None
    assert world.gw3.mail("sts-for-strict.open.test") is None

    world.web.pages[page_of("other.pf.test")] = policy_of("enforce", "mx.pf.test")
    world.names.zones["pf.test"] = world.names.zones["pf.test"].replace("id=1;", "id=2;")
    world.names.publish("pf.test")
    mark = gw1.g.mark()
    gw1.g.advance(60)
    gw1.g.advance(7200)
    line = sent(gw1, "user@other.pf.test", mark)
    assert " tls=verified " in line and " policy=sts " in line
    world.pf.mail.wait("sts-for-other.pf.test")
    assert world.gw3.mail("sts-for-strict.open.test") is None


def test_utf8_header(world):
    """RFC 6531: for hosts that know it; what OpenSMTPD cannot take comes back."""
    node, text = world.gw1, "gr\u00fc\u00dfe"
    marks = node.g.mark(), world.gw2.g.mark()
    node.send(["user@gw2.test", "user@pf.test", "user@os.test"], text, mail=["SMTPUTF8", "BODY=8BITMIME"])
    assert f"Subject: {text}" in world.pf.mail.wait(text)
    assert f"Subject: {text}" in world.gw2.wait_mail(text, marks[1])
    assert " dsn=5.6.7 " in node.wait_result("bounced", "user@os.test", marks[0])
    assert "user@os.test" in node.wait_mail("Status: 5.6.7", marks[0])


def test_require_tls(world):
    """RFC 8689: only to hosts that promise it as well, over TLS that is
    verified; and with TLS-Required: No what TLS is worth does not matter."""
    node = world.gw1
    marks = node.g.mark(), world.gw2.g.mark(), world.gw3.g.mark()
    node.send("user@gw2.test", "with-require-tls", mail=["REQUIRETLS"])
    assert " tls=verified " in sent(node, "user@gw2.test", marks[0])
    world.gw2.wait_mail("with-require-tls", marks[1])
    node.send("user@ex.test", "require-tls-of-exim", mail=["REQUIRETLS"])
    assert " dsn=5.7.30 " in node.wait_result("bounced", "user@ex.test", marks[0])
    assert world.ex.mail.find("require-tls-of-exim") is None
    node.send("user@wrong.gw3.test", "whatever it takes", more="TLS-Required: No\r\n")
    assert " tls=untrusted " in sent(node, "user@wrong.gw3.test", marks[0])
    world.gw3.wait_mail("whatever it takes", marks[2])
