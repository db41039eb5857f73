# SPDX-License-Identifier: ISC
"""What an IMAP server may say: RFC 9051 section 9, RFC 3501 section 9 where a
session did not ask for rev2, and the responses of the extensions, as a parser
that takes nothing else.

parse(response) takes the bytes of one response with its literals and its CRLF
and returns a Response; BadResponse says which rule was broken and where.  The
grammar knows no session: what is allowed when is imapwatch.py's.
"""
import re

U32, U63 = 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF
ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
TAG = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")       # ASTRING-CHAR but "+"
QUOTED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
LITERAL = re.compile(rb"\{(\d+)\}\r\n")
LITERAL8 = re.compile(rb"~\{(\d+)\}\r\n")
NUMBER = re.compile(rb"\d+")
SEQUENCE = re.compile(rb"\d+(?::\d+)?(?:,\d+(?::\d+)?)*")
DATE_TIME = re.compile(rb'"(?: \d|\d\d)-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} '
                       rb'(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60) [+-]\d{4}"')
TEXT = re.compile(rb"[^\0\r\n]*")
OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")        # RFC 8474 s7
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
ENTRY = re.compile(rb"(?:/[^/*%\0-\x19\x80-\xff]+)+")   # RFC 5464 s3.2
DEPTH_MAX = 200
SYSTEM_FLAGS = {b"\\ANSWERED", b"\\FLAGGED", b"\\DELETED", b"\\SEEN", b"\\DRAFT"}
# RFC 9051 s7.3.1, RFC 3348, RFC 5258, RFC 6154, RFC 8457 (\Important),
# RFC 5465 s8 (\NoAccess).
LIST_FLAGS = {b"\\NOINFERIORS", b"\\NOSELECT", b"\\MARKED", b"\\UNMARKED", b"\\HASCHILDREN", b"\\HASNOCHILDREN",
              b"\\NONEXISTENT", b"\\SUBSCRIBED", b"\\REMOTE", b"\\ALL", b"\\ARCHIVE", b"\\DRAFTS", b"\\FLAGGED",
              b"\\JUNK", b"\\SENT", b"\\TRASH", b"\\IMPORTANT", b"\\NOACCESS"}


class BadResponse(Exception):
    """rule: what the grammar wanted; at: the offset."""

    def __init__(self, rule, at, data):
        super().__init__(f"{rule} at {at}: {bytes(data[max(0, at - 60):at])!r} <here> {bytes(data[at:at + 60])!r}")
        self.rule = rule


class Response:
    """kind: b"OK" of a tagged one or b"FETCH" of an untagged one, b"+"; tag:
    None of untagged ones; number: of 3 EXISTS; code: (name, value) or None;
    value: what the response holds; needs: names of what must have been
    announced or enabled for it; utf8: it has bytes above 127 outside of
    literals."""

    __slots__ = ("kind", "tag", "number", "code", "value", "needs", "utf8")

    def __init__(self, kind, tag=None, number=None):
        self.kind, self.tag, self.number = kind, tag, number
        self.code = self.value = None
        self.needs, self.utf8 = set(), False


class Parser:
    """Cursor over bytes; each method takes one rule of the ABNF or raises."""

    def __init__(self, data):
        self.data, self.at, self.r = data, 0, Response(b"")

    # the smallest pieces

    def bad(self, rule):
        raise BadResponse(rule, self.at, self.data)

    def has(self, text):
        return self.data.startswith(text, self.at)

    def skip(self, text):
        """True when it was there (no case)."""
        if self.data[self.at:self.at + len(text)].upper() != text:
            return False
        self.at += len(text)
        return True

    def want(self, text, rule=None):
        if not self.skip(text):
            self.bad(rule or repr(text.decode()))

    def sp(self):
        if not self.data.startswith(b" ", self.at):
            self.bad("SP")
        self.at += 1

    def match(self, pattern, rule):
        m = pattern.match(self.data, self.at)
        if not m or m.end() == self.at:
            self.bad(rule)
        self.at = m.end()
        return m.group()

    def atom(self, rule="atom"):
        return self.match(ATOM, rule)

    def number(self, top=U32, least=0, rule="number"):
        at = self.at
        text = self.match(NUMBER, rule)
        value = int(text)
        if value > top or value < least or (least and text[:1] == b"0"):
            self.at = at
            self.bad(rule)
        return value

    def nz(self):
        return self.number(U32, 1, "nz-number")

    def modseq(self, least=1):
        return self.number(U63, least, "mod-sequence-value")

    def nil(self):
        """True when NIL stood here as a word."""
        if self.data[self.at:self.at + 3].upper() != b"NIL" or ASTRING.match(self.data, self.at + 3):
            return False
        self.at += 3
        return True

    def check_utf8(self, text, rule):
        if text.isascii():
            return
        self.r.utf8 = True
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            self.bad(f"{rule}: UTF-8")

    def quoted(self):
        m = QUOTED.match(self.data, self.at)
        if not m:
            self.bad("quoted")
        self.check_utf8(m.group(1), "quoted")
        self.at = m.end()
        text = m.group(1)
        return re.sub(rb"\\(.)", rb"\1", text) if b"\\" in text else text

    def literal(self, nul_ok=False):
        """No {n+} from a server; CHAR8 is not NUL (RFC 9051 s9)."""
        m = (LITERAL8 if nul_ok else LITERAL).match(self.data, self.at)
        if not m:
            self.bad("literal")
        if int(m.group(1)) > U63:
            self.bad("number64")
        end = m.end() + int(m.group(1))
        if end > len(self.data):
            self.bad("literal: its length")
        text = self.data[m.end():end]
        if not nul_ok and b"\0" in text:
            self.bad("literal: CHAR8")
        self.at = end
        return text

    def string(self):
        return self.quoted() if self.has(b'"') else self.literal() if self.has(b"{") else self.bad("string")

    def nstring(self):
        return None if self.nil() else self.string()

    def astring(self):
        if self.has(b'"') or self.has(b"{"):
            return self.string()
        return self.match(ASTRING, "astring")

    def sequence_set(self):
        """Without "*", which says nothing in a response: [(low, high)]."""
        at, out = self.at, []
        for part in self.match(SEQUENCE, "sequence-set").split(b","):
            ends = [int(x) for x in part.split(b":")]
            if any(e < 1 or e > U32 for e in ends) or re.search(rb"(^|:)0", part):
                self.at = at
                self.bad("sequence-set: seq-number")
            out.append((min(ends), max(ends)))
        return out

    def uid_set(self):
        return self.sequence_set()

    def in_list(self, item, least=0):
        """"(" [item *(SP item)] ")"."""
        self.want(b"(")
        out = []
        while not self.has(b")"):
            if out:
                self.sp()
            out.append(item())
        self.at += 1
        if len(out) < least:
            self.bad("a list that is not empty")
        return out

    def in_rows(self, item):
        """*(SP item)"""
        out = []
        while self.has(b" "):
            self.at += 1
            out.append(item())
        return out

    def mailbox(self):
        """In modified UTF-7 unless a mode allows more (RFC 3501 s5.1.3)."""
        name = self.astring()
        self.check_utf8(name, "mailbox")
        if b"\0" in name or b"\r" in name or b"\n" in name:
            self.bad("mailbox: a control character")
        if name.isascii() and not self.is_utf7(name):
            self.r.needs.add("utf-8 names")
        return name

    @staticmethod
    def is_utf7(name):
        import base64
        if any(c < 0x20 or c > 0x7e for c in name):
            return False
        for shifted in re.findall(rb"&([^-]*)(-?)", name):
            if not shifted[1]:
                return False
            if shifted[0]:
                if not re.fullmatch(rb"[A-Za-z0-9+,]+", shifted[0]):
                    return False
                pad = b"=" * (-len(shifted[0]) % 4)
                try:
                    text = base64.b64decode(shifted[0].replace(b",", b"/") + pad).decode("utf-16-be")
                except (ValueError, UnicodeDecodeError):
                    return False
                if any(0x20 <= ord(c) <= 0x7e for c in text):
                    return False        # must stand for themselves
        return True

    # flags

    def flag(self, more=()):
        if self.has(b"\\"):
            self.at += 1
            if self.has(b"*"):
                self.at += 1
                name = b"\\*"
            else:
                name = b"\\" + self.atom("flag-extension")
            if name.upper() not in SYSTEM_FLAGS and name.upper() not in more:
                self.bad("flag: a system flag that no RFC defines")
            return name
        return self.atom("flag-keyword")

    def flags(self, more=()):
        out = self.in_list(lambda: self.flag(more))
        if len({f.upper() for f in out}) != len(out):
            self.bad("flag-list: a flag twice")
        return out

    # response text

    def text(self):
        at = self.at
        text = TEXT.match(self.data, at).group()
        self.check_utf8(text, "text")
        self.at += len(text)
        return text

    def resp_text(self):
        if self.has(b"["):
            self.at += 1
            self.r.code = self.resp_code()
            self.want(b"]")
            self.sp()
        if not self.text():
            self.bad("resp-text: text")

    def resp_code(self):
        at = self.at
        name = self.atom_of_code()
        if name not in CODES:
            self.at = at
            self.bad("resp-text-code: known from an RFC")
        rule, needs = CODES[name]
        if needs:
            self.r.needs.add(needs)
        return name, rule(self) if rule else None

    def atom_of_code(self):
        m = re.compile(rb"[A-Za-z0-9-]+").match(self.data, self.at)
        if not m:
            self.bad("resp-text-code")
        self.at = m.end()
        return m.group().upper()

    def badcharset(self):
        if self.has(b"]"):
            return []
        self.sp()
        return self.in_list(self.astring, 1)

    def capabilities(self):
        out = [c.upper() for c in self.in_rows(lambda: self.atom("capability"))]
        if len(set(out)) != len(out):
            self.bad("capability: one twice")
        return out

    def capability_data(self):
        out = self.capabilities()
        if b"IMAP4REV2" not in out and b"IMAP4REV1" not in out:
            self.bad("capability-data: IMAP4rev2 or IMAP4rev1")
        return out

    def sp_number(self):
        self.sp()
        return self.number()

    def sp_nz(self):
        self.sp()
        return self.nz()

    def sp_modseq(self):
        self.sp()
        return self.modseq()

    def sp_flags_perm(self):
        self.sp()
        return self.flags((b"\\*",))

    def sp_sequence(self):
        self.sp()
        return self.sequence_set()

    def appenduid(self):
        return self.sp_nz(), self.sp_sequence()

    def copyuid(self):
        validity, a, b = self.sp_nz(), self.sp_sequence(), self.sp_sequence()
        if count(a) != count(b):
            self.bad("resp-code-copy: as many UIDs on both sides")
        return validity, a, b

    def objectid(self):
        return self.match(OBJECT_ID, "objectid")

    def objectid_list(self):
        self.want(b"(")
        out = self.objectid()
        self.want(b")")
        return out

    def sp_objectid_list(self):
        self.sp()
        return self.objectid_list()

    def metadata_code(self):
        self.sp()
        if self.skip(b"LONGENTRIES") or self.skip(b"MAXSIZE"):
            return self.sp_number()
        if not self.skip(b"TOOMANY"):
            self.want(b"NOPRIVATE", "RFC 5464 s5: a METADATA code")
        return None

    def inprogress(self):
        """RFC 9585 s5."""
        if self.has(b"]"):
            return None
        self.sp()
        self.want(b"(")
        tag = None if self.nil() else self.quoted()
        self.sp()
        done = None if self.nil() else self.number()
        self.sp()
        goal = None if self.nil() else self.nz()
        self.want(b")")
        if goal is not None and (done is None or done > goal):
            self.bad("INPROGRESS: progress within its goal")
        return tag

    def messagelimit(self):
        """RFC 9738 s5."""
        return self.sp_nz(), self.sp_nz() if self.has(b" ") else None

    def badevent(self):
        self.sp()
        return self.in_list(lambda: self.atom("event"), 1)

    def sp_quoted(self):
        self.sp()
        return self.quoted()

    def badurl(self):
        self.sp()
        return self.match(re.compile(rb"[^\]\0\r\n]+"), "url-resp-text")

    # untagged data

    def data_flags(self):
        self.r.value = self.sp_then(self.flags)

    def sp_then(self, rule):
        self.sp()
        return rule()

    def data_list(self):
        self.sp()
        flags = {f.upper() for f in self.in_list(self.list_flag)}
        if len(flags & {b"\\MARKED", b"\\UNMARKED"}) > 1 or len(flags & {b"\\HASCHILDREN", b"\\HASNOCHILDREN"}) > 1 \
                or (b"\\NOINFERIORS" in flags and b"\\HASCHILDREN" in flags):
            self.bad("mbx-list-flags: two that exclude each other")
        self.sp()
        delimiter = None if self.nil() else self.quoted()
        if delimiter is not None and len(delimiter) != 1:
            self.bad("mailbox-list: a delimiter of one character")
        self.sp()
        name, more = self.mailbox(), {}
        if self.has(b" "):
            self.r.needs.add("LIST-EXTENDED")
            self.at += 1
            more = dict(self.in_list(self.list_extended))
        self.r.value = flags, delimiter, name, more

    def list_flag(self):
        at = self.at
        self.want(b"\\", "mbx-list-flags")
        flag = b"\\" + self.atom("flag-extension")
        if flag.upper() not in LIST_FLAGS:
            self.at = at
            self.bad("mbx-list-flags: one that an RFC defines")
        return flag

    def list_extended(self):
        name = self.astring().upper()
        self.sp()
        if name == b"CHILDINFO":
            return name, self.in_list(self.quoted, 1)
        if name == b"OLDNAME":
            return name, self.in_list(self.mailbox, 1)
        return name, self.tagged_ext_val(0)

    def tagged_ext_val(self, depth):
        if depth > DEPTH_MAX:
            self.bad("tagged-ext-val: its depth")
        if self.has(b"("):
            return self.in_list(lambda: self.tagged_ext_val(depth + 1))
        return self.astring()

    def data_status(self):
        self.sp()
        name = self.mailbox()
        self.sp()
        rows = self.in_list(self.status_item)
        if len({k for k, _ in rows}) != len(rows):
            self.bad("status-att-list: an item twice")
        self.r.value = name, dict(rows)

    def status_item(self):
        at = self.at
        name = self.atom("status-att").upper()
        if name not in STATUS_ITEMS:
            self.at = at
            self.bad("status-att-val")
        rule, needs = STATUS_ITEMS[name]
        if needs:
            self.r.needs.add(needs)
        self.sp()
        return name, rule(self)

    def data_search(self):
        """RFC 7162 s7: search-sort-mod-seq."""
        out = []
        while self.has(b" "):
            if self.has(b" ("):
                self.at += 1
                self.want(b"(MODSEQ ")
                self.modseq()
                self.want(b")")
                self.r.needs.add("CONDSTORE")
                break
            self.at += 1
            out.append(self.nz())
        if len(set(out)) != len(out):
            self.bad(f"{self.r.kind.decode()}: a number twice")
        self.r.value = out

    def data_sort(self):
        self.r.needs.add("SORT")
        self.data_search()

    def data_thread(self):
        """RFC 5256 s5."""
        self.r.needs.add("THREAD")
        out = []
        if self.has(b" "):
            self.at += 1
            while self.has(b"("):
                self.thread_list(out)
            if not out:
                self.bad("thread-list")
        if len(set(out)) != len(out):
            self.bad("THREAD: a number twice")
        self.r.value = out

    def thread_list(self, out):
        """Not by recursion: a thread may be deep."""
        # For each open list: what it held so far, numbers then nested lists.
        stack = []
        while True:
            if self.has(b"("):
                self.at += 1
                if stack:
                    stack[-1][1] += 1
                stack.append([0, 0])
            elif self.has(b")"):
                self.at += 1
                numbers, nested = stack.pop()
                if (numbers == 0 and nested < 2) or nested == 1:
                    self.bad("thread-nested: two lists at least")
                if not stack:
                    return
            else:
                numbers, nested = stack[-1]
                if nested:
                    self.bad("thread-members before thread-nested")
                if numbers:
                    self.sp()
                    if self.has(b"("):
                        continue
                out.append(self.nz())
                stack[-1][0] += 1
                if self.has(b" ("):
                    self.at += 1

    def data_esearch(self):
        """RFC 9051 s9, RFC 4731, RFC 5267, RFC 7377, RFC 9394."""
        self.r.needs.add("ESEARCH")
        value = {"tag": None, "uid": False}
        if self.has(b" ("):
            self.at += 1
            for name, word in self.in_list(self.correlator, 1):
                if name in value and name != b"TAG":
                    self.bad("search-correlator: one twice")
                value["tag" if name == b"TAG" else name] = word
            if value["tag"] is None or (b"MAILBOX" in value) != (b"UIDVALIDITY" in value):
                self.bad("search-correlator: TAG, and MAILBOX with UIDVALIDITY")
        if self.data[self.at:self.at + 4].upper() == b" UID" and self.data[self.at + 4:self.at + 5] in (b" ", b"\r"):
            self.at += 4
            value["uid"] = True
        while self.has(b" "):
            self.at += 1
            self.esearch_item(value)
        self.r.value = value

    def correlator(self):
        name = self.atom("search-correlator").upper()
        self.sp()
        if name == b"TAG":
            return name, self.astring()
        if name == b"MAILBOX":
            self.r.needs.add("MULTISEARCH")
            return name, self.mailbox()
        if name == b"UIDVALIDITY":
            return name, self.nz()
        return self.bad("search-correlator")

    def esearch_item(self, value):
        at = self.at
        name = self.atom("search-return-data").upper()
        if name in value and name not in (b"ADDTO", b"REMOVEFROM"):
            self.at = at
            self.bad("search-return-data: one twice")
        self.sp()
        if name in (b"MIN", b"MAX"):
            value[name] = self.nz()
        elif name == b"COUNT":
            value[name] = self.number()
        elif name == b"ALL":
            value[name] = self.sequence_set()
        elif name == b"MODSEQ":
            self.r.needs.add("CONDSTORE")
            value[name] = self.modseq()
        elif name == b"PARTIAL":
            self.r.needs.add("PARTIAL")
            value[name] = self.partial()
        elif name in (b"ADDTO", b"REMOVEFROM"):
            self.r.needs.add("CONTEXT")
            self.want(b"(")
            value.setdefault(name, []).append(self.context_rows())
        else:
            self.at = at
            self.bad("search-return-data")

    def partial(self):
        self.want(b"(")
        sign = b"-" if self.skip(b"-") else b""
        self.nz()
        self.want(b":")
        if sign:
            self.want(b"-", "partial-range-last")
        self.nz()
        self.sp()
        out = [] if self.nil() else self.sequence_set()
        self.want(b")")
        return out

    def context_rows(self):
        out = []
        while True:
            out.append((self.number(), self.sp_sequence()))
            if self.skip(b")"):
                return out
            self.sp()

    def data_vanished(self):
        """RFC 7162 s7: no "*"."""
        self.sp()
        earlier = self.skip(b"(EARLIER) ")
        self.r.needs.add("VANISHED EARLIER" if earlier else "VANISHED")
        self.r.value = earlier, self.sequence_set()

    def data_namespace(self):
        self.r.needs.add("NAMESPACE")
        self.r.value = [self.sp_then(self.namespace) for _ in range(3)]

    def namespace(self):
        if self.nil():
            return []
        self.want(b"(")
        out = []
        while not self.has(b")"):
            self.want(b"(")
            prefix = self.string()
            self.sp()
            delimiter = None if self.nil() else self.quoted()
            if delimiter is not None and len(delimiter) != 1:
                self.bad("namespace-descr: a delimiter of one character")
            while self.has(b" "):
                self.at += 1
                self.string()
                self.sp()
                self.in_list(self.string, 1)
            self.want(b")")
            out.append((prefix, delimiter))
        self.at += 1
        if not out:
            self.bad("namespace: 1*namespace-descr")
        return out

    def data_id(self):
        """RFC 2971 s3.3."""
        self.r.needs.add("ID")
        self.sp()
        rows = [] if self.nil() else self.in_list(self.id_pair)
        if len(rows) > 30 or len({k.lower() for k, _ in rows}) != len(rows):
            self.bad("ID: at most 30 fields, each once")
        self.r.value = rows

    def id_pair(self):
        name = self.string()
        self.sp()
        value = self.nstring()
        if len(name) > 30 or len(value or b"") > 1024:
            self.bad("ID: 30 and 1,024 octets")
        return name, value

    def data_enabled(self):
        self.r.needs.add("ENABLE")
        self.r.value = self.capabilities()

    def data_quota(self):
        """RFC 9208 s5."""
        self.r.needs.add("QUOTA")
        self.sp()
        root = self.astring()
        self.sp()
        self.r.value = root, self.in_list(self.quota_resource, 1)

    def quota_resource(self):
        name = self.atom("resource-name").upper()
        self.sp()
        usage = self.number(U63)
        self.sp()
        return name, usage, self.number(U63)

    def data_quotaroot(self):
        self.r.needs.add("QUOTA")
        self.r.value = self.sp_then(self.mailbox), self.in_rows(self.astring)

    def rights(self):
        """RFC 4314 s4: lower case letters and digits."""
        text = self.astring()
        if not re.fullmatch(rb"[a-z0-9]*", text):
            self.bad("rights")
        return text

    def data_acl(self):
        self.r.needs.add("ACL")
        self.r.value = self.sp_then(self.mailbox), self.in_rows(
            lambda: (self.astring(), self.sp_then(self.rights)))

    def data_listrights(self):
        self.r.needs.add("ACL")
        self.r.value = (self.sp_then(self.mailbox), self.sp_then(self.astring), self.sp_then(self.rights),
                        self.in_rows(self.rights))

    def data_myrights(self):
        self.r.needs.add("ACL")
        self.r.value = self.sp_then(self.mailbox), self.sp_then(self.rights)

    def data_metadata(self):
        """RFC 5464 s5."""
        self.r.needs.add("METADATA")
        self.sp()
        name = self.mailbox()
        self.sp()
        if self.has(b"("):
            self.r.value = name, dict(self.in_list(self.entry_value, 1))
        else:
            self.r.value = name, [self.entry()] + self.in_rows(self.entry)

    def entry(self):
        name = self.astring()
        if not ENTRY.fullmatch(name) or not re.match(rb"/(shared|private)/", name, re.I):
            self.bad("entry: /private or /shared, no * % or empty part")
        return name.lower()

    def entry_value(self):
        name = self.entry()
        self.sp()
        return name, self.literal(True) if self.has(b"~") else self.nstring()

    def data_genurlauth(self):
        self.r.needs.add("URLAUTH")
        self.r.value = self.in_rows(self.astring)

    def data_urlfetch(self):
        """RFC 4467 s9, RFC 5524."""
        self.r.needs.add("URLAUTH")
        self.r.value = self.in_rows(lambda: (self.astring(), self.sp_then(self.url_data)))

    def url_data(self):
        if not self.has(b"("):
            return self.nstring()
        self.r.needs.add("URLAUTH=BINARY")
        out = [self.url_metadata()]
        while self.data.startswith(b" (", self.at):
            self.sp()
            out.append(self.url_metadata())
        if len({name for name, _ in out}) != len(out):
            self.bad("url-metadata: one twice")
        return out

    def url_metadata(self):
        self.want(b"(")
        name = self.atom("url-metadata-el").upper()
        self.sp()
        if name == b"BODYPARTSTRUCTURE":
            value = self.body(True)
        elif name == b"BINARY":
            value = self.literal(True) if self.has(b"~") else self.nstring()
        else:
            value = self.nstring() if name == b"BODY" else self.bad("url-metadata-el")
        self.want(b")")
        return name, value

    def data_uidbatches(self):
        self.r.needs.add("UIDBATCHES")
        self.sp()
        self.want(b"(TAG ")
        tag = self.astring()
        self.want(b")")
        self.r.value = tag, self.sp_sequence() if self.has(b" ") else []

    def data_language(self):
        self.r.needs.add("LANGUAGE")
        self.r.value = self.sp_then(lambda: self.in_list(self.string, 1))

    def data_comparator(self):
        self.r.needs.add("I18NLEVEL=2")
        self.sp()
        self.r.value = self.astring(), self.sp_then(lambda: self.in_list(self.astring)) if self.has(b" ") else []

    # messages

    def fetch(self):
        rows = self.in_list(self.fetch_item, 1)
        if len({k for k, _ in rows}) != len(rows):
            self.bad("msg-att: an item twice")
        self.r.value = dict(rows)

    def fetch_item(self):
        at = self.at
        m = re.compile(rb"[A-Za-z0-9.]+").match(self.data, at)
        name = m.group().upper() if m else b""
        if name not in FETCH_ITEMS:
            self.bad("msg-att")
        self.at = m.end()
        rule, needs = FETCH_ITEMS[name]
        if needs:
            self.r.needs.add(needs)
        if name in (b"BODY", b"BINARY", b"BINARY.SIZE") and (self.has(b"[") or name != b"BODY"):
            return self.section_item(name)
        self.sp()
        return name, rule(self)

    def section_item(self, name):
        key = name + self.section(name != b"BODY")
        if self.has(b"<"):
            if name == b"BINARY.SIZE":
                self.bad("BINARY.SIZE: no partial")
            self.at += 1
            key += b"<%d>" % self.number()
            self.want(b">")
        self.sp()
        if name == b"BINARY.SIZE":
            return key, self.number()
        if name == b"BINARY" and self.has(b"~"):
            return key, self.literal(True)
        return key, self.nstring()

    def section(self, only_part=False):
        """The section in the form that fetch_wanted makes of the request's."""
        self.want(b"[")
        parts = []
        while self.data[self.at:self.at + 1].isdigit():
            parts.append(b"%d" % self.nz())
            if not self.skip(b"."):
                break
        else:
            if not (parts and only_part):
                parts += self.section_text(bool(parts)) if not only_part and not self.has(b"]") else []
        if self.data[self.at - 1:self.at] == b"." and self.has(b"]"):
            self.bad("section-part")
        self.want(b"]")
        return b"[" + b".".join(parts) + b"]"

    def section_text(self, is_part):
        if self.skip(b"HEADER.FIELDS.NOT "):
            name = b"HEADER.FIELDS.NOT "
        elif self.skip(b"HEADER.FIELDS "):
            name = b"HEADER.FIELDS "
        elif self.skip(b"HEADER"):
            return [b"HEADER"]
        elif self.skip(b"TEXT"):
            return [b"TEXT"]
        elif is_part and self.skip(b"MIME"):
            return [b"MIME"]
        else:
            self.bad("section-spec")
        return [name + b"(" + b" ".join(f.upper() for f in self.in_list(self.astring, 1)) + b")"]

    def date_time(self):
        return self.match(DATE_TIME, "date-time")

    def nil_or(self, rule):
        return None if self.nil() else rule()

    def envelope(self):
        self.want(b"(", "envelope")
        out = [self.nstring()]
        out.append(self.sp_then(self.nstring))
        for _ in range(6):
            out.append(self.sp_then(self.addresses))
        out.append(self.sp_then(self.nstring))
        out.append(self.sp_then(self.nstring))
        self.want(b")", "envelope: its end")
        return out

    def addresses(self):
        """"(" 1*address ")" / nil, groups opened and closed (RFC 9051 s7.5.2)."""
        if self.nil():
            return None
        self.want(b"(", "env addresses")
        out, in_group = [], False
        while self.has(b"("):
            self.at += 1
            a = [self.nstring(), self.sp_then(self.nstring), self.sp_then(self.nstring), self.sp_then(self.nstring)]
            self.want(b")", "address: its end")
            if a[3] is None:
                if (a[2] is None) != in_group:
                    self.bad("address: a group that opens inside one, or ends outside")
                in_group = a[2] is not None
            elif a[2] is None:
                self.bad("address: a host without a mailbox")
            out.append(a)
        self.want(b")", "address")
        if not out or in_group:
            self.bad("address: a group without end" if out else "address: one at least")
        return out

    def body(self, extended, depth=0):
        if depth > DEPTH_MAX:
            self.bad("body: its depth")
        self.want(b"(", "body")
        if self.has(b"("):
            while self.has(b"("):
                self.body(extended, depth + 1)
            self.sp()
            self.string()
            if self.has(b" "):
                self.extension(extended, [self.params, self.disposition, self.language, self.nstring])
        else:
            self.body_1part(extended, depth)
        self.want(b")", "body: its end")

    def body_1part(self, extended, depth):
        kind = self.string().upper()
        self.sp()
        subtype = self.string().upper()
        self.sp_then(self.params)
        self.sp_then(self.nstring)      # id
        self.sp_then(self.nstring)      # description
        self.sp_then(self.string)       # encoding
        self.sp_then(self.number)       # octets
        # media-message and media-text have more, and nothing else has.
        if kind == b"MESSAGE" and subtype in (b"RFC822", b"GLOBAL") and self.data[self.at:self.at + 2] == b" (":
            self.sp_then(self.envelope)
            self.sp()
            self.body(extended, depth + 1)
            self.sp_then(lambda: self.number(U63))
        elif kind == b"TEXT":
            self.sp_then(lambda: self.number(U63))
        elif kind == b"MESSAGE" and subtype == b"RFC822":
            self.bad("body-type-msg: an envelope")
        if self.has(b" "):
            self.extension(extended, [self.nstring, self.disposition, self.language, self.nstring])

    def extension(self, extended, rules):
        """Each of them optional, in order; then body-extension."""
        if not extended:
            self.bad("BODY: no extension data")
        for rule in rules:
            if not self.has(b" "):
                return
            self.at += 1
            rule()
        self.in_rows(lambda: self.body_extension(0))

    def body_extension(self, depth):
        if depth > DEPTH_MAX:
            self.bad("body-extension: its depth")
        if self.has(b"("):
            self.in_list(lambda: self.body_extension(depth + 1), 1)
        elif self.data[self.at:self.at + 1].isdigit():
            self.number(U63)
        else:
            self.nstring()

    def params(self):
        if self.nil():
            return None
        return self.in_list(lambda: (self.string(), self.sp_then(self.string)), 1)

    def disposition(self):
        if self.nil():
            return
        self.want(b"(", "body-fld-dsp")
        self.string()
        self.sp_then(self.params)
        self.want(b")", "body-fld-dsp: its end")

    def language(self):
        if self.has(b"("):
            self.in_list(self.string, 1)
        else:
            self.nstring()

    # whole responses

    def response(self):
        if self.has(b"+"):
            self.at += 1
            self.r.kind = b"+"
            self.sp()
            self.continuation()
        elif self.skip(b"* "):
            self.untagged()
        else:
            self.r.tag = self.match(TAG, "tag")
            self.sp()
            self.r.kind = self.state_word((b"OK", b"NO", b"BAD"))
            self.resp_text()
        self.want(b"\r\n", "CRLF")
        if self.at != len(self.data):
            self.bad("the end")
        return self.r

    def continuation(self):
        """continue-req = "+" SP (resp-text / base64): empty base64 is legal."""
        line = TEXT.match(self.data, self.at).group()
        self.r.value = line
        if BASE64.fullmatch(line):
            self.at += len(line)
        else:
            self.resp_text()

    def state_word(self, words):
        at = self.at
        word = self.atom("resp-cond").upper()
        if word not in words:
            self.at = at
            self.bad("resp-cond-state")
        self.sp()
        return word

    def untagged(self):
        if self.data[self.at:self.at + 1].isdigit():
            self.message_data()
            return
        at = self.at
        name = self.atom("response-data").upper()
        self.r.kind = name
        if name in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"):
            self.sp()
            self.resp_text()
        elif name == b"CAPABILITY":
            self.r.value = self.capability_data()
        elif name in DATA:
            DATA[name](self)
        else:
            self.at = at
            self.bad("response-data")

    def message_data(self):
        n = self.number()
        self.sp()
        at = self.at
        kind = self.atom("message-data").upper()
        self.r.kind, self.r.number = kind, n
        if kind in (b"FETCH", b"UIDFETCH"):
            if kind == b"UIDFETCH":
                self.r.needs.add("UIDONLY")
            self.sp()
            self.fetch()
        elif kind not in (b"EXISTS", b"RECENT", b"EXPUNGE"):
            self.at = at
            self.bad("message-data")
        if n == 0 and kind not in (b"EXISTS", b"RECENT"):
            self.at = at
            self.bad("message-data: nz-number")


def count(ranges):
    return sum(high - low + 1 for low, high in ranges)


P = Parser
# What an untagged word begins.
DATA = {
    b"FLAGS": P.data_flags, b"LIST": P.data_list, b"LSUB": P.data_list, b"STATUS": P.data_status,
    b"SEARCH": P.data_search, b"SORT": P.data_sort, b"THREAD": P.data_thread, b"ESEARCH": P.data_esearch,
    b"VANISHED": P.data_vanished, b"NAMESPACE": P.data_namespace, b"ID": P.data_id, b"ENABLED": P.data_enabled,
    b"QUOTA": P.data_quota, b"QUOTAROOT": P.data_quotaroot, b"ACL": P.data_acl, b"LISTRIGHTS": P.data_listrights,
    b"MYRIGHTS": P.data_myrights, b"METADATA": P.data_metadata, b"GENURLAUTH": P.data_genurlauth,
    b"URLFETCH": P.data_urlfetch, b"UIDBATCHES": P.data_uidbatches, b"LANGUAGE": P.data_language,
    b"COMPARATOR": P.data_comparator,
}
# Response codes: (what follows the word, what must be announced).
CODES = {
    # RFC 9051 s7.1, RFC 3501 s7.1, RFC 5530
    **{c: (None, None) for c in (
        b"ALERT", b"PARSE", b"READ-ONLY", b"READ-WRITE", b"TRYCREATE", b"UNAVAILABLE", b"AUTHENTICATIONFAILED",
        b"AUTHORIZATIONFAILED", b"EXPIRED", b"PRIVACYREQUIRED", b"CONTACTADMIN", b"NOPERM", b"INUSE",
        b"EXPUNGEISSUED", b"CORRUPTION", b"SERVERBUG", b"CLIENTBUG", b"CANNOT", b"LIMIT", b"OVERQUOTA",
        b"ALREADYEXISTS", b"NONEXISTENT", b"HASCHILDREN", b"UNKNOWN-CTE")},
    b"BADCHARSET": (P.badcharset, None), b"CAPABILITY": (P.capability_data, None),
    b"PERMANENTFLAGS": (P.sp_flags_perm, None), b"UIDNEXT": (P.sp_nz, None), b"UIDVALIDITY": (P.sp_nz, None),
    b"UNSEEN": (P.sp_nz, None), b"APPENDUID": (P.appenduid, "UIDPLUS"), b"COPYUID": (P.copyuid, "UIDPLUS"),
    b"UIDNOTSTICKY": (None, "UIDPLUS"), b"CLOSED": (None, "CLOSED"), b"NOTSAVED": (None, "SEARCHRES"),
    b"HIGHESTMODSEQ": (P.sp_modseq, "CONDSTORE"), b"NOMODSEQ": (None, "CONDSTORE"),
    b"MODIFIED": (P.sp_sequence, "CONDSTORE"),
    b"TOOBIG": (None, "TOOBIG"), b"BADURL": (P.badurl, "CATENATE"), b"URLMECH": (P.badurl, "URLAUTH"),
    b"COMPRESSIONACTIVE": (None, "COMPRESS"), b"USEATTR": (None, "CREATE-SPECIAL-USE"),
    b"METADATA": (P.metadata_code, "METADATA"), b"BADEVENT": (P.badevent, "NOTIFY"),
    b"NOTIFICATIONOVERFLOW": (None, "NOTIFY"), b"NOUPDATE": (P.sp_quoted, "CONTEXT"),
    b"MAILBOXID": (P.sp_objectid_list, "OBJECTID"), b"INPROGRESS": (P.inprogress, "INPROGRESS"),
    b"UIDREQUIRED": (None, "UIDONLY"), b"MESSAGELIMIT": (P.messagelimit, "MESSAGELIMIT"),
    b"TOOFEW": (None, "UIDBATCHES"), b"TOOMANY": (None, "UIDBATCHES"), b"BADCOMPARATOR": (None, "I18NLEVEL=2"),
}
STATUS_ITEMS = {
    b"MESSAGES": (P.number, None), b"UIDNEXT": (P.nz, None), b"UIDVALIDITY": (P.nz, None), b"UNSEEN": (P.number, None),
    b"RECENT": (P.number, "rev1"), b"DELETED": (P.number, "STATUS DELETED"),
    b"SIZE": (lambda p: p.number(U63), "STATUS=SIZE"), b"HIGHESTMODSEQ": (lambda p: p.modseq(0), "CONDSTORE"),
    b"APPENDLIMIT": (lambda p: p.nil_or(p.number), "APPENDLIMIT"),
    b"DELETED-STORAGE": (lambda p: p.number(U63), "QUOTA"), b"MAILBOXID": (P.objectid_list, "OBJECTID"),
}
FETCH_ITEMS = {
    b"FLAGS": (lambda p: p.flags((b"\\RECENT",)), None), b"ENVELOPE": (P.envelope, None),
    b"INTERNALDATE": (P.date_time, None), b"RFC822": (P.nstring, "rev1"), b"RFC822.HEADER": (P.nstring, "rev1"),
    b"RFC822.TEXT": (P.nstring, "rev1"), b"RFC822.SIZE": (lambda p: p.number(U63), None),
    b"BODY": (lambda p: p.body(False), None), b"BODYSTRUCTURE": (lambda p: p.body(True), None), b"UID": (P.nz, None),
    b"BINARY": (None, "BINARY"), b"BINARY.SIZE": (None, "BINARY"),
    b"MODSEQ": (lambda p: p.in_list(p.modseq, 1)[0], "CONDSTORE"), b"EMAILID": (P.objectid_list, "OBJECTID"),
    b"THREADID": (lambda p: p.nil_or(p.objectid_list), "OBJECTID"),
    b"SAVEDATE": (lambda p: p.nil_or(p.date_time), "SAVEDATE"), b"PREVIEW": (P.nstring, "PREVIEW"),
}


def parse(data):
    return Parser(data).response()


# Those whose text is one line, whatever it looks like.
STATUS_LINE = re.compile(rb"(?:\+|(?:\* |[^ ]+ )(?:OK|NO|BAD|BYE|PREAUTH)\b)", re.I)
ENDS_IN_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


def take(data, at):
    """The end of the response that begins at an offset, or None when there is
    no more of it yet."""
    first = True
    start = at
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return None
        end += 1
        if first and STATUS_LINE.match(data, start, end):
            return end
        first = False
        m = ENDS_IN_LITERAL.search(data, max(at, end - 30), end)
        if not m:
            return end
        at = end + int(m.group(1))
        if at > len(data):
            return None
