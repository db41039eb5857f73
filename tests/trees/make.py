#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes an archive of an instance's data, as this version writes it, for
system/test_trees.py of later versions: PYTHONPATH=tests tests/trees/make.py FILE.tar.gz

Its content is the same each time; what is in it test_trees.py knows."""
import os
import sys
import tarfile

import godwit

CONFIG = 'domain "vault.test" { sealing = password }\n'
ROUTE = 'route "next" {{ to = {{"relay.example"}}  relay = "[127.0.0.1]:{0}"  tls = none }}\n'
TEXT = "Subject: letter {0}\r\nFrom: Bob <bob@peer.test>\r\nTo: alice@example.test\r\n" \
       "Message-ID: <{0}@peer.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n{1}\r\n"


def letter(name, lines=1):
    return TEXT.format(name, "\r\n".join(f"line {i} of {name}" for i in range(lines))).encode()


def fill(g, user):
    with g.imap(user, "secret") as m:
        for i in range(20):
            assert m.append("INBOX", r"(\Seen $Forwarded)" if i % 2 else "", None, letter(f"in{i}", 1 + 300 * (i % 3)))[0] == "OK"
        for box in ("Archive", "Archive/2026", "Gone"):
            m.create(box)
        m.subscribe("Archive/2026")
        m.select("INBOX")
        m.copy("1:5", "Archive/2026")
        m.store("6:8", "+FLAGS", r"(\Deleted work)")
        m.expunge()
        m.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
        m.append("Archive", r"(\Flagged)", None, letter("large", 20000))
        m.delete("Gone")


def make(path):
    with godwit.Instance(CONFIG + ROUTE.format(1)) as g:
        g.start()
        for user in ("alice@example.test", "dora@vault.test"):
            g.add_user(user, "secret")
            fill(g, user)
        g.tool("gwuser", "alias", "add", "sales@example.test", "alice@example.test")
        with g.smtp() as s:
            s.sendmail("bob@peer.test", ["alice@example.test", "dora@vault.test"], letter("smtp"))
        g.wait_empty_queue()
        with g.smtp("submission", "alice@example.test", "secret") as s:
            s.sendmail("alice@example.test", ["wait@relay.example"], letter("out"))
        g.wait_log(r"relay\[\d+\]: deferred ", to="<wait@relay.example>")
        g.stop()
        with tarfile.open(path, "w:gz") as tar:
            for name in ("etc/root.key", "keys", "mail", "spool"):
                tar.add(os.path.join(g.root, name), name,
                        filter=lambda t: None if t.name.endswith(("lock.mdb", "-lock")) or not (t.isreg() or t.isdir()) else t)


if __name__ == "__main__":
    make(os.path.abspath(sys.argv[1]))
