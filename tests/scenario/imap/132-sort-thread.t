# 132-sort-thread: SORT, SORT=DISPLAY, ESORT, THREAD (RFC 5256, RFC 5957, RFC 5267)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m132
c1 < a OK *
c1 > a APPEND m132 {117+}
c1 send-raw "From: Zoe <ann@x.example>\r\nSubject: plan\r\nDate: Wed, 3 Jan 2024 10:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > a APPEND m132 {147+}
c1 send-raw "From: Ann <zoe@x.example>\r\nSubject: [list] Re: plan\r\nDate: Thu, 4 Jan 2024 10:00:00 +0000\r\nMessage-ID: <2@x.example>\r\nReferences: <1@x.example>\r\n\r\n\r\n"
c1 < a OK *
c1 > a APPEND m132 {103+}
c1 send-raw "From: Eve <eve@x.example>\r\nSubject: Plan B\r\nDate: Mon, 1 Jan 2024 23:00:00 -0100\r\n\r\nneedle in a stack\r\n\r\n"
c1 < a OK *
c1 > b SELECT m132
c1 <+ b OK *
c1 > c SORT (SUBJECT REVERSE DATE) UTF-8 ALL
c1 < * SORT 2 1 3
c1 < c OK *
c1 > d SORT (FROM) UTF-8 ALL
c1 < * SORT 1 3 2
c1 < d OK *
c1 > e SORT (DISPLAYFROM) UTF-8 ALL
c1 < * SORT 2 3 1
c1 < e OK *
c1 > f UID SORT (REVERSE SIZE) US-ASCII BODY needle
c1 < * SORT 1 3
c1 < f OK *
c1 > g SORT RETURN (COUNT ALL PARTIAL 1:1) (DATE) UTF-8 ALL
c1 < g BAD *
c1 > h SORT RETURN (COUNT PARTIAL 1:2) (DATE) UTF-8 ALL
c1 < * ESEARCH (TAG "h") COUNT 3 PARTIAL (1:2 3,1)
c1 < h OK *
c1 > i THREAD REFERENCES UTF-8 ALL
c1 < * THREAD (3)(1 2)
c1 < i OK *
c1 > j UID THREAD ORDEREDSUBJECT UTF-8 SINCE 1-Jan-2024
c1 < * THREAD (3)(1 2)
c1 < j OK *
c1 > k THREAD REFS UTF-8 ALL
c1 < * THREAD (1 2)(3)
c1 < k OK *
c1 > l SORT (DATE) KOI8-R ALL
c1 < l NO [BADCHARSET (US-ASCII UTF-8)] *
c1 > m THREAD REFERENCES KOI8-R ALL
c1 < m NO [BADCHARSET (US-ASCII UTF-8)] *
c1 > n SORT (FOO) UTF-8 ALL
c1 < n BAD *
c1 > o THREAD REFERENCES UTF-8
c1 < o BAD *
