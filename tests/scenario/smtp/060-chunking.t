# 060-chunking: BDAT in pieces (RFC 3030)
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> BODY=8BITMIME
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test>
c1 < 250 2.1.5 *
c1 send-raw "BDAT 14\r\nSubject: x\r\n\r\nBDAT 4 LAST\r\n.\r\n."
c1 < 250 2.0.0 *
c1 < 250 2.0.0 Ok: queued as *
c1 > BDAT 3 LAST
c1 send-raw "x\r\n"
c1 < 503 5.5.1 *
c1 > NOOP
c1 < 250 *
