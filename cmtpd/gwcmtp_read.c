/* SPDX-License-Identifier: ISC */
/*
 * read: lists a mailbox, or shows one message of it and saves its files.  What
 * is sealed to the device is opened here; other mail is shown as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmtpd/gwcmtp_box.h"
#include "cmtpd/gwcmtp_ringfile.h"
#include "cmtpd/gwcmtp_show.h"
#include "lib/base/clock.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/seal/seal_device.h"
#include "lib/sys/fd.h"

#define PLAIN_MAX	(256u << 20)	/* of a message that was sealed */
#define LISTED_MAX	(16u << 20)	/* larger ones are not fetched for the list */

enum { SAME_NAME_MAX = 100 };

_Static_assert(GWCMTP_RING_KEYS_MAX <= SEAL_DEVICE_KEYS_MAX, "a device knows the ring");

enum kind { KIND_PLAIN, KIND_OPENED, KIND_CLOSED };

struct reader {
	struct gwcmtp		*g;
	struct gwcmtp_ring	 ring;
	struct gwcmtp_box	 box;
	struct charset_set	*charsets;
	/* of one message */
	struct buf		 served, text;
	struct mime		 mime;
	struct slice		 message;	/* one of the two */
	enum kind		 kind;
	enum err		 why;		/* it is closed */
};

/* ---- one message ---- */

static void
parse(struct reader *r, struct slice message)
{
	r->message = message;
	mime_start(&r->mime);
	mime_feed(&r->mime, message);
	mime_end(&r->mime);
}

static void
open_message(struct reader *r)
{
	struct seal_device d = { .count = r->ring.count };

	r->kind = KIND_PLAIN;
	parse(r, buf_slice(&r->served));
	if (!seal_device_is(&r->mime, r->message))
		return;
	for (unsigned i = 0; i < d.count; i++)
		d.secrets[i] = gwcmtp_ring_secret(&r->ring, i);
	r->why = seal_device_open(&d, &r->mime, r->message, PLAIN_MAX, &r->text);
	r->kind = r->why == ERR_OK ? KIND_OPENED : KIND_CLOSED;
	if (r->kind == KIND_OPENED)
		parse(r, buf_slice(&r->text));
}

static int
get_message(struct reader *r, uint32_t uid)
{
	int code;

	buf_release(&r->served);
	buf_release(&r->text);
	if ((code = gwcmtp_box_fetch(&r->box, uid, &r->served)) == EX_OK)
		open_message(r);
	return code;
}

/* ---- the list ---- */

static void
put_row(struct reader *r, struct buf *out, const struct gwcmtp_box_row *row, bool is_there)
{
	static const char *const kinds[] = { "plain", "opened", "closed" };
	char date[32];
	struct clock_date d;

	clock_to_date(row->time_s, &d);
	(void)snprintf(date, sizeof(date), "%04d-%02d-%02d %02d:%02d", d.year, d.month, d.day,
	    d.hour, d.minute);
	buf_printf(out, "%u\t%s\t%llu\t%s\t", row->uid, date, (unsigned long long)row->bytes,
	    is_there ? kinds[r->kind] : "large");
	if (is_there) {
		gwcmtp_show_field(out, r->charsets, mime_top_header(&r->mime), "From");
		buf_put_char(out, '\t');
		gwcmtp_show_field(out, r->charsets, mime_top_header(&r->mime), "Subject");
	}
	buf_put_char(out, '\n');
}

static int
list_row(struct reader *r, const struct gwcmtp_box_row *row)
{
	bool is_there = row->bytes <= LISTED_MAX;
	struct buf out;
	int code = is_there ? get_message(r, row->uid) : EX_OK;

	/* It went since: nothing to list. */
	if (code != EX_OK)
		return code == EX_NOINPUT ? EX_OK : code;
	buf_init(&out, 65536);
	put_row(r, &out, row, is_there);
	(void)fwrite(buf_data(&out), 1, out.n, stdout);
	buf_fini(&out);
	return EX_OK;
}

static int
list(struct reader *r)
{
	struct gwcmtp_box_row *rows = must_alloc(r->g->newest, sizeof(*rows));
	unsigned n;
	int code = gwcmtp_box_rows(&r->box, rows, r->g->newest, &n);

	for (unsigned i = 0; i < n && code == EX_OK; i++)
		code = list_row(r, &rows[i]);
	free(rows);
	return code;
}

/* ---- files ---- */

/* A new file of this name, or with a number before it; never one that is there. */
static int
create(int dir, const char *name, char *made, size_t size)
{
	int fd = -1;

	for (unsigned i = 0; i < SAME_NAME_MAX && fd < 0; i++) {
		if (i == 0)
			(void)snprintf(made, size, "%s", name);
		else
			(void)snprintf(made, size, "%u-%s", i, name);
		fd = openat(dir, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

static int
save_part(struct reader *r, int dir, uint32_t part)
{
	char made[GWCMTP_SHOW_NAME_MAX + 20];
	struct buf name, bytes;
	int fd, code = EX_OK;
	enum err e;

	buf_init(&name, GWCMTP_SHOW_NAME_MAX + 1);
	buf_init(&bytes, (size_t)r->mime.map.spans[part].body_bytes + 16);
	gwcmtp_show_name(&name, r->charsets, &r->mime, r->message, part);
	gwcmtp_show_bytes(&bytes, &r->mime, r->message, part);
	if ((fd = create(dir, buf_cstr(&name), made, sizeof(made))) < 0) {
		code = gwcmtp_tool_fault(EX_CANTCREAT, buf_cstr(&name), strerror(errno));
	} else {
		e = fd_write_all(fd, buf_data(&bytes), bytes.n);
		if (close(fd) != 0 && e == ERR_OK)
			e = err_from_errno(errno);
		code = e == ERR_OK ? EX_OK : gwcmtp_tool_fault(EX_IOERR, made, err_text(e));
		if (code == EX_OK)
			(void)printf("%s\n", made);
	}
	buf_fini(&bytes);
	buf_fini(&name);
	return code;
}

static int
save(struct reader *r)
{
	uint32_t part = MIME_NONE;
	bool is_shown;
	int dir, code = EX_OK;

	if (mkdir(r->g->into, 0700) != 0 && errno != EEXIST)
		return gwcmtp_tool_fault(EX_CANTCREAT, r->g->into, strerror(errno));
	if ((dir = open(r->g->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return gwcmtp_tool_fault(EX_CANTCREAT, r->g->into, strerror(errno));
	while (code == EX_OK && gwcmtp_show_next_part(&r->mime, &part, &is_shown))
		if (!is_shown)
			code = save_part(r, dir, part);
	(void)close(dir);
	return code;
}

/* ---- one of them ---- */

static int
closed(const struct reader *r)
{
	return gwcmtp_tool_fault(r->why == ERR_DENIED ? EX_NOPERM : EX_DATAERR, "message",
	    r->why == ERR_DENIED ? "it is sealed to a key that is not here" :
	    r->why == ERR_TOOBIG ? "it is too large to be opened here" :
	    "it does not open: it is damaged, or not what it says");
}

static int
show(struct reader *r, uint32_t uid)
{
	struct buf out;
	int code = get_message(r, uid);

	if (code != EX_OK)
		return code == EX_NOINPUT ? gwcmtp_tool_fault(code, r->g->mailbox,
		    "no message has this UID") : code;
	if (r->kind == KIND_CLOSED)
		return closed(r);
	if (r->g->into != NULL)
		return save(r);
	if (r->g->raw) {
		(void)fwrite(r->message.p, 1, r->message.n, stdout);
		return EX_OK;
	}
	buf_init(&out, 4 * (size_t)PLAIN_MAX);
	gwcmtp_show_message(&out, r->charsets, &r->mime, r->message);
	(void)fwrite(buf_data(&out), 1, out.n, stdout);
	buf_fini(&out);
	return EX_OK;
}

/* ---- the command ---- */

/* The keys, if the address has any here. */
static int
open_ring(struct reader *r, const char *address)
{
	struct gwcmtp_password *p = NULL;
	struct gwcmtp_ringfile f;
	int code = gwcmtp_ringfile_find(r->g, &f, address);

	if (code != EX_OK)
		return code;
	if (f.is_there)
		code = gwcmtp_ringfile_open(r->g, &f, &r->ring, &p);
	gwcmtp_tool_forget(&r->ring, &p);
	gwcmtp_ringfile_fini(&f);
	return code;
}

static int
enter(struct reader *r, const char *address)
{
	struct gwcmtp_password *p = NULL;
	int code;

	if ((code = gwcmtp_box_connect(r->g, &r->box)) == EX_OK &&
	    (code = gwcmtp_tool_ask(r->g, &r->ring, "Password of the mailbox: ", false, &p)) == EX_OK)
		code = gwcmtp_box_enter(r->g, &r->box, address, gwcmtp_tool_word(p));
	gwcmtp_tool_forget(&r->ring, &p);
	return code;
}

int
gwcmtp_read(struct gwcmtp *g, int argc, char *argv[])
{
	struct reader r = { .g = g };
	uint32_t uid = 0;
	int code;

	if (argc == 3 && (num_parse_u32(slice_str(argv[2]), UINT32_MAX, &uid) != ERR_OK || uid == 0))
		return gwcmtp_tool_usage();
	if ((g->into != NULL || g->raw) && argc < 3)
		return gwcmtp_tool_usage();
	if ((code = gwcmtp_box_init(g, &r.box)) != EX_OK)
		return code;
	gwcmtp_ring_init(&r.ring);
	r.charsets = charset_new();
	mime_init(&r.mime);
	buf_init(&r.served, GWCMTP_BOX_MESSAGE_MAX);
	buf_init(&r.text, (size_t)PLAIN_MAX + 65536);
	if ((code = open_ring(&r, argv[1])) == EX_OK && (code = enter(&r, argv[1])) == EX_OK)
		code = uid == 0 ? list(&r) : show(&r, uid);
	buf_fini(&r.text);
	buf_fini(&r.served);
	mime_fini(&r.mime);
	charset_free(&r.charsets);
	gwcmtp_ring_fini(&r.ring);
	gwcmtp_box_fini(&r.box);
	return code;
}
