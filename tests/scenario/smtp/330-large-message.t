# 330-large-message: over 256 KiB the body goes to a file of queue
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 send-raw "MAIL FROM:<x@a.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
c1 < 250 *
c1 < 250 *
c1 < 354 *
c1 send-raw "Subject: large\r\n\r\n"
c1 send-raw "0123456789012345678901234567890123456789012345678901234567890\r\n" * 20000
c1 send-raw ".\r\nNOOP\r\n"
c1 < 250 2.0.0 Ok: queued as ${id}
c1 < 250 *
log deliver sent m=${id} to=<alice@example.test>
