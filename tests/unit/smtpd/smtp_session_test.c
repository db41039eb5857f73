/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "tests/unit/smtpd/fake_env.h"

#define GREET	"220 mx.example ESMTP Godwit\r\n"
#define EHLO	"EHLO a.example\r\n"
#define KEYS	"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 4096\r\n"
#define KEYS2	"250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 CHUNKING\r\n"
#define KEYS_TLS	KEYS "250-STARTTLS\r\n" KEYS2
#define KEYS_AUTH	KEYS "250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n250-REQUIRETLS\r\n" KEYS2
#define MAIL	"MAIL FROM:<x@a.example>\r\n"
#define RCPT	"RCPT TO:<bob@mx.example>\r\n"
#define MAIL_OK	"250 2.1.0 Sender ok\r\n"
#define RCPT_OK	"250 2.1.5 Recipient ok\r\n"
#define OK	"250 2.0.0 Ok\r\n"
#define GO	"354 End data with <CR><LF>.<CR><LF>\r\n"
#define QUEUED	"250 2.0.0 Ok: queued as 000938NKRKAYD\r\n"
#define CHUNK	"250 2.0.0 Chunk received\r\n"
#define BYE	"221 2.0.0 Bye\r\n"
#define SEQ	"503 5.5.1 Bad sequence of commands\r\n"
#define BARE	"521 5.5.2 Bare line feed or carriage return refused\r\n"
#define ARGS	"501 5.5.4 Syntax error in arguments\r\n"
#define UNKNOWN	"500 5.5.1 Command not recognized\r\n"
#define ERRORS	"421 4.7.0 Too many errors\r\n"
#define START	EHLO MAIL RCPT
#define STARTED	GREET KEYS_TLS MAIL_OK RCPT_OK
#define HEAD	"Subject: x\r\n\r\n"
#define RECEIVED(p)	"Received: from a.example ([192.0.2.1])\r\n\tby mx.example with " p \
	" id 000938NKRKAYD\r\n\tfor <bob@mx.example>;\r\n\tFri, 20 Nov 2026 10:02:10 +0000\r\n"
#define RECEIVED_TLS "Received: from a.example ([192.0.2.1])\r\n" \
	"\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n" \
	"\tby mx.example with ESMTPSA id 000938NKRKAYD\r\n\tfor <bob@mx.example>;\r\n" \
	"\tFri, 20 Nov 2026 10:02:10 +0000\r\n"
#define TEN(x)	x x x x x x x x x x

struct row {
	const char	*name;
	struct slice	 in;
	const char	*out;
	const char	*end;		/* NULL: open */
	const char	*body;		/* NULL: do not look */
	const char	*log;		/* NULL: do not look */
};
#define IN(s)	{ (s), sizeof(s) - 1 }

/* Port 25, STARTTLS offered. */
static const struct row mx_rows[] = {
	{ "ehlo", IN(EHLO), GREET KEYS_TLS, NULL, NULL, NULL },
	{ "helo", IN("HELO a.example\r\n"), GREET "250 mx.example\r\n", NULL, NULL, NULL },
	{ "ehlo literal", IN("EHLO [IPv6:::1]\r\n"), GREET KEYS_TLS, NULL, NULL, NULL },
	{ "ehlo bad", IN("EHLO a b\r\nEHLO\r\nEHLO (x)\r\n"), GREET
	    "501 5.5.4 Host name or address literal expected\r\n" ARGS
	    "501 5.5.4 Host name or address literal expected\r\n", NULL, NULL, NULL },
	{ "case and space", IN("ehlo a.example  \r\nnoop\r\nNoOp x y \r\n"),
	    GREET KEYS_TLS OK OK, NULL, NULL, NULL },
	{ "simple", IN("RSET\r\nNOOP\r\nHELP\r\nVRFY bob\r\nVRFY\r\nQUIT\r\n"), GREET OK OK
	    "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH\r\n"
	    "252 2.1.5 Send the message, then it is known\r\n" ARGS BYE, "quit", NULL, NULL },
	{ "args where none belong", IN(EHLO "RSET x\r\nQUIT x\r\nDATA x\r\n"),
	    GREET KEYS_TLS ARGS ARGS ARGS, NULL, NULL, NULL },
	{ "unknown", IN("XYZZY\r\n\r\nMAILFROM:<x@y>\r\n"), GREET UNKNOWN UNKNOWN UNKNOWN,
	    NULL, NULL, NULL },
	{ "web", IN("GET / HTTP/1.1\r\nEHLO x\r\n"), GREET "521 5.5.1 This is not a web server\r\n",
	    "foreign protocol", NULL, "" },
	{ "order", IN(MAIL RCPT "DATA\r\n" EHLO RCPT "DATA\r\n"), GREET SEQ SEQ SEQ KEYS_TLS SEQ SEQ,
	    NULL, NULL, "" },
	{ "mail twice", IN(EHLO MAIL MAIL), GREET KEYS_TLS MAIL_OK SEQ, NULL, NULL, NULL },
	{ "no recipient", IN(EHLO MAIL "DATA\r\n"), GREET KEYS_TLS MAIL_OK
	    "503 5.5.1 No valid recipients\r\n", NULL, NULL, NULL },
	{ "message", IN(START "DATA\r\n" HEAD "hi\r\n..\r\n...x\r\n.y\r\n.\r\nQUIT\r\n"),
	    STARTED GO QUEUED BYE, "quit",
	    RECEIVED("ESMTP") HEAD "hi\r\n.\r\n..x\r\ny\r\n",
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\ncommit id=\n" },
	{ "empty message", IN(START "DATA\r\n.\r\n"), STARTED GO QUEUED, NULL,
	    RECEIVED("ESMTP"), NULL },
	{ "helo message", IN("HELO a.example\r\n" MAIL RCPT "DATA\r\n" HEAD ".\r\n"),
	    GREET "250 mx.example\r\n" MAIL_OK RCPT_OK GO QUEUED, NULL, RECEIVED("SMTP") HEAD, NULL },
	{ "no header", IN(START "DATA\r\nhello world\r\n.\r\n"), STARTED GO QUEUED, NULL,
	    RECEIVED("ESMTP") "\r\nhello world\r\n", NULL },
	{ "two messages", IN(START "DATA\r\n" HEAD ".\r\n" MAIL RCPT "DATA\r\n" HEAD "2\r\n.\r\n"),
	    STARTED GO QUEUED MAIL_OK RCPT_OK GO QUEUED, NULL, RECEIVED("ESMTP") HEAD "2\r\n", NULL },
	{ "several recipients hide", IN(START "RCPT TO:<b@mx.example>\r\nDATA\r\n" HEAD ".\r\n"),
	    STARTED RCPT_OK GO QUEUED, NULL,
	    "Received: from a.example ([192.0.2.1])\r\n\tby mx.example with ESMTP id 000938NKRKAYD;\r\n"
	    "\tFri, 20 Nov 2026 10:02:10 +0000\r\n" HEAD, NULL },
	{ "message-id", IN(START "DATA\r\nMessage-Id:\r\n <1@a.example> \r\n\r\n.\r\n"),
	    STARTED GO QUEUED, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\ncommit id=<1@a.example>\n" },
	{ "rset aborts", IN(START "RSET\r\n" RCPT), STARTED OK SEQ, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "ehlo aborts", IN(START EHLO), STARTED KEYS_TLS, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "quit aborts", IN(START "QUIT\r\n"), STARTED BYE, "quit", NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "null sender", IN(EHLO "MAIL FROM:<>\r\n"), GREET KEYS_TLS MAIL_OK, NULL, NULL,
	    "open <> size=0 flags=0\n" },
	{ "mail parameters", IN(EHLO "MAIL FROM:<x@a.example> SIZE=4096 BODY=8BITMIME SMTPUTF8\r\n"),
	    GREET KEYS_TLS MAIL_OK, NULL, NULL, "open <x@a.example> size=4096 flags=6\n" },
	{ "mail spaces", IN(EHLO "mail from: <x@a.example>  body=7bit \r\n"), GREET KEYS_TLS MAIL_OK,
	    NULL, NULL, NULL },
	{ "mail too big", IN(EHLO "MAIL FROM:<x@a.example> SIZE=4097\r\n"),
	    GREET KEYS_TLS "552 5.3.4 Message too big\r\n", NULL, NULL, "" },
	{ "mail size overflow", IN(EHLO "MAIL FROM:<x@a.example> SIZE=99999999999999999999\r\n"),
	    GREET KEYS_TLS ARGS, NULL, NULL, "" },
	{ "mail unknown parameter", IN(EHLO "MAIL FROM:<x@a.example> REQUIRETLS\r\n"
	    "MAIL FROM:<x@a.example> AUTH=<>\r\n"),
	    GREET KEYS_TLS "555 5.5.4 Parameter not recognized\r\n"
	    "555 5.5.4 Parameter not recognized\r\n", NULL, NULL, "" },
	{ "mail bad parameters", IN(EHLO "MAIL FROM:<x@a.example> SIZE\r\nMAIL FROM:<x@a.example> =1\r\n"
	    "MAIL FROM:<x@a.example> BODY=BINARYMIME\r\nMAIL FROM:<x@a.example>SIZE=1\r\n"
	    "MAIL FROM:<x@a.example> SIZE=1 SIZE=1\r\n"), GREET KEYS_TLS ARGS ARGS ARGS ARGS ARGS,
	    NULL, NULL, "" },
	{ "mail bad path", IN(EHLO "MAIL FROM:x@a.example\r\nMAIL FROM:<x@>\r\nMAIL TO:<x@y>\r\n"),
	    GREET KEYS_TLS "501 5.1.7 Sender address syntax error\r\n"
	    "501 5.1.7 Sender address syntax error\r\n" ARGS, NULL, NULL, "" },
	{ "utf8 without parameter", IN(EHLO "MAIL FROM:<\xc3\xa9@a.example>\r\n"),
	    GREET KEYS_TLS "553 5.6.7 Sender address needs SMTPUTF8\r\n", NULL, NULL, "" },
	{ "utf8", IN(EHLO "MAIL FROM:<\xc3\xa9@a.example> SMTPUTF8\r\nRCPT TO:<\xc3\xa9@mx.example>\r\n"),
	    GREET KEYS_TLS MAIL_OK RCPT_OK, NULL, NULL,
	    "open <\xc3\xa9@a.example> size=0 flags=4\nrcpt <\xc3\xa9@mx.example>\n" },
	{ "utf8 recipient", IN(EHLO MAIL "RCPT TO:<\xc3\xa9@mx.example>\r\n"),
	    GREET KEYS_TLS MAIL_OK "553 5.6.7 Recipient address needs SMTPUTF8\r\n", NULL, NULL, NULL },
	{ "not utf8", IN(EHLO "MAIL FROM:<\xe9@a.example> SMTPUTF8\r\n"),
	    GREET KEYS_TLS "501 5.1.7 Sender address syntax error\r\n", NULL, NULL, "" },
	{ "rcpt parameters", IN(EHLO MAIL "RCPT TO:<bob@mx.example> RRVS=x\r\n"
	    "RCPT TO:<bob@mx.example> NOTIFY\r\nRCPT TO:<bob@mx.example> ORCPT=x\r\n"
	    "RCPT TO:<bob@mx.example> ORCPT=rfc822;x@y ORCPT=rfc822;x@y\r\n"),
	    GREET KEYS_TLS MAIL_OK "555 5.5.4 Parameter not recognized\r\n" ARGS ARGS ARGS,
	    NULL, NULL, NULL },
	{ "dsn", IN(EHLO "MAIL FROM:<x@a.example> RET=HDRS ENVID=a+2Bb\r\n"
	    "RCPT TO:<bob@mx.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@z\r\n"
	    "RCPT TO:<eve@mx.example> NOTIFY=NEVER\r\n"),
	    GREET KEYS_TLS MAIL_OK RCPT_OK RCPT_OK, NULL, NULL,
	    "open <x@a.example> size=0 flags=16 envid=a+b\n"
	    "rcpt <bob@mx.example> notify=10 orcpt=rfc822;x+y@z\n"
	    "rcpt <eve@mx.example> notify=1 orcpt=\n" },
	{ "mail bad dsn", IN(EHLO "MAIL FROM:<x@a.example> RET=x\r\n"
	    "MAIL FROM:<x@a.example> ENVID=a=b\r\nMAIL FROM:<x@a.example> RET=FULL RET=FULL\r\n"),
	    GREET KEYS_TLS ARGS ARGS ARGS, NULL, NULL, "" },
	{ "tls optional", IN(START "DATA\r\nTLS-Required: no\r\n\r\nx\r\n.\r\n"),
	    STARTED GO QUEUED, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\ncommit id= tls-optional\n" },
	{ "postmaster", IN(EHLO MAIL "RCPT TO:<Postmaster>\r\nRCPT TO:<bob>\r\nRCPT TO:<>\r\n"),
	    GREET KEYS_TLS MAIL_OK RCPT_OK "501 5.1.3 Recipient address syntax error\r\n"
	    "501 5.1.3 Recipient address syntax error\r\n", NULL, NULL, NULL },
	{ "refused", IN(EHLO "MAIL FROM:<refuse@a>\r\nMAIL FROM:<defer@a>\r\nMAIL FROM:<gone@a>\r\n"
	    "MAIL FROM:<relay@a>\r\n" MAIL
	    "RCPT TO:<refuse@a>\r\nRCPT TO:<relay@b>\r\nRCPT TO:<gone@a>\r\n" RCPT),
	    GREET KEYS_TLS "550 5.1.1 No such user\r\n450 4.2.1 Not??now\r\n"
	    "451 4.3.0 Queue is not available, try again\r\n553 5.7.1 Relay access denied\r\n"
	    MAIL_OK "550 5.1.1 No such user\r\n554 5.7.1 Relay access denied\r\n"
	    "451 4.3.0 Queue is not available, try again\r\n" RCPT_OK, NULL, NULL, NULL },
	{ "commit refused", IN(EHLO MAIL "RCPT TO:<full@a>\r\nDATA\r\n" HEAD ".\r\n"
	    MAIL "RCPT TO:<badcommit@a>\r\nDATA\r\n" HEAD ".\r\nNOOP\r\n"),
	    GREET KEYS_TLS MAIL_OK RCPT_OK GO "452 4.3.1 no room\r\n"
	    MAIL_OK RCPT_OK GO "451 4.3.0 Queue is not available, try again\r\n" OK, NULL, NULL, NULL },
	{ "recipients at limit+1", IN(EHLO MAIL RCPT RCPT RCPT RCPT RCPT),
	    GREET KEYS_TLS MAIL_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK "452 4.5.3 Too many recipients\r\n",
	    NULL, NULL, NULL },
	{ "errors at limit+1", IN("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nNOOP\r\n"),
	    GREET UNKNOWN UNKNOWN UNKNOWN UNKNOWN UNKNOWN UNKNOWN ERRORS, "too many errors", NULL, NULL },
	{ "errors at limit", IN("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nNOOP\r\n"),
	    GREET UNKNOWN UNKNOWN UNKNOWN UNKNOWN UNKNOWN UNKNOWN OK, NULL, NULL, NULL },
	{ "junk at limit and errors", IN(TEN("NOOP\r\n") "RSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\nRSET\r\n"
	    "HELP\r\n"), GREET TEN(OK) OK OK OK OK OK OK ERRORS, "too many errors", NULL, NULL },
	{ "auth is not here", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
	    GREET KEYS_TLS "502 5.5.1 Command is not offered here\r\n", NULL, NULL, "" },
	{ "starttls", IN(EHLO "STARTTLS\r\n"), GREET KEYS_TLS "220 2.0.0 Ready to start TLS\r\n",
	    NULL, NULL, "tls\n" },
	{ "starttls arguments", IN(EHLO "STARTTLS x\r\n"), GREET KEYS_TLS ARGS, NULL, NULL, "" },
	{ "starttls in a transaction", IN(EHLO MAIL "STARTTLS\r\n"), GREET KEYS_TLS MAIL_OK SEQ,
	    NULL, NULL, NULL },
	/* line ends */
	{ "bare LF in a command", IN("NOOP\nNOOP\r\n"), GREET BARE, "bare line end", NULL, "" },
	{ "bare CR in a command", IN("NO\rOP\r\nNOOP\r\n"), GREET BARE, "bare line end", NULL, "" },
	{ "LF alone", IN("\n"), GREET BARE, "bare line end", NULL, NULL },
	{ "NUL in a command", IN("NO\0OP\r\nNOOP\r\n"), GREET "500 5.5.2 Control characters in command\r\n"
	    OK, NULL, NULL, NULL },
	{ "smuggling LF . LF", IN(START "DATA\r\n" HEAD "\n.\n" MAIL RCPT "DATA\r\nx\r\n.\r\n"),
	    STARTED GO BARE, "bare line end", NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "smuggling LF . CRLF", IN(START "DATA\r\n" HEAD "x\n.\r\n" MAIL), STARTED GO BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "smuggling CRLF . LF", IN(START "DATA\r\n" HEAD ".\n" MAIL), STARTED GO BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "smuggling CR . CR", IN(START "DATA\r\n" HEAD "\r.\r" MAIL), STARTED GO BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "smuggling CRLF . CR x", IN(START "DATA\r\n" HEAD ".\rx" MAIL), STARTED GO BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "smuggling CR CRLF . CRLF", IN(START "DATA\r\n" HEAD "x\r\r\n.\r\n" MAIL), STARTED GO BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "NUL in text", IN(START "DATA\r\n" HEAD "a\0b\r\n.\r\nNOOP\r\n"), STARTED GO
	    "554 5.6.0 Message contains a NUL byte\r\n" OK, NULL, NULL, NULL },
	/* header limits: 5 fields, 200 bytes, 2 hops in the fake */
	{ "fields at limit", IN(START "DATA\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n.\r\n"),
	    STARTED GO QUEUED, NULL, NULL, NULL },
	{ "fields at limit+1", IN(START "DATA\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\n\r\n.\r\nNOOP\r\n"),
	    STARTED GO "554 5.6.0 Too many header fields\r\n" OK, NULL, NULL, NULL },
	{ "hops at limit+1", IN(START "DATA\r\nReceived: 1\r\nreceived: 2\r\nRECEIVED : 3\r\n\r\n.\r\n"),
	    STARTED GO "554 5.4.6 Too many Received fields, mail is looping\r\n", NULL, NULL, NULL },
	{ "hops at limit", IN(START "DATA\r\nReceived: 1\r\nreceived: 2\r\n\r\nReceived: 3\r\n.\r\n"),
	    STARTED GO QUEUED, NULL, NULL, NULL },
	/* BDAT */
	{ "chunks", IN(START "BDAT 14\r\n" HEAD "BDAT 4\r\nhi\r\nBDAT 3 LAST\r\n.\r\nNOOP\r\n"),
	    STARTED CHUNK CHUNK QUEUED OK, NULL, RECEIVED("ESMTP") HEAD "hi\r\n.\r\n", NULL },
	{ "chunk splits a line end", IN(START "BDAT 11\r\nSubject: x\rBDAT 3\r\n\n\r\nBDAT 0 LAST\r\n"),
	    STARTED CHUNK CHUNK QUEUED, NULL, RECEIVED("ESMTP") HEAD, NULL },
	{ "last line is completed", IN(START "BDAT 16 LAST\r\n" HEAD "hi"), STARTED QUEUED, NULL,
	    RECEIVED("ESMTP") HEAD "hi\r\n", NULL },
	{ "empty chunks", IN(START "BDAT 0\r\nBDAT 0 last\r\n"), STARTED CHUNK QUEUED, NULL,
	    RECEIVED("ESMTP"), NULL },
	{ "chunk before a transaction", IN(EHLO "BDAT 6\r\nNOOP\r\nNOOP\r\n"), GREET KEYS_TLS SEQ OK,
	    NULL, NULL, "" },
	{ "chunk without recipient", IN(EHLO MAIL "BDAT 6 LAST\r\nNOOP\r\n" RCPT), GREET KEYS_TLS MAIL_OK
	    "503 5.5.1 No valid recipients\r\n" RCPT_OK, NULL, NULL, NULL },
	{ "chunk size", IN(START "BDAT x\r\nNOOP\r\n"), STARTED "521 5.5.4 Chunk size not understood\r\n",
	    "bad chunk size", NULL, NULL },
	{ "chunk word", IN(START "BDAT 1 FIRST\r\n"), STARTED "521 5.5.4 Chunk size not understood\r\n",
	    "bad chunk size", NULL, NULL },
	{ "chunk negative", IN(START "BDAT -1\r\n"), STARTED "521 5.5.4 Chunk size not understood\r\n",
	    "bad chunk size", NULL, NULL },
	{ "chunk missing", IN(START "BDAT\r\n"), STARTED "521 5.5.4 Chunk size not understood\r\n",
	    "bad chunk size", NULL, NULL },
	{ "DATA after BDAT", IN(START "BDAT 14\r\n" HEAD "DATA\r\n" RCPT "BDAT 0 LAST\r\n"),
	    STARTED CHUNK SEQ SEQ QUEUED, NULL, NULL, NULL },
	{ "RSET after BDAT", IN(START "BDAT 14\r\n" HEAD "RSET\r\nBDAT 0 LAST\r\n"),
	    STARTED CHUNK OK SEQ, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "bare LF in a chunk", IN(START "BDAT 15 LAST\r\n" HEAD "\n" MAIL), STARTED BARE,
	    "bare line end", NULL, "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "CR ends the last chunk", IN(START "BDAT 15 LAST\r\n" HEAD "\r" MAIL), STARTED BARE,
	    "bare line end", NULL, NULL },
	{ "NUL in a chunk", IN(START "BDAT 1\r\n\0BDAT 1\r\nxBDAT 1 LAST\r\nxNOOP\r\n"),
	    STARTED "554 5.6.0 Message contains a NUL byte\r\n" SEQ SEQ OK, NULL, NULL,
	    "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\nabort\n" },
	{ "dots in chunks stay", IN(START "BDAT 21 LAST\r\n" HEAD "..\r\n.\r\n"), STARTED QUEUED, NULL,
	    RECEIVED("ESMTP") HEAD "..\r\n.\r\n", NULL },
	{ "chunk too big", IN(EHLO MAIL RCPT "BDAT 4097\r\n"), STARTED, NULL, NULL, NULL },
};

/* Port 465. */
static const struct row login_rows[] = {
	{ "needs login", IN(EHLO MAIL), GREET KEYS_AUTH "530 5.7.0 Authentication required\r\n",
	    NULL, NULL, "" },
	{ "plain", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" MAIL RCPT
	    "DATA\r\nDate: x\r\nMessage-ID: <2@a>\r\n\r\nhi\r\n.\r\n"), GREET KEYS_AUTH
	    "235 2.7.0 Authentication successful\r\n" MAIL_OK RCPT_OK GO QUEUED, NULL,
	    RECEIVED_TLS "Date: x\r\nMessage-ID: <2@a>\r\n\r\nhi\r\n",
	    "login PLAIN alice\nopen <x@a.example> size=0 flags=1\nrcpt <bob@mx.example>\n"
	    "commit id=<2@a>\n" },
	{ "requiretls", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
	    "MAIL FROM:<x@a.example> REQUIRETLS=1\r\nMAIL FROM:<x@a.example> REQUIRETLS\r\n"),
	    GREET KEYS_AUTH "235 2.7.0 Authentication successful\r\n" ARGS MAIL_OK, NULL, NULL,
	    "login PLAIN alice\nopen <x@a.example> size=0 flags=65\n" },
	{ "fields are added", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" MAIL RCPT
	    "DATA\r\n" HEAD "hi\r\n.\r\n"), GREET KEYS_AUTH
	    "235 2.7.0 Authentication successful\r\n" MAIL_OK RCPT_OK GO QUEUED, NULL,
	    RECEIVED_TLS "Subject: x\r\nDate: Fri, 20 Nov 2026 10:02:10 +0000\r\n"
	    "Message-ID: <000938NKRKAYD@mx.example>\r\n\r\nhi\r\n",
	    "login PLAIN alice\nopen <x@a.example> size=0 flags=1\nrcpt <bob@mx.example>\n"
	    "commit id=<000938NKRKAYD@mx.example>\n" },
	{ "fields are added without a header", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" MAIL RCPT
	    "DATA\r\nhello\r\n.\r\n"), GREET KEYS_AUTH
	    "235 2.7.0 Authentication successful\r\n" MAIL_OK RCPT_OK GO QUEUED, NULL,
	    RECEIVED_TLS "Date: Fri, 20 Nov 2026 10:02:10 +0000\r\n"
	    "Message-ID: <000938NKRKAYD@mx.example>\r\n\r\nhello\r\n", NULL },
	{ "fields are added to a header alone", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" MAIL RCPT
	    "DATA\r\nDate: x\r\n.\r\n"), GREET KEYS_AUTH
	    "235 2.7.0 Authentication successful\r\n" MAIL_OK RCPT_OK GO QUEUED, NULL,
	    RECEIVED_TLS "Date: x\r\nMessage-ID: <000938NKRKAYD@mx.example>\r\n", NULL },
	{ "plain without initial response", IN(EHLO "auth plain\r\nAGFsaWNlAHNlY3JldA==\r\n"),
	    GREET KEYS_AUTH "334 \r\n235 2.7.0 Authentication successful\r\n", NULL, NULL, NULL },
	{ "login", IN(EHLO "AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n"), GREET KEYS_AUTH
	    "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0 Authentication successful\r\n",
	    NULL, NULL, "login LOGIN alice\n" },
	{ "login with initial response", IN(EHLO "AUTH LOGIN YWxpY2U=\r\nc2VjcmV0\r\n"), GREET KEYS_AUTH
	    "334 UGFzc3dvcmQ6\r\n235 2.7.0 Authentication successful\r\n", NULL, NULL, NULL },
	{ "cancel", IN(EHLO "AUTH LOGIN\r\n*\r\nAUTH PLAIN\r\n*\r\nNOOP\r\n"), GREET KEYS_AUTH
	    "334 VXNlcm5hbWU6\r\n501 5.7.0 Authentication cancelled\r\n"
	    "334 \r\n501 5.7.0 Authentication cancelled\r\n" OK, NULL, NULL, "" },
	{ "wrong password", IN(EHLO "AUTH PLAIN AGFsaWNlAHdyb25n\r\nNOOP\r\n"), GREET KEYS_AUTH
	    "535 5.7.8 Wrong user name or password\r\n" OK, NULL, NULL, NULL },
	{ "somebody else", IN(EHLO "AUTH PLAIN Ym9iAGFsaWNlAHNlY3JldA==\r\n"), GREET KEYS_AUTH
	    "535 5.7.8 Wrong user name or password\r\n", NULL, NULL, "" },
	{ "empty response", IN(EHLO "AUTH PLAIN =\r\n"), GREET KEYS_AUTH
	    "535 5.7.8 Wrong user name or password\r\n", NULL, NULL, "" },
	{ "later", IN(EHLO "AUTH PLAIN AGxhdGVyAHg=\r\n"), GREET KEYS_AUTH
	    "454 4.7.0 Login is not possible now, try again\r\n", NULL, NULL, NULL },
	{ "not base64", IN(EHLO "AUTH PLAIN ???\r\nAUTH LOGIN\r\n!\r\n"), GREET KEYS_AUTH
	    "501 5.5.2 Cannot decode response\r\n334 VXNlcm5hbWU6\r\n"
	    "501 5.5.2 Cannot decode response\r\n", NULL, NULL, NULL },
	{ "scram", IN(EHLO "AUTH SCRAM-SHA-256\r\nbiwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n"
	    "Yz1iaXdzLHI9MTIzNDU2NzhzZXJ2ZXIscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n\r\nNOOP\r\n"),
	    GREET KEYS_AUTH "334 \r\n334 cj0xMjM0NTY3OHNlcnZlcixzPWMyRnNkQT09LGk9NDA5Ng==\r\n"
	    "334 dj1jMmxuYm1GMGRYSmw=\r\n235 2.7.0 Authentication successful\r\n" OK, NULL, NULL,
	    "scram SCRAM-SHA-256 alice\nproof c=biws,r=12345678server\n" },
	{ "scram with initial response, wrong", IN(EHLO "AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n"
	    "Yz1iaXdzLHI9MTIzNDU2NzhzZXJ2ZXIscD1BUUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\nNOOP\r\n"),
	    GREET KEYS_AUTH "334 cj0xMjM0NTY3OHNlcnZlcixzPWMyRnNkQT09LGk9NDA5Ng==\r\n"
	    "535 5.7.8 Wrong user name or password\r\n" OK, NULL, NULL, NULL },
	{ "scram broken off", IN(EHLO "AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n*\r\n"
	    "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
	    GREET KEYS_AUTH "334 cj0xMjM0NTY3OHNlcnZlcixzPWMyRnNkQT09LGk9NDA5Ng==\r\n"
	    "501 5.7.0 Authentication cancelled\r\n235 2.7.0 Authentication successful\r\n",
	    NULL, NULL, NULL },
	{ "scram: not a message, later, no binding", IN(EHLO "AUTH SCRAM-SHA-256 aGVsbG8=\r\n"
	    "AUTH SCRAM-SHA-256 biwsbj1sYXRlcixyPTEyMzQ1Njc4\r\nAUTH SCRAM-SHA-256-PLUS\r\n"),
	    GREET KEYS_AUTH "501 5.5.2 Cannot decode response\r\n"
	    "454 4.7.0 Login is not possible now, try again\r\n"
	    "504 5.5.4 Authentication mechanism not offered\r\n", NULL, NULL, NULL },
	{ "mechanism", IN(EHLO "AUTH CRAM-MD5\r\n"), GREET KEYS_AUTH
	    "504 5.5.4 Authentication mechanism not offered\r\n", NULL, NULL, NULL },
	{ "twice", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
	    GREET KEYS_AUTH "235 2.7.0 Authentication successful\r\n503 5.5.1 Logged in already\r\n",
	    NULL, NULL, NULL },
	{ "before ehlo", IN("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), GREET SEQ, NULL, NULL, NULL },
	{ "auth parameter", IN(EHLO "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nMAIL FROM:<x@a.example> AUTH=<>\r\n"
	    "RSET\r\nMAIL FROM:<x@a.example> AUTH=e+3Dmc2@a.example\r\nRSET\r\n"
	    "MAIL FROM:<x@a.example> AUTH=x+3d@a\r\n"),
	    GREET KEYS_AUTH "235 2.7.0 Authentication successful\r\n" MAIL_OK OK MAIL_OK OK ARGS,
	    NULL, NULL, NULL },
	{ "commands at limit+1", IN(EHLO TEN("NOOP\r\n") "NOOP\r\nEHLO x\r\n"), GREET KEYS_AUTH
	    TEN(OK) OK "421 4.7.0 Too many commands before login\r\n",
	    "too many commands before login", NULL, NULL },
	{ "long line in auth", IN(EHLO "AUTH PLAIN\r\n" TEN(TEN("123456")) "\r\nNOOP\r\n"),
	    GREET KEYS_AUTH "334 \r\n500 5.5.6 Authentication exchange line is too long\r\n" OK,
	    NULL, NULL, NULL },
	{ "tls twice", IN(EHLO "STARTTLS\r\n"), GREET KEYS_AUTH "503 5.5.1 TLS is active already\r\n",
	    NULL, NULL, NULL },
};

/* Port 587. */
static const struct row submission_rows[] = {
	{ "tls first", IN(EHLO MAIL "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nRSET\r\nXYZZY\r\nNOOP\r\nQUIT\r\n"),
	    GREET KEYS_TLS "530 5.7.0 Issue STARTTLS first\r\n530 5.7.0 Issue STARTTLS first\r\n"
	    "530 5.7.0 Issue STARTTLS first\r\n530 5.7.0 Issue STARTTLS first\r\n" OK BYE, "quit",
	    NULL, "" },
};

static void
run_once(const struct row *r, bool is_submission, enum smtp_tls tls, size_t step, bool pauses)
{
	struct fake f;

	fake_init(&f, is_submission, tls);
	f.pause_every = pauses ? 2 : 0;
	fake_run(&f, r->in, step);
	if (strcmp(r->out, buf_cstr(&f.out)) != 0)
		print_message("%s, step %zu\n", r->name, step);
	assert_string_equal(buf_cstr(&f.out), r->out);
	if (r->end == NULL)
		assert_null(f.s.end);
	else {
		assert_non_null(f.s.end);
		assert_string_equal(f.s.end, r->end);
	}
	if (r->body != NULL)
		assert_string_equal(buf_cstr(&f.body), r->body);
	if (r->log != NULL)
		assert_string_equal(buf_cstr(&f.log), r->log);
	fake_fini(&f);
}

/* Whole, in steps of every size up to 40, and with a body that pauses. */
static void
run_rows(const struct row *rows, size_t count, bool is_submission, enum smtp_tls tls)
{
	for (size_t i = 0; i < count; i++) {
		run_once(&rows[i], is_submission, tls, rows[i].in.n, false);
		run_once(&rows[i], is_submission, tls, rows[i].in.n, true);
		for (size_t step = 1; step < 40; step++)
			run_once(&rows[i], is_submission, tls, step, step % 2 == 0);
	}
}

static void
test_mx(void **state)
{
	(void)state;
	run_rows(mx_rows, lengthof(mx_rows), false, SMTP_TLS_MAY);
}

static void
test_login(void **state)
{
	(void)state;
	run_rows(login_rows, lengthof(login_rows), true, SMTP_TLS_IMPLICIT);
}

static void
test_submission(void **state)
{
	(void)state;
	run_rows(submission_rows, lengthof(submission_rows), true, SMTP_TLS_REQUIRED);
}

static bool
has(struct fake *f, const char *text)
{
	return strstr(buf_cstr(&f->out), text) != NULL;
}

/* auth_cleartext: the same without TLS; others are told to use it as before. */
static void
test_cleartext(void **state)
{
	static const struct slice in = IN(EHLO "AUTH SCRAM-SHA-256-PLUS\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
	    MAIL "QUIT\r\n");
	struct fake f;

	(void)state;
	fake_init(&f, true, SMTP_TLS_REQUIRED);
	f.s.takes_cleartext = true;
	f.login_ok = true;
	fake_run(&f, in, in.n);
	assert_true(has(&f, "250-STARTTLS\r\n250-AUTH PLAIN LOGIN"));
	assert_false(has(&f, "-PLUS"));
	assert_true(has(&f, "504 5.5.4"));
	assert_true(has(&f, "235 2.7.0"));
	assert_true(has(&f, "250 2.1.0"));
	fake_fini(&f);
	/* It is about submission alone. */
	fake_init(&f, false, SMTP_TLS_REQUIRED);
	f.s.takes_cleartext = true;
	fake_run(&f, in, in.n);
	assert_false(has(&f, "AUTH PLAIN"));
	assert_true(has(&f, "530 5.7.0 Issue STARTTLS first"));
	fake_fini(&f);
}

/* Each verb in each state, by what it answers. */
static void
test_states(void **state)
{
	static const char *const verbs[] = { EHLO, "HELO a\r\n", MAIL, RCPT, "DATA\r\n",
		"BDAT 0\r\n", "RSET\r\n", "NOOP\r\n", "QUIT\r\n", "VRFY x\r\n", "HELP\r\n", "STARTTLS\r\n" };
	static const struct {
		const char	*to;
		unsigned	 code[12];
	} in[] = {
		{ "", { 250, 250, 503, 503, 503, 503, 250, 250, 221, 252, 214, 220 } },
		{ EHLO, { 250, 250, 250, 503, 503, 503, 250, 250, 221, 252, 214, 220 } },
		{ EHLO MAIL, { 250, 250, 503, 250, 503, 503, 250, 250, 221, 252, 214, 503 } },
		{ START, { 250, 250, 503, 250, 354, 250, 250, 250, 221, 252, 214, 503 } },
		{ START "BDAT 0\r\n", { 250, 250, 503, 503, 503, 250, 250, 250, 221, 252, 214, 503 } },
	};
	struct fake f;

	(void)state;
	for (size_t i = 0; i < lengthof(in); i++)
		for (size_t v = 0; v < lengthof(verbs); v++) {
			fake_init(&f, false, SMTP_TLS_MAY);
			fake_run(&f, slice_str(in[i].to), 4096);
			buf_reset(&f.out);
			fake_run(&f, slice_str(verbs[v]), 4096);
			assert_int_equal(in[i].code[v] / 100, buf_data(&f.out)[0] - '0');
			assert_int_equal(in[i].code[v] / 10 % 10, buf_data(&f.out)[1] - '0');
			assert_int_equal(in[i].code[v] % 10, buf_data(&f.out)[2] - '0');
			fake_fini(&f);
		}
}

static void
test_starttls(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, true, SMTP_TLS_REQUIRED);
	fake_run(&f, SLICE_LIT(EHLO "STARTTLS\r\n"), 4096);
	/* Everything said before is forgotten (RFC 3207 s4.2). */
	buf_reset(&f.out);
	fake_run(&f, SLICE_LIT("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" EHLO), 4096);
	assert_string_equal(buf_cstr(&f.out), SEQ KEYS_AUTH);
	fake_fini(&f);

	/* Plaintext behind STARTTLS in the same segment. */
	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(EHLO "STARTTLS\r\n" MAIL), 4096);
	assert_string_equal(buf_cstr(&f.out), GREET KEYS_TLS
	    "501 5.5.1 Plaintext after STARTTLS refused\r\n");
	assert_string_equal(f.s.end, "plaintext after STARTTLS");
	assert_string_equal(buf_cstr(&f.log), "");
	fake_fini(&f);

	/* No certificate: not announced, refused for now. */
	fake_init(&f, false, SMTP_TLS_MAY);
	f.s.can_tls = false;
	fake_run(&f, SLICE_LIT(EHLO "STARTTLS\r\n"), 4096);
	assert_string_equal(buf_cstr(&f.out), GREET KEYS KEYS2
	    "454 4.7.0 TLS is not available, try again\r\n");
	fake_fini(&f);

	fake_init(&f, false, SMTP_TLS_NO);
	fake_run(&f, SLICE_LIT(EHLO "STARTTLS\r\n"), 4096);
	assert_string_equal(buf_cstr(&f.out), GREET KEYS KEYS2
	    "502 5.5.1 Command is not offered here\r\n");
	fake_fini(&f);
}

/* OHAI and a NUL where a command could begin; at any split the rest is not used. */
static void
test_cmtp(void **state)
{
	static const struct { const char *before; bool is_handed; } cases[] = {
		{ "", true }, { EHLO, true }, { EHLO "NOOP\r\n", true }, { EHLO MAIL "RSET\r\n", true },
		{ "NOOP\r\n", true }, { EHLO MAIL, false }, { START, false },
	};
	static const char ohai[] = "OHAI\0MAIL";
	struct fake f;
	struct buf b;
	size_t n;

	(void)state;
	for (size_t i = 0; i < lengthof(cases); i++)
		for (size_t cut = 0; cut < sizeof(ohai); cut++) {
			fake_init(&f, false, SMTP_TLS_MAY);
			f.service.offers_cmtp = f.s.can_cmtp = true;
			fake_run(&f, slice_str(cases[i].before), 4096);
			buf_init(&b, 100);
			n = smtp_session_feed(&f.s, slice_of(ohai, cut));
			if (f.s.mode == SMTP_COMMAND)
				n += smtp_session_feed(&f.s, slice_of(ohai + cut, sizeof(ohai) - cut));
			assert_int_equal(f.s.mode == SMTP_HANDED, cases[i].is_handed);
			if (cases[i].is_handed) {	/* whole: line and the rest */
				buf_put_slice(&b, buf_slice(&f.s.line));
				buf_put(&b, ohai + n, sizeof(ohai) - n);
				assert_true(slice_eq(buf_slice(&b), slice_of(ohai, sizeof(ohai))));
				assert_false(smtp_session_can_read(&f.s));
				smtp_session_drain(&f.s);
				smtp_session_idle(&f.s);
				assert_null(f.s.end);
			}
			buf_fini(&b);
			fake_fini(&f);
		}
}

/* Who is told of it, and who may. */
static void
test_cmtp_offer(void **state)
{
	static const struct { bool offers, can; enum smtp_tls tls; bool is_listed, is_handed; }
	cases[] = {
		{ true, true, SMTP_TLS_NO, true, true }, { false, true, SMTP_TLS_NO, false, false },
		{ true, false, SMTP_TLS_NO, false, true },
		{ true, true, SMTP_TLS_REQUIRED, false, false },
	};
	struct fake f;

	(void)state;
	for (size_t i = 0; i < lengthof(cases); i++) {
		fake_init(&f, false, cases[i].tls);
		f.service.offers_cmtp = cases[i].offers;
		f.s.can_cmtp = cases[i].can;
		fake_run(&f, SLICE_LIT(EHLO), 4096);
		assert_int_equal(strstr(buf_cstr(&f.out), "250-CMTP 1\r\n") != NULL,
		    cases[i].is_listed);
		(void)smtp_session_feed(&f.s, SLICE_LIT("OHAI\0"));
		assert_int_equal(f.s.mode == SMTP_HANDED, cases[i].is_handed);
		if (cases[i].is_handed) {
			buf_reset(&f.s.out);
			smtp_session_hand_failed(&f.s);
			assert_string_equal(buf_cstr(&f.s.out), "421 4.3.2 CMTP is not spoken now\r\n");
			assert_int_equal(f.s.mode, SMTP_CLOSED);
		}
		fake_fini(&f);
	}
}

static void
put_many(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put_str(b, s);
}

/* prefix, n times what, suffix: the last line of the answers. */
static void
expect_last(const char *prefix, const char *what, size_t n, const char *suffix, const char *last)
{
	struct fake f;
	struct buf in;

	buf_init(&in, 1u << 20);
	for (size_t step = 1; step <= 4096; step *= 4) {
		buf_reset(&in);
		buf_put_str(&in, prefix);
		put_many(&in, what, n);
		buf_put_str(&in, suffix);
		fake_init(&f, false, SMTP_TLS_MAY);
		fake_run(&f, buf_slice(&in), step);
		if (!slice_ends(buf_slice(&f.out), last))
			print_message("%.*s\n", SLICE_FMT(buf_slice(&f.out)));
		assert_true(slice_ends(buf_slice(&f.out), last));
		fake_fini(&f);
	}
	buf_fini(&in);
}

static void
test_length_limits(void **state)
{
	(void)state;
	/* command line: 512 with CRLF in the fake */
	expect_last("NOOP ", "x", 505, "\r\n", OK);
	expect_last("NOOP ", "x", 506, "\r\n", "500 5.5.2 Command line too long\r\n");
	expect_last("NOOP ", "x", 600, "\r\nNOOP\r\n", "500 5.5.2 Command line too long\r\n" OK);
	expect_last("NOOP ", "x", 600, "\nNOOP\r\n", BARE);
	/* text line: 60 in the fake, without CRLF and the stuffed dot */
	expect_last(START "DATA\r\n\r\n.", ".", 60, "\r\n.\r\n", QUEUED);
	expect_last(START "DATA\r\n\r\n.", ".", 61, "\r\n.\r\nNOOP\r\n",
	    "500 5.5.2 Text line too long\r\n" OK);
	expect_last(START "DATA\r\nX: ", "x", 58, "\r\n\r\n.\r\n", "500 5.5.2 Text line too long\r\n");
	/* header: 200 bytes */
	expect_last(START "DATA\r\nX: y\r\n", " 5678\r\n", 27, " \r\n\r\n.\r\n", QUEUED);
	expect_last(START "DATA\r\nX: y\r\n", " 5678\r\n", 27, " 23\r\n\r\n.\r\n", QUEUED);
	expect_last(START "DATA\r\nX: y\r\n", " 5678\r\n", 27, " 234\r\n\r\n.\r\n",
	    "554 5.6.0 Header too long\r\n");
	/* message: 4096 bytes; the first line is the empty one */
	expect_last(START "DATA\r\n\r\n", "345678\r\n", 511, "3456\r\n.\r\n", QUEUED);
	expect_last(START "DATA\r\n\r\n", "345678\r\n", 511, "34567\r\n.\r\nNOOP\r\n",
	    "552 5.3.4 Message too big\r\n" OK);
	/* chunks: the announced size counts, and the chunk is skipped */
	expect_last(START "BDAT 4097 LAST\r\n", "NOOP\r\n", 682, "NOOPxNOOP\r\n",
	    "552 5.3.4 Message too big\r\n" OK);
	expect_last(START "BDAT 4096 LAST\r\n\r\n", "4567\r\n", 682, "\r\n", QUEUED);
	expect_last(START "BDAT 4096\r\n\r\n", "4567\r\n", 682, "\r\nBDAT 1 LAST\r\nx",
	    "552 5.3.4 Message too big\r\n");
}

static void
test_body_failure(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, false, SMTP_TLS_MAY);
	f.body_fails = true;
	fake_run(&f, SLICE_LIT(START "DATA\r\n" HEAD ".\r\nNOOP\r\n"), 4096);
	assert_string_equal(buf_cstr(&f.out), STARTED GO
	    "452 4.3.1 Insufficient storage, try again\r\n" OK);
	fake_fini(&f);

	fake_init(&f, false, SMTP_TLS_MAY);
	f.lost_on_data = true;
	fake_run(&f, SLICE_LIT(START "DATA\r\n" HEAD ".\r\nNOOP\r\n"), 1);
	assert_string_equal(buf_cstr(&f.out), STARTED GO
	    "451 4.3.0 Queue is not available, try again\r\n" OK);
	/* Nobody to tell. */
	assert_string_equal(buf_cstr(&f.log), "open <x@a.example> size=0 flags=0\nrcpt <bob@mx.example>\n");
	fake_fini(&f);
}

static void
test_lost_queue(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(START), 4096);
	smtp_session_lost_queue(&f.s);
	buf_reset(&f.out);
	fake_run(&f, SLICE_LIT(RCPT "DATA\r\n" MAIL RCPT), 4096);
	assert_string_equal(buf_cstr(&f.out), "451 4.3.0 Queue is not available, try again\r\n"
	    "451 4.3.0 Queue is not available, try again\r\n" MAIL_OK RCPT_OK);
	fake_fini(&f);
}

static void
test_events(void **state)
{
	struct fake f;

	(void)state;
	/* between transactions: at once */
	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(EHLO), 4096);
	smtp_session_drain(&f.s);
	assert_string_equal(buf_cstr(&f.s.out), "421 4.3.2 Service is restarting, try again\r\n");
	assert_string_equal(f.s.end, "drain");
	fake_fini(&f);

	/* in one: when it is over */
	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(START), 4096);
	smtp_session_drain(&f.s);
	fake_run(&f, SLICE_LIT("DATA\r\n" HEAD ".\r\nNOOP\r\n"), 4096);
	assert_string_equal(buf_cstr(&f.out), STARTED GO QUEUED
	    "421 4.3.2 Service is restarting, try again\r\n");
	fake_fini(&f);

	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(START "DATA\r\n" HEAD), 4096);
	smtp_session_idle(&f.s);
	assert_string_equal(buf_cstr(&f.s.out), "421 4.4.2 Idle too long\r\n");
	assert_true(slice_ends(buf_slice(&f.log), "abort\n"));
	fake_fini(&f);

	/* Answers that nobody waits for. */
	fake_init(&f, false, SMTP_TLS_MAY);
	fake_run(&f, SLICE_LIT(EHLO), 4096);
	smtp_session_on_opened(&f.s, 1);
	smtp_session_on_rcpt_ok(&f.s);
	smtp_session_on_committed(&f.s);
	smtp_session_on_login(&f.s, ERR_OK, SLICE_LIT("x@y"));
	smtp_session_on_tls(&f.s, "TLSv1.3", "x");
	smtp_session_on_refused(&f.s, &(struct smtp_refusal){ .error = ERR_IO });
	assert_int_equal(f.s.out.n, 0);
	assert_int_equal(f.s.state, SMTP_HELO);
	fake_fini(&f);
}

/* Replies pile up: the session reads on only when they were taken. */
static void
test_output_cap(void **state)
{
	struct fake f;
	struct buf in;
	size_t used;

	(void)state;
	fake_init(&f, false, SMTP_TLS_MAY);
	f.limits.junk_commands = 1000000;
	buf_init(&in, 1u << 20);
	put_many(&in, "HELP\r\n", 10000);
	used = smtp_session_feed(&f.s, buf_slice(&in));
	assert_true(used < in.n);
	assert_true(f.s.out.n < SMTP_OUT_HIGH + 200);
	assert_false(smtp_session_can_read(&f.s));
	buf_reset(&f.s.out);
	assert_true(smtp_session_can_read(&f.s));
	buf_fini(&in);
	fake_fini(&f);
}

static void
test_reply_codes(void **state)
{
	static const struct {
		const char	*verb, *dsn;
		unsigned	 code;
	} rows[] = {
		{ "MAIL", "5.7.1", 553 }, { "RCPT", "5.7.1", 554 }, { "DATA", "5.7.1", 550 },
		{ "MAIL", "5.7.0", 530 }, { "RCPT", "5.1.1", 550 }, { "RCPT", "5.1.3", 553 },
		{ "RCPT", "5.2.2", 552 }, { "MAIL", "5.3.4", 552 }, { "DATA", "5.6.0", 554 },
		{ "RCPT", "4.2.1", 450 }, { "MAIL", "4.3.1", 452 }, { "RCPT", "4.4.1", 451 },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(smtp_reply_code(rows[i].verb, slice_str(rows[i].dsn)), rows[i].code);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_submission), cmocka_unit_test(test_cleartext),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_cmtp),
		cmocka_unit_test(test_cmtp_offer),
		cmocka_unit_test(test_length_limits),
		cmocka_unit_test(test_body_failure),
		cmocka_unit_test(test_lost_queue),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_output_cap),
		cmocka_unit_test(test_reply_codes),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
