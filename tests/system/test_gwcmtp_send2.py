# SPDX-License-Identifier: ISC
"""gwcmtp -2 send: a message and its files, submitted to the user's own server."""
import email
import email.policy
import subprocess

import pytest
from mailtools import fetch_all

import godwit

USAGE, DATAERR, NOINPUT, UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM = 64, 65, 66, 69, 75, 76, 77
ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(ALICE, "secret")
        g.add_user(BOB, "secret")
        yield g


@pytest.fixture
def send(g, tmp_path):
    def run(*args, where="submissions", server=None, to=BOB, sender=ALICE, password="secret", text=b"text\n", ca=True):
        name = "submission" if where == "submission" else "submissions"
        p = subprocess.run(
            [f"{godwit.BIN}/gwcmtp", "-2", "-d", f"{tmp_path}/pins", "--password-stdin", "-s",
             server or f"{where}://localhost:{g.port(name)}", *(["--ca", f"{g.etc}/certificate.pem"] if ca else []), "-f", sender,
             *args, "send", to], input=password.encode() + b"\n" + text, capture_output=True, timeout=godwit.WAIT_S, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()
    return run


@pytest.mark.parametrize("where", ["submissions", "submission"])
def test_send(g, send, tmp_path, where):
    files = {"größe €.txt": b"a file\r\n.\r\n", "noise.bin": bytes(range(256)) * 20000}
    args = []
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        args += ["-a", str(tmp_path / name)]
    mark = g.mark()
    assert send("-S", "Grüße an alle", *args, where=where, text="Hallo,\n.\nBär\n".encode()) == (0, "", "")
    g.wait_log(r"\]: sent s=\w+ m=", since=mark, to=f"<{BOB}>")
    m = email.message_from_bytes(fetch_all(g, user="bob")[-1], policy=email.policy.default)
    assert m["Subject"] == "Grüße an alle" and m["From"] == ALICE and m["To"] == BOB and m["Message-ID"] and m["Date"]
    text, *rest = m.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == "Hallo,\n.\nBär\n"
    assert {p.get_filename(): p.get_payload(decode=True) for p in rest} == files


def test_what_fails(g, send, tmp_path):
    for kw, code, says in (({"password": "wrong"}, NOPERM, ""), ({"to": "nobody@example.test"}, UNAVAILABLE, "5.1.1"),
                           ({"sender": "mallory@example.test"}, NOPERM, ""), ({"password": ""}, DATAERR, "empty"),
                           ({"to": "nobody"}, USAGE, "no address"), ({"sender": "nobody"}, USAGE, "usage"),
                           ({"server": "localhost"}, USAGE, "submissions://"), ({"server": "submissions://"}, USAGE, ""),
                           ({"ca": False}, NOPERM, "--accept"),
                           ({"where": "submission", "ca": False}, NOPERM, "--accept"),
                           ({"server": f"submission://localhost:{g.port('imaps')}"}, TEMPFAIL, ""),
                           ({"server": f"submissions://localhost:{g.port('smtp')}"}, PROTOCOL, ""),
                           ({"server": f"submissions://localhost:{g.port('imaps')}"}, PROTOCOL, "")):
        got = send(**kw)
        assert got[0] == code and says in got[2], (kw, got)
    # Another's name: what the server says of it is shown.
    code, _, err = send("-u", ALICE, sender=BOB)
    assert code == UNAVAILABLE and "5.7.1" in err
    assert send("-a", f"{tmp_path}/none")[0] == NOINPUT
    assert send("-S", "x" * 999)[0] == USAGE
    assert send(text=b"x" * ((64 << 20) + 1))[0] == DATAERR


def test_nothing_becomes_a_field(g, send):
    count = len(fetch_all(g, user="bob"))
    code = send("-S", "a\r\nX-Evil: 1\r\n\r\nbody")[0]
    mails = fetch_all(g, user="bob")
    assert (code, len(mails)) in ((0, count + 1), (USAGE, count))
    assert code == USAGE or (email.message_from_bytes(mails[-1])["X-Evil"] is None and b"\nbody" not in mails[-1])


def test_what_the_server_does_not_take(g, send):
    """Larger than it allows: said before anything of it is sent, or behind."""
    before = len(fetch_all(g, user="bob"))
    assert send(text=b"x" * 70 * 1000 * 900)[0] in (UNAVAILABLE, DATAERR)
    assert len(fetch_all(g, user="bob")) == before
