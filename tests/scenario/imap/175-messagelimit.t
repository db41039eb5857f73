# 175-messagelimit: what one command takes, at the limit and one more (RFC 9738)
config imapd { message_limit = 3 }
client c1 imaps
c1 < * OK *
c1 > l LOGIN bob@example.test godwit
c1 < l OK [CAPABILITY * MESSAGELIMIT=3 *
c1 > a CREATE m175
c1 < a OK *
c1 > a CREATE m175b
c1 < a OK *
c1 > a APPEND m175 (\Flagged) {6+}
c1 send-raw "a: 1\r\n {6+}\r\na: 2\r\n {6+}\r\na: 3\r\n {6+}\r\na: 4\r\n\r\n"
c1 < a NO [MESSAGELIMIT 3] *
c1 > a APPEND m175 (\Flagged) {6+}
c1 send-raw "a: 1\r\n (\\Flagged) {6+}\r\na: 2\r\n (\\Flagged) {6+}\r\na: 3\r\n\r\n"
c1 < a OK *
c1 > b SELECT m175
c1 <+ b OK *
c1 > c UID FETCH 1:* (UID)
c1 <+ c OK Fetch *
c1 > a APPEND m175 {6+}
c1 send-raw "a: 4\r\n {6+}\r\na: 5\r\n\r\n"
c1 < * 5 EXISTS
c1 < * 5 RECENT
c1 < a OK *
c1 > c UID FETCH 1:* (UID)
c1 < * 3 FETCH (UID 3)
c1 < * 4 FETCH (UID 4)
c1 < * 5 FETCH (UID 5)
c1 < c OK [MESSAGELIMIT 3 3] *
c1 > c UID FETCH 1:2 (UID)
c1 < * 1 FETCH (UID 1)
c1 < * 2 FETCH (UID 2)
c1 < c OK Fetch *
c1 > c UID FETCH 1:* (UID) (PARTIAL 1:4)
c1 < c NO [MESSAGELIMIT 3] *
c1 > d UID SEARCH FLAGGED
c1 < * SEARCH 3
c1 < d OK [MESSAGELIMIT 3 3] *
c1 > d UID SEARCH UIDBEFORE 3 FLAGGED
c1 < * SEARCH 1 2
c1 < d OK Search *
c1 > d UID SORT (ARRIVAL) UTF-8 ALL
c1 < d NO [MESSAGELIMIT 3] *
c1 > e UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Seen)
c1 <+ * NO [MESSAGELIMIT 3 3] *
c1 < e OK [MODIFIED 3:5] *
c1 > e UID STORE 1:3 +FLAGS.SILENT (\Deleted)
c1 <+ e OK Store *
c1 > f UID COPY 1:* m175b
c1 < f NO [MESSAGELIMIT 3 3] *
c1 > f UID COPY 3:* m175b
c1 < f OK [COPYUID * 3:5 1:3] *
c1 > g UID MOVE 1:* m175b
c1 < * OK [COPYUID * 3:5 4:6] *
c1 <+ * NO [MESSAGELIMIT 3 3] *
c1 < g OK [HIGHESTMODSEQ *
c1 > h EXPUNGE
c1 <+ h OK *
c1 > i STATUS m175 (MESSAGES)
c1 < * STATUS "m175" (MESSAGES 0)
c1 <+ i OK *
c1 > j SELECT m175b
c1 <+ j OK *
c1 > k UID STORE 1:3 +FLAGS.SILENT (\Deleted)
c1 <+ k OK Store *
c1 > k UID STORE 5:6 +FLAGS.SILENT (\Deleted)
c1 <+ k OK Store *
c1 > k UID STORE 4 -FLAGS.SILENT (\Deleted)
c1 <+ k OK Store *
c1 > l UID EXPUNGE 1:*
c1 <+ * NO [MESSAGELIMIT 3 3] *
c1 < l OK [HIGHESTMODSEQ *
c1 > m UID FETCH 1:3 (UID)
c1 < * 1 FETCH (UID 1)
c1 < * 2 FETCH (UID 2)
c1 < m OK Fetch *
