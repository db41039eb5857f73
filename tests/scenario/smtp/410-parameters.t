# 410-parameters: what was not announced is 555, what is malformed 501
client c1 smtp
c1 < 220 *
c1 > EHLO a.example
c1 <+ 250 *
c1 > MAIL FROM:<x@a.example> REQUIRETLS
c1 < 555 5.5.4 *
c1 > MAIL FROM:<x@a.example> HOLDFOR=60
c1 < 555 5.5.4 *
c1 > MAIL FROM:<x@a.example> BODY=BINARYMIME
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> SIZE=
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> RET=SOME
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> RET=FULL RET=HDRS
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> ENVID=a=b
c1 < 501 5.5.4 *
c1 > MAIL FROM:<x@a.example> ENVID=a+0A
c1 < 501 5.5.4 *
c1 > MAIL FROM:<> RET=HDRS ENVID=QQ314159
c1 < 250 2.1.0 *
c1 > RCPT TO:<alice@example.test> NOTIFY=NEVER,SUCCESS
c1 < 501 5.5.4 *
c1 > RCPT TO:<alice@example.test> NOTIFY=
c1 < 501 5.5.4 *
c1 > RCPT TO:<alice@example.test> ORCPT=alice@example.test
c1 < 501 5.5.4 *
c1 > RCPT TO:<alice@example.test> NOTIFY=SUCCESS,DELAY NOTIFY=FAILURE
c1 < 501 5.5.4 *
c1 > RCPT TO:<alice@example.test> RRVS=x
c1 < 555 5.5.4 *
c1 > RCPT TO:<alice@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;al+2Bice@example.test
c1 < 250 2.1.5 *
