# SPDX-License-Identifier: ISC
"""The checker of the other tests is one itself: what RFCs give as examples
passes, and each rule has an answer that breaks it."""
import imapgrammar
import imapwatch
import pytest

# Answers from the examples of RFC 9051, 3501, 2971, 4314, 4467, 4731, 5161,
# 5182, 5256, 5258, 5267, 5464, 5465, 6154, 6851, 7162, 7377, 8474, 8514, 8970,
# 9208, 9394, 9585, 9586, 9738.
LEGAL = rb"""
* OK IMAP4rev2 Service Ready
* OK [ALERT] System shutdown in 10 minutes
* PREAUTH IMAP4rev2 server logged in as Smith
* BYE Autologout; idle for too long
* NO Disk is 98% full, please delete unnecessary data
* BAD Command line too long
* CAPABILITY STARTTLS AUTH=GSSAPI IMAP4rev2 LOGINDISABLED XPIG-LATIN
* CAPABILITY IMAP4rev1 LITERAL+ ENABLE QRESYNC
* ENABLED CONDSTORE
* ENABLED
* LIST (\Noselect) "/" ~/Mail/foo
* LIST (\Noselect) "/" ""
* LIST () "." blurdybloop
* LIST () "/" INBOX
* LIST (\NonExistent) "/" "foo" ("CHILDINFO" ("SUBSCRIBED"))
* LIST (\Subscribed \HasNoChildren) "/" "a b" ("OLDNAME" ("c d"))
* LIST (\Marked \Drafts) "/" Drafts
* LSUB () "." #news.comp.mail.misc
* NAMESPACE (("" "/")) (("~" "/")) NIL
* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) NIL NIL
* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
* STATUS "x" (HIGHESTMODSEQ 7011231777 SIZE 17 DELETED 0 MAILBOXID (F2212ea87-6097-4256-9d51-71338625))
* SEARCH 2 84 882
* SEARCH
* SEARCH 2 5 6 7 11 12 18 19 20 23 (MODSEQ 917162500)
* SORT 5 3 4 1 2
* THREAD (166)(167)(168)(169)(172)(170)(171)(173)(174 (175)(176)(178)(181)(180))(179)(177 (183)(182)(188)(184)(185)(186)(187)(189))(190)(191)(192)(193)(194 195)(196 (197)(198))(199)(200 202)(201)(203)(204)(205)(206 207)(208)
* THREAD ((3)(5))
* THREAD
* ESEARCH (TAG "A282") MIN 2 COUNT 3
* ESEARCH (TAG "A283") ALL 2,10:11
* ESEARCH (TAG "a567") UID COUNT 17 ALL 4:18,21,28
* ESEARCH (TAG "h") UID
* ESEARCH (TAG "C01") UID PARTIAL (23500:24000 10,20:30)
* ESEARCH (TAG "C01") PARTIAL (-1:-100 NIL)
* ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)
* ESEARCH (TAG "C01") UID ADDTO (0 2732) REMOVEFROM (0 3)
* ESEARCH (TAG "tag1" MAILBOX "folder1" UIDVALIDITY 1) UID ALL 4001,4003,4005,4007,4009
* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded)
* 23 EXISTS
* 0 RECENT
* 44 EXPUNGE
* VANISHED 405,407,410,425
* VANISHED (EARLIER) 41,43:116,118,120:211,214:540
* 23 FETCH (FLAGS (\Seen) RFC822.SIZE 44827)
* 12 FETCH (BODY[HEADER] {3}^abc UID 3)
* 1 FETCH (UID 4 MODSEQ (65402) FLAGS (\Seen))
* 12 FETCH (FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>") BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL "list" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL)) NIL NIL NIL NIL))
* 1 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED"))
* 1 FETCH (BODYSTRUCTURE ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 342 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL NIL NIL NIL) 7 NIL ("attachment" ("filename" "x")) ("de" "en") NIL))
* 1 FETCH (BODY[1.2.HEADER.FIELDS (DATE FROM)]<0> NIL BODY[4.1.MIME] "" BODY[] "x" BODY[3.TEXT] "")
* 1 FETCH (BINARY[1]<0> ~{3}^abc BINARY.SIZE[2] 12 BINARY[] "x")
* 3 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL SAVEDATE "17-Jul-1996 02:44:25 -0700" PREVIEW "Preview text!")
* 1 FETCH (SAVEDATE NIL PREVIEW NIL THREADID (T64b478a75b7ea9))
* 25996 UIDFETCH (FLAGS (\Seen))
* ID ("name" "Cyrus" "version" "1.5" "os" NIL)
* ID NIL
* QUOTA "!partition/sda4" (STORAGE 104 10923847)
* QUOTAROOT INBOX "#user/alice" "!partition/sda4"
* QUOTAROOT comp.mail.mime
* ACL INBOX Fred rwipslxetad chris lrswi
* LISTRIGHTS ~/Mail/saved smith la r swicdkxte
* LISTRIGHTS archive/imap anyone "" l r s w i p k x t e c d a 0 1 2 3 4 5 6 7 8 9
* MYRIGHTS INBOX rwiptsldaex
* UIDBATCHES (TAG "A143") 215295:99696,99695:20350
* STATUS x (RECENT 1 UNSEEN 2 APPENDLIMIT NIL DELETED-STORAGE 8 UIDVALIDITY 1)
* LANGUAGE ("EN")
* COMPARATOR "i;ascii-casemap"
* 1 FETCH (RFC822 NIL RFC822.HEADER "" RFC822.TEXT {2}^^)
* METADATA "INBOX" (/shared/comment "Shared comment")
* METADATA "" /shared/comment
* METADATA "INBOX" (/private/comment NIL /shared/vendor/x "")
* GENURLAUTH "imap://joe@example.com/INBOX/;uid=20/;section=1.2;expire=2005-12-15T15:00:00Z:internal:91354a473744909de610943775f92038"
* URLFETCH "imap://joe@example.com/INBOX/;uid=20" NIL
* URLFETCH "imap://joe@example.com/INBOX/;uid=20" (BODYPARTSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "8BIT" 3 1)) (BINARY ~{3}^^a)
* URLFETCH "x" (BINARY NIL)
* URLFETCH x (BODY {2}^^)
* OK [UNSEEN 17] Message 17 is the first unseen message
* OK [UIDVALIDITY 3857529045] UIDs valid
* OK [PERMANENTFLAGS (\Deleted \Seen \*)] Limited
* OK [PERMANENTFLAGS ()] No permanent flags permitted
* OK [HIGHESTMODSEQ 715194045007] x
* OK [NOMODSEQ] Sorry, this mailbox format doesn't support modsequences
* OK [CLOSED] Previous mailbox is now closed
* OK [COPYUID 432432 42:69 1202:1229] Done
* OK [INPROGRESS ("A001" 454 1000)] Still working on it...
* OK [INPROGRESS] Hang in there...
* OK [INPROGRESS (NIL NIL NIL)] x
* OK [METADATA LONGENTRIES 2199] x
A001 OK LOGIN completed
A003 OK [APPENDUID 38505 3955] APPEND completed
A003 OK [APPENDUID 38505 3955:3957] APPEND completed
A004 OK [COPYUID 38505 304,319:320 3956:3958] Done
A12 NO [BADCHARSET (UTF-8 US-ASCII)] No
a1 NO [AUTHENTICATIONFAILED] No such user
d OK [MODIFIED 7,9] Conditional STORE failed
a OK [MESSAGELIMIT 1000 23221] FETCH completed with 1000 partial results
a NO [MESSAGELIMIT 1000] Too many messages to append
g NO [METADATA TOOMANY] x
a OK [MAILBOXID (F2212ea87-6097-4256-9d51-71338625)] Completed
07 BAD [UIDREQUIRED] Message numbers are not allowed once UIDONLY is enabled
+ idling
+ 
+ Ready for additional command text
+ YDMGCSqGSIb3EgECAgIBAAD/////6jcyG4GE3KkTzBeBiVHeceP2CWY0SR0fAQAgAAQEBAQ=
"""

# What breaks a rule, and a word of the fault.
ILLEGAL = rb"""
* OK                                    => SP
* OK [UNSEEN 17]                        => SP
* OK [UNSEEN 0] x                       => nz-number
* OK [UNSEEN 4294967296] x              => nz-number
* URLFETCH x (BODY "a" BINARY "a")       => ')'
* URLFETCH x (BODY "a") (BODY "a")      => twice
* URLFETCH x (ELSE "a")                 => url-metadata
* OK [NOSUCHCODE] x                     => resp-text-code
* OK [MESSAGELIMIT] x                   => SP
* OK [MESSAGELIMIT 0] x                 => nz-number
* OK [MESSAGELIMIT 1000 0] x            => nz-number
* OK [UIDVALIDITY] x                    => SP
* OK [PERMANENTFLAGS (\Seen \Seen)] x   => twice
* OK [PERMANENTFLAGS (\Recent)] x       => system flag
* OK [COPYUID 1 1:3 4:5] x              => as many
* OK [COPYUID 1 1:* 4:5] x              => SP
* OK [INPROGRESS ("a" 5 4)] x           => goal
* OK [HIGHESTMODSEQ 9223372036854775808] x => mod-sequence
* OK [MAILBOXID (a.b)] x                => ')'
* OK [METADATA SHORT] x                 => METADATA
A001 PREAUTH x                          => resp-cond-state
A+1 OK x                                => SP
A001  OK x                              => resp-cond
A001 FINE x                             => resp-cond-state
* FINE x                                => response-data
*  OK x                                 => response-data
* CAPABILITY STARTTLS                   => IMAP4rev2
* CAPABILITY IMAP4rev1 IDLE IDLE        => twice
* CAPABILITY IMAP4rev1  IDLE            => capability
* FLAGS \Seen                           => '('
* FLAGS (\Seen  \Draft)                 => flag
* FLAGS (\Strange)                      => system flag
* FLAGS (a]b)                           => SP
* LIST \Noselect "/" x                  => '('
* LIST (Noselect) "/" x                 => mbx-list-flags
* LIST (\Odd) "/" x                     => mbx-list-flags
* LIST (\Marked \Unmarked) "/" x        => exclude
* LIST () "//" x                        => delimiter
* LIST () / x                           => quoted
* LIST () "/"                           => SP
* LIST () "/" a b                       => '('
* STATUS x (MESSAGES)                   => SP
* STATUS x (MESSAGES 1 MESSAGES 1)      => twice
* STATUS x (POSTS 1)                    => status-att
* STATUS x (UIDNEXT 0)                  => nz-number
* SEARCH 1 0                            => nz-number
* SEARCH 1 1                            => twice
* SEARCH 1,2                            => CRLF
* SEARCH  3                             => nz-number
* SORT 01                               => nz-number
* THREAD (1 (2))                        => two lists
* THREAD ((1))                          => two lists
* THREAD (1 2 (3)(4) 5)                 => thread-members
* THREAD ()                             => thread
* ESEARCH (TAG "a") MIN 0               => nz-number
* ESEARCH (TAG "a") MIN 1 MIN 2         => twice
* ESEARCH (TAG "a") ALL 1:*             => CRLF
* ESEARCH (TAG "a") ALL                 => SP
* ESEARCH (TAG "a") SOME 1              => search-return-data
* ESEARCH (MAILBOX x) COUNT 1           => TAG
* ESEARCH (TAG "a") PARTIAL (1:-2 NIL)  => nz-number
* VANISHED 1:*                          => CRLF
* VANISHED EARLIER 1                    => sequence-set
* NAMESPACE NIL NIL                     => SP
* NAMESPACE () NIL NIL                  => 1*namespace
* NAMESPACE (("" "ab")) NIL NIL         => delimiter
* ID ("name")                           => SP
* ID ("a" "b" "A" "c")                  => each once
* QUOTA "" ()                           => not empty
* QUOTA "" (STORAGE 1)                  => SP
* ACL x a LRS                           => rights
* METADATA x (/comment "a")             => entry
* METADATA x (/shared//a "a")           => entry
* METADATA x ("/shared/a*" "a")         => entry
* -1 EXISTS                             => response-data
* 4294967296 EXISTS                     => number
* 0 EXPUNGE                             => nz-number
* 1 EXPUNGED                            => message-data
* 0 FETCH (UID 1)                       => nz-number
* 1 FETCH ()                            => not empty
* 1 FETCH (UID 0)                       => nz-number
* 1 FETCH (UID 1 UID 1)                 => twice
* 1 FETCH (UID 1  FLAGS ())             => msg-att
* 1 FETCH (SIZE 4)                      => msg-att
* 1 FETCH (MODSEQ 4)                    => '('
* 1 FETCH (MODSEQ (0))                  => mod-sequence
* 1 FETCH (FLAGS (\*))                  => system flag
* 1 FETCH (INTERNALDATE "7-Jul-1996 02:44:25 -0700") => date-time
* 1 FETCH (INTERNALDATE "17-Jul-1996 24:44:25 -0700") => date-time
* 1 FETCH (INTERNALDATE NIL)            => date-time
* 1 FETCH (RFC822.SIZE NIL)             => number
* 1 FETCH (BODY[1.] "")                 => section
* 1 FETCH (BODY[0] "")                  => nz-number
* 1 FETCH (BODY[MIME] "")               => section
* 1 FETCH (BODY[HEADER.FIELDS ()] "")   => not empty
* 1 FETCH (BODY.PEEK[] "")              => msg-att
* 1 FETCH (BODY[] {8}^ab)               => length
* 1 FETCH (BODY[] ~{3}^abc)             => string
* 1 FETCH (BODY[] abc)                  => string
* 1 FETCH (BODY[] "a\b")                => quoted
* 1 FETCH (BODY[] {3+}^abc)             => literal
* 1 FETCH (BINARY[HEADER] "a")          => ']'
* 1 FETCH (BINARY.SIZE[1]<0> 4)         => partial
* 1 FETCH (EMAILID NIL)                 => '('
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL)) => SP
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL () NIL NIL NIL NIL)) => one at least
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL "a" "b") (NIL NIL "c" "d")) NIL NIL NIL NIL)) => address
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL "g" NIL)) NIL NIL NIL NIL)) => group
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL NIL NIL)) NIL NIL NIL NIL)) => group
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL NIL "h")) NIL NIL NIL NIL)) => mailbox
* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL ((NIL NIL "a" "b") NIL NIL NIL NIL)) => address
* 1 FETCH (BODY ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3)) => SP
* 1 FETCH (BODY ("TEXT" "PLAIN" () NIL NIL "7BIT" 3 1)) => not empty
* 1 FETCH (BODY ("TEXT" "PLAIN" ("a") NIL NIL "7BIT" 3 1)) => SP
* 1 FETCH (BODY ("TEXT" "PLAIN" NIL NIL NIL NIL 3 1)) => string
* 1 FETCH (BODY ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL)) => extension
* 1 FETCH (BODY (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1) "MIXED" NIL)) => extension
* 1 FETCH (BODY ("APPLICATION" "X" NIL NIL NIL "7BIT" 3 1)) => extension
* 1 FETCH (BODY ("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 3)) => envelope
* 1 FETCH (BODY (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1))) => SP
* 1 FETCH (BODY ("MIXED"))              => SP
* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL "inline")) => body-fld-dsp
* 1 FETCH (BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL NIL NIL NIL x)) => string
+idling                                 => SP
"""


def parse(line):
    """^ stands for CRLF."""
    return imapgrammar.parse(line.replace(b"^", b"\r\n") + b"\r\n")


def rows(text):
    return text.strip(b"\n").split(b"\n")


@pytest.mark.parametrize("line", rows(LEGAL), ids=lambda x: x[:40].decode())
def test_legal(line):
    r = parse(line)
    assert r.kind == b"+" or r.tag or r.kind in line.upper()


@pytest.mark.parametrize("row", rows(ILLEGAL), ids=lambda x: x[:40].decode())
def test_illegal(row):
    line, rule = row.split(b"=>")
    with pytest.raises(imapgrammar.BadResponse) as e:
        parse(line.rstrip(b" "))
    assert rule.strip().decode() in str(e.value).split("<here>")[0]


@pytest.mark.parametrize("data, rule", [
    (b"* SEARCH \r\n", "nz-number"), (b"* OK x\n", "CRLF"), (b"* OK x\r\n\r\n", "the end"), (b"+\r\n", "SP"),
    (b"* OK a\0b\r\n", "CRLF"), (b"* OK \xff\r\n", "UTF-8"), (b'* 1 FETCH (BODY[] "\xff")\r\n', "UTF-8"),
    (b"* 1 FETCH (BODY[] {1}\r\n\0)\r\n", "CHAR8"), (b'* LIST () "/" "a\tb"\r\n', "utf-8"),
    (b'* LIST () "/" "&*-"\r\n', "utf-8"), (b'* LIST () "/" B&A\r\n', "utf-8"), (b'* LIST () "/" &AGE-\r\n', "utf-8"),
    (b"* 1 FETCH (BODY " + b"(" * 300, "depth"), (b"* 1 FETCH (BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL"
                                                 b" NIL " + b"(" * 300, "depth"),
    (b'* LIST () "/" x (a ' + b"(" * 300, "depth"), (b"* THREAD " + b"(" * 100000 + b"\r\n", "nz-number"),
])
def test_illegal_bytes(data, rule):
    try:
        needs = imapgrammar.parse(data).needs
    except imapgrammar.BadResponse as e:
        assert rule in str(e)
    else:
        assert any(rule in n for n in needs), "legal"


def test_every_rule_has_a_breach():
    """Each word of the tables has a sample above."""
    said = b"\n".join(rows(LEGAL)).upper()
    for word in list(imapgrammar.DATA) + list(imapgrammar.FETCH_ITEMS) + list(imapgrammar.STATUS_ITEMS):
        assert word in said, word


def test_taking():
    """Responses are cut where they end, however they arrive."""
    stream = (b"* OK {3}\r\n* 1 FETCH (BODY[] {4}\r\na\r\n) UID 3 BODY[TEXT] {0}\r\n)\r\n"
              b"a OK [ALERT] {9}\r\n+ {3}\r\n* SEARCH\r\n")
    ends, at = [], 0
    while at < len(stream):
        at = imapgrammar.take(stream, at)
        ends.append(at)
    assert len(ends) == 5
    for n in range(len(stream)):
        end = imapgrammar.take(stream[:n], 0)
        assert end == (ends[0] if n >= ends[0] else None)


# Sessions: lines of the client (C), of the server (S).

GREET = "S * OK [CAPABILITY IMAP4rev1 IMAP4rev2 UIDPLUS ENABLE MOVE ESEARCH CONDSTORE QRESYNC UIDONLY] x"
BOX = r"""C s SELECT x
S * FLAGS (\Answered \Flagged \Deleted \Seen \Draft k)
S * OK [PERMANENTFLAGS (\Seen)] x
S * 3 EXISTS
S * 0 RECENT
S * OK [UIDVALIDITY 1] x
S * OK [UIDNEXT 9] x
S * OK [HIGHESTMODSEQ 9] x
S s OK [READ-WRITE] x
"""
BOX2 = BOX.replace("* 0 RECENT", '* LIST () "/" x')
REV2 = "C e ENABLE IMAP4rev2\nS * ENABLED IMAP4rev2\nS e OK x\n"
RESYNC = "C e ENABLE QRESYNC\nS * ENABLED QRESYNC\nS e OK x\n"
UIDONLY = "C e ENABLE UIDONLY\nS * ENABLED UIDONLY\nS e OK x\n"
UPDATES = "C c CAPABILITY\nS * CAPABILITY IMAP4rev1 CONTEXT=SEARCH NOTIFY\nS c OK x\n"
LIMIT = "C c CAPABILITY\nS * CAPABILITY IMAP4rev1 MESSAGELIMIT=3\nS c OK x\n"


def watch(text, greet=GREET):
    s = imapwatch.Session("s")
    for line in (greet + "\n" + text).split("\n"):
        if line.startswith("C "):
            s.client(line[2:].replace("^", "\r\n").encode() + b"\r\n")
        elif line.startswith("S "):
            s.server(line[2:].replace("^", "\r\n").encode() + b"\r\n")
    return s.faults


LEGAL_SESSIONS = [
    "C a NOOP\nS a OK x", "C a LOGOUT\nS * BYE x\nS a OK x", "C a LOGIN {3}\nS + x\nC bob pw\nS a OK x",
    "C a LOGIN {3}\nS a NO [CANNOT] x\nC b NOOP\nS b OK x",
    "C a APPEND x {3+}^abc\nS a OK [APPENDUID 1 2] x", "C a IDLE\nS + x\nS * BYE x",
    BOX + "C a IDLE\nS + x\nS * 4 EXISTS\nS * 1 EXPUNGE\nC DONE\nC b NOOP\nS a OK x\nS b OK x",
    "C a AUTHENTICATE PLAIN\nS + \nC abcd\nS a OK x\nC b NOOP\nS b OK x",
    BOX + "C a FETCH 1:2 (FLAGS BODY.PEEK[HEADER.FIELDS (a \"b\")]<0.3>)\n"
    r"S * 1 FETCH (FLAGS (\Seen k) BODY[HEADER.FIELDS (A B)]<0> NIL)" "\nS a OK x",
    BOX + "C a UID FETCH 1:2 ALL\nS * 1 FETCH (UID 3 RFC822.SIZE 1)\nS a OK x",
    BOX + "C a UID SEARCH RETURN (MIN) ALL\nS * ESEARCH (TAG \"a\") UID MIN 700\nS a OK x",
    BOX + "C a SEARCH ALL\nS * SEARCH 1 2 3\nS a OK x", REV2 + BOX2,
    REV2 + BOX2 + "C a SEARCH ALL\nS * ESEARCH (TAG \"a\") ALL 1:3\nS a OK x",
    RESYNC + BOX + "C a NOOP\nS * VANISHED 4:5\nS * 1 FETCH (FLAGS (k) UID 3 MODSEQ (4))\nS a OK x",
    BOX + "C a STATUS y (MESSAGES UIDNEXT)\nS * STATUS y (MESSAGES 1 UIDNEXT 2)\nS a OK x",
    BOX + "C a MOVE 1 y\nS * OK [COPYUID 1 2 3] x\nS * 1 EXPUNGE\nS a OK x",
    BOX + "C a UID FETCH 1:9 FLAGS (CHANGEDSINCE 3 VANISHED)\nS * VANISHED (EARLIER) 4:600\n"
    "S * 1 FETCH (UID 2 FLAGS () MODSEQ (4))\nS a OK x",
    UIDONLY + BOX + "C a UID FETCH 7 FLAGS\nS * 7 UIDFETCH (FLAGS ())\nS a OK x",
    UPDATES + BOX + "C a SEARCH RETURN (COUNT UPDATE (ENVELOPE)) ALL\nS * ESEARCH (TAG \"a\") COUNT 3\nS a OK x\n"
    "C b NOOP\nS * 4 EXISTS\nS * 4 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\n"
    "S * ESEARCH (TAG \"a\") ADDTO (0 4)\nS b OK x",
    LIMIT + BOX + "C a FETCH 1 FLAGS\nS * 1 FETCH (FLAGS ())\nS * NO [MESSAGELIMIT 3 4] x\nS a OK x",
    "C  \nS * BAD x\nC a NOOP\nS a OK x", BOX + "C a SORT RETURN (SAVE) (DATE) UTF-8 ALL\nS a OK x",
]


@pytest.mark.parametrize("text", LEGAL_SESSIONS)
def test_legal_session(text):
    assert watch(text) == []


ILLEGAL_SESSIONS = [
    ("S a OK x", "a tag that no command waits with"), ("C a NOOP\nC b NOOP\nS b OK x", "in order"),
    ("C a LOGOUT\nS a OK x", "BYE is missing"), ("C a LOGOUT\nS * BYE x\nS * OK x", "after BYE"), ("S + x", "continuation"),
    ("S * PREAUTH x", "greeting"), ("C a NOOP\nS * SEARCH 1\nS a OK x", "does not belong"),
    ("C a LOGIN {3}\nS a NO x\nC bob\nS + x", "continuation"),
    ("S * 1 EXISTS", "without a mailbox"), ("C a SORT (DATE) UTF-8 ALL\nS * SORT 1\nS a OK x", "SORT was not announced"),
    ("C a STATUS y (MESSAGES)\nS * STATUS y (SIZE 1)\nS a OK x", "not asked for"),
    ("C a STATUS y (MESSAGES UIDNEXT)\nS * STATUS y (MESSAGES 1)\nS a OK x", "missing"),
    ("C a STATUS y (MESSAGES)\nS a OK x", "missing"), ("C a SEARCH ALL\nS a OK x", "missing"), ("C a SORT (DATE) UTF-8 ALL\nS a OK x", "missing"),
    ("C a THREAD REFS UTF-8 ALL\nS a OK x", "missing"),
    ("C a ENABLE IMAP4rev2\nS a OK x", "ENABLED is missing"),
    ("C a ENABLE CONDSTORE\nS * ENABLED QRESYNC\nS a OK x", "not asked for"),
    ("C a NOOP\nS a OK [APPENDUID 1 2] x", "does not belong"), ("C a NOOP\nS * LIST () \"/\" x\nS a OK x", "does not belong"),
    ("C a LIST \"\" *\nS * LIST () \"/\" Inbox\nS a OK x", "INBOX"), ("C a APPEND x {1+}^a\nS a OK [TRYCREATE] x", "in OK"),
    ("C a LIST \"\" *\nS * LIST () \"/\" \"\u00fc\"\nS a OK x", "above 127"),
    (BOX + "C a SEARCH ALL\nS * SEARCH\nS a OK [MESSAGELIMIT 3 4] x", "MESSAGELIMIT was not announced"),
    (LIMIT + BOX + "C a SEARCH ALL\nS * SEARCH\nS a OK [MESSAGELIMIT 4 4] x", "another MESSAGELIMIT"),
    (LIMIT + BOX + "C a EXPUNGE\nS a OK [MESSAGELIMIT 3 4] x", "does not belong"),
    (REV2 + "C a NOOP\nS * 1 RECENT\nS a OK x", "RECENT"), (REV2 + BOX, "LIST is missing"),
    (REV2 + BOX2 + "C a SEARCH ALL\nS * SEARCH 1\nS a OK x", "ESEARCH in rev2"),
    (REV2 + BOX2 + "C a FETCH 1 RFC822\nS * 1 FETCH (RFC822 NIL)\nS a OK x", "rev1 was not"),
    (REV2 + BOX2 + r"C a FETCH 1 FLAGS" "\n" r"S * 1 FETCH (FLAGS (\Recent))" "\nS a OK x", r"no \Recent"),
    (BOX + BOX, "CLOSED is missing"),
    *[(BOX.replace(line + "\n", ""), "missing") for line in BOX.split("\n")[1:-2]],
    (BOX.replace("[READ-WRITE] ", ""), "READ-WRITE is missing"), (BOX.replace(r" \Draft k", ""), "all system flags"),
    (BOX + "C a NOOP\nS * 2 EXISTS\nS a OK x", "goes down"), (BOX + "C a NOOP\nS * 4 RECENT\nS a OK x", "more RECENT"),
    (BOX + "S * 1 EXPUNGE", "no command runs"),
    *[(BOX + f"C a {c}\nS * 1 EXPUNGE\nS a OK x", "an expunge during") for c in (
        "FETCH 1 FLAGS", "STORE 1 FLAGS k", "SEARCH ALL")],
    (BOX + "C a NOOP\nS * 4 EXPUNGE\nS a OK x", "there are 3"),
    (BOX + "C a NOOP\nS * 1 EXPUNGE\nS * 3 EXPUNGE\nS a OK x", "there are 2"),
    (BOX + "C a NOOP\nS * VANISHED 4\nS a OK x", "VANISHED was not"),
    (RESYNC + BOX + "C a NOOP\nS * 1 EXPUNGE\nS a OK x", "VANISHED in place"),
    (RESYNC + BOX + "C a NOOP\nS * VANISHED 1:4\nS a OK x", "there were 3"),
    (RESYNC + BOX + "C a NOOP\nS * VANISHED (EARLIER) 1\nS a OK x", "EARLIER"),
    (RESYNC + BOX + "C a NOOP\nS * 1 FETCH (FLAGS ())\nS a OK x", "MODSEQ with"),
    (BOX + "C a FETCH 1 FLAGS\nS * 4 FETCH (FLAGS ())\nS a OK x", "there are 3"),
    (BOX + "C a FETCH 1 FLAGS\nS * 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\nS a OK x", "not asked for"),
    (BOX + "C a FETCH 1 BODY[1]\nS * 1 FETCH (BODY[2] NIL)\nS a OK x", "not asked for"),
    (BOX + "C a FETCH 1 BODY[]<0.1>\nS * 1 FETCH (BODY[] NIL)\nS a OK x", "not asked for"),
    (BOX + "C a FETCH 1 FLAGS\nS * 1 FETCH (FLAGS (z))\nS a OK x", "did not announce"),
    (BOX + "C a FETCH 1 FLAGS\nS * 1 FETCH (MODSEQ (4))\nS a OK x", "not asked for"),
    (BOX + "C a UID FETCH 1 FLAGS\nS * 1 FETCH (FLAGS ())\nS a OK x", "UID in all"),
    (BOX + "C a FETCH 1:2 UID\nS * 1 FETCH (UID 5)\nS * 2 FETCH (UID 5)\nS a OK x", "ascend"),
    (BOX + "C a FETCH 1 UID\nS * 1 FETCH (UID 5)\nS * 1 FETCH (UID 6)\nS a OK x", "had UID 5"),
    (BOX + "C a FETCH 2 UID\nS * 2 FETCH (UID 5)\nS a OK x\nC b NOOP\nS * 1 EXPUNGE\nS b OK x\nC c FETCH 1 UID\n"
     "S * 1 FETCH (UID 6)\nS c OK x", "had UID 5"),
    (BOX + "C a SEARCH ALL\nS * SEARCH 4\nS a OK x", "above 3"),
    (BOX + "C a SEARCH ALL\nS * ESEARCH (TAG \"a\") ALL 1\nS a OK x", "RETURN"),
    (BOX + "C a SEARCH RETURN (MIN) ALL\nS * ESEARCH (TAG \"b\") MIN 1\nS a OK x", "tag of the command"),
    (BOX + "C a SEARCH RETURN (MIN) ALL\nS * ESEARCH (TAG \"a\") UID MIN 1\nS a OK x", "UID when"),
    (BOX + "C a SEARCH RETURN (MIN) ALL\nS * ESEARCH (TAG \"a\") MAX 1\nS a OK x", "MAX was not asked"),
    (BOX + "C a SEARCH RETURN (MIN) ALL\nS * ESEARCH (TAG \"a\") MIN 4\nS a OK x", "above 3"),
    (BOX + "C a SEARCH RETURN (COUNT ALL) ALL\nS * ESEARCH (TAG \"a\") COUNT 3 ALL 1\nS a OK x", "COUNT is not"),
    (BOX + "C a CLOSE\nS a OK x\nC b NOOP\nS * 3 EXISTS\nS b OK x", "without a mailbox"),
    (UIDONLY + BOX + "C a NOOP\nS * 1 FETCH (FLAGS (k))\nS a OK x", "UIDFETCH in place"),
    (BOX + "C a NOOP\nS * 7 UIDFETCH (FLAGS (k))\nS a OK x", "UIDONLY was not"),
]


@pytest.mark.parametrize("text, fault", ILLEGAL_SESSIONS)
def test_illegal_session(text, fault):
    assert any(fault in f for f in watch(text)), watch(text)


def test_no_greeting():
    assert "greeting" in watch("", "S a OK x")[0]


def test_transcript(tmp_path):
    """Records of interleaved sessions; one that is cut off at the end."""
    (tmp_path / "1").write_bytes(b"7 S 9\n* OK hi\r\n" + b"8 S 3\n* O7 C 8\na NOOP\r\n8 S 4\nK x\r"
                                 b"7 S 8\na OK x\r\n7 E 0\n7 S 9\n* XX hi\r\n8 S 100\n\nabc")
    sessions, responses, faults = imapwatch.check_folder(tmp_path)
    assert (sessions, responses) == (3, 3)
    assert len(faults) == 1 and "XX" in faults[0]
