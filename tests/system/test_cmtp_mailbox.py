# SPDX-License-Identifier: ISC
"""Mail of CMTP 1 in the mailbox: from the bytes that the first client sends to what
IMAP tells, in each mode of sealing, once whatever dies meanwhile."""
import contextlib
import email
import email.policy
import imaplib
import os
import re

import pytest
from cmtptools import Client, letter, mail, seal, server_key
from mailtools import message, send

import godwit

HOST = "mx1.example.test"
DOMAINS = ('domain "law.test" { sealing = password }\ndomain "open.test" { sealing = server }\n'
           'domain "own.test" { sealing = client }\n')
CONFIG = ('cmtpd { processes = 1 }\ndeliver { processes = 1 }\nimapd { processes = 1 }\n'
          'keyd { cmtp_key_rate = 1000/s }\n')


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(DOMAINS) as g:
        g.add_config(CONFIG)
        g.start()
        yield g


def key_of(g, address):
    user, _, domain = address.encode().partition(b"@")
    with Client(g) as c:
        return c.ask_key(user, domain)[0]


def send_boxes(g, to, boxes, **how):
    """Returns when it waits for its owner."""
    server = server_key(g)
    mark = g.mark()
    with Client(g) as c:
        c.s.sendall(mail(to=to.encode(), body=boxes[0], attachments=boxes[1:], **how))
        c.succeeded(server)
    return g.find_log(rf"deliver\[\d+\]: sent .*to=<{to}>", mark)[0]


def send_letter(g, to, plain, attachments=(), key=None):
    key = key or key_of(g, to)
    return send_boxes(g, to, [seal(key, p) for p in (plain, *(n + b"\0" + d for n, d in attachments))])


def add(g, user, *args):
    g.tool("gwuser", "add", user, *args, "--password-stdin", input="secret\n", check=True)


def said(answer):
    ok, data = answer
    if ok != "OK":
        raise imaplib.IMAP4.error(data)
    return data


def fetch(m, what="(RFC822.SIZE BODY.PEEK[])", n="1"):
    return said(m.fetch(n, what))[0]


def inbox(g, user):
    """The messages, as a session finds them that begins now."""
    m = g.imap(user, "secret")
    (count,) = said(m.select())
    found = [fetch(m, n=str(n + 1)) for n in range(int(count))]
    for head, text in found:
        assert int(re.search(rb"RFC822\.SIZE (\d+)", head)[1]) == len(text)
    m.logout()
    return [text for _, text in found]


def parse(text):
    return email.message_from_bytes(text, policy=email.policy.default)


def words(text):
    return parse(text).get_body().get_content().replace("\r\n", "\n")


def test_from_2016_to_imap(g):
    add(g, "alice@example.test")
    attachment = os.urandom(70000)
    line = send_letter(g, "alice@example.test", letter("grüße\n".encode(), "Grüße".encode(), b"bob@home.example", [b"carol@example.test"]),
                       [(b"photo.jpg", attachment), (b"notes.txt", b"plain\n")])
    assert "mailbox=arrivals" in line and "sealed=escrow" in line
    mark = g.mark()
    (text,) = inbox(g, "alice@example.test")
    assert "state=opened" in g.wait_log(r"imapd\[\d+\]: arrival ", since=mark)
    assert inbox(g, "alice@example.test") == [text]       # the same for each session
    m = parse(text)
    assert re.match(rb"Return-Path: <bob@peer\.example>\r\nDelivered-To: alice@example\.test\r\nReceived: ", text)
    assert m["Authentication-Results"] == f"{HOST}; cmtp=none (CMTP 1)"
    assert re.fullmatch(rf"<[0-9a-z]{{13}}@{re.escape(HOST)}>", m["Message-ID"], re.I)
    assert (m["From"], m["To"], m["Cc"], m["Reply-To"], m["Subject"]) == \
        ("bob@peer.example", "alice@example.test", "carol@example.test", "bob@home.example", "Grüße")
    assert m["Date"].datetime.timestamp() == 1465233024
    assert words(text) == "grüße\n"
    assert [(a.get_filename(), a.get_content_type()) for a in m.iter_attachments()] == \
        [("photo.jpg", "image/jpeg"), ("notes.txt", "text/plain")]
    assert m.get_payload()[1].get_payload(decode=True) == attachment
    s = g.imap("alice@example.test", "secret")
    assert not [b for b in s.list()[1] if b"rrivals" in b]
    s.logout()
    assert g.tool("gwstore", "check").returncode == 0


def test_bare_text_and_large(g):
    """The first client seals text alone; and what needs files everywhere."""
    add(g, "dora@example.test")
    send_letter(g, "dora@example.test", b"just text\n")
    send_letter(g, "dora@example.test", letter(), [(b"big.bin", big := os.urandom(3 << 20))])
    one, two = inbox(g, "dora@example.test")
    assert words(one) == "just text\n"
    assert parse(two).get_payload()[1].get_payload(decode=True) == big


@pytest.mark.parametrize("user", ["bob@law.test", "bob@open.test"])
def test_modes(g, user):
    add(g, user)
    g.imap(user, "secret").logout()
    send_letter(g, user, letter(b"for you\n"))
    send(g, message("between"), to=user)
    send_letter(g, user, letter(b"again\n"))
    assert [parse(t)["Subject"] for t in inbox(g, user)] == ["between", "hello", "hello"]


def test_a_device_opens(g):
    """It stays as it came, in the form that the device opens."""
    public = os.path.join(g.root, "public")
    with open(public, "w", encoding="ascii") as f:
        f.write("q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n")
    add(g, "eve@own.test", "--sealing", "client", "--key", public)
    line = send_boxes(g, "eve@own.test", [b"b" * 60])
    assert "mailbox=INBOX" in line and "sealed=client" in line
    (text,) = inbox(g, "eve@own.test")
    assert parse(text).get_content_type() == "multipart/encrypted"


def test_does_not_open(g):
    """Told in words, with what came; the next one opens all the same."""
    add(g, "carl@example.test")
    key = key_of(g, "carl@example.test")
    good = seal(key, letter(b"good\n"))
    flipped = bytearray(seal(key, letter()))
    flipped[-1] ^= 1
    for boxes in ([b"b" * 60], [bytes(32) + b"x" * 40], [bytes(flipped)], [good, b"c" * 61]):
        send_boxes(g, "carl@example.test", boxes)
    send_boxes(g, "carl@example.test", [good])
    mark = g.mark()
    texts = inbox(g, "carl@example.test")
    assert len(texts) == 5
    for _ in range(4):
        _, mark = g.find_log(r"imapd\[\d+\]: arrival .*state=sealed", mark)
    for text in texts[:4]:
        m = parse(text)
        assert m["Subject"] == "[...]" and m["From"].addresses[0].addr_spec == "sealed@godwit.invalid"
        assert "could not open it" in words(text) and "<bob@peer.example>" in words(text)
        (box,) = m.iter_attachments()
        assert box.get_content_type() == "application/vnd.godwit.cmtp1"
        assert box.get_payload(decode=True)[:4] == b"\0\0\0\1"
    assert words(texts[4]) == "good\n"


def lines_until(m, pattern):
    while not re.search(pattern, line := m.readline()):
        assert line
    return line


def test_idle(g):
    """A phone hears of it, and others too; one of them does the work."""
    add(g, "fred@example.test")
    phones = [g.imap("fred@example.test", "secret") for _ in range(3)]
    for m in phones:
        assert m.select()[1] == [b"0"]
        m.send(b"i IDLE\r\n")
        lines_until(m, rb"^\+ ")
    mark = g.mark()
    for n in range(1, 4):
        send_letter(g, "fred@example.test", letter(b"number %d\n" % n))
        for m in phones:
            lines_until(m, rb"^\* %d EXISTS" % n)
    for m in phones:
        m.send(b"DONE\r\n")
        assert lines_until(m, rb"^i ").startswith(b"i OK")
        assert b"number 3" in fetch(m, n="3")[1]
        m.logout()
    for _ in range(3):
        _, mark = g.find_log(r"imapd\[\d+\]: arrival .*state=opened", mark)


def test_between_commands(g):
    """A session that neither idles nor began anew."""
    add(g, "gina@example.test")
    m = g.imap("gina@example.test", "secret")
    assert m.select()[1] == [b"0"]
    mark = g.mark()
    send_letter(g, "gina@example.test", letter())
    g.wait_log(r"imapd\[\d+\]: arrival .*state=opened", since=mark)
    assert m.noop()[0] == "OK" and m.untagged_responses["EXISTS"][-1] == b"1"
    m.logout()


def test_quota(g):
    """Room is asked for when it comes, not when it is opened."""
    add(g, "hal@example.test")
    g.tool("gwuser", "quota", "hal@example.test", "3K", check=True)
    key = key_of(g, "hal@example.test")
    send_letter(g, "hal@example.test", letter(b"x" * 1000), key=key)
    mark = g.mark()
    with Client(g) as c:
        c.s.sendall(mail(to=b"hal@example.test", body=seal(key, letter(b"y" * 9000))))
        c.read(72)
    assert re.search(r"5\.2\.2|4\.2\.2", g.wait_log(r"\]: (reject|bounced|deferred) .*hal@example", since=mark))
    assert len(inbox(g, "hal@example.test")) == 1


STEPS = ["store.body-synced", "store.body-written", "store.journal-synced", "store.segments-synced",
         "store.index-committed", "store.reply-sent"]


@pytest.mark.parametrize("role, steps", [("store", STEPS), ("imapd", ["imapd.append", "imapd.appended"])])
def test_dies_meanwhile(role, steps):
    """At each step, while a login turns a message over: never twice, never lost."""
    with godwit.Instance() as g:
        g.add_config(CONFIG)
        g.start()
        for step in steps:
            user = f"{step.replace('.', '-')}@example.test"
            add(g, user)
            send_letter(g, user, letter(b"once\n"))
            g.control("crash", role, step)
            g.kill(role)
            g.wait_ready()
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                inbox(g, user)      # it may be cut off
            assert "signal=SIGKILL" in g.wait_exit(role)
            g.wait_ready()
            (text,) = inbox(g, user)
            assert words(text) == "once\n"
            assert g.tool("gwstore", "check").returncode == 0
            g.advance(70)           # so long in health: the next one starts at once again
