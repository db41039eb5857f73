# SPDX-License-Identifier: ISC
"""Nothing of a message stands readable in the instance's files."""
import os
import subprocess

import pytest
from mailtools import fetch_all, message, send, without_trace

import godwit

WORDS = ["Zebulonquartz", "Quinquagesimal", "Vexillologist", "Borborygmus", "Xanthochroid", "Wopsically"]


# Nobody answers there: what is for it waits.
AWAY = 'route "away" { to = {"remote.example"} relay = "[127.0.0.1]:1" }'


@pytest.fixture
def g():
    with godwit.Instance(AWAY) as g:
        g.start()
        for user in ("alice", "bob"):
            g.add_user(f"{user}@example.test", "secret")
        yield g


def grep(g, word):
    """Files of the instance that hold the word, as text or as UTF-16."""
    out = subprocess.run(["grep", "-rlaiF", "-e", word, "--", g.root], capture_output=True, text=True, check=False)
    return out.stdout.split()


def test_no_plaintext_on_disk(g):
    subject, body, name, big, kept, attached = WORDS
    delivered = message(subject, f"the {body} speaks\r\n" * 40, f'"{name} Example" <x@else.example>')
    send(g, delivered)
    # over 256 KiB: through a file of the queue, and a body of its own in the store
    large = message("large", f"{big} and more\r\n" * 30000, extra=f"X-{attached}: yes\r\n")
    send(g, large, to=["alice", "bob"])
    # for elsewhere: kept in the spool
    send(g, message(f"{kept} away", f"{kept}\r\n" * 10, "alice@example.test", "far@remote.example"),
         to="far@remote.example", sender="alice@example.test", port=587, user="alice")
    assert without_trace(fetch_all(g)[0]) == delivered
    assert without_trace(fetch_all(g)[1]) == large
    for word in WORDS:
        assert grep(g, word) == [], word
    g.stop()
    for word in WORDS:
        assert grep(g, word) == [], word
    # the search itself finds what is there
    with open(os.path.join(g.root, "control-word"), "w", encoding="ascii") as f:
        f.write(subject)
    assert len(grep(g, subject)) == 1


def test_kept_mail_survives_a_restart(g):
    send(g, message("away", "text\r\n", "alice@example.test", "far@remote.example"),
         to="far@remote.example", sender="alice@example.test", port=465, user="alice")
    g.stop()
    g.start()
    out = g.tool("gwqueue", "-p").stdout
    assert "far@remote.example" in out and "alice@example.test" in out
    assert "1 Request" in out
