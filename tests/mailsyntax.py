# SPDX-License-Identifier: ISC
"""Is a header field's value what its RFC allows, obsolete forms included?

Two servers may each make what they like of a value that no RFC defines; what
one does define they must read alike.  These take values with their folding.
"""
import datetime
import re

ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\uffff"


def unfold(value):
    return re.sub(r"\r\n(?=[ \t])", "", value)


def without_comments(value):
    """Comments become a space (RFC 5322 s3.2.2); None when one has no end or
    a quoted string has none."""
    out, depth, at, n = [], 0, 0, len(value)
    while at < n:
        c = value[at]
        if c == "\\" and depth:
            at += 1
        elif c == '"' and not depth:
            m = re.compile(r'"(?:[^"\\\r\n]|\\.)*"', re.S).match(value, at)
            if not m:
                return None
            out.append(m.group())
            at = m.end() - 1
        elif c == "(":
            depth += 1
            out.append(" " if depth == 1 else "")
        elif c == ")" and depth:
            depth -= 1
        elif c == ")":
            return None
        elif not depth:
            out.append(c)
        at += 1
    return None if depth else "".join(out)


# Addresses as letters: A an atom, Q a quoted string, L a domain literal, and
# the specials themselves.
LEXEME = re.compile(rf'(?P<A>[{ATEXT}]+)|(?P<Q>"(?:[^"\\\r\n]|\\.)*")|(?P<L>\[[^\[\]\\]*\])|(?P<S>[<>@,:;.])|[ \t]+', re.S)
LOCAL, DOMAIN, PHRASE = r"[AQ](?:\.[AQ])*", r"(?:A(?:\.A)*|L)", r"[AQ][AQ.]*"
SPEC = f"{LOCAL}@{DOMAIN}"
MAILBOX = f"(?:{SPEC}|(?:{PHRASE})?<(?:[,]*@{DOMAIN}(?:,(?:@{DOMAIN})?)*:)?{SPEC}>)"
MAILBOXES = f",*(?:{MAILBOX}(?:,+{MAILBOX})*,*)?"
ADDRESS = f"(?:{MAILBOX}|{PHRASE}:{MAILBOXES};)"
ADDRESSES = re.compile(f",*{ADDRESS}(?:,+{ADDRESS})*,*")


def is_address_list(value):
    """RFC 5322 s3.4 with the obsolete forms of s4.4 (empty members, routes, a
    phrase with dots) and UTF-8 (RFC 6532)."""
    return bool(ADDRESSES.fullmatch(_letters(value)))


def has_empty_member(value):
    return bool(re.search(r"(?:\A|,),|[,:],|,(?:;|\Z)", _letters(value)))


def _letters(value):
    text, letters, at = without_comments(unfold(value)), [], 0
    while text is not None and at < len(text):
        m = LEXEME.match(text, at)
        if not m:
            return ""
        letters.append(m.group() if m.lastgroup == "S" else m.lastgroup or "")
        at = m.end()
    return "".join(letters)


WSP = r"[ \t]*"
TOKEN = r"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+"
VALUE = rf'(?:{TOKEN}|"(?:[^"\\\r\n]|\\.)*")'
PARAMS = rf"(?:{WSP};{WSP}{TOKEN}{WSP}={WSP}{VALUE})*{WSP}"
TYPE = re.compile(rf"{WSP}{TOKEN}{WSP}/{WSP}{TOKEN}({PARAMS})\Z")
DISPOSITION = re.compile(rf"{WSP}{TOKEN}({PARAMS})\Z")
ONE_PARAM = re.compile(rf";{WSP}({TOKEN}){WSP}={WSP}({VALUE})")


def _has_sane_params(text):
    """None twice (RFC 2045 s5), RFC 2231's numbers without a gap and not mixed
    with the plain form, and its percent signs followed by digits."""
    seen = {}
    for name, value in ONE_PARAM.findall(text):
        m = re.fullmatch(r"([^*]+)(?:\*(\d+))?(\*)?", name.lower())
        if not m:
            return False
        part = -1 if m.group(2) is None else int(m.group(2))
        rows = seen.setdefault(m.group(1), {})
        if part in rows or (m.group(2) or "").startswith("0") and m.group(2) != "0":
            return False
        rows[part] = m.group(3)
        if m.group(3):
            if value.startswith('"') or re.search(r"%(?![0-9A-Fa-f]{2})", value):
                return False
            if part <= 0 and value.count("'") != 2:
                return False
    return all((-1 in rows and len(rows) == 1) or sorted(rows) == list(range(len(rows))) for rows in seen.values())


def _is_parameterized(value, pattern):
    text = without_comments(unfold(value))
    if text is None:
        return False
    m = pattern.match(text)
    return bool(m) and _has_sane_params(m.group(1))


def is_content_type(value):
    """RFC 2045 s5.1, RFC 2231."""
    return _is_parameterized(value, TYPE)


def is_disposition(value):
    """RFC 2183 s2."""
    return _is_parameterized(value, DISPOSITION)


def fields(header):
    """[(name, value)] of a header's bytes; value keeps its folding.  What is
    no field at all is left out."""
    out = []
    for line in re.split(rb"\r\n(?![ \t])", header):
        m = re.match(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)\Z", line, re.S)
        if m:
            out.append((m.group(1).lower().decode(), m.group(2).decode("utf-8", "surrogateescape")))
    return out


def is_header(header):
    """RFC 5322 s2.2: all lines are fields or their folding, and there are
    fields."""
    rows = [line for line in re.split(rb"\r\n(?![ \t])", header) if line]
    return all(re.match(rb"[\x21-\x39\x3b-\x7e]+:", row) for row in rows)


MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DATE = re.compile(rf"{WSP}(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun){WSP},)?{WSP}(\d\d?)[ \t]+({'|'.join(MONTHS)})[ \t]+(\d{{4}})[ \t]+"
                  rf"(\d\d):(\d\d)(?::(\d\d))?[ \t]+([+-]\d{{4}}|UT|GMT|[ECMP][SD]T){WSP}\Z")


def is_date(value):
    """RFC 5322 s3.3, with the zones of s4.3, and a day that exists."""
    text = without_comments(unfold(value))
    m = DATE.match(text) if text is not None else None
    if not m:
        return False
    day, year, hour, minute, second = (int(m.group(i) or 0) for i in (2, 4, 5, 6, 7))
    zone = m.group(8)
    try:
        datetime.date(year, MONTHS.index(m.group(3)) + 1, day)
    except ValueError:
        return False
    return hour < 24 and minute < 60 and second < 60 and (zone[0] not in "+-" or int(zone[3:]) < 60)


IDS = re.compile(rf"{WSP}(?:<[{ATEXT}.]+@[{ATEXT}.]+>{WSP})+\Z")
ENCODED = re.compile(r"=\?(?:utf-8|UTF-8|us-ascii|iso-8859-1)\?(?:[Qq]\?(?:[!-<>@-^`-~_]|=[0-9A-F]{2})+|[Bb]\?(?:[A-Za-z0-9+/]{4})*"
                     r"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==))\?=\Z")


def is_id_list(value):
    """RFC 5322 s3.6.4, without quoted strings and comments."""
    return bool(IDS.match(unfold(value)))


def is_text(value):
    """ASCII and whole encoded words (RFC 2047 s2) of a common charset that stand
    alone (s5)."""
    return value.isascii() and "=?" not in re.sub(r"\S+", lambda m: "" if ENCODED.match(m.group()) else m.group(), value)
