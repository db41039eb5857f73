# 310-limits: lines, errors, sizes at limit+1 with the defaults of OPERATOR.md
client c1 smtp
c1 < 220 *
c1 send-raw "NOOP "
c1 send-raw "x" * 4089
c1 send-raw "\r\n"
c1 < 250 *
c1 send-raw "NOOP "
c1 send-raw "x" * 4090
c1 send-raw "\r\n"
c1 < 500 5.5.2 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> SIZE=52428801
c1 < 552 5.3.4 *
c1 > MAIL FROM:<x@a.example> SIZE=52428800
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test>
c1 < 250 2.1.5 *
c1 > DATA
c1 < 354 *
c1 send-raw "\r\n"
c1 send-raw "x" * 2048
c1 send-raw "\r\n.\r\n"
c1 < 250 2.0.0 Ok: queued as *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
c1 < 250 *
c1 < 250 *
c1 < 354 *
c1 send-raw "\r\n"
c1 send-raw "x" * 2049
c1 send-raw "\r\n.\r\n"
c1 < 500 5.5.2 *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
c1 < 250 *
c1 < 250 *
c1 < 354 *
c1 send-raw "X: y\r\n" * 1001
c1 send-raw "\r\n.\r\n"
c1 < 554 5.6.0 *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
c1 < 250 *
c1 < 250 *
c1 < 354 *
c1 send-raw "Received: from x by y; z\r\n" * 51
c1 send-raw "\r\n.\r\n"
c1 < 554 5.4.6 *
client c2 smtp
c2 < 220 *
c2 send-raw "XYZZY\r\n" * 21
c2 <+ 421 4.7.0 *
c2 end
log smtpd limit name=error_limit value=20
