# SPDX-License-Identifier: ISC
"""A whole session of the first client, of 2016, byte by byte: it waits for a banner,
asks for the server's key without a domain, reads replies by their length (102 bytes a
key, 220 an xzibit and its signature), seals to the key converted to X25519, and its
text is bare.  On the native port and on port 25."""
import ctypes
import re
import struct

import pytest
from cmtptools import Client, is_signed, mail
from device import library

import godwit

PASSWORD = "another than the mailbox's"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config("cmtpd { processes = 1  cmtp_mail = yes  cmtp_login = opt-in }\n")
        g.start()
        g.add_user("alice@example.test", "secret")
        p = g.tool("gwkey", "cmtp", "opt-in", "alice@example.test", "--password-stdin", input=PASSWORD + "\n")
        assert p.returncode == 0, p.stderr
        yield g


def native(g):
    return Client(g)        # which has read the banner


def shared(g):
    s = g.raw("smtp")
    banner = b""
    while not banner.endswith(b"\n"):
        banner += s.recv(1)
    assert banner.startswith(b"220 ")
    s.sendall(b"OHAI\0")
    c = Client(g, s)
    assert c.read(7) == b"OHAI 1\0"
    return c


def sealed(text, key):
    sodium, curve = library("sodium"), ctypes.create_string_buffer(32)
    assert sodium.sodium_init() >= 0 and sodium.crypto_sign_ed25519_pk_to_curve25519(curve, key) == 0
    out = ctypes.create_string_buffer(len(text) + 48)
    assert sodium.crypto_box_seal(out, text, ctypes.c_ulonglong(len(text)), curve) == 0
    return out.raw


def opened(xzibit, password):
    """The pair under the password, or None."""
    sodium = library("sodium")
    version, salt, length = struct.unpack(">I32sQ", xzibit[:44])
    assert (version, length) == (1, 112) and len(xzibit) == 156
    key, out = ctypes.create_string_buffer(32), ctypes.create_string_buffer(96)
    # OPSLIMIT_INTERACTIVE and MEMLIMIT_INTERACTIVE of that function.
    assert sodium.crypto_pwhash_scryptsalsa208sha256(
        key, ctypes.c_ulonglong(32), password.encode(), ctypes.c_ulonglong(len(password.encode())), salt,
        ctypes.c_ulonglong(524288), ctypes.c_size_t(16777216)) == 0
    bad = sodium.crypto_aead_chacha20poly1305_decrypt(out, None, None, xzibit[44:], ctypes.c_ulonglong(112), None,
                                                      ctypes.c_ulonglong(0), salt[:8], key)
    return None if bad else (out.raw[:32], out.raw[32:])


@pytest.mark.parametrize("connect", [native, shared])
def test_session(g, connect):
    mark = g.mark()
    with connect(g) as c:
        server, sig = c.ask_key(b"")                        # 102 bytes; no domain
        assert is_signed(server, server, sig)
        alice, sig = c.ask_key(b"alice", b"example.test")
        assert is_signed(server, alice, sig) and alice != server
        # Text alone, as it was sealed then, and with an attachment.
        for attachments in ((), (sealed(b"note.txt\0what is in it", alice),)):
            c.s.sendall(mail(body=sealed(b"bare text", alice), attachments=attachments))
            c.succeeded(server)
        c.say(b"LOGIN", b"alice")
        reply = c.read(220)
        assert is_signed(server, reply[:156], reply[156:])
        assert opened(reply[:156], "secret") is None        # the mailbox's is no password here
        public, secret = opened(reply[:156], PASSWORD)
        assert public == alice and secret[32:] == alice
        # What is sealed to the key opens with what came.
        sodium, box = library("sodium"), ctypes.create_string_buffer(32)
        curve, text = ctypes.create_string_buffer(32), ctypes.create_string_buffer(4)
        assert sodium.crypto_sign_ed25519_sk_to_curve25519(box, secret) == 0
        assert sodium.crypto_scalarmult_base(curve, box) == 0
        assert sodium.crypto_box_seal_open(text, sealed(b"test", alice), ctypes.c_ulonglong(52), curve, box) == 0
        assert text.raw == b"test"
        # Not a byte was too many: the next reply follows.
        c.say(b"LOGIN", b"nobody")
        fake = c.read(220)
        assert is_signed(server, fake[:156], fake[156:]) and opened(fake[:156], PASSWORD) is None
        c.say(b"KEYREQUEST", b"nobody", b"example.test")
        c.failed(server)
        c.say(b"OBAI")
        assert c.read_end() == b""
    for _ in range(2):
        line, mark = g.find_log(r"queue\[\d+\]: queued ", mark)
    assert re.search(r"from=<bob@peer\.example>", line)
