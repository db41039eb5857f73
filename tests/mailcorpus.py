# SPDX-License-Identifier: ISC
"""Mail as the world sends it, and worse: made from a seed, so that a message
that made a difference can be made again, and what Debian's packages ship as
samples.

    for name, data in mailcorpus.generated(1000): ...
    for name, data in mailcorpus.samples(): ...
"""
import base64
import glob
import mailbox
import os
import quopri
import random
import re

import godwit
import mtas

# Packages that hold samples, and where (their files are read, nothing runs).
PACKAGES = {
    "libpython3.11-testsuite": ["usr/lib/python3.11/test/test_email/data/msg_*.txt"],
    "golang-github-jhillyerd-enmime-dev": ["usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/*/*.raw"],
    "spamassassin": ["usr/share/doc/spamassassin/examples/sample-*.txt"],
    "python3-flufl.bounce": ["usr/lib/python3/dist-packages/flufl/bounce/tests/data/*.txt"],
    "mailman3": ["usr/lib/python3/dist-packages/mailman/**/*.eml"],
}

WORDS = ("report meeting lunch invoice Godwit tide shore needle urgent project draft version notes question "
         "holiday train ticket garden winter summer music paper photo").split()
UNICODE = ["Grüße", "naïve", "Привет мир", "日本語の件名", "ελληνικά", "emoji 🐦", "Ærøskøbing", "žluťoučký"]
NAMES = ["Ann", "Bob Example", "Carla de la Cruz", "Dr. Dorothy", "Erik Ø.", "Fumiko", "G. H. Hardy", "List Owner"]
DOMAINS = ["a.example", "b.example", "mail.c.example", "EXAMPLE.ORG", "sub.domain.example.net"]
CHARSETS = ["us-ascii", "utf-8", "UTF-8", "iso-8859-1", "ISO-8859-15", "windows-1252", "koi8-r", "iso-2022-jp",
            "x-unknown", "gb2312", "shift_jis"]
TYPES = ["text/plain", "text/html", "TEXT/PLAIN", "text/calendar", "application/pdf", "image/png",
         "application/octet-stream", "audio/basic", "application/pgp-signature", "message/delivery-status",
         "text/rfc822-headers", "model/vrml", "x-odd/x-type", "application/vnd.ms-excel"]
MULTI = ["mixed", "alternative", "related", "signed", "report", "digest", "parallel", "x-unknown", "form-data"]


# Letters from the RFCs' own examples, and what an RFC says in words.
RFC_EXAMPLES = {
    "5322/A.1.1": """From: John Doe <jdoe@machine.example>
Sender: Michael Jones <mjones@machine.example>
To: Mary Smith <mary@example.net>
Subject: Saying Hello
Date: Fri, 21 Nov 1997 09:55:06 -0600
Message-ID: <1234@local.machine.example>

This is a message just to say hello.
So, "Hello".
""",
    "5322/A.1.2": """From: "Joe Q. Public" <john.q.public@example.com>
To: Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>
Cc: <boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>
Date: Tue, 1 Jul 2003 10:52:37 +0200
Message-ID: <5678.21-Nov-1997@example.com>

Hi everyone.
""",
    "5322/A.1.3": """From: Pete <pete@silly.example>
To: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;
Cc: Undisclosed recipients:;
Date: Thu, 13 Feb 1969 23:32:54 -0330
Message-ID: <testabcd.1234@silly.example>

Testing.
""",
    "5322/A.5": """From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>
To:A Group(Some people)
     :Chris Jones <c@(Chris's host.)public.example>,
         joe@example.org,
  John <jdoe@one.test> (my dear friend); (the end of the group)
Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;
Date: Thu,
      13
        Feb
          1969
      23:32
               -0330 (Newfoundland Time)
Message-ID:              <testabcd.1234@silly.test>

Testing.
""",
    "5322/A.6.1": """From: Joe Q. Public <john.q.public@example.com>
To: Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example
Date: Tue, 1 Jul 2003 10:52:37 +0200
Message-ID: <5678.21-Nov-1997@example.com>

Hi everyone.
""",
    "5322/A.6.2": """From: John Doe <jdoe@machine.example>
To: Mary Smith <mary@example.net>
Subject: Saying Hello
Date: 21 Nov 97 09:55:06 GMT
Message-ID: <1234@local.machine.example>

This is a message just to say hello.
""",
    "5322/A.6.3": """From  : John Doe <jdoe@machine(comment).  example>
To    : Mary Smith
  
          <mary@example.net>
Subject     : Saying Hello
Date  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600
Message-ID  : <1234   @   local(blah)  .machine .example>

This is a message just to say hello.
""",
    "2046/5.1.1": """From: Nathaniel Borenstein <nsb@bellcore.com>
To: Ned Freed <ned@innosoft.com>
Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)
Subject: Sample message
MIME-Version: 1.0
Content-type: multipart/mixed; boundary="simple boundary"

This is the preamble.  It is to be ignored.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
""",
    "2046/5.1.5": """From: Moderator-Address
To: Recipient-List
Date: Mon, 22 Mar 1994 13:34:51 +0000
Subject: Internet Digest, volume 42
MIME-Version: 1.0
Content-Type: multipart/mixed;
              boundary="---- main boundary ----"

------ main boundary ----

  ...Introductory text or table of contents...

------ main boundary ----
Content-Type: multipart/digest;
              boundary="---- next message ----"

------ next message ----

From: someone-else
Date: Fri, 26 Mar 1993 11:13:32 +0200
Subject: my opinion

  ...body goes here ...

------ next message ----

From: someone-else-again
Date: Fri, 26 Mar 1993 10:07:13 -0500
Subject: my different opinion

  ... another body goes here ...

------ next message ------

------ main boundary ------
""",
    "2047/8": """From: =?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>
To: =?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>
Cc: =?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>
Subject: =?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=
    =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=

x
""",
    "2231/4.1": """From: a@b.example
MIME-Version: 1.0
Content-Type: application/x-stuff;
 title*0*=us-ascii'en'This%20is%20even%20more%20;
 title*1*=%2A%2A%2Afun%2A%2A%2A%20;
 title*2="isn't it!"

x
""",
    "2045/4": """From: a@b.example
Content-Disposition: inline; filename=m

no MIME-Version, no Content-Type
""",
}


def rfc_examples():
    for name, text in RFC_EXAMPLES.items():
        yield f"rfc/{name}", with_crlf(text.encode())


class Maker:
    """One message at a time, each from its own seed."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *choices):
        c = self.r.choice(choices)
        return c() if callable(c) else c

    def chance(self, percent):
        return self.r.random() * 100 < percent

    def words(self, low=1, high=6):
        return " ".join(self.r.choice(WORDS) for _ in range(self.r.randint(low, high)))

    # texts of headers

    def encoded_word(self):
        text, charset = self.r.choice(UNICODE), self.pick("utf-8", "UTF-8", "utf-8*de")
        if self.chance(40):
            word = base64.b64encode(text.encode()).decode()
            if self.chance(8):
                word = word.rstrip("=")
            return f"=?{charset}?{self.pick('B', 'b')}?{word}?="
        word = "".join(c if c.isascii() and c.isalnum() else "_" if c == " " else "".join(
            f"={b:02X}" for b in c.encode()) for c in text)
        return f"=?{charset}?{self.pick('Q', 'q')}?{word}?="

    def broken_word(self):
        return self.pick("=?utf-8?Q?=ZZ?=", "=?utf-8?B?!!!?=", "=?nowhere?Q?x?=", "=?utf-8?Q?open", "=?utf-8?X?a?=",
                         "=??Q?a?=", "=?iso-8859-1?Q?=E4=F6=FC?=", "=?utf-8?Q?a b?=", "a=?utf-8?Q?b?=c", "=?utf-8?Q??=")

    def subject(self):
        out = self.words()
        if self.chance(25):
            out = self.encoded_word() + self.pick(" ", "\r\n ", "  ", "") + self.pick(self.encoded_word, self.words)
        elif self.chance(5):
            out = self.broken_word() + " " + out
        elif self.chance(5):
            out = "".join(self.r.choice(UNICODE))
        elif self.chance(4):
            out = self.pick("", " ", "Re:", "(no subject)", '"quoted" \\ back', "a" * 2000, "x\t\ty  z")
        if self.chance(35):
            out = self.pick("Re: ", "RE: ", "Fwd: ", "Re[2]: ", "[list] ", "Re: [list] Re: ", "fw: ", "[a] [b] ",
                            "Re : ", "[Fwd: ") + out
        if self.chance(5):
            out += self.pick(" (fwd)", "]", " (FWD) ")
        if self.chance(10):
            out = out.replace(" ", self.pick("\r\n ", "\r\n\t", "  "), 1)
        return out

    def mailbox(self):
        local = self.pick("ann", "bob", "carla.cruz", "a+b", "x_y", '"quoted local"', '"a\\"b"', "UPPER", "o'brien")
        return f"{local}@{self.r.choice(DOMAINS)}"

    def address(self):
        return self.pick(
            self.mailbox, lambda: f"<{self.mailbox()}>", lambda: f"{self.r.choice(NAMES)} <{self.mailbox()}>",
            lambda: f'"{self.r.choice(NAMES)}, Esq." <{self.mailbox()}>', lambda: f"{self.encoded_word()} <{self.mailbox()}>",
            lambda: f"{self.mailbox()} ({self.r.choice(NAMES)})", lambda: f'"a \\"b\\" \\\\c" <{self.mailbox()}>',
            lambda: f"{self.r.choice(NAMES)} (a (nested) comment) <{self.mailbox()}>",
            lambda: f"<@relay.example,@other.example:{self.mailbox()}>", lambda: f"{self.words(1, 3)}: {self.mailbox()};",
            lambda: f"group:{self.mailbox()}, {self.r.choice(NAMES)} <{self.mailbox()}>;", lambda: "undisclosed-recipients:;",
            lambda: f"ann @ {self.r.choice(DOMAINS)}", lambda: f"ann@[192.0.2.{self.r.randint(1, 9)}]")

    def broken_address(self):
        return self.pick("<", "ann@", "@a.example", "<ann@a.example", "ann@a.example>", '"open <ann@a.example>', "Ann",
                         "(only a comment)", "", ",", ",,ann@a.example", "a b@c.example", "ann@@a.example", "g: ann@a.example",
                         "<>", "Ann <>", "ann@a..example", ".ann@a.example", "Grüße <ann@a.example>", "(open ann@a.example",
                         "ann@a.example bob@b.example", "<ann@a.example>, <", ";", "a:b:c;", "Ann <ann@a.example> Bob")

    def addresses(self, may_break=True):
        n = self.pick(1, 1, 1, 2, 3, 7)
        return self.pick(", ", ",", ",\r\n\t", " , ").join(
            self.broken_address() if may_break and self.chance(5) else self.address() for _ in range(n))

    def date(self):
        r = self.r
        day, month = r.randint(1, 28), r.choice("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
        year, clock = r.randint(1995, 2027), f"{r.randint(0, 23):02}:{r.randint(0, 59):02}"
        zone = self.pick("+0000", "-0700", "+0530", "GMT", "EST", "UT", "+1400", "-0000", "Z", "(no zone)")
        good = f"{day} {month} {year} {clock}:{r.randint(0, 59):02} {zone}"
        if self.chance(85):
            return self.pick("", "Mon, ") + good + self.pick("", "", " (comment)")
        return self.pick("", "yesterday", f"{day} {month} {year % 100} {clock} {zone}", f"{month} {day}, {year}",
                         f"{year}-03-{day:02}T{clock}:00Z", f"Mon, {day} {month.upper()} {year} {clock}:00 {zone}",
                         f"31 Feb {year} {clock} +0000", f"{day} {month} {year}", f"Mon {day} {month} {year} 25:61:00 +0000",
                         f"Mon, {day} {month} {year} {clock}:00 +9999", "Fri, 2 Jan 1970 00:00:00 +0000",
                         f"Mon, {day} (a) {month} {year}\r\n {clock}:00 {zone}")

    def message_id(self):
        return self.pick(lambda: f"<{self.r.randint(1, 400)}@id.example>", lambda: f"<{self.r.randint(1, 400)}@id.example>",
                         lambda: f'<"quoted {self.r.randint(1, 9)}"@id.example>')

    def references(self):
        n = self.pick(1, 1, 2, 4, 9)
        out = self.pick(" ", "\r\n ", "").join(self.message_id() for _ in range(n))
        if self.chance(5):
            out = self.pick("message of yesterday", out + " <broken", "<a@b> (comment) " + out, "ann@a.example", "<>")
        return out

    def header(self):
        rows = []
        if self.chance(5):
            rows.append(("Received", "from a (b [192.0.2.1])\r\n\tby c; " + self.date()))
        rows.append(("From", self.addresses() if self.chance(20) else self.address()))
        for name, percent in (("To", 85), ("Cc", 20), ("Bcc", 5), ("Sender", 8), ("Reply-To", 10)):
            if self.chance(percent):
                rows.append((name, self.addresses()))
        if self.chance(92):
            rows.append(("Subject", self.subject()))
        if self.chance(93):
            rows.append(("Date", self.date()))
        if self.chance(90):
            rows.append(("Message-ID", self.message_id()))
        if self.chance(30):
            rows.append(("In-Reply-To", self.references()))
        if self.chance(30):
            rows.append(("References", self.references()))
        if self.chance(20):
            rows.append(("X-" + self.words(1, 1).capitalize(), self.words() + self.pick("", "\r\n " + self.words())))
        if self.chance(3):
            rows.append(self.r.choice(rows))        # a field twice
        if self.chance(10):
            self.r.shuffle(rows)
        return "".join(self.field(n, v) for n, v in rows)

    def field(self, name, value):
        if self.chance(3):
            name = self.pick(name.lower(), name.upper())
        colon = self.pick(":", " :", ":\t", ":  ", ":\r\n ") if self.chance(4) else ": "
        return f"{name}{colon}{value}\r\n"

    # bodies

    def param(self, name, value):
        """RFC 2045 and RFC 2231, and neither."""
        if self.chance(70):
            return f'; {name}="{value}"' if self.chance(60) or not value.isascii() or " " in value else f"; {name}={value}"
        cut = max(1, len(value) // 2)
        quoted = "".join(f"%{b:02X}" for b in value.encode())
        return self.pick(
            f"; {name}*=utf-8'de'{quoted}", f'; {name}*0="{value[:cut]}"; {name}*1="{value[cut:]}"',
            f"; {name}*0*=utf-8''{quoted}; {name}*1=tail", f'; {name}*1="{value[cut:]}"; {name}*0="{value[:cut]}"',
            f"; {name}*=''", f'; {name}="a"; {name}="b"', f";{name} = x", f"; {name}*2=x", f"; {name}", f'; {name}="open',
            f";;{name}=x;", f'; {name}="a\\"b"', f"; {name}*=utf-8'x", f"; {name}=a/b(c)", f"; {name}=\r\n\t\"x\"")

    def part_fields(self, kind, encoding):
        out = f"Content-Type: {kind}"
        if kind.lower().startswith("text/"):
            out += self.param("charset", self.r.choice(CHARSETS)) if self.chance(80) else ""
        elif self.chance(60):
            out += self.param("name", self.pick("file.bin", "a b.txt", self.r.choice(UNICODE)))
        if self.chance(5):
            out = self.pick("Content-Type:", "Content-Type: text", "Content-Type: /", "Content-Type: text/plain/x",
                            "Content-Type: (c) text/plain (d); charset=(e)utf-8", "Content-Type: text/ plain",
                            'Content-Type: "text/plain"', "Content-Type: ;charset=utf-8", "X-Nothing: here")
        out += "\r\n"
        if encoding and self.chance(95):
            out += f"Content-Transfer-Encoding: {encoding}\r\n"
        if self.chance(25):
            out += self.pick("Content-Disposition: attachment", "Content-Disposition: inline", "Content-Disposition: x-odd",
                             "Content-Disposition:", "Content-Disposition: attachment; =") + (
                self.param("filename", self.pick("x.txt", "long name.pdf", self.r.choice(UNICODE))) if self.chance(70) else "") \
                + "\r\n"
        for text, percent in (("Content-ID: <part@id.example>", 8), ("Content-Description: " + self.words(), 8),
                              ("Content-Language: de, en", 4), ("Content-Location: http://x.example/a b", 4),
                              ("Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==", 4), ("Content-Language: (c) x (d)", 1),
                              ("Content-ID: no angle", 1), ("Content-Description:", 1),
                              ("Content-Description: " + self.encoded_word(), 3), ("MIME-Version: 1.0", 5)):
            if self.chance(percent):
                out += text + "\r\n"
        return out

    def text(self):
        lines = [self.words(1, 12) for _ in range(self.r.randint(0, 8))]
        if self.chance(15):
            lines.insert(0, self.r.choice(UNICODE))
        if self.chance(5):
            lines.append(self.pick("x" * 3000, ".", "..", "From someone", "--", "-- ", "--no boundary", ""))
        return "\r\n".join(lines) + self.pick("\r\n", "\r\n", "", "\r\n\r\n")

    def leaf(self):
        kind, encoding, text = self.r.choice(TYPES), None, self.text().encode()
        if self.chance(50):
            encoding = self.pick("7bit", "8bit", "quoted-printable", "base64", "BASE64", "x-unknown", "binary", "base64 ",
                                 "", "quoted-printable (c)", "7bit;")
            if "base64" in encoding.lower():
                text = base64.encodebytes(text).replace(b"\n", b"\r\n")
                if self.chance(8):
                    text = text[:-5] + b"!?\r\n"
            elif "quoted" in encoding:
                text = quopri.encodestring(text.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
                if self.chance(8):
                    text += b"=ZZ=\r\n="
        return self.part_fields(kind, encoding).encode() + b"\r\n" + text

    def message_part(self, depth):
        inner = self.message(depth + 1)
        return (f"Content-Type: message/{self.pick('rfc822', 'RFC822', 'rfc822', 'global', 'partial', 'external-body')}\r\n"
                + self.pick("", "", "Content-Transfer-Encoding: 8bit\r\n", "Content-Transfer-Encoding: base64\r\n",
                            "Content-Disposition: inline\r\n")).encode() + b"\r\n" + inner

    def multipart(self, depth):
        mark = self.pick("b", "=_next", "b", "b1", "a b c", "x" * 70, "0", "--", "=_" + str(self.r.randint(1, 99)), "b'(:)?")
        if self.chance(96):     # the others may begin as each other
            mark += f"{self.r.randint(1000, 9999)}"
        shown = f'"{mark}"' if " " in mark or self.chance(60) or not mark.isalnum() else mark
        kind = f"Content-Type: multipart/{self.r.choice(MULTI)}; " + self.pick(
            f"boundary={shown}", f"boundary={shown}", f"type=x; boundary={shown}", f"boundary={shown}; charset=x",
            f"\r\n\tboundary={shown}", f"BOUNDARY = {shown}")
        if self.chance(3):
            kind = self.pick("Content-Type: multipart/mixed", 'Content-Type: multipart/mixed; boundary=""',
                             "Content-Type: multipart; boundary=b", "Content-Type: multipart/mixed; boundary*=''b",
                             "Content-Type: multipart/mixed; boundary=b c")
        out = [kind.encode() + b"\r\n", b"\r\n"]
        if self.chance(8):
            out.insert(1, self.pick(b"Content-Transfer-Encoding: base64\r\n", b"Content-Description: several\r\n",
                                    b"Content-Disposition: inline; filename=m\r\n", b"Content-Language: de\r\n"))
        if self.chance(30):
            out.append(b"This is a preamble.\r\n")
        for _ in range(self.pick(1, 2, 2, 3, 5) if self.chance(94) else self.pick(0, 0, 40)):
            out.append(b"--" + mark.encode() + self.pick(b"\r\n", b"\r\n", b" \r\n", b"\t \r\n"))
            out.append(self.part(depth + 1))
            out.append(self.pick(b"\r\n", b"\r\n", b"\r\n", b""))
        if self.chance(92):
            out.append(b"--" + mark.encode() + b"--" + (b"x\r\n" if self.chance(2) else self.pick(
                b"\r\n", b"\r\n", b"", b" \r\n")))
        if self.chance(15):
            out.append(self.pick(b"epilogue\r\n", b"\r\n", b"--" + mark.encode() + b"\r\nafter the end\r\n"))
        return b"".join(out)

    def part(self, depth):
        """The rest of a header and a body."""
        if self.chance(4):
            return self.pick(b"", b"\r\n", b"no header at all\r\n", b"\r\n" + self.text().encode(), b"X: y", b"X: y\r\n")
        if depth < 6 and self.chance(28):
            return self.multipart(depth)
        if depth < 5 and self.chance(12):
            return self.message_part(depth)
        return self.leaf()

    def message(self, depth=0):
        head = self.header().encode("utf-8")
        if self.chance(25):
            return head + b"\r\n" + self.text().encode()
        if self.chance(90):
            head += b"MIME-Version: 1.0\r\n"
        return head + self.part(depth)

    def hurt(self, data):
        """What disks, relays and spammers do to mail; lines keep their CRLF."""
        r = self.r
        kind = r.randrange(9)
        at = r.randrange(len(data)) if data else 0
        lines = data.split(b"\r\n")
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + bytes(r.choice(range(0x80, 0x100)) for _ in range(r.randint(1, 9))) + data[at:]
        if kind == 2:
            lines.insert(r.randrange(len(lines) + 1), self.pick(b"no colon here", b" folded from nowhere", b": empty name",
                                                                b"From ann Mon Jan  1 00:00:00 2024", b"\t", b"X y: z"))
        elif kind == 3:
            i, j = r.randrange(len(lines)), r.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 4:
            lines = [x for x in lines if x or not self.chance(50)]
        elif kind == 5:
            lines = lines[:r.randrange(len(lines) + 1)] + lines
        elif kind == 6:
            return data[:at] + self.pick(b'"', b"(", b"<", b";", b"\\", b"\x01\x7f", b"\xc3", b"\xff\xfe") + data[at + 1:]
        elif kind == 7:
            del lines[r.randrange(len(lines))]
        else:
            return re.sub(rb"boundary=", b"boundry=", data, count=1)
        return b"\r\n".join(lines)


def conversations(count, seed=1):
    """(name, bytes) of well-formed letters and their answers, as mail clients
    write them: what SORT and THREAD are for.  Some name the same letter, some
    one that is not there, some each other."""
    ids = []
    for n in range(count):
        m = Maker(f"{seed}/conversation/{n}")
        subject, refs = m.words(1, 2), []
        if ids and m.chance(70):
            parent, subject, refs = m.r.choice(ids[-40:])
            refs = refs + [parent]
            if m.chance(10):
                refs = [f"<gone{m.r.randint(1, 9)}@id.example>"] + refs
            if m.chance(5):
                refs.append(m.r.choice(ids)[0])
            if m.chance(5):
                refs = [f"<c{m.r.randint(0, count)}@id.example>"] + refs[::-1]
        own = ids[-1][0] if ids and m.chance(2) else f"<c{n}@id.example>"
        ids.append((own, subject, refs))
        shown = (m.pick("Re: ", "RE: ", "Fwd: ", "Re: [list] ", "[list] Re: ", "re: ", "") if refs else "") + subject
        date = f"{m.r.randint(1, 28)} {m.pick('Jan', 'Feb', 'Nov')} 20{m.r.randint(10, 24)} {m.r.randint(10, 23)}:" \
            f"{m.r.randint(10, 59)}:{m.r.randint(10, 59)} {m.pick('+0000', '-0730', '+0530', 'GMT')}"
        rows = [("From", m.address()), ("To", m.addresses(False)), ("Date", date), ("Message-ID", own), ("Subject", shown)]
        if m.chance(20):
            rows.append(("Cc", m.address()))
        if refs:
            rows.append(("In-Reply-To", refs[-1]))
            if m.chance(85):
                rows.append(("References", "\r\n ".join(refs)))
        yield f"conversation/{seed}/{n}", ("".join(f"{k}: {v}\r\n" for k, v in rows) + "\r\n" + m.text()).encode()


def generated(count, seed=1):
    """(name, bytes): the same for the same seed.  One in eight is hurt."""
    for n in range(count):
        m = Maker(f"{seed}/{n}")
        data = m.message()
        while n % 8 == 7 and m.chance(70):
            data = m.hurt(data)
        yield f"generated/{seed}/{n}", with_crlf(data)


def with_crlf(data):
    """Line ends as mail has them on the wire: no bare CR, no bare LF (RFC 5322
    s2.3), no NUL (it cannot be in a literal, RFC 9051 s9)."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", data).replace(b"\0", b"")


def samples():
    """(name, bytes) of what Debian's packages and this tree hold, with CRLF."""
    mtas.unpack(tuple(PACKAGES), libs=False)
    tree = f"{mtas.PEERS}/tree"
    for package, patterns in PACKAGES.items():
        for pattern in patterns:
            for path in sorted(glob.glob(f"{tree}/{pattern}", recursive=True)):
                with open(path, "rb") as f:
                    data = f.read()
                if data.startswith(b"From "):
                    for i, m in enumerate(mailbox.mbox(path, create=False)):
                        yield f"{package}/{os.path.basename(path)}/{i}", with_crlf(bytes(m))
                else:
                    yield f"{package}/{os.path.basename(path)}", with_crlf(data)
    for path in sorted(glob.glob(f"{godwit.TOP}/tests/golden/mime/*.eml")):
        with open(path, "rb") as f:
            yield os.path.basename(path), with_crlf(f.read())
