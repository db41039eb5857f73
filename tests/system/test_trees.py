# SPDX-License-Identifier: ISC
"""What earlier versions wrote is read: the archives of tests/trees, each made by
tests/trees/make.py on the day of its name."""
import glob
import importlib.util
import os
import shutil
import tarfile

import pytest
import relaypeer

import godwit

FOLDER = os.path.join(godwit.TOP, "tests", "trees")
ARCHIVES = sorted(glob.glob(f"{FOLDER}/*.tar.gz"))

spec = importlib.util.spec_from_file_location("make_tree", f"{FOLDER}/make.py")
tree = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tree)


def put_back(g, archive):
    """The archive's data in place of the instance's own, with the owners of here."""
    with tarfile.open(archive) as tar:
        for name in ("keys", "mail", "spool"):
            place = f"{g.root}/{name}"
            owner = os.stat(place)
            shutil.rmtree(place)
            tar.extractall(g.root, [m for m in tar if m.name == name or m.name.startswith(f"{name}/")])
            for path in [place, *glob.glob(f"{place}/*")]:
                os.chown(path, owner.st_uid, owner.st_gid)
                os.chmod(path, 0o700 if os.path.isdir(path) else 0o600)
        with tar.extractfile("etc/root.key") as f, open(f"{g.etc}/root.key", "wb") as key:
            key.write(f.read())


def bodies(m, box):
    m.select(box, readonly=True)
    found = m.uid("SEARCH", "ALL")[1][0].split()
    answer = m.uid("FETCH", b",".join(found), "(UID FLAGS BODY.PEEK[])")
    assert answer[0] == "OK", answer
    return [x for x in answer[1] if isinstance(x, tuple)]


def check_user(g, user):
    """INBOX had 20 letters, of which 6 to 8 went; then one came by SMTP."""
    with g.imap(user, "secret") as m:
        letters = [tree.letter(f"in{i}", 1 + 300 * (i % 3)) for i in range(20)]
        inbox = bodies(m, "INBOX")
        assert [x[1] for x in inbox[:17]] == letters[:5] + letters[8:]
        assert len(inbox) == 18 and inbox[17][1].endswith(tree.letter("smtp"))
        assert b"\\Seen" in inbox[1][0] and b"$Forwarded" in inbox[1][0] and b"UID 9 " in inbox[5][0] + b" "
        assert [x[1] for x in bodies(m, "Archive/2026")] == letters[:5]
        large = bodies(m, "Archive")
        assert [x[1] for x in large] == [tree.letter("large", 20000)] and b"\\Flagged" in large[0][0]
        assert b"Archive/2026" in b" ".join(m.lsub()[1]) and m.select("Gone")[0] == "NO"
        m.select("INBOX")
        assert m.uid("SEARCH", "SUBJECT", "in7")[1] == [b""]
        assert m.uid("SEARCH", "TEXT", '"line 300 of in11"')[1] == [b"12"]
        assert m.append("INBOX", None, None, tree.letter("new"))[0] == "OK"
    return len(letters)


@pytest.mark.parametrize("archive", ARCHIVES, ids=os.path.basename)
def test_tree(archive):
    with relaypeer.Host() as h, godwit.Instance(tree.CONFIG + tree.ROUTE.format(h.port)) as g:
        put_back(g, archive)
        g.start()
        for user in ("alice@example.test", "dora@vault.test"):
            check_user(g, user)
        g.tool("gwqueue", "-f", check=True)
        g.wait_log(r"relay\[\d+\]: sent ", to="<wait@relay.example>")
        assert tree.letter("out").split(b"\r\n\r\n")[1] in h.messages[0][1]
        assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"
        assert "sales@example.test" in g.tool("gwuser", "alias", "list", check=True).stdout
        g.restart()
        check_count = len(bodies(g.imap("alice@example.test", "secret"), "INBOX"))
        assert check_count == 19


def test_there_are_archives():
    assert ARCHIVES
