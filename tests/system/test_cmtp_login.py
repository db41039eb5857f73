# SPDX-License-Identifier: ISC
"""LOGIN2 and REGISTER2 of CMTP 2 inside TLS, and LOGIN of CMTP 1 for accounts that opted in."""
import ctypes
import struct

import pytest
from cmtptools import Client, is_signed, server_key
from mailtools import address
from opaquetools import GOOD, LATER, MAIL_PASSWORD, NO, SODIUM, Login2, Refused, blind, key_pair

import godwit

SECRET = b"what only alice opens"
DOMAIN = b"example.test"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
                     'cmtpd { processes = 1 }\n'
                     'keyd { cmtp_login_rate = "1000/m"  cmtp_login_user_rate = "100/m" }')
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


def gwkey(g, *args, password=None):
    p = g.tool("gwkey", *args, *(["--password-stdin"] if password else []), input=password and password + "\n")
    return p.returncode, p.stdout, p.stderr


def restart_with(g, old, new):
    with open(g.conf, encoding="utf-8") as f:
        text = f.read()
    assert old in text
    g.stop()
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    g.start()


def is_refused(c, user, password):
    """As by a server that has it under another password, or not at all."""
    with pytest.raises(Refused):
        c.login(user, DOMAIN, password)
    return True


def test_register_and_login(g):
    mark = g.mark()
    with Login2(g) as c:
        assert is_refused(c, b"alice", b"own vocable")
        assert c.register(b"alice", DOMAIN, b"wrong", b"own vocable", SECRET) == NO
        assert c.register(b"nobody", DOMAIN, b"secret", b"own vocable", SECRET) == NO
        assert c.register(b"alice", DOMAIN, b"secret", b"secret", SECRET) == MAIL_PASSWORD
        assert is_refused(c, b"alice", b"secret")
        assert c.register(b"alice", DOMAIN, b"secret", b"own vocable", SECRET) == GOOD
        assert c.login(b"alice", DOMAIN, b"own vocable") == (GOOD, SECRET)
        assert c.login(b"ALICE", b"", b"own vocable") == (GOOD, SECRET)
        assert is_refused(c, b"alice", b"secret")
        assert is_refused(c, b"nobody", b"own vocable")
    name = address("alice")
    g.wait_log(r"cmtpd\[\d+\]: auth ", since=mark, sasl_method="LOGIN2", sasl_username=name)
    g.wait_log(r"cmtpd\[\d+\]: auth ", since=mark, sasl_method="REGISTER2", sasl_username=name)
    g.wait_log(r"cmtpd\[\d+\]: auth_failed ", since=mark, sasl_method="REGISTER2", sasl_username="nobody@example.test")
    g.wait_log(r"keyd\[\d+\]: key ", since=mark, action="register", key=name, result="success")
    assert "vocable" not in g.log_text(mark)


def test_it_is_there_after_a_restart(g):
    with Login2(g) as c:
        assert c.register(b"alice", DOMAIN, b"secret", b"own", SECRET) == GOOD
    g.restart()
    with Login2(g) as c:
        assert c.login(b"alice", DOMAIN, b"own") == (GOOD, SECRET)
        # Another password for another secret; the old one opens nothing.
        assert c.register(b"alice", DOMAIN, b"secret", b"own again", b"new " + SECRET) == GOOD
        assert is_refused(c, b"alice", b"own")
        assert c.login(b"alice", DOMAIN, b"own again") == (GOOD, b"new " + SECRET)
    assert gwkey(g, "cmtp", "opt-out", address("alice"))[0] == 0
    with Login2(g) as c:
        assert is_refused(c, b"alice", b"own again")
    assert gwkey(g, "cmtp", "logins") == (0, "", "")
    assert gwkey(g, "cmtp", "opt-out", address("alice"))[0] == 67


def test_steps_out_of_order(g):
    proof = b"PROOF2\0" + bytes(64)
    record = b"RECORD2\0" + bytes(192) + b"\0\0"
    with Login2(g) as c:
        for request in (proof, record, proof + record):
            c.s.sendall(request)
            for _ in range(request.count(b"2\0")):
                assert c.answer2() == (NO, b"")
        # A message that holds no element of the group, and then a proof of it.
        c.s.sendall(b"LOGIN2\0alice\0" + DOMAIN + b"\0" + b"\xff" * 96 + proof)
        assert c.answer2() == (NO, b"") and c.answer2() == (NO, b"")
        c.s.sendall(b"REGISTER2\0alice\0" + DOMAIN + b"\0secret\0" + bytes(32) + record)
        assert c.answer2() == (NO, b"") and c.answer2() == (NO, b"")
        # One proof for one login.
        c.s.sendall(b"LOGIN2\0alice\0" + DOMAIN + b"\0" + blind(b"x")[1] + bytes(32) + key_pair(bytes(32))[1] +
                    proof + proof)
        assert c.answer2()[0] == GOOD and c.answer2() == (NO, b"") and c.answer2() == (NO, b"")
        c.say(b"NOOP")
        assert c.read(4) == b"1 2\0"


def test_bad_input(g):
    failure = server_key(g)
    for request, reason in ((b"RECORD2\0" + bytes(192) + struct.pack(">H", 2049), "bundle_length"),
                            (b"RECORD2\0" + bytes(192) + b"\xff\xff", "bundle_length"),
                            (b"LOGIN2\0" + b"a" * 256, "parameter_length"),
                            (b"LOGIN2\0\xff\0", "utf8"), (b"REGISTER2\0a\0b\0" + b"p" * 256, "parameter_length"),
                            (b"LOGIN22\0", "unknown_command")):
        mark = g.mark()
        with Login2(g) as c:
            c.s.sendall(request)
            c.failed(failure)
            assert c.read_end() == b""
        g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark, reason=reason)
    # Cut off at any byte: nothing is kept, and the server goes on.
    whole = b"REGISTER2\0alice\0" + DOMAIN + b"\0secret\0" + bytes(32)
    for n in range(1, len(whole), 7):
        with Login2(g) as c:
            c.s.sendall(whole[:n])
    with Login2(g) as c:
        assert is_refused(c, b"alice", b"x")


def test_limit_of_a_user(g):
    many, few = 'cmtp_login_user_rate = "100/m"', 'cmtp_login_user_rate = "3/h"'
    restart_with(g, many, few)
    try:
        with Login2(g) as c:
            for user in (b"carol", b"alice"):       # whether there is one or not
                for _ in range(3):
                    assert is_refused(c, user, b"x")
                assert c.login(user, DOMAIN, b"x") == (LATER, None)
                assert c.register(user, DOMAIN, b"secret", b"own", SECRET) == LATER
            assert is_refused(c, b"dora", b"x")
    finally:
        restart_with(g, few, many)


# ---- version 1

def xzibit(g, user, server):
    with Client(g) as c:
        c.say(b"LOGIN", user)
        data = c.read(156 + 64)
    assert is_signed(server, data[:156], data[156:])
    assert data[:4] == b"\0\0\0\1" and data[36:44] == struct.pack(">Q", 112)
    return data[:156]


def opened(data, password):
    """The public key in it; None."""
    key, out = ctypes.create_string_buffer(32), ctypes.create_string_buffer(96)
    assert SODIUM.crypto_pwhash_scryptsalsa208sha256(
        key, ctypes.c_ulonglong(32), password, ctypes.c_ulonglong(len(password)), data[4:36],
        ctypes.c_ulonglong(524288), ctypes.c_size_t(16777216)) == 0
    if SODIUM.crypto_aead_chacha20poly1305_decrypt(out, None, None, data[44:], ctypes.c_ulonglong(112), None,
                                                   ctypes.c_ulonglong(0), data[4:12], key) != 0:
        return None
    return out.raw[:32]


def test_login_of_version_1(g):
    server = server_key(g)
    name = address("alice")
    with Client(g) as c:
        c.say(b"LOGIN", b"alice")
        c.failed(server)
    restart_with(g, "cmtpd { processes = 1", "cmtpd { processes = 1  cmtp_login = opt-in")
    nobody, not_yet = xzibit(g, b"nobody", server), xzibit(g, b"alice", server)
    assert nobody != not_yet and xzibit(g, b"nobody@example.test", server) == nobody
    assert xzibit(g, b"alice", server) == not_yet and opened(not_yet, b"secret") is None
    code, _, err = gwkey(g, "cmtp", "opt-in", name, password="secret")
    assert code == 65 and "mailbox's password" in err
    assert gwkey(g, "cmtp", "opt-in", name, password="own") == (0, "", "")
    first = xzibit(g, b"alice", server)
    with Client(g) as c:
        assert opened(first, b"own") == c.ask_key(b"alice", DOMAIN)[0]
    assert opened(first, b"secret") is None
    assert gwkey(g, "cmtp", "opt-in", name, password="own") == (0, "", "")
    again = xzibit(g, b"alice", server)
    assert again[4:36] != first[4:36]           # a fresh salt
    assert xzibit(g, b"nobody", server) == nobody
    code, out, _ = gwkey(g, "cmtp", "logins")
    assert code == 0 and out.split()[:2] == [name, "1"]
    assert gwkey(g, "cmtp", "opt-out", name) == (0, "", "")
    assert xzibit(g, b"alice", server) == not_yet
