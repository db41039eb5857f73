# SPDX-License-Identifier: ISC
"""gwcmtp: keys asked for, remembered and compared, mail sent; on the native
port, behind an SMTP greeting, and with servers that are none."""
import base64
import contextlib
import os
import socket
import subprocess
import threading

import pytest
from cmtptools import BANNER

import godwit

USAGE, DATAERR, NOINPUT, NOUSER, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = (
    64, 65, 66, 67, 75, 76, 77, 78)
KEY = base64.b64encode(b"\x01" * 32).decode()


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config('cmtpd { processes = 1  cmtp_mail = yes }\nkeyd { cmtp_key_rate = 1000/s }\n')
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


class Tool:
    def __init__(self, folder, server):
        self.folder, self.server = folder, server

    def __call__(self, *args, input=b""):
        p = subprocess.run([f"{godwit.BIN}/gwcmtp", "-d", f"{self.folder}/pins", "-s", self.server, *args], input=input,
                           capture_output=True, timeout=godwit.WAIT_S, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def pins(self):
        with open(f"{self.folder}/pins/keys", encoding="ascii") as f:
            return dict(line.split(" ") for line in f.read().splitlines())

    def change(self, name):
        path = f"{self.folder}/pins/keys"
        pins = {**self.pins(), name: KEY}
        with open(path, "w", encoding="ascii") as f:
            f.write("".join(f"{n} {k}\n" for n, k in pins.items()))


@pytest.fixture
def tool(g, tmp_path):
    return Tool(tmp_path, f"127.0.0.1:{g.port('cmtp')}")


def test_keys(tool):
    assert tool("list") == (0, "", "")
    code, out, err = tool("key", "alice@example.test")
    assert (code, err) == (0, "")
    pins = tool.pins()
    assert sorted(pins) == ["@example.test", "alice@example.test"]
    assert out == "".join(f"{n} {pins[n]} new\n" for n in pins)
    assert os.stat(f"{tool.folder}/pins").st_mode & 0o777 == 0o700
    assert tool("key", "alice@example.test")[1] == out.replace(" new\n", " known\n")
    assert tool("list")[1] == "".join(f"{n} {k}\n" for n, k in pins.items())
    code, out, err = tool("key", "nobody@example.test")
    assert code == NOUSER and "gives no key" in err and sorted(tool.pins()) == sorted(pins)


@pytest.mark.parametrize("name", ["@example.test", "alice@example.test"])
def test_a_key_changes(tool, name):
    assert tool("key", "alice@example.test")[0] == 0
    before = tool.pins()
    tool.change(name)
    code, out, err = tool("key", "alice@example.test")
    assert code == NOPERM and f"{name} {before[name]} changed\n" in out and "--accept" in err
    assert tool.pins()[name] == KEY
    assert tool("-f", "bob@peer.example", "send", "alice@example.test", input=b"x")[0] == NOPERM
    code, out, err = tool("--accept", "key", "alice@example.test")
    assert code == 0 and f"{name} {before[name]} accepted\n" in out
    assert tool.pins() == before


def test_send(g, tool, tmp_path):
    files = []
    for name, size in (("small.txt", 10), ("large.bin", 3 << 20)):
        (tmp_path / name).write_bytes(b"z" * size)
        files += ["-a", str(tmp_path / name)]
    mark = g.mark()
    assert tool("-f", "bob@peer.example", "-S", "Grüße", *files, "send", "alice@example.test", input=b"the text\n") == (0, "", "")
    assert " from=<bob@peer.example> " in g.wait_log(r"queue\[\d+\]: queued ", since=mark)


def test_send_is_refused(tool, tmp_path):
    def send(*args, to="alice@example.test", sender="bob@peer.example", input=b"x"):
        return tool("-f", sender, *args, "send", to, input=input)
    assert send(to="nobody@example.test")[0] == NOUSER
    assert send("-a", str(tmp_path / "none"))[0] == NOINPUT
    assert send("-S", "s" * 999)[0] == USAGE
    assert send(sender="nobody")[0] == USAGE
    assert tool("send", "alice@example.test")[0] == USAGE
    assert send(input=b"x" * ((64 << 20) + 1))[0] == DATAERR
    assert tool(*["-a", "x"] * 101, "-f", "a@b", "send", "alice@example.test")[0] == USAGE


@pytest.mark.parametrize("args", [(), ("key",), ("key", "nobody"), ("key", "@example.test"), ("key", "alice@"),
                                  ("key", "a b@example.test"), ("key", "a\n@example.test"), ("key", "a@b\x7f"),
                                  ("key", "a" * 256 + "@example.test"), ("list", "x"), ("what", "a@b"), ("-z", "list")])
def test_usage(tool, args):
    assert tool(*args)[0] == USAGE


def test_pins_that_are_none(tool):
    os.mkdir(f"{tool.folder}/pins")
    for text in ("no name\n", f"a@b {KEY[:-4]}\n", "a@b\n", f"a@b {KEY} \n", "x" * ((4 << 20) + 1)):
        with open(f"{tool.folder}/pins/keys", "w", encoding="ascii") as f:
            f.write(text)
        assert tool("key", "alice@example.test")[0] == CONFIG, text[:40]
        with open(f"{tool.folder}/pins/keys", encoding="ascii") as f:
            assert f.read() == text


@contextlib.contextmanager
def server(steps):
    """One that says bytes, and waits for those that stand between."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError), listener.accept()[0] as s:
                s.settimeout(godwit.WAIT_S)
                for says, wants in steps:
                    s.sendall(says)
                    while wants:
                        got = s.recv(len(wants))
                        assert got and wants.startswith(got), (got, wants)
                        wants = wants[len(got):]
        t = threading.Thread(target=serve, daemon=True)
        t.start()
        yield listener.getsockname()[1]
        t.join(godwit.WAIT_S)


ASK = b"OHAI\0"
SELF = b"KEYREQUEST\0\0\0"


@pytest.mark.parametrize("steps, code", [
    ([(b"", b"")], TEMPFAIL),
    ([(BANNER, b"")], TEMPFAIL),
    ([(b"HTTP/1.1 400 Bad Request\r\n", b"")], TEMPFAIL),
    ([(b"H" * 2000, b"")], PROTOCOL),
    ([(b"220-" + b"x" * 5000, b"")], PROTOCOL),
    ([(BANNER, ASK), (b"OHAI 2\0", b"")], PROTOCOL),
    ([(b"220-mx\r\n220 mx ESMTP\r\n", ASK), (b"OHAI 1\0", SELF), (b"FAILURE" + b"s" * 64 + b"\0", b"")], NOUSER),
    ([(b"220 mx ESMTP\r\n", ASK), (b"OHAI 1\0", SELF), (b"\0\0\0\1" + b"k" * 32 + b"\0" + b"s" * 64 + b"\0", b"")], PROTOCOL),
    ([(b"220 mx ESMTP\r\n", ASK), (b"500 what\r\n", b"")], TEMPFAIL),
])
def test_hostile_servers(tmp_path, steps, code):
    with server(steps) as port:
        got = Tool(tmp_path, f"127.0.0.1:{port}")("key", "alice@example.test")
    assert got[0] == code and got[2].startswith("gwcmtp: "), got
    assert not os.path.exists(tmp_path / "pins")


def test_places(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    for where, code in ((f"127.0.0.1:{port}", TEMPFAIL), ("127.0.0.1:", USAGE), ("127.0.0.1:0", USAGE),
                        ("127.0.0.1:65536", USAGE), ("127.0.0.1:9x", USAGE), ("[::1]9", USAGE), ("", USAGE)):
        assert Tool(tmp_path, where)("key", "alice@example.test")[0] == code, where
