# 046-mynetworks-other: the network beside them may not
config mynetworks = {"127.0.0.4/30"}
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<alice@example.test>
c1 < 250 2.1.0 *
c1 > RCPT TO:<carol@bank.example>
c1 < 554 5.7.1 *
