# 300-smuggling: LF.LF does not end a message, and nothing behind it is run
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example>
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test>
c1 < 250 2.1.5 *
c1 > DATA
c1 < 354 *
c1 send-raw "Subject: x\r\n\r\nhi\n.\nMAIL FROM:<smuggled@a.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx\r\n.\r\n"
c1 < 521 5.5.2 *
c1 end
client c2 smtp
c2 < 220 *
c2 send-raw "EHLO a.example\n"
c2 < 521 5.5.2 *
c2 end
client c3 smtp
c3 < 220 *
c3 > EHLO a.example
c3 <+ 250 *
c3 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nBDAT 3 LAST\r\nx\r\rNOOP\r\n"
c3 < 250 *
c3 < 250 *
c3 < 521 5.5.2 *
c3 end
