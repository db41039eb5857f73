# 050-pipelining: a whole group in one segment, answers in order (RFC 2920)
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<nobody-here@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
c1 < 250 2.1.0 *
c1 < 250 2.1.5 *
c1 < 550 5.1.1 *
c1 < 250 2.1.5 *
c1 < 354 *
c1 send-raw "Subject: pipelined\r\n\r\nhi\r\n.\r\nMAIL FROM:<x@a.example>\r\nRSET\r\nNOOP\r\nQUIT\r\n"
c1 < 250 2.0.0 Ok: queued as *
c1 < 250 2.1.0 *
c1 < 250 2.0.0 Ok
c1 < 250 2.0.0 Ok
c1 < 221 *
c1 end
