# 160-qresync: CONDSTORE and QRESYNC (RFC 7162): conditional STORE, what a client missed
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m160
c1 < a OK *
c1 > a APPEND m160 {11+}
c1 send-raw "a: 1\r\n\r\n1\r\n\r\n"
c1 < a OK *
c1 > a APPEND m160 {11+}
c1 send-raw "a: 2\r\n\r\n2\r\n\r\n"
c1 < a OK *
c1 > a APPEND m160 {11+}
c1 send-raw "a: 3\r\n\r\n3\r\n\r\n"
c1 < a OK *
c1 > b SELECT m160 (QRESYNC (1 1))
c1 < b BAD *
c1 > c ENABLE QRESYNC
c1 < * ENABLED QRESYNC
c1 < c OK *
c1 > d SELECT m160
c1 <+ d OK *
c1 <? * OK [HIGHESTMODSEQ *] *
c1 > e STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Seen)
c1 < * 1 FETCH (UID 1 FLAGS (\Recent) MODSEQ (*))
c1 < e OK [MODIFIED 1] *
c1 > f STORE 1 (UNCHANGEDSINCE 9223372036854775807) +FLAGS (\Seen)
c1 < * 1 FETCH (UID 1 FLAGS (\Seen \Recent) MODSEQ (*))
c1 < f OK *
c1 > g STORE 2 +FLAGS.SILENT (\Deleted)
c1 < * 2 FETCH (UID 2 MODSEQ (*))
c1 < g OK *
c1 > h EXPUNGE
c1 < * VANISHED 2
c1 < h OK [HIGHESTMODSEQ *] *
c1 > i UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
c1 < * VANISHED (EARLIER) 2
c1 < * 1 FETCH (UID 1 FLAGS (\Seen \Recent) MODSEQ (*))
c1 < * 2 FETCH (UID 3 FLAGS (\Recent) MODSEQ (*))
c1 < i OK *
c1 > j SELECT m160 (CONDSTORE)
c1 < * OK [CLOSED] *
c1 <+ j OK *
c1 > k STATUS m160 (HIGHESTMODSEQ)
c1 < * STATUS "m160" (HIGHESTMODSEQ *)
c1 < k OK *
c1 > l FETCH 2 (UID) (CHANGEDSINCE 9223372036854775806)
c1 < l OK *
