/* SPDX-License-Identifier: ISC */
/*
 * send with -2: the message becomes Internet mail and goes to the user's own
 * server, which sends it on by CMTP 2 where the recipient has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmtpd/gwcmtp_compose.h"
#include "cmtpd/gwcmtp_mail.h"
#include "cmtpd/gwcmtp_submit.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"

enum { FIELDS_MAX = 65536 };

/* The letter, then a box for each file. */
struct boxes {
	struct buf	 v[GWCMTP_ATTACHMENTS_MAX + 1];
	unsigned	 count;
	size_t		 total;
};

static int
too_large(const char *what)
{
	return gwcmtp_tool_fault(EX_DATAERR, what, "more than can be sent");
}

static int
read_text(struct boxes *b, const struct gwcmtp *g)
{
	struct cmtp_letter letter = { .time_s = (uint32_t)time(NULL),
	    .subject = slice_str(g->subject) };
	struct buf text;
	int code = EX_OK;
	enum err e;

	buf_init(&text, GWCMTP_MAIL_MAX + 65536);
	buf_init(&b->v[0], GWCMTP_MAIL_MAX + FIELDS_MAX);
	b->count = 1;
	e = gwcmtp_tool_read(STDIN_FILENO, &text);
	letter.text = buf_slice(&text);
	if (e == ERR_OK && letter.text.n > GWCMTP_MAIL_MAX)
		e = ERR_TOOBIG;
	if (e == ERR_OK)
		e = cmtp_letter_put(&b->v[0], &letter);
	if (e == ERR_TOOBIG)
		code = too_large("standard input");
	else if (e != ERR_OK)
		code = gwcmtp_tool_fault(e == ERR_SYNTAX ? EX_USAGE : gwcmtp_tool_exit_of(e), "message",
		    e == ERR_SYNTAX ? "a subject that cannot be sent" : err_text(e));
	b->total = b->v[0].n;
	buf_fini(&text);
	return code;
}

static int
read_file(struct boxes *b, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf *box = &b->v[b->count++];
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = EX_OK;
	enum err e;

	buf_init(box, GWCMTP_MAIL_MAX + 65536);
	if (fd < 0)
		return gwcmtp_tool_fault(EX_NOINPUT, path, strerror(errno));
	e = cmtp_attachment_put(box, slice_str(slash != NULL ? slash + 1 : path));
	if (e == ERR_OK)
		e = gwcmtp_tool_read(fd, box);
	b->total += box->n;
	if (e == ERR_TOOBIG || (e == ERR_OK && b->total > GWCMTP_MAIL_MAX))
		code = too_large(path);
	else if (e != ERR_OK)
		code = gwcmtp_tool_fault(e == ERR_SYNTAX ? EX_USAGE : EX_NOINPUT, path, err_text(e));
	(void)close(fd);
	return code;
}

static int
read_all(struct boxes *b, const struct gwcmtp *g)
{
	int code = read_text(b, g);

	for (unsigned i = 0; i < g->file_count && code == EX_OK; i++)
		code = read_file(b, g->files[i]);
	return code;
}

static void
put_id(struct buf *b, const struct gwcmtp_address *from)
{
	buf_printf(b, "%016llx%016llx@%s", (unsigned long long)cry_random_u64(),
	    (unsigned long long)cry_random_u64(), from->domain);
}

static int
send_all(struct gwcmtp *g, const struct boxes *b, const struct gwcmtp_address *from,
    const struct gwcmtp_address *to, const char *to_text, struct slice password)
{
	struct letter_mail_facts f = { .from_user = slice_str(from->user),
		.from_domain = slice_str(from->domain), .to_user = slice_str(to->user),
		.to_domain = slice_str(to->domain), .domain = slice_str(from->domain),
		.arrived_s = (uint64_t)time(NULL), .attachments = b->count - 1 };
	struct buf id, mail;
	int code;

	buf_init(&id, 600);
	put_id(&id, from);
	f.message_id = buf_slice(&id);
	if (gwcmtp_compose(&mail, &f, b->v, b->count, 2ull * GWCMTP_MAIL_MAX) != ERR_OK)
		code = too_large("message");
	else
		code = gwcmtp_submit(g, g->from, to_text, password, buf_slice(&mail));
	buf_fini(&mail);
	buf_fini(&id);
	return code;
}

/* The password first: it may stand before the text on standard input. */
int
gwcmtp_send2(struct gwcmtp *g, const struct gwcmtp_address *from, const char *to)
{
	struct boxes *b = must_alloc(1, sizeof(*b));
	struct gwcmtp_password *p = NULL;
	struct gwcmtp_address a;
	struct gwcmtp_ring ring;
	int code;

	gwcmtp_ring_init(&ring);
	if (!gwcmtp_tool_address(&a, to))
		code = gwcmtp_tool_fault(EX_USAGE, to, "no address");
	else if ((code = gwcmtp_tool_ask(g, &ring, "Password of the mailbox: ", false, &p)) == EX_OK &&
	    (code = read_all(b, g)) == EX_OK)
		code = send_all(g, b, from, &a, to, gwcmtp_tool_word(p));
	for (unsigned i = 0; i < b->count; i++)
		buf_fini(&b->v[i]);
	free(b);
	gwcmtp_tool_forget(&ring, &p);
	gwcmtp_ring_fini(&ring);
	return code;
}
