# 030-deliver: a message from outside reaches a local mailbox
daemon smtpd queue deliver store
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> SIZE=100
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test>
c1 < 250 2.1.5 *
c1 > DATA
c1 < 354 *
c1 > Message-ID: <030@a.example>
c1 > Subject: scenario 030
c1 >
c1 > ..a stuffed dot
c1 > .
c1 < 250 2.0.0 Ok: queued as ${id}
c1 > QUIT
c1 < 221 *
log queue queued m=${id} message-id=<030@a.example> nrcpt=1
log deliver sent m=${id} to=<alice@example.test> dsn=2.0.0
