# 150-delivered: by SMTP in, by IMAP out
client s1 smtp
s1 < 220 *
s1 > EHLO a.example
s1 <+ 250 *
s1 > MAIL FROM:<x@a.example>
s1 < 250 *
s1 > RCPT TO:<alice@example.test>
s1 < 250 *
s1 > DATA
s1 < 354 *
s1 > Subject: scenario 150
s1 >
s1 > text of 150
s1 > .
s1 < 250 *
client c1 imaps
c1 < * OK *
c1 login alice@example.test godwit
c1 > a SELECT INBOX
c1 <+ a OK *
c1 > b SEARCH SUBJECT "scenario 150"
c1 < * SEARCH ${n}
c1 < b OK *
c1 > c FETCH ${n} BODY.PEEK[]
c1 <+ c OK *
c1 <? Return-Path: <x@a.example>
c1 <? Delivered-To: alice@example.test
c1 <? Subject: scenario 150
c1 <? text of 150
