# 131-esearch: result options, a saved result, pages (RFC 4731, RFC 5182, RFC 5032, RFC 9394)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m131
c1 < a OK *
c1 > a APPEND m131 (\Flagged) " 1-Feb-2024 12:00:00 +0000" {24+}
c1 send-raw "Subject: one\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > a APPEND m131 {21+}
c1 send-raw "Subject: two\r\n\r\nhay\r\n\r\n"
c1 < a OK *
c1 > a APPEND m131 (\Flagged) {26+}
c1 send-raw "Subject: three\r\n\r\nneedle\r\n\r\n"
c1 < a OK *
c1 > b SELECT m131
c1 <+ b OK *
c1 > c SEARCH RETURN (MIN MAX COUNT ALL) FLAGGED
c1 < * ESEARCH (TAG "c") MIN 1 MAX 3 COUNT 2 ALL 1,3
c1 < c OK *
c1 > d UID SEARCH RETURN () SUBJECT t
c1 < * ESEARCH (TAG "d") UID ALL 2:3
c1 < d OK *
c1 > e SEARCH RETURN (COUNT MIN) DELETED
c1 < * ESEARCH (TAG "e") COUNT 0
c1 < e OK *
c1 > f SEARCH RETURN (PARTIAL 1:2) ALL
c1 < * ESEARCH (TAG "f") PARTIAL (1:2 1:2)
c1 < f OK *
c1 > g SEARCH RETURN (PARTIAL 4:9) ALL
c1 < * ESEARCH (TAG "g") PARTIAL (4:9 NIL)
c1 < g OK *
c1 > ha UID FETCH 1:* (UID) (PARTIAL -1:-2)
c1 < * 2 FETCH (UID 2)
c1 < * 3 FETCH (UID 3)
c1 < ha OK *
c1 > hb UID FETCH 1:* (UID) (PARTIAL 1:2 PARTIAL 1:2)
c1 < hb BAD *
c1 > h SEARCH RETURN (SAVE) BODY needle
c1 < h OK *
c1 > i FETCH $ UID
c1 < * 1 FETCH (UID 1)
c1 < * 3 FETCH (UID 3)
c1 < i OK *
c1 > j SEARCH $ NOT SUBJECT three
c1 < * SEARCH 1
c1 < j OK *
c1 > k STORE $ +FLAGS.SILENT (\Deleted)
c1 < k OK *
c1 > l UID EXPUNGE $
c1 < * 1 EXPUNGE
c1 < * 2 EXPUNGE
c1 < l OK *
c1 > m FETCH $ UID
c1 < m OK *
c1 > n SEARCH YOUNGER 86400
c1 < * SEARCH 1
c1 < n OK *
c1 > o SEARCH OLDER 86400
c1 < * SEARCH
c1 < o OK *
c1 > p SEARCH RETURN (PARTIAL 1:2 ALL) ALL
c1 < p BAD *
c1 > q SEARCH RETURN (MIN ALL
c1 < q BAD *
c1 > r SEARCH YOUNGER 0
c1 < r BAD *
c1 > s SEARCH RETURN (SAVE) CHARSET KOI8-R ALL
c1 < s NO [BADCHARSET (US-ASCII UTF-8)] *
