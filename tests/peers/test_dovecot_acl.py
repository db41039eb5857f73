# SPDX-License-Identifier: ISC
"""The same commands of RFC 4314 to Dovecot (imap_acl) and Godwit: what they
answer is the same, or another for a reason that is told."""
import shutil
import tempfile

import dovecot
import pytest
from mailtools import PASSWORD

import godwit

ALICE, BOB = "alice@example.test", "bob@example.test"
CONFIG = """mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile
  acl_anyone = allow
}"""

OWNER = "RFC 4314 s3.1, s3.4: a server may refuse to change what the owner may do.  Here he has all rights, always; " \
    "Dovecot lets them be taken but for \"a\""
NAMES = "RFC 4314 s3.5, s3.4: the mailbox is not there; Dovecot tells of rights in it all the same"
PREPARED = "RFC 4314 s3: an identifier is prepared and compared with names of accounts, whose letters are the same in any " \
    "case; Dovecot keeps another entry"
NOBODY = "RFC 4314 s3: one that cannot be prepared, or is no name, is BAD; Dovecot keeps it"
EMPTY = "RFC 4314 s2: the rights of an identifier are what its entry gives; one that gives none says nothing, and Godwit " \
    "does not keep it"
# Each command, and why its answers differ when they do.
COMMANDS = [
    (b"MYRIGHTS INBOX", None), (b"GETACL INBOX", None), (b"MYRIGHTS inbox", None),
    (b"CREATE Work", None), (b"CREATE Work/Sub", None), (b"GETACL Work", None),
    # modifications (s3.1), virtual rights (s2.1.1)
    (b"SETACL Work bob@example.test lr", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test +sw", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test -l", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test +", None), (b"SETACL Work bob@example.test -", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test c", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test d", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test -t", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test lrswipkxtea", None), (b"GETACL Work", None),
    (b"SETACL Work bob@example.test -cd", None), (b"GETACL Work", None),
    # others
    (b"SETACL Work anyone lr", None), (b"SETACL Work -bob@example.test r", None), (b"SETACL Work -anyone s", None),
    (b"GETACL Work", None), (b"MYRIGHTS Work", None),
    # what is made below has the same (s5.1.1)
    (b"CREATE Work/New", None), (b"GETACL Work/New", None), (b"GETACL Work/Sub", None),
    (b"RENAME Work/New Played", None), (b"GETACL Played", None),
    # taken away
    (b"DELETEACL Work bob@example.test", None), (b"GETACL Work", None),
    (b"DELETEACL Work bob@example.test", None), (b"DELETEACL Work nobody@example.test", None),
    (b"DELETEACL Work -bob@example.test", None), (b"DELETEACL Work -anyone", None), (b"DELETEACL Work anyone", None),
    (b"SETACL Work bob@example.test l", None), (b'SETACL Work bob@example.test ""', None), (b"GETACL Work", EMPTY),
    (b"LISTRIGHTS Work bob@example.test", None), (b"LISTRIGHTS Work anyone", None),
    (b"LISTRIGHTS Work -bob@example.test", None), (b"LISTRIGHTS Work alice@example.test", OWNER),
    # errors
    (b"SETACL Work bob@example.test lQ", None), (b"SETACL Work bob@example.test q", None),
    (b"SETACL Work bob@example.test l+r", None), (b"SETACL Work bob@example.test", None), (b"SETACL Work", None),
    (b"GETACL", None), (b"MYRIGHTS", None), (b"DELETEACL Work", None), (b"LISTRIGHTS Work", None),
    (b'SETACL Work "" l', None), (b"SETACL none bob@example.test l", None), (b"GETACL none", None),
    (b"DELETEACL none bob@example.test", None), (b"MYRIGHTS none", NAMES), (b"LISTRIGHTS none bob@example.test", NAMES),
    (b'SETACL Work "b b" l', NOBODY), (b"SETACL Work alice@example.test lr", OWNER),
    (b"DELETEACL Work alice@example.test", OWNER),
    (b"SETACL Played BOB@example.test l", None), (b"GETACL Played", PREPARED),
]


@pytest.fixture(scope="module")
def both():
    folder = tempfile.mkdtemp(prefix="godwit-dovecot-")
    there = dovecot.Dovecot(folder, ALICE, CONFIG)
    try:
        with godwit.Instance() as i:
            i.start()
            i.add_user(ALICE, PASSWORD)
            here = dovecot.Godwit(i, ALICE, PASSWORD)
            yield there, here
            here.close()
    finally:
        there.close()
        shutil.rmtree(folder)


def meant(row):
    """Rights are a set, entries have no order, INBOX is one in any case."""
    words = [w.decode() if w is not None else None for w in dovecot.values(row)[1:]]
    box = "INBOX" if words[1].upper() == "INBOX" else words[1]
    if words[0] == "ACL":
        return "ACL", box, {i: set(r) for i, r in zip(words[2::2], words[3::2])}
    if words[0] == "LISTRIGHTS":
        # c and d are told where others stand for them (s2.1.1)
        return "LISTRIGHTS", box, words[2], set(words[3]), {frozenset(w) for w in words[4:]}
    return words[0], box, set(words[2])


def answer(server, command):
    rows = server.run([command])[0]
    words = rows[-1].split(b" ")
    code = words[2] if words[1] == b"NO" and words[2].startswith(b"[") else None
    return [meant(r) for r in rows[:-1] if r.split(b" ")[1] in (b"ACL", b"LISTRIGHTS", b"MYRIGHTS")], words[1], code


def test_answers(both):
    bad = []
    for command, reason in COMMANDS:
        theirs, ours = (answer(server, command) for server in both)
        if (theirs == ours) == (reason is not None):
            bad.append(f"{command}: {reason}\n    dovecot {theirs}\n    godwit  {ours}")
    assert not bad, "\n".join(bad)
