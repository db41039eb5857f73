# 320-message-too-big: the limit counts while streaming; the session goes on
config smtpd { message_size_limit = "64K" }
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
c1 < 250 *
c1 < 250 *
c1 < 354 *
c1 send-raw "Subject: big\r\n\r\n"
c1 send-raw "0123456789012345678901234567890123456789012345678901234567890\r\n" * 1100
c1 send-raw ".\r\n"
c1 < 552 5.3.4 *
c1 > NOOP
c1 < 250 *
