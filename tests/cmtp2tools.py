# SPDX-License-Identifier: ISC
"""A client of CMTP 2, and the host of a domain that sends by it, written from
man/cmtp.7 byte by byte."""
import contextlib
import ctypes
import hashlib
import os
import ssl
import struct
import subprocess
import tempfile
import time
from types import SimpleNamespace

import dnstools
import godwit
import tlspeer
from cmtptools import Client, is_signed
from device import library

# PrivateKeyInfo of Ed25519 up to the seed (RFC 8410 s7).
ED25519_SECRET = bytes.fromhex("302e020100300506032b657004220420")


def signed_bytes(purpose, *fields):
    return b"CMTP2\0" + purpose + b"\0" + b"".join(struct.pack(">I", len(f)) + f for f in fields)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def sign(seed, data):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", ED25519_SECRET + seed), ("data", data)):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "data"],
                              cwd=folder, capture_output=True, timeout=20, check=True).stdout


def read_record(data):
    """One key record from the front, and what is behind it."""
    fmt, kind, zero, generation, serial, created, expires = struct.unpack(">BBHIQQQ", data[:32])
    assert (fmt, zero) == (1, 0)
    at = 128
    names = []
    for _ in range(2):
        names.append(data[at + 1:at + 1 + data[at]])
        at += 1 + data[at]
    body, own, has = data[:at], data[at:at + 64], data[at + 64]
    at += 65
    previous = data[at:at + 64 * has]
    at += 64 * has
    return SimpleNamespace(kind=kind, generation=generation, serial=serial, created=created, expires=expires,
                           sign=data[32:64], seal=data[64:96], before=data[96:128], domain=names[0], user=names[1],
                           body=body, own=own, previous=previous, server=data[at:at + 64]), data[at + 64:]


def is_verified(record, server):
    return (is_signed(record.sign, signed_bytes(b"key", record.body), record.own)
            and is_signed(server, signed_bytes(b"key-server", record.body, record.own, record.previous), record.server))


class Client2(Client):
    """Inside TLS, after the banner."""

    def __init__(self, g):
        super().__init__(g, g.tls().wrap_socket(g.raw("cmtps"), server_hostname="localhost"))
        self.pact = None
        assert self.read(27) == b"Welcome to CMTP version 1\n\0"

    def ask_keys(self, user, domain, known=0, by=None):
        """Status and records; the reply is signed by that key, or by the one of the first record."""
        nonce = os.urandom(32)
        self.s.sendall(b"KEYREQUEST2\0" + user + b"\0" + domain + b"\0" + nonce + struct.pack(">Q", known))
        head = self.read(6)
        assert head[:4] == b"\0\0\0\2"
        records = [self.read_record() for _ in range(head[5])]
        raw = b"".join(r.body + r.own + bytes([len(r.previous) // 64]) + r.previous + r.server for r in records)
        sig = self.read(64)
        assert is_signed(by or records[-1].sign, signed_bytes(b"key-reply", nonce, user, domain, head[4:] + raw), sig)
        return head[4], records

    def read_record(self):
        data = self.read(129)                   # to the domain's length
        data += self.read(data[128] + 1)
        data += self.read(data[-1] + 65)        # the user, own, and if there is a previous
        data += self.read(64 + 64 * data[-1])
        record, rest = read_record(data)
        assert rest == b""
        return record

    def send_mail(self, mail):
        self.s.sendall(mail.bytes)

    def answer(self, mail, by):
        head = self.read(9)
        assert head[:4] == b"\0\0\0\2"
        what, (length,) = head[4], struct.unpack(">I", head[5:])
        content = self.read(length)
        asked, (kind,) = mail.proof, self.read(1)
        if kind == 1:
            share, sig = self.read(32), self.read(64)
            assert is_signed(by, signed_bytes(b"mail-reply", mail.digest, bytes([what]), content, asked.share, share), sig)
            self.pact = Pact(mail, share, sig) if share != bytes(32) else None
        else:
            assert (kind, asked.kind) == (2, 2)
            over = signed_bytes(b"mail-reply-mac", asked.number, mail.digest, bytes([what]), content)
            assert self.read(32) == mac(asked.key, over)
        return what, content


def statuses(content):
    found = []
    while content:
        text, _, rest = content[1:].partition(b"\0")
        found.append((content[0], text.decode()))
        content = rest
    return found


class Pact:
    """Of a signed MAIL2 and its answer; next: the number of the next one under it."""

    def __init__(self, mail, share, sig):
        key = ctypes.create_string_buffer(32)
        assert library("sodium").crypto_box_beforenm(key, share, mail.proof.secret) == 0
        self.key = mac(key.raw, signed_bytes(b"pact", mail.digest, mail.proof.share, mail.proof.sig, share, sig))
        self.next = 1

    def prove(self, of):
        number = struct.pack(">Q", self.next)
        self.next += 1
        return SimpleNamespace(kind=2, key=self.key, number=number, share=bytes(32),
                               bytes=b"\2" + mac(self.key, signed_bytes(b"mail-mac", number, of)))


def prove_by_key(seed, *fields):
    share, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    assert library("sodium").crypto_box_keypair(share, secret) == 0
    sig = sign(seed, signed_bytes(b"mail", *fields, share.raw))
    return SimpleNamespace(kind=1, share=share.raw, secret=secret.raw, sig=sig, bytes=b"\1" + share.raw + sig)


def mail2(seed, to=(b"alice",), sender=b"bob@peer.example", domain=b"example.test", content=bytes(300), serial=1,
          postage=b"", ahead=0, pact=None):
    """MAIL2 as it goes over the wire, its digest, and what proves it."""
    user, _, host = sender.partition(b"@")
    head = struct.pack(">IIQQQ", 2, len(to), int(time.time()) + ahead, serial, len(content))
    names = b"".join(n + b"\0" for n in (user, host, domain, *to))
    fields = head + b"\0\0" + names, digest(content)
    of = digest(signed_bytes(b"mail-digest", *fields))
    proof = pact.prove(of) if pact else prove_by_key(seed, *fields)
    return SimpleNamespace(digest=of, proof=proof, bytes=b"MAIL2\0" + head + struct.pack(">H", len(postage)) + names +
                           postage + content + proof.bytes)


# ---- what is sent

def mac(key, data):
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def seal(text, records):
    """An object of suite 2, with an entry for the key of each record."""
    sodium = library("sodium")
    assert sodium.sodium_init() >= 0
    key = os.urandom(32)
    fixed = b"GWSO\1\2\0\0" + struct.pack(">Q", len(text))
    sealed = fixed + mac(mac(key, b"GWSO commitment"), fixed) + struct.pack(">H", len(records))
    for r in records:
        box = ctypes.create_string_buffer(80)
        assert sodium.crypto_box_seal(box, key, ctypes.c_ulonglong(32), r.seal) == 0
        sealed += bytes([1, r.generation & 255]) + digest(r.seal)[:8] + struct.pack(">H", 80) + box.raw
    last = len(text) // 16384
    for n in range(last + 1):
        piece = text[n * 16384:(n + 1) * 16384]
        out = ctypes.create_string_buffer(len(piece) + 16)
        nonce = bytes(4) + n.to_bytes(7, "big") + bytes([n == last])
        assert sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            out, None, piece, ctypes.c_ulonglong(len(piece)), fixed, ctypes.c_ulonglong(len(fixed)), None, nonce,
            mac(key, b"GWSO body")) == 0
        sealed += out.raw
    return sealed


def pay(price, request, is_right=True):
    """The postage of a request for a price, or one that solves nothing."""
    algorithm, bits, kib, passes = struct.unpack(">BBII", price[:10])
    assert algorithm == 1 and struct.unpack(">Q", price[42:])[0] > time.time()
    sodium, out = library("sodium"), ctypes.create_string_buffer(32)
    for counter in range(1 << 16):
        work = request.digest + struct.pack(">Q", counter)
        assert sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), work, ctypes.c_ulonglong(len(work)), price[10:26],
                                    ctypes.c_ulonglong(passes), ctypes.c_size_t(kib * 1024), 2) == 0
        if (int.from_bytes(out.raw, "big") >> (256 - bits) == 0) == is_right:
            return price[10:42] + struct.pack(">Q", counter)
    raise AssertionError("no solution")


def server_record(seed, key, domain, created=None):
    """The first record of a server, by itself."""
    created = int(created or time.time() - 60)
    body = struct.pack(">BBHIQQQ", 1, 1, 0, 1, 1, created, created + 90 * 86400) + key + bytes(64)
    body += bytes([len(domain)]) + domain + b"\0"
    own = sign(seed, signed_bytes(b"key", body))
    return body + own + b"\0" + sign(seed, signed_bytes(b"key-server", body, own, b""))


class _Session(tlspeer.Session):
    """SMTP up to OHAI, which is for those inside TLS."""

    def say(self, verb, usual, argument=""):
        if verb == "EHLO" and isinstance(self.sock, ssl.SSLSocket) and self.host.records:
            self.sock.sendall(b"250-peer\r\n250 CMTP 1 2\r\n")
            return "250"
        return super().say(verb, usual, argument)

    def line(self):
        while b"\n" not in self.rest:
            if self.rest.startswith(b"OHAI\0"):
                self.rest = self.rest[5:]
                self.cmtp()
                return None
            data = self.sock.recv(65536)
            if not data:
                return None
            self.rest += data
        return super().line()

    def take(self, n):
        while len(self.rest) < n:
            data = self.sock.recv(65536)
            if not data:
                raise OSError("closed")
            self.rest += data
        taken, self.rest = self.rest[:n], self.rest[n:]
        return taken

    def word(self):
        word = b""
        while not word.endswith(b"\0"):
            word += self.take(1)
        return word[:-1]

    def cmtp(self):
        self.sock.sendall(b"OHAI 1 2\0")
        while (verb := self.word()) != b"OBAI":
            assert verb == b"KEYREQUEST2", verb
            user, domain = self.word(), self.word()
            nonce, _ = self.take(32), self.take(8)
            with self.host.changed:
                self.host.asked.append((user, domain))
                self.host.changed.notify_all()
            seed, record = self.host.records[domain]
            content = b"\0\1" + record
            self.sock.sendall(b"\0\0\0\2" + content +
                              sign(seed, signed_bytes(b"key-reply", nonce, user, domain, content)))


class Host(tlspeer.Host):
    """records: for a domain the seed of its server's key, and the record."""

    session = _Session

    def __init__(self, address, port, folder, records):
        super().__init__(address, port, folder)
        self.records, self.asked = records, []


ZONE = """$ORIGIN test.
$TTL 1
@ IN SOA ns hostmaster 1 3600 600 86400 1
@ IN NS ns
ns IN A 127.0.0.1
mx IN A 127.0.0.1
a IN MX 10 mx
b IN MX 10 mx
"""


@contextlib.contextmanager
def pair(folder, config):
    """Two suites, of a.test and of b.test, that find each other by MX.  config(g): more of
    their configurations."""
    nsd = dnstools.Nsd(f"{folder}/nsd", {"test": ZONE})
    try:
        with godwit.Instance(domain="a.test", hostname="mx.a.test") as a, \
                godwit.Instance(domain="b.test", hostname="mx.b.test") as b:
            for g, other in ((a, b), (b, a)):
                g.add_config(config(g) + f'dns {{ server = "127.0.0.1:{nsd.port}"  cache_min_time = 1s }}\n'
                             f'relay {{ port = {other.port("smtp")}  processes = 1 }}\n')
            for g in (a, b):
                g.start()
            yield a, b
    finally:
        nsd.stop()
