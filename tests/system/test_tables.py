# SPDX-License-Identifier: ISC
"""Lookup tables from the text to the mail: gwmap, newaliases, reload, damage."""
import os
import subprocess

import pytest
from mailtools import fetch_all, message, send, smtp

import godwit

DOMAINS = """
domain "tables.test" { class = mailbox  aliases = "lmdb:aliases" }
domain "virtual.test" { class = mailbox  aliases = "lmdb:virtual" }
domain "old.test" { class = relay  recipients = "lmdb:old-users" }
"""
ALIASES = """# who reads what
root:   alice
Info:   root, bob@example.test,
        root+more
team:   alice@example.test, bob@example.test
"""


def write(g, name, text):
    with open(f"{g.etc}/{name}", "w", encoding="utf-8") as f:
        f.write(text)


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(config=DOMAINS) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        g.add_user("bob@example.test", "secret")
        write(g, "aliases", ALIASES.replace("alice\n", "alice@example.test\n"))
        write(g, "virtual", "sales@virtual.test  alice@example.test\n@virtual.test bob@example.test\n")
        write(g, "old-users", "carl@old.test OK\ndora x\n")
        yield g


def rcpt(g, *to, size=None):
    """The answers to RCPT."""
    with smtp(g) as s:
        s.ehlo("there.test")
        s.mail("x@there.test", [f"SIZE={size}"] if size else [])
        got = [" ".join((str(code), text.decode().split()[0])) for code, text in (s.rcpt(t) for t in to)]
    return got if len(got) > 1 else got[0]


def test_not_built_then_built(g):
    """Until a table is built its mail waits; then it serves at once."""
    p = g.godwit("check")
    assert p.returncode == 0
    assert 'aliases = "lmdb:aliases": the table is not built, so that mail waits; run: gwmap lmdb:aliases' in p.stderr
    assert 'run: gwmap lmdb:old-users' in p.stderr
    g.wait_log(r"queue\[\d+\]: table name=aliases state=missing ")
    assert rcpt(g, "root@tables.test", "x@old.test") == ["451 4.3.0", "451 4.3.0"]
    for args in (("lmdb:aliases",), ("-t", "virtual"), ("lmdb:old-users",)):
        p = g.tool("gwmap", *args)
        assert (p.returncode, p.stderr) == (0, ""), p.stderr
    g.wait_log(r"queue\[\d+\]: table name=aliases state=built count=3 ")
    assert "gwmap" not in g.godwit("check").stderr
    assert rcpt(g, "root@tables.test", "ROOT+x@Tables.test", "nobody@tables.test", "postmaster@tables.test") == \
        ["250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5"]
    assert rcpt(g, "carl@old.test", "dora+x@old.test", "emil@old.test", "postmaster@old.test") == \
        ["250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5"]
    assert rcpt(g, "sales@virtual.test", "whoever@virtual.test") == ["250 2.1.5", "250 2.1.5"]


def test_mail_through_tables(g):
    mark = g.mark()
    send(g, message("to the team"), to=["team@tables.test", "alice@example.test"])
    g.wait_log("sent", since=mark, to="<alice@example.test>")
    g.wait_log("sent", since=mark, to="<bob@example.test>")
    for user in ("alice", "bob"):
        assert sum(b"Subject: to the team" in m for m in fetch_all(g, user)) == 1
    # A sender may use an address that leads to him.
    send(g, message(sender="team@tables.test"), to=["bob@example.test"], sender="team@tables.test", port=587,
         user="alice")
    with pytest.raises(Exception, match="not owned"):
        send(g, message(), to=["bob@example.test"], sender="x@old.test", port=587, user="alice")


def test_asking_and_changing(g):
    def gwmap(*args, code=0, input=None):
        p = g.tool("gwmap", *args, input=input)
        assert p.returncode == code, p.stderr
        return p.stdout

    write(g, "more", "Key one\nother  two words\n")
    assert "no domain uses it" in g.tool("gwmap", "-o", "more").stderr
    assert gwmap("-q", "KEY", "more") == "one\n"
    assert gwmap("-q", "key", "missing", code=66) == ""
    assert gwmap("-q", "none", "more", code=1) == ""
    assert gwmap("-q", "root@x", "more", "aliases", code=1) == ""
    assert gwmap("-q", "root", "more", "aliases") == "alice@example.test\n"
    assert gwmap("-q", "-", "more", input="other\nnone\nKEY\n") == "other\ttwo words\nkey\tone\n"
    assert gwmap("-s", "more") == "key\tone\nother\ttwo words\n"
    gwmap("-d", "other", "more")
    gwmap("-d", "other", "more", code=1)
    gwmap("-i", "more", input="key kept\nnew three\n")
    assert gwmap("-s", "more") == "key\tone\nnew\tthree\n"
    gwmap("-ir", "more", input="key changed\n")
    gwmap("-d", "-", "more", input="new\nnone\n")
    assert gwmap("-s", "more") == "key\tchanged\n"
    write(g, "more", "Key one\n")
    gwmap("-f", "more")
    assert gwmap("-q", "Key", "more", code=1) == "" and gwmap("-f", "-q", "Key", "more") == "one\n"
    gwmap("hash:more", code=64)
    gwmap(code=64)
    gwmap("nothing-there", code=66)


def test_faults_have_their_line(g):
    """... and the table that serves stays."""
    for text, line, why in (("a: b\nc: |/bin/prog\n", 2, "commands (|) are not run"),
                            ("a: b,\n  /var/x\n", 1, "files (/) are not written"),
                            ("\n\na: :include:/x\n", 3, "lists of other files (:include:) are not read")):
        write(g, "aliases", text)
        p = g.tool("gwmap", "aliases")
        assert p.returncode == 65
        assert p.stderr == f"gwmap: {g.etc}/aliases:{line}: {why}\n"
    write(g, "aliases", ALIASES.replace("alice\n", "alice@example.test\n") + "team: root\n")
    p = g.tool("gwmap", "aliases")
    assert (p.returncode, p.stderr) == (0, f"gwmap: {g.etc}/aliases:6: warning: the key stands there already; "
                                           "its first value stays\n")
    assert rcpt(g, "team@tables.test") == "250 2.1.5"


def test_newaliases(g, tmp_path):
    """By any of its names; every table that domains take aliases from."""
    os.symlink(f"{g.bin}/sendmail", f"{tmp_path}/newaliases")
    for command, name in (([f"{tmp_path}/newaliases", "-C", g.etc], "new1"),
                          ([f"{g.bin}/sendmail", "-bi", "-C", g.etc], "new2"),
                          ([f"{g.bin}/sendmail", "-C", g.etc, "-I"], "new3")):
        write(g, "aliases", f"{name}: alice@example.test\n")
        write(g, "virtual", f"{name}@virtual.test bob@example.test\n")
        subprocess.run(command, check=True, timeout=60)
        assert rcpt(g, f"{name}@tables.test", f"{name}@virtual.test", "sales@virtual.test") == \
            ["250 2.1.5", "250 2.1.5", "550 5.1.1"]
    write(g, "aliases", "wrong\n")
    p = subprocess.run([f"{g.bin}/sendmail", "-bi", "-C", g.etc], capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 65 and "aliases:1: no colon" in p.stderr
    assert rcpt(g, "new3@tables.test") == "250 2.1.5"


def test_reload_names_another(g):
    write(g, "second", "zoe: bob@example.test\n")
    assert g.tool("gwmap", "-a", "second").returncode == 0
    assert rcpt(g, "zoe@tables.test") == "550 5.1.1"
    with open(g.conf, encoding="utf-8") as f:
        text = f.read()
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("lmdb:aliases", "lmdb:second"))
    g.godwit("reload", check=True)
    g.wait_log(r"queue\[\d+\]: table name=second state=ready count=1")
    assert rcpt(g, "zoe@tables.test", "new3@tables.test") == ["250 2.1.5", "550 5.1.1"]
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("lmdb:aliases", "hash:aliases"))
    p = g.godwit("check")
    assert p.returncode == 78 and "allowed: lmdb:NAME" in p.stderr
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text)
    g.godwit("reload", check=True)


def test_damaged_table_defers(g):
    """Nothing is lost: mail is put off until the table is built again."""
    path = f"{g.root}/spool/maps/old-users.lmdb"
    g.stop()
    with open(path, "r+b") as f:
        f.seek(4100)
        f.write(b"spoilt")
    g.start()
    g.wait_log(r"queue\[\d+\]: table name=old-users state=damaged ")
    assert rcpt(g, "carl@old.test", "emil@old.test") == ["451 4.3.0", "451 4.3.0"]
    assert g.tool("gwmap", "-q", "carl@old.test", "old-users").returncode == 74
    assert rcpt(g, "alice@example.test") == "250 2.1.5"
    assert g.tool("gwmap", "old-users").returncode == 0
    assert rcpt(g, "carl@old.test", "emil@old.test") == ["250 2.1.5", "550 5.1.1"]
    g.restart()
    assert rcpt(g, "carl@old.test", "emil@old.test") == ["250 2.1.5", "550 5.1.1"]


def test_not_running_or_not_allowed(g):
    g.stop()
    assert g.tool("gwmap", "aliases").returncode == 69
    assert g.tool("gwmap", "-s", "aliases").returncode == 69
    assert subprocess.run([f"{g.bin}/sendmail", "-bi", "-C", g.etc], capture_output=True, check=False,
                          timeout=60).returncode == 69
