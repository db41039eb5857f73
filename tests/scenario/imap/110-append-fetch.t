# 110-append-fetch: a message in and out, parts and pieces (RFC 3501 s6.3.11, s6.4.5)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m110
c1 < a OK *
c1 > b APPEND m110-none {3}
c1 < b NO [TRYCREATE] *
c1 > c APPEND m110 (\Flagged $Work) "17-Jul-1996 02:44:25 -0700" {67}
c1 < + *
c1 send-raw "From: a <a@x.example>\r\nSubject: eins\r\n\r\nfirst line\r\nsecond line\r\n\r\n\r\n"
c1 < c OK [APPENDUID ${v} 1] *
c1 > d SELECT m110
c1 <+ d OK [READ-WRITE] *
c1 <? * FLAGS (*$Work)
c1 <? * 1 EXISTS
c1 <? * OK [UIDVALIDITY ${v}] *
c1 <? * OK [UIDNEXT 2] *
c1 > e FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE UID)
c1 < * 1 FETCH (FLAGS (\Flagged $Work \Recent) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 67 UID 1)
c1 < e OK *
c1 > f FETCH 1 (ENVELOPE BODYSTRUCTURE)
c1 < * 1 FETCH (ENVELOPE (NIL "eins" (("a" NIL "a" "x.example")) * BODYSTRUCTURE ("text" "plain" *
c1 < f OK *
c1 > g FETCH 1 BODY.PEEK[TEXT]<6.8>
c1 < * 1 FETCH (BODY[TEXT]<6> {8}
c1 < line
c1 < se)
c1 < g OK *
c1 > h FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]
c1 < * 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {17}
c1 < Subject: eins
c1 <
c1 <  FLAGS (*\Seen*))
c1 < h OK *
c1 > i FETCH 1 BODY.PEEK[2]
c1 < * 1 FETCH (BODY[2] NIL)
c1 < i OK *
c1 > j FETCH 2 FLAGS
c1 < j BAD *
# RFC 9051 6.4.5.1: no blank line when the message has none
c1 > k APPEND m110 {13+}
c1 > Subject: zwei
c1 <+ k OK *
c1 > l FETCH 2 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)])
c1 < * 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {13}
c1 < Subject: zwei BODY[HEADER.FIELDS.NOT (SUBJECT)] {0}
c1 < )
c1 <+ l OK *
log imapd append mailbox=m110 uid=1 size=67
