# 120-flags-expunge: STORE, EXPUNGE, UID EXPUNGE, COPY, MOVE (RFC 3501 s6.4, RFC 4315, RFC 6851)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m120/x
c1 < a OK *
c1 > a APPEND m120 {11+}
c1 send-raw "a: 1\r\n\r\n1\r\n\r\n"
c1 < a OK *
c1 > a APPEND m120 {11+}
c1 send-raw "a: 2\r\n\r\n2\r\n\r\n"
c1 < a OK *
c1 > a APPEND m120 {11+}
c1 send-raw "a: 3\r\n\r\n3\r\n\r\n"
c1 < a OK *
c1 > b SELECT m120
c1 <+ b OK *
c1 > c STORE 1:2 +FLAGS (\Deleted)
c1 < * 1 FETCH (FLAGS (\Deleted \Recent))
c1 < * 2 FETCH (FLAGS (\Deleted \Recent))
c1 < c OK *
c1 > d UID EXPUNGE 2
c1 < * 2 EXPUNGE
c1 < d OK *
c1 > e STORE 1 FLAGS.SILENT (\Answered)
c1 < e OK *
c1 > f EXPUNGE
c1 < f OK *
c1 > g COPY 1 m120/none
c1 < g NO [TRYCREATE] *
c1 > h COPY 1:* m120/x
c1 < h OK [COPYUID * 1,3 1:2] *
c1 > i MOVE 1 m120/x
c1 < * OK [COPYUID * 1 3] *
c1 < * 1 EXPUNGE
c1 < i OK *
c1 > j UID FETCH 1:* FLAGS
c1 < * 1 FETCH (UID 3 FLAGS (\Recent))
c1 < j OK *
c1 > k STORE 1 +FLAGS.SILENT \Deleted
c1 < k OK *
c1 > l CLOSE
c1 < l OK *
c1 > m EXPUNGE
c1 < m BAD *
c1 > n EXAMINE m120/x
c1 <+ n OK [READ-ONLY] *
c1 <? * 3 EXISTS
c1 > o STORE 1 +FLAGS \Seen
c1 < o NO [READ-ONLY] *
c1 > p UNSELECT
c1 < p OK *
log imapd expunge count=1
