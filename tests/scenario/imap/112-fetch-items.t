# 112-fetch-items: BINARY, PREVIEW, SAVEDATE, PARTIAL (RFC 3516, 8970, 8514, 9394)
client c1 imaps
c1 < * OK *
c1 login bob@example.test godwit
c1 > a CREATE m112
c1 < a OK *
c1 > b APPEND m112 ~{62+}
c1 send-raw "Subject: eins\r\nContent-Transfer-Encoding: base64\r\n\r\nQUFBQkM=\r\n\r\n"
c1 < b OK *
c1 > b APPEND m112 ~{10}
c1 < + *
c1 send-raw "a: 1\r\n\r\n1\x00\r\n"
c1 < b NO [UNKNOWN-CTE] *
c1 > b APPEND m112 {11+}
c1 send-raw "a: 1\r\n\r\n1\r\n\r\n"
c1 < b OK *
c1 > c SELECT m112
c1 <+ c OK *
c1 > d FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<1.3>)
c1 < * 1 FETCH (BINARY.SIZE[1] 5 BINARY[1]<1> {3}
c1 < AAB)
c1 < d OK *
c1 > e FETCH 2 (PREVIEW (LAZY) SAVEDATE)
c1 < * 2 FETCH (PREVIEW "1" SAVEDATE "*")
c1 < e OK *
c1 > f UID FETCH 1:* (FLAGS) (PARTIAL -1:-1)
c1 < * 2 FETCH (UID 2 FLAGS (\Recent))
c1 < f OK *
c1 > g UID FETCH 1:* (FLAGS) (PARTIAL -1:1)
c1 < g BAD *
