/* SPDX-License-Identifier: ISC */
/*
 * Whole conversations: each row is what the server says and what the client
 * then writes, in turn, and the effects in the end.  Every row is run with
 * the server's bytes whole, one by one, and split at every offset.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_sha2.h"
#include "tests/unit/smtp/fake_client.h"

#define TALK_MAX	20
#define HOST		FAKE_CLIENT_HOST
#define SAID		"host " HOST " said: "
#define GREET		"220 mx.example ESMTP\r\n", "EHLO a.example\r\n"
#define PLAIN_EHLO	"250 mx.example\r\n"
#define PIPE_EHLO	"250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"
#define FULL_EHLO	"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n"
#define CHUNK_EHLO	"250-mx.example\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n"
#define TLS_EHLO	"250-mx.example\r\n250 STARTTLS\r\n"
#define MAIL		"MAIL FROM:<x@a.example>\r\n"
#define MAIL9		"MAIL FROM:<x@a.example> SIZE=9\r\n"
#define RCPT1		"RCPT TO:<1@b.example>\r\n"
#define RCPT2		"RCPT TO:<2@b.example>\r\n"
#define RCPT3		"RCPT TO:<3@b.example>\r\n"
#define DATA		"DATA\r\n"
#define TEXT		"Hi: 1\r\n\r\n.x\r\n"
#define SENT_TEXT	"Hi: 1\r\n\r\n..x\r\n.\r\n"
#define OK		"250 2.1.0 Ok\r\n"
#define GO		"354 Go\r\n"
#define TAKEN		"250 2.0.0 Ok: queued as 17\r\n"
#define QUIT		"QUIT\r\n"
#define BYE		"221 Bye\r\n", ""
#define LEFT		"quit sent 2.0.0 \n"

static const struct smtp_client_rcpt rcpts[] = {
	{ .address = { "1@b.example", 11 } }, { .address = { "2@b.example", 11 } },
	{ .address = { "3@b.example", 11 } }
};
static const struct smtp_client_rcpt dsn_rcpts[] = {
	{ .address = { "1@b.example", 11 }, .notify = SMTP_CLIENT_NEVER },
	{ .address = { "2@b.example", 11 }, .notify = SMTP_CLIENT_SUCCESS | SMTP_CLIENT_DELAY,
	  .orcpt = { "rfc822;o+1@c.example", 20 } }
};
static const struct smtp_client_rcpt utf8_rcpts[] = {
	{ .address = { "1@b.example", 11 } }, { .address = { "\xc3\xa9@b.example", 12 },
	  .orcpt = { "utf-8;\xc3\xa9@b.example", 18 }, .notify = SMTP_CLIENT_FAILURE }
};
static const struct smtp_client_rcpt bad_rcpts[] = {
	{ .address = { "1@b.example", 11 } }, { .address = { "2@b\r\nDATA", 9 } }
};

struct row {
	const char		*name;
	const char		*talk[TALK_MAX];	/* server, client, server, ... */
	const char		*log;
	uint32_t		 rcpt_count;	/* 0: one */
	unsigned		 messages;	/* 0: one */
	unsigned		 flags;
	bool			 is_lmtp;
	enum smtp_client_tls	 tls;
	const char		*user;
	unsigned		 mechanisms;
	const struct smtp_client_rcpt *rcpts;
	const char		*sender;	/* NULL: x@a.example */
	const char		*envid;
	const char		*body;		/* NULL: TEXT */
	size_t			 piece;
	uint64_t		 size;
	bool			 no_secret, tls_fails, tls_refuses, body_fails, body_later;
	const char		*secret;
	const char		*binding;
};

static const struct row rows[] = {
	/* ---- transactions ---- */
	{ "plain", { "", "", GREET, PLAIN_EHLO, MAIL, OK, RCPT1, OK, DATA, GO, SENT_TEXT, TAKEN,
	    QUIT, BYE }, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .messages = 1 },
	{ "pipelined", { "", "", GREET, PIPE_EHLO, MAIL9 RCPT1 RCPT2 DATA, OK OK OK GO, SENT_TEXT,
	    TAKEN, QUIT, BYE }, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\n"
	    "1 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpt_count = 2, .size = 9 },
	{ "two messages", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, SENT_TEXT, TAKEN,
	    MAIL RCPT1 DATA, OK OK GO, SENT_TEXT, "250 two\r\n", QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n0 sent 2.0.0 250 two\ndone\n" LEFT,
	    .messages = 2 },
	{ "no text", { "", "", GREET, PLAIN_EHLO, "MAIL FROM:<>\r\n", OK, RCPT1, OK, DATA, GO,
	    ".\r\n", TAKEN, QUIT, BYE }, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT,
	    .body = "", .sender = "" },
	{ "pieces", { "", "", GREET, PLAIN_EHLO, MAIL, OK, RCPT1, OK, DATA, GO, SENT_TEXT, TAKEN,
	    QUIT, BYE }, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .piece = 1 },
	{ "some refused", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 RCPT2 RCPT3 DATA,
	    OK "550 5.1.1 No\r\n450 Wait\r\n" OK GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 bounced 5.1.1 " SAID "550 5.1.1 No (in reply to RCPT TO command)\n"
	    "1 deferred 4.0.0 " SAID "450 Wait (in reply to RCPT TO command)\n"
	    "2 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpt_count = 3 },
	{ "all refused, DATA too, RSET", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA,
	    OK "550 5.1.1 No\r\n554 5.5.1 No recipients\r\n", "RSET\r\n" MAIL RCPT1 DATA,
	    OK OK OK GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 bounced 5.1.1 " SAID "550 5.1.1 No (in reply to RCPT TO command)\ndone\n"
	    "0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .messages = 2 },
	{ "all refused, 354 all the same", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA,
	    OK "550 5.1.1 No\r\n" GO, ".\r\n", "554 5.5.1 None\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.1.1 " SAID "550 5.1.1 No (in reply to RCPT TO command)\ndone\n" LEFT, .messages = 1 },
	{ "all refused one by one", { "", "", GREET, PLAIN_EHLO, MAIL, OK, RCPT1, "450 4.2.0 Wait\r\n",
	    QUIT, BYE },
	    "ready\n0 deferred 4.2.0 " SAID "450 4.2.0 Wait (in reply to RCPT TO command)\ndone\n" LEFT, .messages = 1 },
	{ "MAIL refused", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 RCPT2 DATA,
	    "550 5.7.1 Go away\r\n503 no\r\n503 no\r\n503 no\r\n", MAIL RCPT1 RCPT2 DATA,
	    "450 Later\r\n250 ok\r\n250 ok\r\n503 no\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.7.1 " SAID "550 5.7.1 Go away (in reply to MAIL FROM command)\n"
	    "1 bounced 5.7.1 " SAID "550 5.7.1 Go away (in reply to MAIL FROM command)\ndone\n"
	    "0 deferred 4.0.0 " SAID "450 Later (in reply to MAIL FROM command)\n"
	    "1 deferred 4.0.0 " SAID "450 Later (in reply to MAIL FROM command)\ndone\n" LEFT,
	    .rcpt_count = 2, .messages = 2 },
	{ "MAIL refused, 354: never a dot", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA,
	    "550 No\r\n250 ok\r\n354 go\r\n", "" },
	    "ready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n"
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while sending DATA: unexpected reply code\n", .messages = 1 },
	{ "DATA refused", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK "451 4.3.0 Disk\r\n",
	    "RSET\r\n" MAIL RCPT1 DATA, "500 what\r\n", QUIT },
	    "ready\n0 deferred 4.3.0 " SAID "451 4.3.0 Disk (in reply to DATA command)\ndone\n"
	    "0 bounced 5.0.0 " SAID "500 what (in reply to RSET command)\ndone\n"
	    "refused bounced 5.0.0 " SAID "500 what (in reply to RSET command)\n", .messages = 2 },
	{ "message refused", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, SENT_TEXT,
	    "554 5.6.0 Spam\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.6.0 " SAID "554 5.6.0 Spam (in reply to end of DATA command)\ndone\n" LEFT, .messages = 1 },
	{ "refused before the dot", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA,
	    OK OK GO "552 5.3.4 Big\r\n", "" },
	    "ready\n0 deferred 4.5.0 protocol violation by host " HOST
	    " while sending DATA: it spoke out of turn\ndone\n"
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while sending DATA: it spoke out of turn\n", .body_later = true },
	{ "too many recipients", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 RCPT2 RCPT3 DATA,
	    OK OK "452 4.5.3 Many\r\n552 Many\r\n" GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n1 again 4.5.3 " SAID "452 4.5.3 Many (in reply to RCPT TO command)\n"
	    "2 again 4.0.0 " SAID "552 Many (in reply to RCPT TO command)\n"
	    "0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpt_count = 3 },
	{ "452 without a taken one, or of another kind", { "", "", GREET, PIPE_EHLO,
	    MAIL RCPT1 RCPT2 RCPT3 DATA, OK "452 Many\r\n" OK "552 5.2.2 Full\r\n" GO, SENT_TEXT, TAKEN,
	    QUIT, BYE }, "ready\n0 deferred 4.0.0 " SAID "452 Many (in reply to RCPT TO command)\n"
	    "2 deferred 4.2.2 " SAID "552 5.2.2 Full (in reply to RCPT TO command)\n"
	    "1 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpt_count = 3 },
	{ "RCPTMAX, MAILMAX", { "", "", GREET, "250-mx.example\r\n250-PIPELINING\r\n"
	    "250 LIMITS RCPTMAX=2 MAILMAX=1\r\n", MAIL RCPT1 RCPT2 DATA, OK OK OK GO, SENT_TEXT, TAKEN,
	    QUIT, BYE }, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\n"
	    "1 sent 2.0.0 250 2.0.0 Ok: queued as 17\n"
	    "2 again 4.5.3 host " HOST " takes no more recipients at once\ndone\n" LEFT,
	    .rcpt_count = 3, .messages = 2 },
	{ "multi-line, wrong class", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 RCPT2 DATA,
	    OK "550-4.1.1 one\r\n550 4.1.1 two\r\n550-5.2.1 one\r\n550-5.2.1 \xff\r\n550\r\n554 no\r\n",
	    QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "550 4.1.1 one 4.1.1 two (in reply to RCPT TO command)\n"
	    "1 bounced 5.2.1 " SAID "550 5.2.1 one ? (in reply to RCPT TO command)\ndone\n" LEFT,
	    .rcpt_count = 2 },
	/* ---- parameters ---- */
	{ "DSN", { "", "", GREET, FULL_EHLO,
	    "MAIL FROM:<x@a.example> BODY=8BITMIME RET=HDRS ENVID=e+20+3D+2B\r\n"
	    "RCPT TO:<1@b.example> NOTIFY=NEVER\r\n"
	    "RCPT TO:<2@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+2B1@c.example\r\n" DATA,
	    OK OK OK GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 dsn 250 2.0.0 Ok: queued as 17\n"
	    "1 sent 2.0.0 dsn 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpts = dsn_rcpts, .rcpt_count = 2,
	    .flags = SMTP_CLIENT_8BIT | SMTP_CLIENT_RET_HDRS, .envid = "e =+" },
	{ "nothing that is not offered", { "", "", GREET, PIPE_EHLO,
	    MAIL RCPT1 RCPT2 DATA, OK OK OK GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\n"
	    "1 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpts = dsn_rcpts, .rcpt_count = 2,
	    .flags = SMTP_CLIENT_8BIT | SMTP_CLIENT_RET_FULL, .envid = "e" },
	{ "SMTPUTF8", { "", "", GREET, FULL_EHLO, "MAIL FROM:<x@a.example> SMTPUTF8\r\n" RCPT1
	    "RCPT TO:<\xc3\xa9@b.example> NOTIFY=FAILURE ORCPT=utf-8;\xc3\xa9@b.example\r\n" DATA,
	    OK OK OK GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 dsn 250 2.0.0 Ok: queued as 17\n"
	    "1 sent 2.0.0 dsn 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpts = utf8_rcpts, .rcpt_count = 2 },
	{ "SMTPUTF8 for one, not offered", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO,
	    SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n1 bounced 5.6.7 SMTPUTF8 is required, but was not offered by host " HOST "\n"
	    "0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpts = utf8_rcpts, .rcpt_count = 2 },
	{ "SMTPUTF8 for the header, not offered", { "", "", GREET, PIPE_EHLO, QUIT, BYE },
	    "ready\n0 bounced 5.6.7 SMTPUTF8 is required, but was not offered by host " HOST "\ndone\n"
	    LEFT, .flags = SMTP_CLIENT_UTF8_HEADER },
	{ "SMTPUTF8 for the sender, not offered", { "", "", GREET, PIPE_EHLO, QUIT, BYE },
	    "ready\n0 bounced 5.6.7 SMTPUTF8 is required, but was not offered by host " HOST "\ndone\n"
	    LEFT, .sender = "\xc3\xa9@a" },
	{ "too big", { "", "", GREET, PIPE_EHLO, QUIT, BYE },
	    "ready\n0 bounced 5.3.4 message size 1001 exceeds size limit 1000 of host " HOST "\ndone\n"
	    LEFT, .size = 1001 },
	{ "just fits", { "", "", GREET, "250-x\r\n250 SIZE 1000\r\n",
	    "MAIL FROM:<x@a.example> SIZE=1000\r\n", "552 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "552 No (in reply to MAIL FROM command)\ndone\n"
	    LEFT, .size = 1000 },
	{ "REQUIRETLS without", { "", "", GREET, "250-mx.example\r\n250 REQUIRETLS\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.7.30 REQUIRETLS is demanded, but not offered by host " HOST "\ndone\n"
	    LEFT, .flags = SMTP_CLIENT_REQUIRETLS },
	{ "REQUIRETLS", { "", "", GREET, "250-mx.example\r\n250 REQUIRETLS\r\n",
	    "MAIL FROM:<x@a.example> REQUIRETLS\r\n", "550 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n" LEFT,
	    .flags = SMTP_CLIENT_REQUIRETLS, .tls = SMTP_CLIENT_TLS_IMPLICIT },
	{ "binary without", { "", "", GREET, FULL_EHLO, QUIT, BYE },
	    "ready\n0 bounced 5.6.1 the message is binary, which is not offered by host " HOST "\ndone\n"
	    LEFT, .flags = SMTP_CLIENT_BINARY },
	{ "address with a line end", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, SENT_TEXT,
	    TAKEN, QUIT, BYE },
	    "ready\n1 bounced 5.1.3 recipient address cannot be sent to host " HOST "\n"
	    "0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .rcpts = bad_rcpts, .rcpt_count = 2 },
	{ "sender with a line end", { "", "", GREET, PIPE_EHLO, QUIT, BYE },
	    "ready\n0 bounced 5.1.7 sender address cannot be sent to host " HOST "\ndone\n" LEFT,
	    .sender = "x\r\n@a" },
	/* ---- chunks ---- */
	{ "one chunk", { "", "", GREET, CHUNK_EHLO, MAIL RCPT1, OK OK,
	    "BDAT 13 LAST\r\n" TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .messages = 1 },
	{ "chunks, line ends made right", { "", "", GREET, CHUNK_EHLO, MAIL RCPT1, OK OK,
	    "BDAT 1\r\naBDAT 3\r\n\r\nbBDAT 5 LAST\r\n\r\nc\r\n", "250 1\r\n250 2\r\n" TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .body = "a\r\nb\nc",
	    .piece = 2 },
	{ "binary chunks", { "", "", GREET, CHUNK_EHLO,
	    "MAIL FROM:<x@a.example> BODY=BINARYMIME\r\n" RCPT1, OK OK,
	    "BDAT 2\r\na\nBDAT 2\r\n\rbBDAT 1 LAST\r\nc", "250 c1\r\n250 c2\r\n" TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .piece = 2,
	    .body = "a\n\rbc", .flags = SMTP_CLIENT_BINARY },
	{ "chunks one by one", { "", "", GREET, "250-x\r\n250 CHUNKING\r\n", MAIL, OK, RCPT1, OK,
	    "BDAT 8\r\nHi: 1\r\n.", "250 c\r\n", "BDAT 3 LAST\r\nx\r\n", TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .piece = 8,
	    .body = "Hi: 1\r\n.x" },
	{ "chunk refused", { "", "", GREET, CHUNK_EHLO, MAIL RCPT1, OK OK,
	    "BDAT 3\r\na\r\nBDAT 3\r\nb\r\nBDAT 3 LAST\r\nc\r\n",
	    "250 c\r\n552 5.2.2 Full\r\n503 no\r\n", "RSET\r\n" MAIL RCPT1, OK OK "550 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.2.2 " SAID "552 5.2.2 Full (in reply to message text)\ndone\n"
	    "0 bounced 5.0.0 " SAID "550 No (in reply to RCPT TO command)\ndone\n" LEFT, .piece = 3,
	    .body = "a\r\nb\r\nc\r\n", .messages = 2 },
	{ "no chunk for nobody", { "", "", GREET, CHUNK_EHLO, MAIL RCPT1, OK "550 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "550 No (in reply to RCPT TO command)\ndone\n" LEFT, .messages = 1 },
	/* ---- LMTP ---- */
	{ "LMTP", { "", "", "220 l\r\n", "LHLO a.example\r\n", PIPE_EHLO, MAIL RCPT1 RCPT2 RCPT3,
	    OK OK "550 5.1.1 No\r\n" OK, DATA, GO, SENT_TEXT, "250 2.0.0 one\r\n450 4.2.2 Full\r\n", QUIT, BYE },
	    "ready\n1 bounced 5.1.1 " SAID "550 5.1.1 No (in reply to RCPT TO command)\n"
	    "0 sent 2.0.0 250 2.0.0 one\n"
	    "2 deferred 4.2.2 " SAID "450 4.2.2 Full (in reply to end of DATA command)\ndone\n" LEFT,
	    .is_lmtp = true, .rcpt_count = 3 },
	{ "LMTP, a dot for nobody is never sent", { "", "", "220 l\r\n", "LHLO a.example\r\n", PIPE_EHLO,
	    MAIL RCPT1, OK "550 5.1.1 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.1.1 " SAID "550 5.1.1 No (in reply to RCPT TO command)\ndone\n" LEFT,
	    .is_lmtp = true },
	{ "LMTP: no HELO", { "", "", "220 l\r\n", "LHLO a.example\r\n", "500 what\r\n", QUIT },
	    "refused bounced 5.0.0 " SAID "500 what (in reply to EHLO command)\n", .is_lmtp = true },
	/* ---- greeting, EHLO ---- */
	{ "greeting of lines", { "", "", "220-mx\r\n220-mx\r\n220 mx\r\n", "EHLO a.example\r\n",
	    "421 4.3.2 Bye\r\n", "" },
	    "closing deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to EHLO command)\n", .messages = 1 },
	{ "greeting 554", { "", "", "554 No service\r\n", QUIT },
	    "refused bounced 5.0.0 host " HOST " refused to talk to me: 554 No service\n", .messages = 1 },
	{ "greeting 521", { "", "", "521 5.3.2 No mail\r\n", QUIT },
	    "refused bounced 5.3.2 host " HOST " refused to talk to me: 521 5.3.2 No mail\n", .messages = 1 },
	{ "greeting 450", { "", "", "450 Busy\r\n", QUIT },
	    "refused deferred 4.0.0 host " HOST " refused to talk to me: 450 Busy\n", .messages = 1 },
	{ "greeting 250", { "", "", "250 x\r\n", "" },
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while waiting for the greeting: greeting without 220\n", .messages = 1 },
	{ "HELO", { "", "", GREET, "502 what\r\n", "HELO a.example\r\n", "250-mx\r\n250 PIPELINING\r\n", MAIL,
	    OK, RCPT1, OK, DATA, GO, SENT_TEXT, TAKEN, QUIT, BYE },
	    "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT, .messages = 1 },
	{ "HELO refused", { "", "", GREET, "502 what\r\n", "HELO a.example\r\n", "550 no\r\n", QUIT },
	    "refused bounced 5.0.0 " SAID "550 no (in reply to EHLO command)\n", .messages = 1 },
	{ "EHLO deferred", { "", "", GREET, "451 4.7.0 Grey\r\n", QUIT },
	    "refused deferred 4.7.0 " SAID "451 4.7.0 Grey (in reply to EHLO command)\n", .messages = 1 },
	/* ---- TLS ---- */
	{ "STARTTLS, what was offered before is forgotten", { "", "", GREET,
	    "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "STARTTLS\r\n", "220 go\r\n", "EHLO a.example\r\n",
	    PLAIN_EHLO, MAIL, "550 No\r\n", QUIT, BYE },
	    "tls\nready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n" LEFT,
	    .tls = SMTP_CLIENT_TLS_MAY },
	{ "TLS not wanted", { "", "", GREET, TLS_EHLO, MAIL, "550 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n" LEFT, .messages = 1 },
	{ "may, refused", { "", "", GREET, TLS_EHLO, "STARTTLS\r\n", "454 no\r\n", MAIL, "550 No\r\n", QUIT, BYE },
	    "ready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n" LEFT,
	    .tls = SMTP_CLIENT_TLS_MAY },
	{ "must, refused", { "", "", GREET, TLS_EHLO, "STARTTLS\r\n", "454 no\r\n", QUIT },
	    "tls deferred 4.7.4 TLS is required, but was refused by host " HOST ": 454 no\n",
	    .tls = SMTP_CLIENT_TLS_MUST },
	{ "must, not offered", { "", "", GREET, PLAIN_EHLO, QUIT },
	    "tls deferred 4.7.4 TLS is required, but was not offered by host " HOST "\n",
	    .tls = SMTP_CLIENT_TLS_MUST },
	{ "must, HELO", { "", "", GREET, "500 what\r\n", "HELO a.example\r\n", PLAIN_EHLO, QUIT },
	    "tls deferred 4.7.4 TLS is required, but was not offered by host " HOST "\n",
	    .tls = SMTP_CLIENT_TLS_MUST },
	{ "handshake fails", { "", "", GREET, TLS_EHLO, "STARTTLS\r\n", "220 go\r\n", "" },
	    "tls\ntls deferred 4.7.5 the TLS handshake with host " HOST " failed\n",
	    .tls = SMTP_CLIENT_TLS_MAY, .tls_fails = true },
	{ "handshake cannot begin", { "", "", GREET, TLS_EHLO, "STARTTLS\r\n", "220 go\r\n", "" },
	    "tls\ntls deferred 4.7.5 TLS could not be started with host " HOST "\n",
	    .tls = SMTP_CLIENT_TLS_MUST, .tls_refuses = true },
	/* ---- AUTH ---- */
	{ "PLAIN", { "", "", GREET, "250-mx\r\n250 AUTH CRAM-MD5 LOGIN PLAIN\r\n",
	    "AUTH PLAIN AGFubgBwZW5jaWw=\r\n", "235 2.7.0 Ok\r\n", MAIL, "550 No\r\n", QUIT, BYE },
	    "secret\nready\n0 bounced 5.0.0 " SAID "550 No (in reply to MAIL FROM command)\ndone\n" LEFT,
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann" },
	{ "LOGIN", { "", "", GREET, "250-mx\r\n250 AUTH=LOGIN\r\n", "AUTH LOGIN\r\n", "334 VXNlcg==\r\n",
	    "YW5u\r\n", "334\r\n", "cGVuY2ls\r\n", "235 Ok\r\n", QUIT, BYE },
	    "secret\nready\n0 bounced 5.6.1 the message is binary, which is not offered by host " HOST
	    "\ndone\n" LEFT, .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann", .flags = SMTP_CLIENT_BINARY },
	{ "XOAUTH2 refused", { "", "", GREET, "250-mx\r\n250 AUTH PLAIN XOAUTH2\r\n",
	    "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgcGVuY2lsAQE=\r\n", "334 e30=\r\n", "\r\n",
	    "535 5.7.8 No\r\n", QUIT },
	    "secret\nauth deferred 4.7.8 " SAID "535 5.7.8 No (in reply to AUTH command)\n",
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann", .mechanisms = SASL_XOAUTH2 },
	{ "wrong password", { "", "", GREET, "250-mx\r\n250 AUTH PLAIN\r\n", "AUTH PLAIN AGFubgBwZW5jaWw=\r\n",
	    "535 5.7.8 No\r\n", QUIT },
	    "secret\nauth deferred 4.7.8 " SAID "535 5.7.8 No (in reply to AUTH command)\n",
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann" },
	{ "not in clear", { "", "", GREET, "250-mx\r\n250 AUTH PLAIN\r\n", QUIT },
	    "auth deferred 4.7.11 login at host " HOST ": not without TLS\n", .user = "ann" },
	{ "no mechanism", { "", "", GREET, "250-mx\r\n250 AUTH GSSAPI XOAUTH2\r\n", QUIT },
	    "auth deferred 4.7.0 login at host " HOST ": no mechanism is offered that may be used\n",
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann" },
	{ "no password", { "", "", GREET, "250-mx\r\n250 AUTH PLAIN\r\n", QUIT },
	    "secret\nauth deferred 4.7.0 login at host " HOST ": the password is not available\n",
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann", .no_secret = true },
	{ "challenge to PLAIN", { "", "", GREET, "250-mx\r\n250 AUTH PLAIN\r\n",
	    "AUTH PLAIN AGFubgBwZW5jaWw=\r\n", "334 e30=\r\n", "*\r\n" QUIT },
	    "secret\nauth deferred 4.7.0 login at host " HOST ": its challenge makes no sense\n",
	    .tls = SMTP_CLIENT_TLS_IMPLICIT, .user = "ann" },
	/* ---- the end at odd places ---- */
	{ "421 to RCPT", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 RCPT2 DATA, OK OK "421 4.3.2 Bye\r\n", "" },
	    "ready\n0 deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to RCPT TO command)\n"
	    "1 deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to RCPT TO command)\ndone\n"
	    "closing deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to RCPT TO command)\n", .rcpt_count = 2 },
	{ "421 to the dot", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, SENT_TEXT,
	    "421 4.3.2 Bye\r\n", "" },
	    "ready\n0 deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to end of DATA command)\ndone\n"
	    "closing deferred 4.3.2 " SAID "421 4.3.2 Bye (in reply to end of DATA command)\n", .messages = 1 },
	{ "lost behind the dot", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, SENT_TEXT, "!eof", "" },
	    "ready\n0 deferred 4.4.2 lost connection with " HOST
	    " while waiting for the answer to the message\ndone\n"
	    "lost deferred 4.4.2 lost connection with " HOST " while waiting for the answer to the message\n", .messages = 1 },
	{ "time out", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK, "", "!time", "" },
	    "ready\n0 deferred 4.4.2 conversation with " HOST " timed out while sending RCPT TO\ndone\n"
	    "timeout deferred 4.4.2 conversation with " HOST " timed out while sending RCPT TO\n", .messages = 1 },
	{ "no greeting", { "!time", "" },
	    "timeout deferred 4.4.2 conversation with " HOST " timed out while waiting for the greeting\n", .messages = 1 },
	{ "gone at QUIT", { "", "", GREET, PIPE_EHLO, QUIT, "!eof", "" },
	    "ready\n0 bounced 5.1.7 sender address cannot be sent to host " HOST "\ndone\n" LEFT,
	    .sender = "\r" },
	{ "silent at QUIT", { "", "", GREET, PIPE_EHLO, QUIT, "!time", "" },
	    "ready\n0 bounced 5.1.7 sender address cannot be sent to host " HOST "\ndone\n" LEFT,
	    .sender = "\r" },
	{ "body cannot be read", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK GO, "" },
	    "ready\n0 deferred 4.3.0 the message could not be read from the queue\ndone\n"
	    "local deferred 4.3.0 the message could not be read from the queue\n", .body_fails = true },
	{ "354 to MAIL", { "", "", GREET, PLAIN_EHLO, MAIL, GO, "" },
	    "ready\n0 deferred 4.5.0 protocol violation by host " HOST
	    " while sending MAIL FROM: unexpected reply code\ndone\n"
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while sending MAIL FROM: unexpected reply code\n", .messages = 1 },
	{ "250 to DATA", { "", "", GREET, PIPE_EHLO, MAIL RCPT1 DATA, OK OK OK, "" },
	    "ready\n0 deferred 4.5.0 protocol violation by host " HOST
	    " while sending DATA: unexpected reply code\ndone\n"
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while sending DATA: unexpected reply code\n", .messages = 1 },
	{ "not SMTP", { "", "", "SSH-2.0\r\n", "" },
	    "violation deferred 4.5.0 protocol violation by host " HOST
	    " while waiting for the greeting: no reply code\n", .messages = 1 },
};

static void
set_up(struct fake_client *f, const struct row *r)
{
	struct smtp_client_message m = {
		.sender = slice_str(r->sender != NULL ? r->sender : "x@a.example"),
		.envid = slice_str(r->envid), .size = r->size, .flags = r->flags,
		.rcpts = r->rcpts != NULL ? r->rcpts : rcpts,
		.rcpt_count = r->rcpt_count > 0 ? r->rcpt_count : 1
	};

	fake_client_init(f);
	f->config.is_lmtp = r->is_lmtp;
	f->config.tls = r->tls;
	f->config.user = slice_str(r->user);
	f->config.mechanisms = r->mechanisms;
	f->message_count = r->messages > 0 ? r->messages : 1;
	for (unsigned i = 0; i < f->message_count; i++)
		f->messages[i] = m;
	f->body = slice_str(r->body != NULL ? r->body : TEXT);
	f->piece = r->piece > 0 ? r->piece : f->piece;
	f->body_fails = r->body_fails;
	f->body_later = r->body_later;
	f->tls_fails = r->tls_fails;
	f->tls_refuses = r->tls_refuses;
	if (r->no_secret)
		f->secret = NULL;
	else if (r->secret != NULL)
		f->secret = r->secret;
	f->binding = r->binding;
	smtp_client_start(&f->c);
}

static void
say(struct fake_client *f, const char *server, size_t step, size_t split)
{
	struct slice in = slice_str(server);

	if (strcmp(server, "!eof") == 0) {
		smtp_client_on_eof(&f->c);
	} else if (strcmp(server, "!time") == 0) {
		smtp_client_on_deadline(&f->c);
	} else if (split > 0 && split < in.n) {
		fake_client_feed(f, slice_head(in, split), in.n);
		fake_client_feed(f, slice_from(in, split), in.n);
	} else {
		fake_client_feed(f, in, step);
	}
}

static void
same(const struct buf *got, const char *want)
{
	if (!slice_eq_str(buf_slice(got), want))
		print_message("got:\n%.*s\nnot:\n%s\n", SLICE_FMT(buf_slice(got)), want);
	assert_true(slice_eq_str(buf_slice(got), want));
}

/* Returns how many bytes the server said. */
static size_t
run(const struct row *r, size_t step, size_t split)
{
	struct fake_client f;
	size_t said = 0, n;

	set_up(&f, r);
	for (size_t i = 0; i < TALK_MAX && r->talk[i] != NULL; i += 2) {
		n = strlen(r->talk[i]);
		say(&f, r->talk[i], step > 0 ? step : n, split > said && split < said + n ? split - said : 0);
		said += n;
		same(&f.out, r->talk[i + 1]);
		buf_reset(&f.out);
	}
	same(&f.log, r->log);
	fake_client_fini(&f);
	return said;
}

static void
test_rows(void **state)
{
	size_t said;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		said = run(&rows[i], 0, 0);
		/* What speaks out of turn is known only while it is in one piece. */
		if (strstr(rows[i].log, "out of turn") != NULL)
			continue;
		run(&rows[i], 1, 0);
		for (size_t split = 1; split < said; split++)
			run(&rows[i], 0, split);
	}
}

/* ---- what rows cannot show ---- */

static const struct row one = { .name = "one", .messages = 1 };

static void
talk(struct fake_client *f, const char *server, const char *client)
{
	say(f, server, strlen(server), 0);
	same(&f->out, client);
	buf_reset(&f->out);
}

static void
begin(struct fake_client *f, const struct row *r, const char *ehlo)
{
	set_up(f, r);
	talk(f, "220 mx.example\r\n", "EHLO a.example\r\n");
	say(f, ehlo, strlen(ehlo), 0);
}

#define OUT_OF_TURN(doing) \
	" deferred 4.5.0 protocol violation by host " HOST " while " doing ": it spoke out of turn\n"

/* Bytes behind the last answer that was due were never asked for. */
static void
test_out_of_turn(void **state)
{
	struct row tls = { .name = "tls", .tls = SMTP_CLIENT_TLS_MUST };
	struct fake_client f;

	(void)state;
	set_up(&f, &one);
	talk(&f, "220 mx.example\r\n250 mx.example\r\n", "");
	same(&f.log, "violation" OUT_OF_TURN("waiting for the greeting"));
	fake_client_fini(&f);

	/* RFC 3207 s4.2: a reply in clear for the session under TLS. */
	begin(&f, &tls, TLS_EHLO);
	talk(&f, "220 go\r\n250 evil\r\n", "STARTTLS\r\n");
	same(&f.log, "violation" OUT_OF_TURN("starting TLS"));
	fake_client_fini(&f);

	/* A refusal is heeded first. */
	begin(&f, &one, PLAIN_EHLO);
	buf_reset(&f.out);
	talk(&f, "550 5.7.1 No\r\n421 Bye\r\n", "");
	same(&f.log, "ready\n0 bounced 5.7.1 " SAID "550 5.7.1 No (in reply to MAIL FROM command)\n"
	    "done\nviolation" OUT_OF_TURN("sending RCPT TO"));
	fake_client_fini(&f);

	/* So is what became of the message; no next one is given. */
	begin(&f, &one, PIPE_EHLO);
	f.messages[1] = f.messages[0];
	f.message_count = 2;
	buf_reset(&f.out);
	talk(&f, OK OK GO, SENT_TEXT);
	talk(&f, TAKEN OK, "");
	same(&f.log, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n"
	    "violation" OUT_OF_TURN("idle"));
	fake_client_fini(&f);
}

static void
test_idle(void **state)
{
	static const struct {
		const char	*server;
		const char	*log;
	} ends[] = {
		{ "421 4.4.2 idle\r\n", "ready\nclosing deferred 4.4.2 " SAID
		    "421 4.4.2 idle (in reply to nothing)\n" },
		{ "250 Ok\r\n", "ready\nviolation deferred 4.5.0 protocol violation by host " HOST
		    " while idle: reply without a command\n" },
		{ "!eof", "ready\nlost deferred 4.4.2 lost connection with " HOST " while idle\n" },
	};
	struct fake_client f;

	(void)state;
	for (size_t i = 0; i < lengthof(ends); i++) {
		set_up(&f, &one);
		f.message_count = 0;
		f.stays = true;
		talk(&f, "220 mx.example\r\n", "EHLO a.example\r\n");
		talk(&f, PIPE_EHLO, "");
		assert_true(smtp_client_can_next(&f.c));
		talk(&f, ends[i].server, "");
		same(&f.log, ends[i].log);
		assert_false(smtp_client_can_next(&f.c));
		/* After the end nothing happens any more. */
		smtp_client_quit(&f.c);
		smtp_client_on_eof(&f.c);
		smtp_client_on_deadline(&f.c);
		smtp_client_on_drained(&f.c);
		smtp_client_on_tls(&f.c, true);
		smtp_client_secret(&f.c, ERR_OK, SLICE_LIT("x"));
		smtp_client_body(&f.c, SLICE_LIT("x"), true);
		assert_int_equal(smtp_client_on_data(&f.c, SLICE_LIT("250 Ok\r\n")), 0);
		same(&f.log, ends[i].log);
		same(&f.out, "");
		fake_client_fini(&f);
	}
}

/* A host that will not have the text says so before its end. */
static void
test_refused_in_body(void **state)
{
	struct fake_client f;

	(void)state;
	begin(&f, &one, PIPE_EHLO);
	buf_reset(&f.out);
	f.is_clogged = true;
	talk(&f, OK OK GO, "");
	talk(&f, "552 5.3.4 Big\r\n", "");
	same(&f.log, "ready\n0 bounced 5.3.4 " SAID "552 5.3.4 Big (in reply to message text)\ndone\n"
	    "closing bounced 5.3.4 " SAID "552 5.3.4 Big (in reply to message text)\n");
	fake_client_fini(&f);
}

static void
test_clogged(void **state)
{
	struct fake_client f;

	(void)state;
	begin(&f, &one, PIPE_EHLO);
	buf_reset(&f.out);
	f.is_clogged = true;
	talk(&f, OK OK GO, "");
	f.is_clogged = false;
	smtp_client_on_drained(&f.c);
	talk(&f, "", SENT_TEXT);
	/* Greeting, EHLO; MAIL; RCPT; DATA; text; its answer; QUIT; none. */
	talk(&f, TAKEN, QUIT);
	talk(&f, "221 Bye\r\n", "");
	same(&f.phases, "HHMRITDS-");
	fake_client_fini(&f);
}

static void
test_quit_in_message(void **state)
{
	struct fake_client f;

	(void)state;
	begin(&f, &one, PIPE_EHLO);
	f.messages[1] = f.messages[0];
	f.message_count = 2;
	smtp_client_quit(&f.c);
	buf_reset(&f.out);
	talk(&f, OK OK GO, SENT_TEXT);
	talk(&f, TAKEN, QUIT);
	talk(&f, "221 Bye\r\n", "");
	same(&f.log, "ready\n0 sent 2.0.0 250 2.0.0 Ok: queued as 17\ndone\n" LEFT);
	fake_client_fini(&f);
}

static struct smtp_client_rcpt many[SMTP_CLIENT_RCPTS_MAX + 1];

/* Commands ahead are bounded; the rest follows as answers come. */
static void
test_ahead(void **state)
{
	struct row r = { .name = "many", .rcpts = many, .rcpt_count = SMTP_CLIENT_RCPTS_MAX };
	struct fake_client f;
	size_t answers = 0, said, n = 0;
	char expect[40];

	(void)state;
	for (size_t i = 0; i < lengthof(many); i++)
		many[i].address = SLICE_LIT("a.recipient.with.a.longer.name@b.example");
	begin(&f, &r, PIPE_EHLO);
	assert_true(f.out.n >= SMTP_CLIENT_AHEAD_MAX);
	assert_true(f.out.n < SMTP_CLIENT_AHEAD_MAX + 100);
	/* One answer makes room for one command. */
	buf_reset(&f.out);
	say(&f, OK, 100, 0);
	for (answers = 1; answers < 1 + SMTP_CLIENT_RCPTS_MAX; answers++) {
		said = f.out.n;
		say(&f, OK, 100, 0);
		n += f.out.n - said < 100;
	}
	assert_int_equal(n, SMTP_CLIENT_RCPTS_MAX);
	buf_reset(&f.out);
	talk(&f, GO, SENT_TEXT);
	say(&f, TAKEN, 100, 0);
	(void)snprintf(expect, sizeof(expect), "%u sent", SMTP_CLIENT_RCPTS_MAX - 1);
	assert_true(slice_search(buf_slice(&f.log), slice_str(expect)) < f.log.n);
	fake_client_fini(&f);
}

static void
test_recipients_at_limit(void **state)
{
	struct smtp_client_message m = { .rcpts = many, .rcpt_count = SMTP_CLIENT_RCPTS_MAX + 1 };
	struct fake_client f;

	(void)state;
	set_up(&f, &one);
	f.message_count = 0;
	f.stays = true;
	assert_int_equal(smtp_client_next(&f.c, &m), ERR_STATE);
	say(&f, "220 x\r\n", 100, 0);
	say(&f, PIPE_EHLO, 100, 0);
	assert_int_equal(smtp_client_next(&f.c, &m), ERR_LIMIT);
	m.rcpt_count = 0;
	assert_int_equal(smtp_client_next(&f.c, &m), ERR_LIMIT);
	m.rcpt_count = SMTP_CLIENT_RCPTS_MAX;
	assert_int_equal(smtp_client_next(&f.c, &m), ERR_OK);
	assert_int_equal(smtp_client_next(&f.c, &m), ERR_STATE);
	fake_client_fini(&f);
}

static unsigned
count_of(const struct buf *b, const char *what)
{
	struct slice s = buf_slice(b), w = slice_str(what);
	unsigned n = 0;
	size_t at;

	while ((at = slice_search(s, w)) < s.n) {
		n++;
		s = slice_from(s, at + 1);
	}
	return n;
}

static void
test_chunks_ahead(void **state)
{
	struct row r = { .name = "chunks", .body = "0123456789abcdefghij", .piece = 1 };
	struct fake_client f;

	(void)state;
	begin(&f, &r, CHUNK_EHLO);
	buf_reset(&f.out);
	say(&f, OK OK, 100, 0);
	assert_int_equal(count_of(&f.out, "BDAT"), SMTP_CLIENT_CHUNKS_MAX);
	say(&f, "250 c\r\n", 100, 0);
	assert_int_equal(count_of(&f.out, "BDAT"), SMTP_CLIENT_CHUNKS_MAX + 1);
	/* A refusal stops it; the chunks that are out are answered still. */
	say(&f, "452 4.3.1 Full\r\n", 100, 0);
	assert_int_equal(count_of(&f.out, "BDAT"), SMTP_CLIENT_CHUNKS_MAX + 1);
	for (unsigned i = 0; i < SMTP_CLIENT_CHUNKS_MAX - 1; i++) {
		same(&f.log, "ready\n");
		say(&f, "503 no\r\n", 100, 0);
	}
	same(&f.log, "ready\n0 deferred 4.3.1 " SAID
	    "452 4.3.1 Full (in reply to message text)\ndone\n");
	fake_client_fini(&f);
}

/* An endless reply ends the connection, in bounded memory. */
static void
test_endless_reply(void **state)
{
	static const char line[] = "250-0123456789abcdef0123456789ab\r\n";	/* 34 bytes */
	struct fake_client f;
	unsigned n;

	(void)state;
	set_up(&f, &one);
	say(&f, "220 x\r\n", 100, 0);
	for (n = 0; !f.is_closed && n < 100000; n++)
		say(&f, line, 100, 0);
	assert_int_equal(n, SMTP_REPLY_BYTES_MAX / 34 + 1);
	same(&f.log, "violation deferred 4.5.0 protocol violation by host " HOST
	    " while sending EHLO: reply too long\n");
	fake_client_fini(&f);
}

/* ---- AUTH ---- */

#define AUTH_EHLO(m)	"250-mx.example\r\n250 AUTH " m "\r\n"

static const struct row auth = { .name = "auth", .user = "user",
    .tls = SMTP_CLIENT_TLS_IMPLICIT, .sender = "\r" };

static void
say_base64(struct fake_client *f, struct slice s)
{
	struct buf b;

	buf_init(&b, 4000);
	buf_put_str(&b, "334 ");
	enc_put_base64(&b, s);
	buf_put_str(&b, "\r\n");
	fake_client_feed(f, buf_slice(&b), b.n);
	buf_fini(&b);
}

/* The server's half of RFC 5802 s3, for "pencil" and the client's first message. */
static void
server_signature(struct buf *out, struct slice salt, uint32_t rounds, struct slice message)
{
	unsigned char salted[32], key[32], signature[32];

	cry_sha2_pbkdf2(salted, SLICE_LIT("pencil"), salt, rounds);
	cry_sha2_hmac(key, slice_of(salted, 32), SLICE_LIT("Server Key"));
	cry_sha2_hmac(signature, slice_of(key, 32), message);
	buf_put_str(out, "v=");
	enc_put_base64(out, slice_of(signature, 32));
}

/*
 * proof: 1 right, 0 none, -1 wrong; gs2 is what the client must begin with,
 * c= what it must end with, as a server that knows the binding checks it.
 */
static void
scram_as(const char *mechanisms, const char *binding, const char *gs2, const char *cbind,
    int proof, const char *log)
{
	struct buf first, server, message, final;
	struct fake_client f;
	struct row r = auth;
	struct slice bare;

	buf_init(&first, 4000);
	buf_init(&server, 4000);
	buf_init(&message, 4000);
	buf_init(&final, 4000);
	r.binding = binding;
	begin(&f, &r, mechanisms);
	(void)slice_cut(slice_from(buf_slice(&f.out), 5), ' ', &bare);
	assert_slice(bare, gs2[0] == 'p' ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
	assert_int_equal(enc_get_base64(&first,
	    slice_trim(slice_from(buf_slice(&f.out), 6 + bare.n))), ERR_OK);
	assert_true(slice_starts(buf_slice(&first), gs2));
	bare = slice_from(buf_slice(&first), strlen(gs2));
	assert_true(slice_starts(bare, "n=user,r="));
	buf_put_str(&server, "r=");
	buf_put_slice(&server, slice_from(bare, 9));
	buf_put_str(&server, "srv,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	buf_reset(&f.out);
	say_base64(&f, buf_slice(&server));
	buf_put_slice(&message, bare);
	buf_put_char(&message, ',');
	buf_put_slice(&message, buf_slice(&server));
	buf_put_str(&message, ",c=");
	enc_put_base64(&message, slice_str(cbind));
	buf_put_str(&message, ",r=");
	buf_put_slice(&message, slice_from(bare, 9));
	buf_put_str(&message, "srv");
	server_signature(&final, SLICE_LIT("\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81"),
	    proof > 0 ? 4096 : 4097, buf_slice(&message));
	buf_reset(&f.out);
	if (proof != 0) {
		say_base64(&f, buf_slice(&final));
		if (proof > 0)
			same(&f.out, "\r\n");
		else
			same(&f.out, "*\r\nQUIT\r\n");
	}
	if (!f.is_closed)
		say(&f, "235 Ok\r\n", 100, 0);
	same(&f.log, log);
	fake_client_fini(&f);
	buf_fini(&first);
	buf_fini(&server);
	buf_fini(&message);
	buf_fini(&final);
}

static void
scram(int proof, const char *log)
{
	scram_as(AUTH_EHLO("PLAIN SCRAM-SHA-256"), NULL, "n,,", "n,,", proof, log);
}

#define LOGGED_IN "secret\nready\n0 bounced 5.1.7 sender address cannot be sent to host " HOST "\ndone\n"

/* RFC 5802 s6: bound when both can; told when only we can; silent when only it can. */
static void
test_scram_binding(void **state)
{
	(void)state;
	scram_as(AUTH_EHLO("SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN"), "BYTES",
	    "p=tls-exporter,,", "p=tls-exporter,,BYTES", 1, LOGGED_IN);
	scram_as(AUTH_EHLO("SCRAM-SHA-256 PLAIN"), "BYTES", "y,,", "y,,", 1, LOGGED_IN);
	scram_as(AUTH_EHLO("SCRAM-SHA-256-PLUS SCRAM-SHA-256"), NULL, "n,,", "n,,", 1, LOGGED_IN);
}

static void
test_scram(void **state)
{
	(void)state;
	scram(1, "secret\nready\n0 bounced 5.1.7 sender address cannot be sent to host " HOST "\ndone\n");
	scram(0, "secret\nauth deferred 4.7.0 login at host " HOST
	    ": it did not prove that it knows the password\n");
	scram(-1, "secret\nauth deferred 4.7.0 login at host " HOST
	    ": it does not know the password itself\n");
}

/* RFC 4954 s4: a response that does not fit into the command line comes behind it. */
static void
test_long_initial_response(void **state)
{
	struct row r = auth;
	struct fake_client f;
	char token[SASL_SECRET_MAX + 2];
	size_t fits;

	(void)state;
	r.mechanisms = SASL_PLAIN;
	r.secret = token;
	/* "AUTH PLAIN " and CRLF leave 499 bytes, 372 without base64. */
	for (fits = 366; fits <= 367; fits++) {
		memset(token, 'x', fits);
		token[fits] = '\0';
		begin(&f, &r, AUTH_EHLO("PLAIN"));
		if (fits == 366) {
			assert_true(slice_starts(buf_slice(&f.out), "AUTH PLAIN AHVzZXIAeHh4"));
			assert_true(f.out.n <= 512);
		} else {
			talk(&f, "", "AUTH PLAIN\r\n");
			say(&f, "334 \r\n", 100, 0);
			assert_true(slice_starts(buf_slice(&f.out), "AHVzZXIAeHh4"));
		}
		buf_reset(&f.out);
		talk(&f, "235 Ok\r\n", QUIT);
		fake_client_fini(&f);
	}
	/* Too long for any mechanism. */
	memset(token, 'x', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	begin(&f, &r, AUTH_EHLO("PLAIN"));
	talk(&f, "", QUIT);
	same(&f.log, "secret\nauth deferred 4.7.0 login at host " HOST
	    ": user name or password cannot be sent\n");
	fake_client_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_refused_in_body),
		cmocka_unit_test(test_clogged),
		cmocka_unit_test(test_quit_in_message),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_recipients_at_limit),
		cmocka_unit_test(test_chunks_ahead),
		cmocka_unit_test(test_endless_reply),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_binding),
		cmocka_unit_test(test_long_initial_response),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
