# SPDX-License-Identifier: ISC
"""The same mail through Dovecot and Godwit: every difference in what they
answer is explained by an RFC, in RULES, or it fails."""
import collections
import datetime
import itertools
import re
import shutil
import tempfile
import urllib.parse

import dovecot
import mailcorpus
import mailsyntax
import pytest
from mailtools import PASSWORD

import godwit

ALICE = "alice@example.test"
GENERATED, CONVERSATIONS = 1600, 400
ITEMS_MAX = 60          # of one FETCH
SHOWN = 12

FIELDS = (b"HEADER.FIELDS (Subject FROM x-report)", b"HEADER.FIELDS (From To Subject Date)", b"HEADER.FIELDS (Content-Type received)",
          b"HEADER.FIELDS.NOT (Subject FROM received)", b"HEADER.FIELDS.NOT (x)")

WORDS = (b"needle", b"GODWIT", b"ticket notes", b"Gr\xc3\xbc\xc3\x9fe", b"gr\xc3\x9c\xc3\x9fe",
         b"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", b"\xe6\x97\xa5\xe6\x9c\xac", b"na\xc3\xafve",
         b"\xc3\x98", b"no such thing", b"needl", b"e", b"holiday train")
ADDRESSES = (b"ann", b"ann@a.example", b"Bob Example", b"EXAMPLE.ORG", b"quoted local", b"Esq", b"192.0.2.1", b"group",
             b"undisclosed", b"nested", b"\xc3\x86r\xc3\xb8", b"@relay.example")


def literal(word):
    return b"{%d+}\r\n%s" % (len(word), word)


SINCE_EPOCH = b"SENTSINCE 2-Jan-1970"
KEYS = [
    SINCE_EPOCH,
    b"ALL", b"SEEN", b"UNSEEN", b"FLAGGED NOT DRAFT", b"KEYWORD $Label", b"UNKEYWORD one", b"ANSWERED", b"DELETED", b"1:100,7",
    b"UID 5:60", b"OLD", b"LARGER 2000", b"SMALLER 300", b"LARGER 1000 SMALLER 1200", b"BEFORE 3-Jan-2024",
    b"ON 15-Jan-2024", b"SINCE 20-Jan-2024", b"SENTBEFORE 1-Jan-2005", b"SENTSINCE 1-Jan-2020", b"SENTON 3-Mar-2010",
    b"SENTSINCE 1-Jan-2011 SENTBEFORE 1-Jan-2012", b"OLDER 3600", b"YOUNGER 3600", b"OR SEEN (FLAGGED DRAFT)",
    b"NOT (OR SEEN LARGER 500)", b'HEADER X-Needle ""', b"HEADER Message-ID 17@id", b"HEADER References quoted",
    b'HEADER Content-Type ""', b"HEADER Content-Type mixed", b"HEADER Received by", b'HEADER Date "2010"',
    b'HEADER List-Id ""', b'HEADER Subject ""',
    *(k + b" " + literal(w) for k in (b"SUBJECT", b"BODY", b"TEXT") for w in WORDS),
    *(k + b" " + literal(w) for k in (b"FROM", b"TO", b"CC", b"BCC", b"HEADER Sender", b"HEADER Reply-To") for w in ADDRESSES),
]
SORTS = (b"ARRIVAL", b"REVERSE ARRIVAL", b"DATE", b"REVERSE DATE", b"SIZE", b"SUBJECT", b"FROM", b"TO", b"CC",
                               b"SUBJECT REVERSE DATE", b"FROM SIZE", b"DISPLAYFROM", b"DISPLAYTO")
THREADS = (b"ORDEREDSUBJECT", b"REFERENCES", b"REFS")
FLAGS = (b"", b"\\Seen", b"\\Flagged \\Seen", b"\\Draft $Label", b"\\Answered", b"\\Deleted one")

# What a difference may rest on.  Each must be met, or it goes.
RULES = {
    "white space": "RFC 5322 s2.2.3: unfolding removes the CRLF and nothing else; RFC 5322 s3.6: FWS around a value is no "
                   "part of it.  Dovecot makes one space of any white space in some fields and keeps it at the ends of others",
    "addresses": "RFC 5322 s3.4 and s4.4 give this value no meaning.  Dovecot writes MISSING_MAILBOX, MISSING_DOMAIN and "
                 "SYNTAX_ERROR where Godwit keeps what it could read",
    "empty member": "RFC 5322 s4.4 (obs-addr-list): what stands empty between commas is nobody",
    "field twice": "RFC 5322 s3.6, RFC 2045 s3: each of these fields stands once at most",
    "MIME-Version": "RFC 2045 s4: without MIME-Version and Content-Type it is no MIME entity, and whether the other Content- "
                    "fields mean something is the reader's choice",
    "no parts": "RFC 2046 s5.1.1: a multipart has one part at least, behind a delimiter line; RFC 9051 s9 cannot tell of one "
                "without.  Dovecot invents an empty text part, Godwit shows the text that is there as text/plain",
    "empty boundary": "RFC 2046 s5.1.1: a boundary has 1 to 70 characters",
    "encoded boundary": "RFC 2231 s4: a boundary with a charset and percent signs is what it decodes to; Dovecot finds no parts",
    "delimiter line": "RFC 2046 s5.1.1: a delimiter is the boundary and white space.  By s5.1.2 a line that begins so may "
                      "be taken for one, as Dovecot does; then an inner boundary that begins as the outer one ends both",
    "CRLF of the delimiter": "RFC 2046 s5.1.1: the CRLF before a delimiter line belongs to it, also when what it ends is a "
                             "multipart whose own last delimiter stands right before",
    "blank line": "RFC 9051 s6.4.5.1: the blank line is part of a header that has one.  RFC 2046 s5.1.1 gives its CRLF to a "
                  "delimiter that follows at once; Godwit counts it to the header, Dovecot to the delimiter",
    "no field": "RFC 9051 s6.4.5.1: a subset has header fields, and what is none (RFC 5322 s2.2) is in no subset; Dovecot "
                "puts it into each HEADER.FIELDS.NOT",
    "no blank line": "RFC 9051 s6.4.5.1: no blank line is in the subset when the message has none",
    "parameterized": "RFC 2045 s5.1, RFC 2231 s3 and s4, RFC 2183 s2 give this Content-Type or Content-Disposition no meaning",
    "case": "RFC 2045 s5.1: types and the names of parameters are the same in any case",
    "charset": "RFC 2045 s5.2: text without charset is US-ASCII; RFC 9051 s7.5.2 does not ask for parameters that are not "
               "there.  Dovecot adds charset=us-ascii",
    "continuations": "RFC 2231 s4.1: a value in pieces, some of them percent-encoded, as one: Godwit encodes the plain ones, too",
    "lines": "RFC 9051 s7.5.2: the size in text lines, to which Godwit counts a last one without CRLF",
    "obsolete year": "RFC 5322 s4.3: three digits are a year after 1900",
    "before 1970": "RFC 5322 s3.3: years from 1900 on; Dovecot knows none before 1970",
    "no date": "RFC 9051 s6.4.4: SENTBEFORE is about the Date field; without one that can be read (RFC 5322 s3.3, s4.3) "
               "nothing matches.  Dovecot takes it for the beginning of 1970",
    "encoded words": "RFC 2047 s2 and s5, RFC 2231 s5, RFC 6532 s3: language tags (which Dovecot leaves encoded), words that do "
                     "not stand alone, charsets that nobody knows and bytes that are no UTF-8 are read by each as it can",
    "odd MIME": "RFC 2045 s5.2 and s6.4: a type without syntax, an encoding or a charset that is unknown need not be decoded; RFC "
                "9051 s6.4.4 leaves it to the server whether such parts are searched",
    "order of REFS": "THREAD=REFS has the tree of RFC 5256 s3 (REFERENCES) without subjects; no RFC says in which order its "
                     "threads stand",
    "zone": "RFC 9051 s2.3.3: the internal date is a moment; the zone it is told in is the server's choice",
}


class Differences:
    def __init__(self):
        self.met, self.bad = collections.Counter(), []

    def because(self, rule):
        assert rule in RULES, rule
        self.met[rule] += 1

    def fault(self, name, what, theirs, ours):
        self.bad.append(f"{name}: {what}\n    dovecot {str(theirs)[:600]}\n    godwit  {str(ours)[:600]}")

    def check(self):
        bad, self.bad = self.bad, []
        count = collections.Counter(re.sub(r"\d+", "n", b.split("\n")[0].split(": ", 1)[1]) for b in bad)
        assert not bad, f"{len(bad)} differences {dict(count)}\n" + "\n".join(bad[:SHOWN])


class Both:
    def __init__(self, messages, d, g):
        self.messages, self.d, self.g = messages, d, g
        self.differences = Differences()

    def run(self, *commands):
        return self.d.ok(*commands), self.g.ok(*commands)

    def fetch(self, *commands):
        return [dovecot.fetched(itertools.chain.from_iterable(rows)) for rows in self.run(*commands)]

    def search(self, keys):
        """[(key, theirs, ours)]"""
        both = self.run(*(b"SEARCH RETURN (ALL) CHARSET UTF-8 " + k for k in keys))
        return [(k, found(d), found(g)) for k, d, g in zip(keys, *(by_tag(x) for x in both))]

    def sort(self, keys, criteria):
        both = self.run(*(b"SORT RETURN (ALL) (%s) UTF-8 %s" % (k, criteria) for k in keys))
        return [(k, found(d), found(g)) for k, d, g in zip(keys, *(by_tag(x) for x in both))]

    def thread(self, keys, criteria):
        out = []
        for k in keys:      # they have no tag in their answer
            d, g = self.run(b"THREAD %s UTF-8 %s" % (k, criteria))
            out.append((k, *(dovecot.values(next(r for r in rows[0] if r.startswith(b"* THREAD")))[2:] for rows in (d, g))))
        return out

    def name(self, n):
        return self.messages[n - 1][0]


def by_tag(answers):
    """ESEARCH responses in the order of their commands: Dovecot may mix those
    of commands that it was sent at once."""
    rows = {}
    for row in itertools.chain.from_iterable(answers):
        m = re.match(rb'\* ESEARCH \(TAG "([^"]+)"\)', row)
        if m:
            rows[m.group(1)] = row
    return [rows[a[-1].split(b" ")[0]] for a in answers]


def found(row):
    """The numbers of an ESEARCH response, in its order."""
    m = re.search(rb" ALL ([\d,:]+)", row)
    out = []
    for part in m.group(1).split(b",") if m else []:
        low, _, high = part.partition(b":")
        low, high = int(low), int(high or low)
        out += range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return out


@pytest.fixture(scope="module")
def both():
    messages = [(name, data) for name, data in itertools.chain(
        mailcorpus.rfc_examples(), mailcorpus.samples(), mailcorpus.generated(GENERATED), mailcorpus.conversations(CONVERSATIONS)) if data]
    folder = tempfile.mkdtemp(prefix="godwit-dovecot-")
    d = dovecot.Dovecot(folder)
    try:
        with godwit.Instance() as i:
            i.start()
            i.add_user(ALICE, PASSWORD)
            g = dovecot.Godwit(i, ALICE, PASSWORD)
            both = Both(messages, d, g)
            g.ok(b"ENABLE UTF8=ACCEPT")     # RFC 9755 s4: for 8-bit header fields
            both.run(*(b'APPEND INBOX (%s) "%02d-Jan-2024 %02d:%02d:00 +0130" {%d+}\r\n%s' % (
                FLAGS[n % len(FLAGS)], n % 28 + 1, n % 24, n % 60, len(data), data) for n, (_, data) in enumerate(messages)))
            both.g = dovecot.Godwit(i, ALICE, PASSWORD)
            both.run(b"SELECT INBOX")
            both.headers = both.fetch(b"FETCH 1:* (%s)" % b" ".join(b"BODY.PEEK[" + f + b"]" for f in FIELDS))
            both.structures = both.fetch(b"FETCH 1:* (UID ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE INTERNALDATE)")
            both.texts = both.fetch(b"FETCH 1:* (BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[])", *parts_wanted(both))
            both.found = both.search(KEYS)
            clean = b",".join(b"%d" % n for n, row in both.texts[0].items() if is_clean(row[b"BODY[HEADER]"]))
            both.sorted = both.sort(SORTS, b"ALL"), both.sort(SORTS, clean)
            both.threads = both.thread(THREADS, b"ALL"), both.thread(THREADS, clean)
            yield both
            both.g.close()
            g.close()
    finally:
        d.close()
        shutil.rmtree(folder, ignore_errors=True)


def is_plain_list(value):
    return mailsyntax.is_address_list(value) and not mailsyntax.has_empty_member(value)


def is_late_date(value):
    """Of a time that Dovecot knows, too."""
    return mailsyntax.is_date(value) and "1969" not in value


JUDGES = {"date": is_late_date, "from": is_plain_list, "to": is_plain_list, "cc": is_plain_list, "subject": mailsyntax.is_text, "message-id": mailsyntax.is_id_list,
          "references": mailsyntax.is_id_list, "in-reply-to": mailsyntax.is_id_list}


def is_clean(header):
    """All that SORT and THREAD look at is there and as the RFCs want it."""
    rows = mailsyntax.fields(header)
    names = [k for k, _ in rows]
    return mailsyntax.is_header(header) and {"date", "from"} <= set(names) and all(
        names.count(k) == 1 and JUDGES[k](v) for k, v in rows if k in JUDGES)


# ---- structures ----

def is_multipart(s):
    return bool(s) and isinstance(s[0], list)


def is_message(s):
    return not is_multipart(s) and s[0].lower() == b"message" and s[1].lower() in (b"rfc822", b"global") and len(s) > 7 \
        and isinstance(s[7], list)


def children(s, path=""):
    """(section, structure) of the parts right below."""
    if is_multipart(s):
        rows = [x for x in s if isinstance(x, list)]
        rows = rows[:next((i for i, x in enumerate(s) if not isinstance(x, list)), len(s))]
        return [(f"{path}.{i}" if path else str(i), x) for i, x in enumerate(rows, 1)]
    return []


def sections(s, path=""):
    """All parts: (section, structure, whether it has a MIME header of its own
    and not that of the message that it is the whole body of)."""
    is_one = not is_multipart(s)
    for section, x in [(f"{path}.1" if path else "1", s)] if is_one else children(s, path):
        yield section, x, not is_one
        if is_multipart(x):
            yield from sections(x, section)
        elif is_message(x):
            yield from sections(x[8], section)


def parts_wanted(both):
    """All that the parts of each message are made of."""
    for n, row in both.structures[0].items():
        items = []
        for section, s, has_mime in sections(row[b"BODYSTRUCTURE"]):
            items += [section] + ([f"{section}.MIME"] if has_mime else [])
            items += [f"{section}.HEADER", f"{section}.TEXT"] if is_message(s) else []
        for i in range(0, len(items), ITEMS_MAX):
            yield b"FETCH %d (%s)" % (n, " ".join(f"BODY.PEEK[{x}]" for x in items[i:i + ITEMS_MAX]).encode())


# ---- tests ----

def test_sizes_and_dates(both):
    out = both.differences
    for n, theirs in both.structures[0].items():
        ours = both.structures[1][n]
        for item in (b"UID", b"RFC822.SIZE"):
            if theirs[item] != ours[item]:
                out.fault(both.name(n), item, theirs[item], ours[item])
        if theirs[b"INTERNALDATE"] != ours[b"INTERNALDATE"]:
            if moment(theirs[b"INTERNALDATE"]) == moment(ours[b"INTERNALDATE"]):
                out.because("zone")
            else:
                out.fault(both.name(n), "INTERNALDATE", theirs[b"INTERNALDATE"], ours[b"INTERNALDATE"])
    out.check()


def moment(text):
    return datetime.datetime.strptime(text.decode().strip(), "%d-%b-%Y %H:%M:%S %z")


NOBODY = [None, None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"]
ENVELOPE = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")


def compare_envelope(out, name, header, theirs, ours):
    rows = mailsyntax.fields(header)
    for field, d, g in zip(ENVELOPE, theirs, ours):
        if d == g:
            continue
        values = [v for k, v in rows if k == field]
        if not values and field in ("sender", "reply-to"):
            values = [v for k, v in rows if k == "from"]
        if len(values) > 1:
            out.because("field twice")
        elif isinstance(d, list) or isinstance(g, list):
            if values and not mailsyntax.is_address_list(values[0]):
                out.because("addresses")
            elif [x for x in d or [] if x != NOBODY] == (g or []):
                out.because("empty member")
            else:
                out.fault(name, f"ENVELOPE {field} {values!r}", d, g)
        elif d is not None and g is not None and d.split() == g.split():
            out.because("white space")
        else:
            out.fault(name, f"ENVELOPE {field} {values!r}", d, g)


def test_envelopes(both):
    out = both.differences
    for n, theirs in both.structures[0].items():
        compare_envelope(out, both.name(n), both.texts[0][n][b"BODY[HEADER]"], theirs[b"ENVELOPE"],
                         both.structures[1][n][b"ENVELOPE"])
    out.check()


def has_odd_delimiter(data):
    """A line that begins as a delimiter does and goes on, or boundaries of
    which one begins as another."""
    marks = {m.group(1) or m.group(2) for m in re.finditer(
        rb'boundary\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]+))', data, re.I)}
    marks = {re.sub(rb"\\(.)", rb"\1", m) for m in marks if m}
    return any(re.search(rb"^--" + re.escape(m) + rb"(?!(?:--)?[ \t]*\r?$)", data, re.M) for m in marks)


class Structures:
    """Two BODYSTRUCTURE values of one message, side by side."""

    def __init__(self, out, name, data, texts):
        self.out, self.name, self.texts = out, name, texts
        self.is_odd = has_odd_delimiter(data)
        self.same = set()       # sections that are the same kind of thing on both sides

    def fault(self, section, what, d, g):
        self.out.fault(self.name, f"BODYSTRUCTURE {what} of part {section}", d, g)

    def excuse(self, header, name, judge):
        """Why a field may be read in two ways, or None."""
        values = [v for k, v in mailsyntax.fields(header) if k == name]
        if len(values) > 1:
            return "field twice"
        if values and not judge(values[0]):
            return "parameterized"
        return "MIME-Version" if values and not re.search(rb"^mime-version[ \t]*:", header, re.I | re.M) \
            and not re.search(rb"^content-type[ \t]*:", header, re.I | re.M) else None

    def excused(self, header, name, judge):
        why = self.excuse(header, name, judge)
        if why:
            self.out.because(why)
        return why is not None

    def compare(self, d, g, header, section=""):
        if is_multipart(d) != is_multipart(g):
            inner = children(d)
            if is_multipart(d) and len(inner) == 1 and not is_multipart(inner[0][1]) and inner[0][1][6] == b"0":
                self.out.because("no parts")
            elif self.is_odd:
                self.out.because("delimiter line")
            elif is_multipart(d) and pairs(d[len(inner) + 1]).get(b"boundary") == b"":
                self.out.because("empty boundary")
            else:
                self.fault(section, "shape", d, g)
            return
        if not is_multipart(d):
            self.leaf(d, g, header, section or "1")
            return
        a, b = children(d, section), children(g, section)
        if len(a) != len(b):
            said = pairs(d[len(a) + 1])
            if self.is_odd:
                self.out.because("delimiter line")
            elif b"boundary*" in said and b"boundary" not in said:
                self.out.because("encoded boundary")
            else:
                self.fault(section, "number of parts", d, g)
            return
        self.same.add(section)
        for (inner, x), (_, y) in zip(a, b):
            self.compare(x, y, self.texts.get(f"BODY[{inner}.MIME]".encode()) or b"", inner)
        n = len(a)
        self.word(section, "subtype", d[n], g[n], header)
        self.params(section, d[n + 1], g[n + 1], header, "content-type", mailsyntax.is_content_type, False)
        self.rest(section, d[n + 2:], g[n + 2:], header)

    def leaf(self, d, g, header, section):
        is_text = d[0].lower() == b"text"
        if (d[0].lower(), d[1].lower()) != (g[0].lower(), g[1].lower()):
            if not self.excused(header, "content-type", mailsyntax.is_content_type):
                self.fault(section, "type", d, g)
            return
        self.same.add(section)
        self.word(section, "type", d[0], g[0], header)
        self.word(section, "subtype", d[1], g[1], header)
        self.params(section, d[2], g[2], header, "content-type", mailsyntax.is_content_type, is_text)
        for i, what in ((3, "id"), (4, "description"), (5, "encoding")):
            self.plain(section, what, d[i], g[i])
        if d[6] != g[6]:
            self.octets(section, d, g)
            return
        at = 7
        if is_message(d):
            compare_envelope(self.out, self.name, self.texts.get(f"BODY[{section}.HEADER]".encode()) or b"", d[7], g[7])
            self.compare(d[8], g[8], self.texts.get(f"BODY[{section}.HEADER]".encode()) or b"",
                         section + ".1" if not is_multipart(d[8]) else section)
            at = 9
        if is_message(d) or is_text:
            self.lines(section, d[at], g[at])
            at += 1
        if d[at] != g[at]:
            self.fault(section, "md5", d[at], g[at])
        self.rest(section, d[at + 1:], g[at + 1:], header)

    def octets(self, section, d, g):
        text = self.texts.get(f"BODY[{section}]".encode()) or b""
        if self.is_odd:
            self.out.because("delimiter line")
        elif int(d[6]) == int(g[6]) + 2 and re.search(rb"--[ \t]*\r\n\Z", text):
            self.out.because("CRLF of the delimiter")
        else:
            self.fault(section, "octets", d, g)

    def word(self, section, what, d, g, header):
        if d != g and d.lower() == g.lower():
            self.out.because("case")
        elif d != g and not self.excused(header, "content-type", mailsyntax.is_content_type):
            self.fault(section, what, d, g)

    def plain(self, section, what, d, g):
        if d != g and d is not None and g is not None and d.split() == g.split():
            self.out.because("white space")
        elif d != g and (d or b"").lower() == (g or b"").lower():
            self.out.because("case")
        elif d != g:
            self.fault(section, what, d, g)

    def lines(self, section, d, g):
        text = self.texts.get(f"BODY[{section}]".encode())
        if d == g:
            return
        if text is not None and not text.endswith(b"\n") and int(d) + 1 == int(g) == text.count(b"\n") + 1:
            self.out.because("lines")
        else:
            self.fault(section, "lines", d, g)

    def params(self, section, d, g, header, field, judge, is_text):
        if d == g:
            return
        if self.excused(header, field, judge):
            return
        a, b = pairs(d), pairs(g)
        if is_text and b"charset" not in b and a.get(b"charset") == b"us-ascii":
            del a[b"charset"]
            self.out.because("charset")
        if a == b and list(a) == list(b):
            if d != g and [x for x in d or []][::2] != [x for x in g or []][::2]:
                self.out.because("case")
            return
        if b"charset" in a and a[b"charset"].lower() == b.get(b"charset", b"").lower():
            a[b"charset"] = b[b"charset"]
            if a == b:
                self.out.because("case")
                return
        if {k: percent(k, v) for k, v in a.items()} == {k: percent(k, v) for k, v in b.items()}:
            self.out.because("continuations")
        else:
            self.fault(section, f"parameters of {field}", d, g)

    def rest(self, section, d, g, header):
        """Disposition, language, location."""
        if d[0] != g[0]:
            if self.excused(header, "content-disposition", mailsyntax.is_disposition):
                pass
            elif d[0] is None or g[0] is None or d[0][0].lower() != g[0][0].lower():
                self.fault(section, "disposition", d[0], g[0])
            else:
                self.params(section, d[0][1], g[0][1], header, "content-disposition", mailsyntax.is_disposition, False)
        if d[1] != g[1]:
            self.fault(section, "language", d[1], g[1])
        if d[2] != g[2]:
            self.plain(section, "location", d[2], g[2])


def pairs(params):
    return {k.lower(): v for k, v in zip((params or [])[::2], (params or [])[1::2])}


def percent(name, value):
    """A value that is percent-encoded, decoded."""
    return urllib.parse.unquote_to_bytes(value) if name.endswith(b"*") else value


def test_structures(both):
    out = both.differences
    both.same = {}
    for n, theirs in both.structures[0].items():
        ours, texts = both.structures[1][n], both.texts[0][n]
        s = Structures(out, both.name(n), both.messages[n - 1][1], texts)
        s.compare(theirs[b"BODYSTRUCTURE"], ours[b"BODYSTRUCTURE"], texts[b"BODY[HEADER]"])
        both.same[n] = s.same
    out.check()


def why_texts_differ(item, d, g):
    """d, g: what BODY[item] is to each."""
    if g is None or d is None:
        return None
    short, long = sorted((d, g), key=len)
    if long == short + b"\r\n" and item.endswith((b"MIME", b"HEADER")):
        return "blank line"
    if d == g + b"\r\n" and re.search(rb"--[ \t]*\r\n\Z", d):
        return "CRLF of the delimiter"
    return None


def test_texts(both):
    """BODY[HEADER], BODY[TEXT], BODY[] and all parts that both see as parts."""
    out = both.differences
    compared = 0
    for n, theirs in both.texts[0].items():
        ours, odd = both.texts[1][n], has_odd_delimiter(both.messages[n - 1][1])
        for item, d in theirs.items():
            section = re.match(rb"BODY\[([\d.]*?)\.?[A-Z]*\]", item).group(1).decode()
            if section and section not in both.same[n]:
                continue
            compared += 1
            g = ours[item]
            if d == g:
                continue
            why = why_texts_differ(item[:-1], d, g) or ("delimiter line" if odd else None)
            if why:
                out.because(why)
            else:
                out.fault(both.name(n), item.decode(), d, g)
    assert compared > 20 * len(both.messages) // 4
    out.check()


def test_header_fields(both):
    out = both.differences
    for n, row in both.headers[0].items():
        header = both.texts[0][n][b"BODY[HEADER]"]
        for key, d in row.items():
            g = both.headers[1][n][key]
            if d == g:
                continue
            if not mailsyntax.is_header(header) and subset(header, key) == without_end(header, g):
                out.because("no field")
            elif not has_end(header) and d.rstrip(b"\r\n") == g.rstrip(b"\r\n"):
                out.because("no blank line")
            else:
                out.fault(both.name(n), key.decode(), d, g)
    out.check()


def has_end(header):
    return header.endswith(b"\r\n\r\n") or header == b"\r\n"


def without_end(header, text):
    """Without the blank line."""
    return text.removesuffix(b"\r\n") if has_end(header) else text


def subset(header, key):
    """The fields that RFC 9051 s6.4.5.1 wants, as they stand."""
    wanted = {w.lower() for w in re.search(rb"\((.*)\)", key).group(1).split()}
    out = b""
    for line in re.findall(rb"[^\r\n][^\n]*(?:\n(?:[ \t][^\n]*(?:\n|\Z))*|\Z)", header):
        m = re.match(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:", line)
        if m and (m.group(1).lower() in wanted) != (b".NOT" in key):
            out += line
    return out


def headers_of(texts, structure):
    """Of the message and of all that stands in it."""
    yield texts[b"BODY[HEADER]"]
    for section, _, has_mime in sections(structure):
        for kind in ("MIME", "HEADER"):
            yield texts.get(f"BODY[{section}.{kind}]".encode()) or b""


ENCODINGS = {"7bit", "8bit", "binary", "quoted-printable", "base64"}


def has_odd_mime(headers):
    """A Content-Type, transfer encoding or charset without a meaning."""
    for header in headers:
        rows = mailsyntax.fields(header)
        names = [k for k, _ in rows]
        values = dict(rows)
        if values.get("content-type", "").strip().lower().startswith("message/") and values.get(
                "content-transfer-encoding", "7bit").strip().lower() not in ("7bit", "8bit", "binary"):
            return True         # RFC 2046 s5.2
        for k, v in rows:
            if k == "content-type" and (not mailsyntax.is_content_type(v) or re.search(r"charset[^;]*x-unknown", v)):
                return True
            if k == "content-transfer-encoding" and v.strip().lower() not in ENCODINGS:
                return True
        if names.count("content-type") > 1 or (not mailsyntax.is_header(header) and header):
            return True
    return False


class Search:
    """Why a message may be found by one and not by the other."""

    def __init__(self, both):
        self.both = both
        self.dated = set(next(d for k, d, _ in both.found if k == SINCE_EPOCH))

    def why(self, n, key):
        texts, name = self.both.texts[0][n], key.split(b" ")[0]
        structure = self.both.structures[0][n][b"BODYSTRUCTURE"]
        headers = list(headers_of(texts, structure))
        if name.startswith(b"SENT"):
            return self.why_date([v for k, v in mailsyntax.fields(headers[0]) if k == "date"], n)
        field = (key.split(b" ")[1] if name == b"HEADER" else name).decode().lower()
        if field in ("subject", "from", "to", "cc", "bcc", "sender", "reply-to"):
            values = [v for k, v in mailsyntax.fields(headers[0]) if k == field]
            if len(values) > 1:
                return "field twice"
            if field == "subject" or name == b"HEADER":
                return "encoded words" if any(not mailsyntax.is_text(v) for v in values) else None
            return self.why_address(values)
        if name in (b"BODY", b"TEXT"):
            if has_odd_mime(headers):
                return "odd MIME"
            if has_odd_delimiter(self.both.messages[n - 1][1]):
                return "delimiter line"
            if any(not mailsyntax.is_text(v) for h in headers for k, v in mailsyntax.fields(h)):
                return "encoded words"
        return None

    def why_date(self, values, n):
        if len(values) > 1:
            return "field twice"
        if values and re.search(r" \d{3} ", values[0]):
            return "obsolete year"
        if values and "1969" in values[0]:
            return "before 1970"
        return "no date" if n not in self.dated else None

    def why_address(self, values):
        if any(not mailsyntax.is_address_list(v) for v in values):
            return "addresses"
        return "encoded words" if any(not mailsyntax.is_text(v) for v in values) else None


def test_search(both):
    out, search = both.differences, Search(both)
    for key, d, g in both.found:
        for n in sorted(set(d) ^ set(g)):
            why = search.why(n, key)
            if why:
                out.because(why)
            else:
                out.fault(both.name(n), f"SEARCH {key.decode()}", n in d, n in g)
    out.check()


def test_sort(both):
    """Where RFC 5256 says all, the same order; else the same messages."""
    out = both.differences
    everything, clean = both.sorted
    for key, d, g in everything:
        assert sorted(d) == sorted(g) == list(range(1, len(both.messages) + 1)), key
    for key, d, g in clean:
        assert len(d) > 300
        if d != g:
            out.fault("clean", f"SORT {key.decode()}", d, g)
    out.check()


def flat(tree):
    for x in tree:
        if isinstance(x, list):
            yield from flat(x)
        else:
            yield int(x)


def without_order(tree):
    """Lists that stand side by side are siblings."""
    return [x for x in tree if not isinstance(x, list)] + sorted((without_order(x) for x in tree if isinstance(x, list)), key=repr)


def test_thread(both):
    out = both.differences
    everything, clean = both.threads
    for key, d, g in everything:
        assert sorted(flat(d)) == sorted(flat(g)) == list(range(1, len(both.messages) + 1)), key
    for key, d, g in clean:
        if d != g and key == b"REFS" and without_order(d) == without_order(g):
            out.because("order of REFS")
        elif d != g:
            for a, b in itertools.zip_longest(d, g):
                if a != b:
                    out.fault("clean", f"THREAD {key.decode()}", a, b)
    out.check()


def test_every_rule_is_met(both):
    """An explanation that explains nothing has gone out of date."""
    assert set(RULES) == set(both.differences.met)
