# SPDX-License-Identifier: ISC
"""Thunderbird (Debian) end to end, without a screen: it reads, marks, files,
moves, hears of and sends mail."""
import subprocess
import threading
import time

import pytest
from mailtools import PASSWORD, fetch_all, imap, without_trace

import godwit
import thunderbird

ALICE, BOB = "alice@example.test", "bob@example.test"


def letter(n):
    return (f"From: Ann <ann@a.example>\r\nSubject: n{n} =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <n{n}@a.example>\r\n\r\nbody {n}\r\n").encode()


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        for user in (ALICE, BOB):
            g.add_user(user, PASSWORD)
        m = imap(g, "bob")
        for n in range(1, 5):
            m.append("INBOX", None, None, letter(n))
        m.logout()
        yield g


@pytest.fixture(scope="module")
def bird(g, tmp_path_factory):
    try:
        thunderbird.unpack()
    except (godwit.Failed, OSError, subprocess.SubprocessError) as e:
        pytest.skip(f"no Thunderbird: {e}")
    with thunderbird.Thunderbird(str(tmp_path_factory.mktemp("bird") / "profile")) as t:
        t.account(g, BOB, PASSWORD)
        names = t.script("server().performExpand(null); await until(() => inbox() && root().subFolders.length >= 6);"
                         "return root().subFolders.map(f => f.name)")
        assert set(names) >= {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"}
        t.script("inbox().updateFolder(null); await until(() => rows(inbox()).length == 4)")
        yield t


def row(uid, n, read=False, flagged=False, keywords=""):
    return {"uid": uid, "subject": f"n{n} Gr\u00fc\u00dfe", "read": read, "flagged": flagged, "keywords": keywords}


def until_there(g, mailbox, wanted):
    """{subject's first word: flags}; what it did is sent a moment later."""
    end, step = time.monotonic() + godwit.WAIT_S, threading.Event()
    while (there := flags_there(g, mailbox)) != wanted:
        assert time.monotonic() < end, there
        step.wait(0.1)


def flags_there(g, mailbox):
    m = imap(g, "bob", None)
    if m.select(mailbox)[1][0] in (b"0", None) or m.state != "SELECTED":
        m.logout()
        return {}
    rows = m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    m.logout()
    return {text.split()[1].decode(): {f.decode() for f in head.split(b"FLAGS (")[1].split(b")")[0].split()} - {"\\Recent"}
            for head, text in (r for r in rows if isinstance(r, tuple))}


def test_reads_and_marks(g, bird):
    assert bird.script("return rows(inbox())") == [row(n, n) for n in range(1, 5)]
    text = bird.script("""
        const h = [...inbox().messages][1], uri = inbox().getUriForMsg(h);
        let got = '';
        await new Promise((ok, no) => MailServices.messageServiceFromURI(uri).streamMessage(uri, {
            QueryInterface: ChromeUtils.generateQI(['nsIStreamListener', 'nsIRequestObserver']),
            onStartRequest() {},
            onDataAvailable(request, stream, offset, count) {
                const s = Cc['@mozilla.org/scriptableinputstream;1'].createInstance(Ci.nsIScriptableInputStream);
                s.init(stream);
                got += s.readBytes(count);
            },
            onStopRequest(request, status) { status ? no(new Error(status)) : ok(); },
        }, null, null, false, '', false));
        return got""")
    assert text.endswith(letter(2).decode())        # behind two fields of its own
    bird.script("""
        const h = [...inbox().messages];
        inbox().markMessagesRead([h[0], h[1]], true);
        inbox().markMessagesFlagged([h[2]], true);
        inbox().addKeywordsToMessages([h[3]], '$label1')""")
    until_there(g, "INBOX", {"n1": {"\\Seen"}, "n2": {"\\Seen"}, "n3": {"\\Flagged"}, "n4": {"$label1"}})


def test_files_and_moves(g, bird):
    bird.script("root().createSubfolder('Work', null); await until(() => root().containsChildNamed('Work'))")
    bird.script("""
        const h = [...inbox().messages];
        MailServices.copy.copyMessages(inbox(), [h[0], h[2]], folder('Work'), false, null, null, false);""")
    until_there(g, "Work", {"n1": {"\\Seen"}, "n3": {"\\Flagged"}})
    bird.script("""
        MailServices.copy.copyMessages(inbox(), [[...inbox().messages][3]], folder('Work'), true, null, null, false);
        await until(() => rows(inbox()).length == 3)""")
    until_there(g, "Work", {"n1": {"\\Seen"}, "n3": {"\\Flagged"}, "n4": {"$label1"}})
    until_there(g, "INBOX", {"n1": {"\\Seen"}, "n2": {"\\Seen"}, "n3": {"\\Flagged"}})
    bird.script("""
        const same = (a, b) => Object.keys(a).every(k => a[k] === b[k]);
        await until(() => {
            folder('Work').updateFolder(null);
            const there = rows(folder('Work'));
            return there.length == arguments[0].length && there.every((r, i) => same(r, arguments[0][i]));
        })""", [row(1, 1, read=True), row(2, 3, flagged=True), row(3, 4, keywords="$label1")])


def test_hears_of_what_comes(g, bird):
    """Nobody asks it to look: IDLE."""
    m = imap(g, "bob")
    m.append("INBOX", None, None, letter(5))
    bird.script("await until(() => rows(inbox()).some(r => r.subject.startsWith('n5')))")
    m.store("1", "-FLAGS", r"(\Seen)")
    bird.script("await until(() => rows(inbox()).some(r => r.subject.startsWith('n1') && !r.read))")
    m.store("2", "+FLAGS", r"(\Deleted)")
    m.expunge()
    bird.script("await until(() => !rows(inbox()).some(r => r.subject.startsWith('n2')))")
    m.logout()


def test_sends(g, bird):
    bird.script("""
        const fields = Cc['@mozilla.org/messengercompose/composefields;1'].createInstance(Ci.nsIMsgCompFields);
        Object.assign(fields, {from: 'Bob <bob@example.test>', to: 'alice@example.test', subject: 'Gr\u00fc\u00dfe'});
        const send = Cc['@mozilla.org/messengercompose/send;1'].createInstance(Ci.nsIMsgSend);
        await new Promise((ok, no) => send.createAndSendMessage(null, identity(), MailServices.accounts.accounts[0].key, fields,
            false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, 'text/plain', 'Gr\u00fc\u00dfe\\n.a dot\\n', null, null, {
                QueryInterface: ChromeUtils.generateQI(['nsIMsgSendListener']),
                onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {},
                onSendNotPerformed() { no(new Error('not sent')); },
                onTransportSecurityError(id, status) { no(new Error(`TLS ${status}`)); },
                onStopSending(id, status, text) { status ? no(new Error(`${status} ${text}`)) : ok(); },
            }, '', '', Ci.nsIMsgCompType.New));
        return 'sent'""")
    (got,) = fetch_all(g, "alice")
    assert got.startswith(b"Return-Path: <bob@example.test>\r\n") and got.endswith("\r\n\r\nGr\u00fc\u00dfe\r\n.a dot\r\n".encode())
    until_there(g, "Sent", {"=?UTF-8?B?R3LDvMOfZQ==?=": {"\\Seen"}})
    assert fetch_all(g, "bob", "Sent") == [without_trace(got)]
