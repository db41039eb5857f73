# SPDX-License-Identifier: ISC
"""sealing = client: the secret key is on the owner's device alone; IMAP serves
the sealed object, and only the device opens it."""
import base64
import email
import imaplib
import os
import re

import pytest
from device import CannotOpen, Device
from mailtools import message, send, without_trace
from test_sealed import grep

import godwit

LAW = 'domain "law.test" { sealing = client }\n'
WORDS = ["Zebulonquartz", "Quinquagesimal", "Vexillologist"]


@pytest.fixture
def g():
    with godwit.Instance(LAW) as g:
        g.start()
        yield g


def gwuser(g, *args, input=None, code=0):
    p = g.tool("gwuser", *args, input=input)
    assert p.returncode == code, (args, p.stdout, p.stderr)
    return p.stdout


def key_file(g, device, form="pem"):
    path = os.path.join(g.root, "device.key")
    with open(path, "w", encoding="ascii") as f:
        f.write(device.pem() if form == "pem" else device.base64() + "\n")
    return path


def add_bob(g, form="pem"):
    device = Device()
    gwuser(g, "add", "bob@law.test", "--sealing", "client", "--key", key_file(g, device, form),
           "--password-stdin", input="first\n")
    return device


def bob(g, select="INBOX"):
    m = g.imap("bob@law.test", "first")
    if select:
        ok, data = m.select(select)
        assert ok == "OK", data
    return m


def fetch(m, what, n="1"):
    ok, data = m.fetch(n, what)
    assert ok == "OK", data
    return data


def whole(m, n="1"):
    return fetch(m, "(BODY.PEEK[])", n)[0][1]


def noise(n):
    """Lines that no compression shortens much."""
    text = base64.b85encode(os.urandom(n)).decode().replace(".", "-")
    return "".join(f"{text[i:i + 70]}\r\n" for i in range(0, len(text), 70))


def packed_by(served):
    """The flags of the object: how its text is compressed."""
    return email.message_from_bytes(served).get_payload()[1].get_payload(decode=True)[6]


def test_compression_is_what_the_operator_says():
    """By delivery and by APPEND; what is stored stays as it is, and readable."""
    with godwit.Instance(LAW + "mail_compression = lz4\n") as g:
        g.start()
        device = add_bob(g)
        g.add_user("alice@example.test", "secret")
        texts = [b"%d words of a text.\r\n" % n for n in range(12000)]
        short, large = message("short", "text\r\n", to="bob@law.test"), message("large", to="bob@law.test")
        large += b"".join(texts)
        want = []
        for method, flag in (("lz4", 2), ("zstd", 1), ("no", 0), ("lz4", 2)):
            if want:
                assert g.tool("gwconf", "-e", f"mail_compression={method}").returncode == 0
                assert g.godwit("reload").returncode == 0
            m = bob(g)
            for data, packed in ((large, flag), (short, 0)):
                send(g, data, to="bob@law.test")
                assert m.append("INBOX", None, None, data)[0] == "OK"
                want += [(data, packed)] * 2
            m.logout()
            g.wait_empty_queue()
            with g.imap("alice@example.test", "secret") as m:
                assert m.append("INBOX", None, None, large)[0] == "OK"
        g.restart()
        m = bob(g)
        got = sorted((without_trace(device.open(served)), packed_by(served))
                     for served in (whole(m, str(n)) for n in range(1, len(want) + 1)))
        assert got == sorted(want)
        m.logout()
        with g.imap("alice@example.test", "secret") as m:
            m.select("INBOX")
            for n in range(1, 5):
                assert whole(m, str(n)) == large
                # on both sides of the end of a frame
                for first, count in ((131000, 200), (131072, 1), (0, 131072), (len(large) - 5, 100)):
                    part = fetch(m, f"(BODY.PEEK[]<{first}.{count}>)", str(n))[0][1]
                    assert part == large[first:first + count]
            assert m.search(None, "TEXT", '"11999 words"')[1] == [b"1 2 3 4"]
        assert g.tool("gwstore", "check").returncode == 0


def test_the_device_opens_what_is_served(g):
    device = add_bob(g)
    subject, body, name = WORDS
    mails = [message(subject, f"the {body} speaks\r\n", f"{name} <x@else.example>", "bob@law.test"),
             message("large", f"{body} and more\r\n" * 30000, to="bob@law.test"),
             message("noise", noise(120000), to="bob@law.test")]
    for data in mails:
        send(g, data, to="bob@law.test")
    m = bob(g)
    for n, data in enumerate(mails, 1):
        served = whole(m, str(n))
        assert without_trace(device.open(served)) == data
        with pytest.raises(CannotOpen):
            Device().open(served)
        with pytest.raises(CannotOpen):
            device.open(served.replace(b"Content: ", b"Content: 1"))
    m.logout()
    # nothing of it is anywhere, while it runs and behind that
    for word in WORDS:
        assert grep(g, word) == [], word
    g.stop()
    for word in WORDS:
        assert grep(g, word) == [], word
    for secret in (device.secret, device.secret.hex().encode()):
        for folder, _, names in os.walk(g.root):
            for file in names:
                path = os.path.join(folder, file)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        assert secret not in f.read(), path


def test_form(g):
    """ENVELOPE, BODYSTRUCTURE, sections, partials and sizes are of one message."""
    device = add_bob(g, "base64")
    send(g, message(WORDS[0], "text\r\n" * 20000, to="bob@law.test"), to="bob@law.test")
    m = bob(g)
    served = whole(m)
    assert int(re.search(rb"RFC822.SIZE (\d+)", fetch(m, "(RFC822.SIZE)")[0]).group(1)) == len(served)
    envelope = fetch(m, "(ENVELOPE)")[0]
    assert b'"[...]"' in envelope and b"godwit.invalid" in envelope and b"x@else" not in envelope
    structure = fetch(m, "(BODYSTRUCTURE)")[0]
    assert re.search(rb'"ENCRYPTED" \("BOUNDARY" "=_sealed" "PROTOCOL" "application/vnd.godwit.sealed-keys"\)',
                     structure, re.I), structure
    parts = email.message_from_bytes(served).get_payload()
    octets = re.search(rb'"octet-stream" \([^)]*\) NIL NIL "base64" (\d+)', structure, re.I).group(1)
    assert int(octets) == len(fetch(m, "(BODY.PEEK[2])")[0][1])
    assert fetch(m, "(BODY.PEEK[1])")[0][1].decode().replace("\r\n", "\n") == parts[0].get_payload() + "\n" or \
        fetch(m, "(BODY.PEEK[1])")[0][1].decode().splitlines() == parts[0].get_payload().splitlines()
    header = served[:served.index(b"\r\n\r\n") + 4]
    assert fetch(m, "(BODY.PEEK[HEADER])")[0][1] == header
    assert fetch(m, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[0][1] == b"Subject: [...]\r\n\r\n"
    # any piece is what stands there
    head = len(header)
    for a, n in ((0, 10), (head - 3, 700), (1000, 78), (1011, 1), (1500, 5000), (len(served) - 40, 30),
                 (len(served) - 5, 50), (len(served), 5)):
        (_, piece), *_ = fetch(m, f"(BODY.PEEK[]<{a}.{n}>)")
        assert piece == served[a:a + n], (a, n)
    # decoded on the way: the bytes of the object
    assert fetch(m, "(BINARY.PEEK[2])")[0][1] == parts[1].get_payload(decode=True)
    assert device.open(served).endswith(b"text\r\n")


def test_search_sort_and_flags(g):
    """What needs no key works as ever; texts are those that are served."""
    add_bob(g)
    for size in (10, 3000, 1000):
        send(g, message(WORDS[0], noise(size), to="bob@law.test"), to="bob@law.test")
    m = bob(g)
    sizes = [len(whole(m, n)) for n in "123"]
    assert m.search(None, "SUBJECT", "[...]")[1] == [b"1 2 3"]
    assert m.search(None, "SUBJECT", WORDS[0])[1] == [b""]
    assert m.search(None, "TEXT", WORDS[0])[1] == [b""]
    assert m.search(None, "TEXT", "godwit.invalid")[1] == [b"1 2 3"]
    assert m.search(None, "LARGER", str(sizes[2]))[1] == [b"2"]
    assert m.search(None, "SMALLER", str(sizes[2]))[1] == [b"1"]
    assert m.search(None, "LARGER", str(sizes[2] - 1))[1] == [b"2 3"]
    assert m.uid("SORT", "(SIZE)", "UTF-8", "ALL")[1] == [b"1 3 2"]
    assert m.uid("SORT", "(REVERSE SUBJECT)", "UTF-8", "ALL")[1] == [b"1 2 3"]
    assert m.store("2", "+FLAGS", r"(\Flagged)")[0] == "OK"
    assert m.search(None, "FLAGGED")[1] == [b"2"]
    total = int(re.search(rb"SIZE (\d+)", m.status("INBOX", "(SIZE)")[1][0]).group(1))
    assert sum(sizes) <= total
    assert m.copy("2", "Archive")[0] == "OK"
    second = whole(m, "2")
    m.select("Archive")
    assert whole(m) == second
    # a session with columns of its own: nothing was kept of what cannot be opened
    m.select("INBOX")
    assert m.search(None, "SUBJECT", "[...]")[1] == [b"1 2 3"]


def test_append(g):
    """The server seals to the key; what was sealed before is sealed as any text."""
    device = add_bob(g)
    m = bob(g)
    own = message(WORDS[1], "kept\r\n")
    assert m.append("INBOX", r"(\Seen)", None, own)[0] == "OK"
    m.noop()
    served = whole(m)
    assert device.open(served) == own
    assert m.append("INBOX", None, None, served)[0] == "OK"
    m.noop()
    assert device.open(device.open(whole(m, "2"))) == own
    assert grep(g, WORDS[1]) == []


def test_change_to_client(g):
    """Keys go to the device, bodies stay; nobody else opens the old mail either."""
    gwuser(g, "add", "bob@law.test", "--sealing", "escrow", "--password-stdin", input="first\n")
    mails = [message("read", f"{WORDS[0]}\r\n" * 50, to="bob@law.test"),
             message("unread", f"{WORDS[1]}\r\n" * 50, to="bob@law.test")]
    send(g, mails[0], to="bob@law.test")
    m = bob(g)
    assert without_trace(whole(m)) == mails[0]
    g.stop()
    g.start()       # another epoch, that nobody reads
    send(g, mails[1], to="bob@law.test")
    m = bob(g)
    validity = int(m.untagged_responses["UIDVALIDITY"][0])
    device, other = Device(), Device()
    assert "client needs its public key" in g.tool("gwuser", "sealing", "bob@law.test", "client").stderr
    gwuser(g, "sealing", "bob@law.test", "client", "--key", key_file(g, device))
    with pytest.raises((imaplib.IMAP4.error, imaplib.IMAP4.abort, AssertionError)):
        whole(m)
    m = bob(g)
    assert int(m.untagged_responses["UIDVALIDITY"][0]) > validity
    send(g, message("new", "x\r\n", to="bob@law.test"), to="bob@law.test")
    m.noop()
    for n, data in enumerate(mails, 1):
        served = whole(m, str(n))
        assert without_trace(device.open(served)) == data
        assert b"Account-Key-Sealed: " in served
        assert int(re.search(rb"RFC822.SIZE (\d+)", fetch(m, "(RFC822.SIZE)", str(n))[0]).group(1)) == len(served)
    assert device.open(whole(m, "3")).endswith(b"x\r\n")
    # another device: its key from now on, what was before stays the first one's
    gwuser(g, "sealing", "bob@law.test", "client", "--key", key_file(g, other))
    send(g, message("newer", "y\r\n", to="bob@law.test"), to="bob@law.test")
    m = bob(g)
    assert other.open(whole(m, "4")).endswith(b"y\r\n")
    assert device.open(whole(m, "3")).endswith(b"x\r\n")
    assert without_trace(device.open(whole(m, "1"))) == mails[0]
    lines = gwuser(g, "key", "bob@law.test").splitlines()
    assert lines[0] == f"3 client {other.base64()}"
    assert lines[1] == f"2 client {device.base64()}"
    assert lines[2].startswith("1 client-sealed ")
    # back: what comes is readable, what was sealed to devices stays so
    gwuser(g, "sealing", "bob@law.test", "escrow")
    send(g, message("newest", "z\r\n", to="bob@law.test"), to="bob@law.test")
    m = bob(g)
    assert whole(m, "5").endswith(b"z\r\n")
    assert without_trace(device.open(whole(m, "2"))) == mails[1]
    sizes = [len(whole(m, str(n))) for n in range(1, 6)]
    assert [int(re.search(rb"RFC822.SIZE (\d+)", d).group(1)) for d in fetch(m, "(RFC822.SIZE)", "1:5")] == sizes
    found = m.search(None, "LARGER", str(sizes[4]))[1][0].split()
    assert found == [b"1", b"2", b"3", b"4"]
    assert m.search(None, "SUBJECT", "newest")[1] == [b"5"]
    assert m.search(None, "SUBJECT", "newest")[1] == [b"5"]


def test_tool_refuses(g):
    def fails(code, *args):
        return gwuser(g, *args, "--password-stdin", input="first\n", code=code)

    bad = os.path.join(g.root, "bad.key")
    with open(bad, "w", encoding="ascii") as f:
        f.write("AAAA\n")
    fails(64, "add", "bob@law.test")
    fails(64, "add", "bob@law.test", "--sealing", "client")
    fails(64, "add", "bob@law.test", "--sealing", "escrow", "--key", bad)
    fails(64, "add", "bob@law.test", "--sealing", "nothing")
    fails(65, "add", "bob@law.test", "--key", bad)
    fails(66, "add", "bob@law.test", "--key", bad + "x")
    # a point of small order: everybody could open what is sealed to it
    with open(bad, "w", encoding="ascii") as f:
        f.write("A" * 43 + "=\n")
    fails(65, "add", "bob@law.test", "--key", bad)
    with open(bad, "w", encoding="ascii") as f:
        f.write("A" * 1000)
    fails(65, "add", "bob@law.test", "--key", bad)
    assert gwuser(g, "list") == ""
    gwuser(g, "key", "bob@law.test", code=67)
