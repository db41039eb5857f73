# SPDX-License-Identifier: ISC
"""Two suites that find each other by MX: mail between them goes by CMTP 2, on
port 25, sealed from one to the other, and is the same bytes in the mailbox."""
import glob
import re

import pytest
from cmtptools import is_signed
from device import Device
from mailtools import fetch_all, message, send, sendmail, smtp, without_trace

import cmtp2tools
import dnstools
import godwit
import mailcorpus
import opaquetools

BODY = "caf\xe9\r\n.dots\r\n".encode() + bytes(range(128, 256)) + b"\r\n" + b"0123456789abcdef\r\n" * 6000


def offers(g):
    return (f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
            'cmtpd { processes = 1  cmtp_postage = unknown  cmtp_postage_bits = 3  cmtp_postage_memory = 64K }\n')


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    with cmtp2tools.pair(tmp_path_factory.mktemp("pair"), offers) as (a, b):
        a.add_user("ann@a.test", "secret")
        b.add_user("bob@b.test", "secret")
        b.add_user("carol@b.test", "secret")
        yield a, b


PAID = r"relay\[\d+\]: key action=cmtp-postage key=\S+\.test peer=mx\.test\S* result=success"


def exchange(pair, body):
    """Both ways; how often postage was paid."""
    a, b = pair
    paid = 0
    for g, user, to, other in ((a, "ann@a.test", ["bob@b.test", "carol@b.test"], b),
                               (b, "bob@b.test", ["ann@a.test"], a)):
        data = message("by cmtp", "", sender=user, to=to[0]) + body
        mark, seen = g.mark(), other.mark()
        send(g, data, to=to, sender=user, port=587, user=user)
        for rcpt in to:
            g.wait_log(rf"relay\[\d+\]: sent .*to=<{re.escape(rcpt)}>.* proto=cmtp2", since=mark)
            other.wait_log(rf"deliver\[\d+\]: sent .*to=<{re.escape(rcpt)}>", since=seen)
        for rcpt in to:
            found = fetch_all(other, rcpt)[-1]
            assert without_trace(found).endswith(body)
            assert f"cmtp=pass (CMTP 2) header.d={user.partition('@')[2]}".encode() in found
        paid += len(re.findall(PAID, g.log_text(mark)))
    return paid


def test_stranger_pays(pair):
    """The first mail of a server is asked for postage, and comes with it."""
    assert exchange(pair, BODY) == 2


def test_known_pays_nothing(pair):
    for g in pair:
        g.wait_empty_queue()
    for g in pair:
        g.advance(86401)
    assert exchange(pair, b"small\r\n") == 0


def kinds():
    """A message of each kind that the tests have, in lines, as SMTP takes them."""
    for path in sorted(glob.glob(f"{godwit.TOP}/tests/fuzz/corpus/fuzz_mime/*") +
                       glob.glob(f"{godwit.TOP}/tests/golden/mime/*.eml")):
        with open(path, "rb") as f:
            yield f.read()
    for _, data in [*mailcorpus.rfc_examples(), *mailcorpus.generated(40)]:
        yield data


def complete(n, data):
    """What a submission would add is there (RFC 6409 s8): the fields, the line that ends
    them, and the end of the last line."""
    lines = mailcorpus.with_crlf(data).split(b"\r\n")
    at = next((i for i, line in enumerate(lines) if not re.match(
        rb"[!-9;-~]+[ \t]*:|[ \t]" if i > 0 else rb"[!-9;-~]+[ \t]*:", line)), len(lines))
    header, body = lines[:at], lines[at:]
    for name, text in ((b"Message-ID", b"<%d@a.test>" % n), (b"Date", b"Sun, 22 Nov 2026 10:00:00 +0000")):
        if not any(re.match(rb"(?i)%s[ \t]*:" % name, line) for line in header):
            header.insert(0, name + b": " + text)
    return b"\r\n".join([*header, *([] if body and not body[0] else [b""]), *body, *([b""] if body and body[-1] else [])])


def test_each_kind(pair):
    """From the submission to IMAP: nothing is changed behind the lines that tell of the way."""
    a, b = pair
    b.add_user("dora@b.test", "secret")
    texts = {complete(n, data) for n, data in enumerate(kinds())}
    mark, seen = a.mark(), b.mark()
    s = smtp(a, 587, "ann@a.test")
    for text in texts:
        sendmail(s, "ann@a.test", ["dora@b.test"], text)
    s.quit()
    for _ in texts:
        line, mark = a.find_log(r"relay\[\d+\]: (sent|deferred|bounced) ", mark, to="<dora@b.test>")
        assert "]: sent " in line and " proto=cmtp2" in line
        _, seen = b.find_log(r"deliver\[\d+\]: sent ", seen, to="<dora@b.test>")
    left = set(texts)
    for found in fetch_all(b, "dora@b.test"):
        assert b"cmtp=pass (CMTP 2) header.d=a.test" in found
        text = max((t for t in left if found.endswith(t)), key=len, default=None)
        assert text is not None, found
        left.remove(text)
        before = found[:len(found) - len(text)]
        assert re.fullmatch(rb"(?:[A-Z][A-Za-z-]*:[^\n]*\r\n(?:[ \t][^\n]*\r\n)*)*", before), before
    assert not left


def test_key_changed(pair):
    """Who sent hears of it at once; the mail goes when the operator lets go of the old key."""
    a, b = pair
    b.add_user("eve@b.test", "first")
    for args, typed in ((("sealing", "eve@b.test", "password"), "first\n"),):
        p = b.tool("gwuser", *args, "--password-stdin", input=typed)
        assert p.returncode == 0, p.stderr

    def give(subject):
        mark = a.mark()
        send(a, message(subject, "x\r\n", sender="ann@a.test", to="eve@b.test"), to=["eve@b.test"],
             sender="ann@a.test", port=587, user="ann@a.test")
        line, _ = a.find_log(r"relay\[\d+\]: (sent|deferred|bounced) ", mark, to="<eve@b.test>")
        return mark, line

    _, line = give("one")
    assert "]: sent " in line and " proto=cmtp2" in line
    p = b.tool("gwuser", "passwd", "eve@b.test", "--reset", "--password-stdin", input="second\n")
    assert p.returncode == 0, p.stderr
    mark, line = give("two")
    assert "]: deferred " in line and " dsn=4.7.5 " in line and "(reset)" in line
    a.wait_log(r"deliver\[\d+\]: sent ", since=mark, to="<ann@a.test>")
    told = fetch_all(a, "ann@a.test")[-1]
    assert b"Subject: Mail Held: a Key Has Changed\r\n" in told and b"Action: delayed\r\nStatus: 4.7.5\r\n" in told
    p = a.tool("gwkey", "cmtp", "forget", "eve@b.test")
    assert p.returncode == 0, p.stderr
    mark = a.mark()
    p = a.tool("gwqueue", "-f")
    assert p.returncode == 0, p.stderr
    line, _ = a.find_log(r"relay\[\d+\]: (sent|deferred|bounced) ", mark, to="<eve@b.test>")
    assert "]: sent " in line and " proto=cmtp2" in line


def test_to_a_device(pair):
    """sealing = client: sealed by the sender's host to the device's key, and opened by nobody in between."""
    a, b = pair
    device = Device()
    with open(f"{b.root}/device.pem", "w", encoding="ascii") as f:
        f.write(device.pem())
    p = b.tool("gwuser", "add", "fay@b.test", "--sealing", "client", "--key", f.name, "--password-stdin", input="secret\n")
    assert p.returncode == 0, p.stderr
    text = message("to a device", "an egret\r\n" * 2000, sender="ann@a.test", to="fay@b.test")
    mark, seen = a.mark(), b.mark()
    send(a, text, to=["fay@b.test"], sender="ann@a.test", port=587, user="ann@a.test")
    line, _ = a.find_log(r"relay\[\d+\]: (sent|deferred|bounced) ", mark, to="<fay@b.test>")
    assert "]: sent " in line and " proto=cmtp2" in line
    b.wait_log(r"deliver\[\d+\]: sent ", since=seen, to="<fay@b.test>")
    served, = fetch_all(b, "fay@b.test")
    assert b"an egret" not in served
    assert device.open(served).endswith(b"an egret\r\n" * 2000)
    assert b"cmtp=pass (CMTP 2) header.d=a.test" in device.trace(served)


def test_asks_for_its_users(pair):
    """Keys of the other domain by the own server: for who logged in, of what keyd and relay know of that server."""
    a, b = pair
    mark = a.mark()
    with opaquetools.Login2(a) as c:
        ours = c.ask_keys(b"", b"a.test")[1][-1]
        assert c.ask_keys(b"bob", b"b.test", by=ours.sign) == (1, [])
        assert c.register(b"ann", b"a.test", b"secret", b"own", b"kept") == opaquetools.GOOD
        assert c.ask_keys(b"bob", b"b.test", by=ours.sign) == (1, [])
        assert c.login(b"ann", b"a.test", b"own") == (opaquetools.GOOD, b"kept")
        status, (theirs,) = c.ask_keys(b"", b"b.test", by=ours.sign)
        assert status == 0 and cmtp2tools.is_verified(theirs, theirs.sign)
        status, (bob,) = c.ask_keys(b"bob", b"B.test", by=ours.sign)
        assert status == 0 and cmtp2tools.is_verified(bob, theirs.sign)
        assert c.ask_keys(b"nobody", b"b.test", by=ours.sign) == (1, [])
        assert c.ask_keys(b"bob", b"none.test", by=ours.sign) == (2, [])
        assert c.ask_keys(b"bob", b"b.test", by=ours.sign)[1] == [bob]
    # Asked for once, whoever asks again.
    asked = r"relay\[\d+\]: key action=cmtp-ask key=b\.test .*result=success"
    seen = mark
    for _ in range(3):
        _, seen = a.find_log(asked, seen)
    assert len(re.findall(asked, a.log_text(mark))) == 3


def test_asks_for_a_user_by_version_1(pair):
    """KEYREQUEST of the other domain, in a session that logged in: the answer of its own server, signed by ours."""
    a, b = pair
    a.add_user("abe@a.test", "secret")
    b.add_user("gus@b.test", "first")
    p = b.tool("gwuser", "sealing", "gus@b.test", "password", "--password-stdin", input="first\n")
    assert p.returncode == 0, p.stderr
    seen = a.mark()

    def result():
        nonlocal seen
        line, seen = a.find_log(r"relay\[\d+\]: key action=cmtp1-ask key=b\.test ", seen)
        return line.partition("result=")[2].strip('"')

    def of_b(user):
        with cmtp2tools.Client2(b) as c:
            server, _ = c.ask_key(b"", b"")
            key, sig = c.ask_key(user, b"b.test")
            assert is_signed(server, key, sig)
            return key, sig

    with opaquetools.Login2(a) as c:
        server, sig = c.ask_key(b"", b"")
        assert is_signed(server, server, sig)

        def fails(user, domain):
            c.say(b"KEYREQUEST", user, domain)
            c.failed(server)

        fails(b"gus", b"b.test")
        assert c.register(b"abe", b"a.test", b"secret", b"own", b"kept") == opaquetools.GOOD
        fails(b"gus", b"b.test")
        assert c.login(b"abe", b"a.test", b"own") == (opaquetools.GOOD, b"kept")
        theirs, their_sig = of_b(b"gus")
        for domain in (b"b.test", b"B.test"):           # the second time it is remembered
            key, sig = c.ask_key(b"gus", domain)
            assert key == theirs and sig != their_sig and is_signed(server, key, sig)
        assert result().startswith("success")           # nobody asked before the login, and once behind it
        for _ in range(2):
            fails(b"nobody", b"b.test")
        assert "there is no such user" in result()
        fails(b"gus", b"none.test")
        fails(b"nobody", b"a.test")
    # Another key: the first one is remembered, until the operator lets go of it.
    p = b.tool("gwuser", "passwd", "gus@b.test", "--reset", "--password-stdin", input="second\n")
    assert p.returncode == 0, p.stderr
    assert of_b(b"gus")[0] != theirs
    for forgets in (False, True):
        a.advance(301)
        if forgets:
            p = a.tool("gwkey", "cmtp", "forget", "gus@b.test")
            assert p.returncode == 0, p.stderr
        with opaquetools.Login2(a) as c:
            assert c.login(b"abe", b"a.test", b"own") == (opaquetools.GOOD, b"kept")
            if forgets:
                assert c.ask_key(b"gus", b"b.test")[0] == of_b(b"gus")[0]
                assert result().startswith("success")
            else:
                c.say(b"KEYREQUEST", b"gus", b"b.test")
                c.failed(server)
                assert "another than the one that was known" in result()
