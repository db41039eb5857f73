# 130-search: keys, charsets, headers and text that are encoded (RFC 3501 s6.4.4)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m130
c1 < a OK *
c1 > a APPEND m130 (\Seen) " 1-Feb-2024 12:00:00 +0000" {169+}
c1 send-raw "From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\r\nSubject: Bericht\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHei=C3=9Fe Suppe\r\n\r\n\r\n"
c1 < a OK *
c1 > a APPEND m130 {30+}
c1 send-raw "Subject: other\r\n\r\nnothing to x\r\n"
c1 < a OK *
c1 > b SELECT m130
c1 <+ b OK *
c1 > c SEARCH ALL
c1 < * SEARCH 1 2
c1 < c OK *
c1 > d SEARCH CHARSET UTF-8 FROM {5+}
c1 > jörg
c1 < * SEARCH 1
c1 < d OK *
c1 > e SEARCH CHARSET UTF-8 BODY {6+}
c1 > HEIßE
c1 < * SEARCH 1
c1 < e OK *
c1 > f SEARCH OR UNSEEN BODY suppe
c1 < * SEARCH 1 2
c1 < f OK *
c1 > g UID SEARCH NOT SEEN SUBJECT OTHER
c1 < * SEARCH 2
c1 < g OK *
c1 > h SEARCH ON 1-Feb-2024
c1 < * SEARCH 1
c1 < h OK *
c1 > i SEARCH CHARSET KOI8-R TEXT x
c1 < i NO [BADCHARSET (US-ASCII UTF-8)] *
c1 > j SEARCH SINCE
c1 < j BAD *
