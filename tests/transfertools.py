# SPDX-License-Identifier: ISC
"""What the tests of gwuser export and import share: awkward mail, and what an
account has."""
import re

PASSWORD = "secret"
MAIL = {    # awkward ones; each must come back as it was, but for line ends
    "plain": b"Message-ID: <plain@x>\nSubject: plain\n\nbody\n",
    "from": b"Message-ID: <from@x>\n\nFrom here it goes on\n>From there\n>>From\n From\n\nFrom x Mon Jan  1 00:00:00 2001 or so\n",
    "8bit": "Message-ID: <8bit@x>\nSubject: Grüße\n\nLiebe Grüße\n".encode() + b"\xff\xfe\x80\n",
    "no end": b"Message-ID: <noend@x>\n\nno line end",
    "no id": b"Subject: no id\nDate: Fri, 20 Nov 2026 10:00:00 +0000\n\n1\n",
    "no id too": b"Subject: no id\nDate: Fri, 20 Nov 2026 10:00:00 +0000\n\n2\n",
    "only header": b"Message-ID: <header@x>\nSubject: cut o",
    "long line": b"Message-ID: <long@x>\n\n" + b"x" * 200000 + b"\nFrom " + b"y" * 70000 + b"\n",
    "crlf": b"Message-ID: <crlf@x>\r\n\r\nby\r\nCRLF\r\n",
    "empty lines": b"Message-ID: <lines@x>\n\n\n\n\n\n",
    "big": b"Message-ID: <big@x>\n\n" + b"0123456789abcde\n" * 40000,
}


def wire(data):
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def user(g, name, n=[0]):
    """A new account."""
    n[0] += 1
    address = f"{name}{n[0]}@example.test"
    g.add_user(address, PASSWORD)
    return address


def run(g, *args, code=0, input=None):
    p = g.tool("gwuser", *args, input=input)
    assert p.returncode == code, f"exit {p.returncode}: {p.stdout}{p.stderr}\n{g.log_tail()}"
    return p.stdout + p.stderr


def total(text):
    return tuple(map(int, re.search(r"^(\d+) (?:moved|to be moved), (\d+) there already, \d+ too large, \d+ gone", text,
                                    re.M).groups()))


def folders(g, address):
    """{folder: (uidvalidity, uidnext, {uid: (message, flags, date)})} but for empty ones."""
    m = g.imap(address, PASSWORD)
    m.enable("IMAP4rev2")
    out = {}
    for row in m.list()[1]:
        name = re.search(rb'"/" "?([^"]*)"?$', row).group(1)
        quoted = b'"' + name + b'"'
        n = int(m.select(quoted, readonly=True)[1][0])
        if n == 0:
            continue
        validity, following = (int(m.response(c)[1][0]) for c in ("UIDVALIDITY", "UIDNEXT"))
        got = {}
        for part in m.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]:
            if not isinstance(part, tuple):
                continue
            head = part[0]
            flags = frozenset(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()) - {"\\Recent"}
            got[int(re.search(rb"UID (\d+)", head).group(1))] = (
                part[1], flags, re.search(rb'INTERNALDATE "([^"]*)"', head).group(1).decode())
        assert len(got) == n
        out[name.decode()] = (validity, following, got)
    m.logout()
    return out


def contents(g, address):
    """The same without UIDs."""
    return {name: sorted((body, sorted(flags), date) for body, flags, date in got.values())
            for name, (_, _, got) in folders(g, address).items()}
