# SPDX-License-Identifier: ISC
"""gwcmtp keygen, passwd, public: the keys of a device, in a file under a password."""
import base64
import os
import pty
import resource
import signal
import subprocess

import pytest
from device import Device

import godwit

USAGE, DATAERR, NOINPUT, CANTCREAT, NOPERM, CONFIG = 64, 65, 66, 73, 77, 78
ALICE = "alice@law.test"
PKCS8 = bytes.fromhex("302e020100300506032b656e04220420")


class Ring:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *args, input=""):
        p = subprocess.run([f"{godwit.BIN}/gwcmtp", "-d", f"{self.folder}/pins", "--password-stdin", *args],
                           input=input.encode(), capture_output=True, timeout=godwit.WAIT_S, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def path(self, address=ALICE):
        return f"{self.folder}/pins/ring-{address}"

    def file(self):
        with open(self.path(), "rb") as f:
            return f.read()


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path)


def test_a_key_is_made(ring):
    code, out, err = ring("keygen", ALICE, input="first\n")
    assert (code, err) == (0, "") and len(base64.b64decode(out)) == 32
    assert os.stat(ring.path()).st_mode & 0o777 == 0o600
    assert ring("public", "Alice@LAW.test") == (0, out, "")
    before = ring.file()
    code, _, err = ring("keygen", ALICE, input="first\n")
    assert code == CANTCREAT and "--next" in err and ring.file() == before
    # Another one, the first is kept; not without the password.
    assert ring("--next", "keygen", ALICE, input="second\n")[0] == NOPERM and ring.file() == before
    code, second, _ = ring("--next", "keygen", ALICE, input="first\n")
    assert code == 0 and second != out and len(ring.file()) == len(before) + 40
    assert ring("public", ALICE) == (0, second, "")


def test_another_password(ring):
    out = ring("keygen", ALICE, input="first\n")[1]
    before = ring.file()
    assert ring("passwd", ALICE, input="wrong\nsecond\n")[0] == NOPERM
    assert ring("passwd", ALICE, input="first\n")[0] == DATAERR
    assert ring.file() == before
    assert ring("passwd", ALICE, input="first\nsecond\n") == (0, "", "")
    assert ring.file()[16:32] != before[16:32]
    assert ring("passwd", ALICE, input="first\nthird\n")[0] == NOPERM
    assert ring("passwd", ALICE, input="second\nthird\n") == (0, "", "")
    assert ring("public", ALICE)[1] == out


def test_a_key_from_elsewhere(ring, tmp_path):
    """As OpenSSL writes it, or bare."""
    for n, text in enumerate((base64.b64encode(PKCS8 + bytes(range(32))).decode(), base64.b64encode(bytes(range(32))).decode())):
        device = Device()
        device.secret = bytes(range(32))
        path = tmp_path / f"{n}.pem"
        path.write_text(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n" if n == 0 else text)
        public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], check=True,
                                input=PKCS8 + device.secret, capture_output=True).stdout[-32:]
        code, out, err = ring("--import", str(path), "keygen", f"x{n}@law.test", input="word\n")
        assert (code, err) == (0, "") and base64.b64decode(out) == public
    for text in ("", "x", base64.b64encode(bytes(31)).decode(), base64.b64encode(PKCS8[:-1] + b"\x21" + bytes(32)).decode(),
                 "-----BEGIN PRIVATE KEY-----", "A" * 5000):
        path.write_text(text)
        assert ring("--import", str(path), "keygen", ALICE, input="word\n")[0] == DATAERR, text
    assert ring("--import", f"{tmp_path}/none", "keygen", ALICE, input="word\n")[0] == NOINPUT
    assert not os.path.exists(ring.path())


def test_bad_input(ring):
    for args in (("keygen",), ("keygen", "alice"), ("keygen", "a/b@law.test"), ("keygen", "a" * 250 + "@b.c"), ("passwd", "x y@z"),
                 ("public",), ("public", ALICE, "x")):
        assert ring(*args, input="word\n")[0] == USAGE, args
    for args in (("passwd", ALICE), ("public", ALICE), ("--next", "keygen", ALICE)):
        assert ring(*args, input="word\nother\n")[0] == NOINPUT, args
    for word in ("", "\n", "x" * 1025 + "\n"):
        assert ring("keygen", ALICE, input=word)[0] == DATAERR
    assert ring("keygen", ALICE, input="x" * 1024 + "\n")[0] == 0
    good = ring.file()
    for bad in (b"", good[:-1], good + b"x", b"GWRX" + good[4:], good[:4] + b"\2" + good[5:], good * 100,
                good[:8] + b"\xff" * 8 + good[16:]):
        with open(ring.path(), "wb") as f:
            f.write(bad)
        for args in (("passwd", ALICE), ("public", ALICE), ("--next", "keygen", ALICE)):
            assert ring(*args, input="word\nword\n")[0] == CONFIG, (args, bad[:20])
        with open(ring.path(), "rb") as f:
            assert f.read() == bad


def test_terminal_and_core(ring):
    """Nothing typed is shown, and no core file can be had of what knows it."""
    pid, fd = pty.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        os.execv(f"{godwit.BIN}/gwcmtp", ["gwcmtp", "-d", f"{ring.folder}/pins", "keygen", ALICE])
    said = b""
    while not said.endswith(b": "):
        said += os.read(fd, 1000)
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        limit = next(line for line in f if line.startswith("Max core file size"))
    assert limit.split()[4:6] == ["0", "0"], limit
    os.write(fd, b"typed word\n")
    while not said.endswith(b"Again: "):
        said += os.read(fd, 1000)
    assert b"typed" not in said
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    os.close(fd)
    assert not os.path.exists(ring.path())
