# SPDX-License-Identifier: ISC
"""The judges of header fields, by the examples of the RFCs."""
import mailsyntax
import pytest


@pytest.mark.parametrize("text, good", [
    ("a@b.example", True), ("John Doe <jdoe@machine.example>", True), ('"Joe Q. Public" <john.q.public@example.com>', True),
    ("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>", True), ("Joe Q. Public <j@x>", True),
    ("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", True), ("Undisclosed recipients:;", True),
    ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", True), ("", False), (",", False),
    ("Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test  . example", True), ("x@[192.0.2.1]", True),
    ('"a b"."c"@d', True), ("a@b\r\n c", False), ("a@\r\n b", True), ("a", False), ("a b@c", False), ("<a@b", False),
    ("a@b c@d", False), ("(open a@b", False), ('"open <a@b>', False), ("g: a@b", False), ("a@b;", False), ("<>", False),
    ("a..b@c", False), (".a@b", False), ("Ann <a@b> x", False), ("a@b..c", False), ("g:h:;;", False), ("Grüße <a@b>", True),
    ("a@b\x01", False), ("a" * 5000, False), ("a " * 5000 + "<", False), ("g:;, a@b, h:c@d;", True),
])
def test_addresses(text, good):
    assert mailsyntax.is_address_list(text) == good


@pytest.mark.parametrize("text, good", [
    ("text/plain", True), (' text/plain; charset="us-ascii" (Plain text)', True), ("text", False), ("text/", False),
    ("text/plain; charset=us-ascii; format=flowed", True), ("text/plain;", False), ("text/plain; charset", False),
    ("message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu\"", True),
    ("application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", True), ("a/b; x=1; X=2", False),
    ("a/b; t*0*=us-ascii'en'a; t*1*=%2A; t*2=\"b\"", True), ("a/b; t*1=a", False), ("a/b; t*=x", False),
    ("a/b; t*=u''%ZZ", False), ('a/b; t="open', False), ("a/b/c", False), ("a/b; t=c d", False), ("a/b (open", False),
    ("a/b; t*0=x; t=y", False), ("a/b; t*00=x", False),
])
def test_content_type(text, good):
    assert mailsyntax.is_content_type(text) == good


def test_disposition():
    assert mailsyntax.is_disposition(" attachment; filename=genome.jpeg;\r\n modification-date=\"Wed\"")
    assert not mailsyntax.is_disposition("") and not mailsyntax.is_disposition("attachment; =")


def test_header():
    assert mailsyntax.fields(b"A: b\r\n c\r\nno field\r\nD :e\r\n\r\n") == [("a", " b\r\n c"), ("d", "e")]
    assert mailsyntax.is_header(b"A: b\r\n c\r\nD:e\r\n\r\n") and not mailsyntax.is_header(b"A: b\r\nno field\r\n")


def test_others():
    assert not any(map(mailsyntax.has_empty_member, ("a@b", "a@b, c@d", "g:;", "g:a@b;, c@d")))
    assert all(map(mailsyntax.has_empty_member, (",a@b", "a@b,,c@d", "(x), a@b", "g:,a@b;", "a@b,", "g:a@b,;")))
    assert mailsyntax.is_date(" Thu, 13 Feb 1969 23:32:54 -0330") and mailsyntax.is_date("1 Jan 2024 10:00 GMT (x)")
    for bad in ("", "31 Feb 2024 10:00 +0000", "1 Jan 24 10:00 +0000", "1 Jan 2024 25:00 +0000", "1 Jan 2024 10:00 +0099",
                "1 Jan 2024 10:00"):
        assert not mailsyntax.is_date(bad), bad
    assert mailsyntax.is_id_list(" <a@b>\r\n <c.d@e>") and not mailsyntax.is_id_list("<a@b> x")
    assert mailsyntax.is_text(" a =?utf-8?Q?a=C3=BC?= b") and not mailsyntax.is_text("=?utf-8*de?Q?a?=")
    assert not mailsyntax.is_text("a=?utf-8?Q?a?=") and not mailsyntax.is_text("\u00fc")
