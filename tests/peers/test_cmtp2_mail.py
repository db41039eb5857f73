# SPDX-License-Identifier: ISC
"""Mail of another domain's server by CMTP 2, sealed outside of the suite, into a
mailbox: relay finds the server's key by MX and in DNS, and keyd remembers it."""
import base64
import ctypes
import time

import pytest
from cmtp2tools import Client2, Host, mail2, pay, seal, server_record, statuses
from device import library
from mailtools import fetch_all, message

import dnstools
import godwit
import mtas

ADDRESS, PLAIN = "127.0.0.2", "127.0.0.3"
TAKEN = (2, "2.6.0 Message taken")
SEEDS = {name: bytes([n]) * 32 for n, name in enumerate((b"peer.test", b"liar.test", b"unsigned.test"), 1)}
UNKNOWN = (4, "4.7.5 No key of the sending server is known")
NO_PACT = (4, "4.7.7 Not proven by a pact with the sending server")


def public_key(seed):
    sodium, public, secret = library("sodium"), ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    assert sodium.crypto_sign_seed_keypair(public, secret, seed) == 0
    return public.raw


class World:
    def __init__(self, folder):
        self.nsd = self.unbound = None
        authority = mtas.Authority(f"{folder}/authority")
        (folder / "host").mkdir()
        authority.make(f"{folder}/host", "mx.test")
        self.port = dnstools.free_port()
        self.host = Host(ADDRESS, self.port, f"{folder}/host",
                         {name: (seed, server_record(seed, public_key(seed), name)) for name, seed in SEEDS.items()})
        self.plain = Host(PLAIN, self.port, f"{folder}/host", {})
        signed, anchor = dnstools.sign(f"{folder}/sign", "test", self.zone())
        self.nsd = dnstools.Nsd(f"{folder}/nsd", {"test": signed})
        self.unbound = dnstools.Unbound(f"{folder}/unbound", self.nsd, [anchor])
        self.config = (f'dns {{ server = "127.0.0.1:{self.unbound.port}"  trusted = yes  cache_min_time = 1s }}\n'
                       f'relay {{ port = {self.port} }}\n')

    @staticmethod
    def zone():
        text = ("$ORIGIN test.\n$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n"
                f"mx IN A {ADDRESS}\nplain.mx IN A {PLAIN}\nplain IN MX 10 plain.mx\n")
        for name, named in (("peer", b"peer.test"), ("liar", b"peer.test"), ("unsigned", None)):
            text += f"{name} IN MX 10 mx\n"
            if named:
                text += f'_cmtp.{name} IN TXT "v=CMTP2; p={base64.b64encode(public_key(SEEDS[named])).decode()}"\n'
        return text

    def close(self):
        for server in (self.unbound, self.nsd):
            if server:
                server.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    w = World(tmp_path_factory.mktemp("cmtp2"))
    try:
        with w.host, w.plain:
            yield w
    finally:
        w.close()


def listener(g, more=""):
    return (f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
            f'cmtpd {{ processes = 1  {more} }}\n')


@pytest.fixture(scope="module")
def g(world):
    with godwit.Instance() as g:
        g.add_config(world.config + listener(g))
        g.start()
        for user in ("alice", "carol"):
            g.add_user(f"{user}@example.test", "secret")
        yield g


def keys(c, *users):
    server = c.ask_keys(b"", b"example.test")[1][-1]
    return server, [c.ask_keys(u, b"example.test", by=server.sign)[1][-1] for u in users]


def give(g, sender, text, to=(b"alice",), seed=None, **how):
    """The statuses of a mail from there."""
    with Client2(g) as c:
        server, records = keys(c, *to)
        m = mail2(seed or SEEDS[sender.partition(b"@")[2]], to=to, sender=sender, content=seal(text, records), **how)
        c.send_mail(m)
        what, content = c.answer(m, server.sign)
    g.wait_empty_queue()        # so that what comes next comes behind it
    return what, statuses(content)


def fetch(g, user="alice"):
    """A host that is slow may answer before what it took is in the mailbox."""
    g.wait_empty_queue()
    return fetch_all(g, user)


def test_into_mailboxes(g, world):
    texts = [message(sender="bob@peer.test", subject=f"n {n}", body="line\r\n" * lines)
             for n, lines in enumerate((1, 20000))]
    before = len(world.host.asked)
    for text in texts:
        assert give(g, b"bob@peer.test", text, to=(b"alice", b"carol")) == (1, [TAKEN, TAKEN])
    assert world.host.asked[before:] == [(b"", b"peer.test")]           # the second time it was remembered
    for user in ("alice", "carol"):
        got = fetch(g, user)
        assert len(got) == 2
        for text, whole in zip(texts, got, strict=True):
            assert whole.endswith(b"\r\n" + text)
            trace = whole[:-len(text)].decode()
            assert "cmtp=pass (CMTP 2) header.d=peer.test\r\n" in trace
            assert "Return-Path: <bob@peer.test>\r\n" in trace and f"Delivered-To: {user}@example.test\r\n" in trace
    # The host itself, and keyd after a restart.
    g.kill("keyd")
    g.wait_ready()
    assert give(g, b"@peer.test", texts[0]) == (1, [TAKEN])
    assert len(world.host.asked) == before + 1
    assert fetch(g)[2].startswith(b"Return-Path: <>\r\n")


def test_whom_nobody_vouches_for(g, world):
    text = message(sender="bob@liar.test")
    before = len(fetch(g))
    for sender, seed, status in (
            (b"bob@liar.test", None, (4, "4.7.5 The sending server's keys do not follow")),  # its record in DNS is another
            (b"bob@plain.test", SEEDS[b"peer.test"], UNKNOWN), (b"bob@nowhere.test", SEEDS[b"peer.test"], UNKNOWN),
            (b"bob@unsigned.test", SEEDS[b"peer.test"], (5, "5.7.7 Not signed by the sending server")),
            (b"bob@unsigned.test", None, TAKEN)):
        what, got = give(g, sender, text, seed=seed)
        assert got == [status], (sender, what, got)
    # A serial that its server does not have.
    assert give(g, b"bob@peer.test", text, serial=2)[1] == [UNKNOWN]
    assert give(g, b"bob@peer.test", text, to=(b"alice",), ahead=-30)[1] == [TAKEN]
    assert len(fetch(g)) == before + 2


def test_pact(g, world):
    """One signature of each for a connection; of another, or a second time, it proves nothing."""
    text = message(sender="bob@peer.test", subject="pact")
    before, elsewhere = len(fetch(g)), None
    for _ in range(2):
        with Client2(g) as c:
            server, records = keys(c, b"alice")

            def give_by(pact, c=c, server=server, records=records, **how):
                m = mail2(SEEDS[b"peer.test"], sender=b"bob@peer.test", content=seal(text, records), pact=pact, **how)
                c.send_mail(m)
                what, content = c.answer(m, server.sign)
                return m, what, statuses(content)

            assert give_by(None)[2] == [TAKEN]
            pact = c.pact
            for _ in range(3):
                m, _, got = give_by(pact)
                assert got == [TAKEN] and m.proof.kind == 2 and c.pact is pact
            assert give_by(pact, domain=b"else.test")[1] == 3
            if elsewhere:
                assert give_by(elsewhere)[2] == [NO_PACT] and c.pact is None
            else:
                c.send_mail(m)          # the same bytes once more
                assert statuses(c.answer(m, server.sign)[1]) == [NO_PACT] and c.pact is None
            assert give_by(pact)[2] == [NO_PACT]
            assert give_by(None)[2] == [TAKEN] and c.pact
            assert give_by(c.pact)[2] == [TAKEN]
            elsewhere = pact
    assert len(fetch(g)) == before + 12


def test_postage(world):
    """Asked of all; the same message is sent again with its solution."""
    text = message(sender="bob@peer.test", subject="paid")
    with godwit.Instance() as g:
        g.add_config(world.config + listener(g, "cmtp_postage = unknown  cmtp_postage_bits = 3  cmtp_postage_memory = 64K"))
        g.start()
        g.add_user("alice@example.test", "secret")
        with Client2(g) as c:
            server, records = keys(c, b"alice")
            m = mail2(SEEDS[b"peer.test"], sender=b"bob@peer.test", content=seal(text, records))
            c.send_mail(m)
            what, price = c.answer(m, server.sign)
            assert what == 2 and price[1] == 3 and price[2:6] == (64).to_bytes(4, "big")
            assert abs(int.from_bytes(price[42:], "big") - time.time() - 3600) < 300
            at = m.bytes.index(b"\0alice\0") + len(b"\0alice\0")
            for postage, want in ((pay(price, m, is_right=False), 2), (bytes(40), 2), (pay(price, m), 1)):
                paid = m.bytes[:6 + 32] + b"\0\x28" + m.bytes[6 + 34:at] + postage + m.bytes[at:]
                c.s.sendall(paid)
                what, content = c.answer(m, server.sign)
                assert what == want
            assert statuses(content) == [TAKEN]
        assert fetch(g)[0].endswith(text)
        # Known for a day: no stranger any more.
        g.advance(86400)
        with Client2(g) as c:
            server, records = keys(c, b"alice")
            m = mail2(SEEDS[b"peer.test"], sender=b"bob@peer.test", content=seal(text, records), ahead=86400)
            c.send_mail(m)
            assert c.answer(m, server.sign)[0] == 1
