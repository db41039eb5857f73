/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "lib/sys/fd.h"

#define MAGIC	"godwit-drop "

static bool
is_line(struct slice s)
{
	return slice_find(s, '\n') == s.n;
}

static void
put_word(struct buf *b, const char *word, struct slice value)
{
	/* A value with a line end is no address and no name: left out. */
	if (is_line(value))
		buf_printf(b, "%s %.*s\n", word, SLICE_FMT(value));
}

void
sendmail_drop_put(struct buf *b, const struct sendmail_wish *w)
{
	struct slice rcpts = w->rcpts, one;

	buf_put_str(b, MAGIC "1\n");
	if (w->has_sender)
		put_word(b, "sender", w->sender);
	put_word(b, "name", w->name);
	put_word(b, "login", w->login);
	if (w->reads_rcpts)
		buf_put_str(b, "reads-recipients yes\n");
	if (w->ignores_dots)
		buf_put_str(b, "ignores-dots yes\n");
	buf_printf(b, "notify %u\n", w->notify);
	if (w->ret != 0)
		buf_printf(b, "ret %c\n", w->ret);
	put_word(b, "envid", w->envid);
	buf_printf(b, "date %llu\n", (unsigned long long)w->date_s);
	while (rcpts.n > 0) {
		rcpts = slice_cut(rcpts, '\0', &one);
		put_word(b, "rcpt", one);
	}
	buf_put_char(b, '\n');
}

static enum err
take_word(struct sendmail_wish *w, struct slice word, struct slice value, struct buf *rcpts)
{
	uint32_t n;
	enum err e = ERR_OK;

	if (slice_eq_str(word, "sender")) {
		w->has_sender = true;
		w->sender = value;
	} else if (slice_eq_str(word, "name")) {
		w->name = value;
	} else if (slice_eq_str(word, "login")) {
		w->login = value;
	} else if (slice_eq_str(word, "reads-recipients")) {
		w->reads_rcpts = true;
	} else if (slice_eq_str(word, "ignores-dots")) {
		w->ignores_dots = true;
	} else if (slice_eq_str(word, "notify")) {
		e = num_parse_u32(value, 15, &n);
		w->notify = e == ERR_OK ? (uint8_t)n : 0;
	} else if (slice_eq_str(word, "ret")) {
		w->ret = value.n == 1 && (value.p[0] == 'F' || value.p[0] == 'H') ?
		    (uint8_t)value.p[0] : 0;
	} else if (slice_eq_str(word, "envid")) {
		w->envid = value;
	} else if (slice_eq_str(word, "date")) {
		e = num_parse_u64(value, INT64_MAX / 1000, &w->date_s);
	} else if (slice_eq_str(word, "rcpt") && value.n > 0 && slice_find(value, '\0') == value.n) {
		buf_put_slice(rcpts, value);
		buf_put_char(rcpts, '\0');
	} else {
		e = ERR_SYNTAX;
	}
	return e;
}

enum err
sendmail_drop_get(struct slice text, struct sendmail_wish *w, struct buf *rcpts,
    struct slice *raw)
{
	struct slice line, value, word;
	enum err e = ERR_OK;

	memset(w, 0, sizeof(*w));
	if (!slice_starts(text, MAGIC))
		return ERR_SYNTAX;
	text = slice_cut(text, '\n', &line);
	if (!slice_eq_str(line, MAGIC "1"))
		return ERR_VERSION;
	for (;;) {
		if (text.n == 0)
			return ERR_SYNTAX;
		text = slice_cut(text, '\n', &line);
		if (line.n == 0)
			break;
		value = slice_cut(line, ' ', &word);
		if ((e = take_word(w, word, value, rcpts)) != ERR_OK)
			return e;
	}
	w->rcpts = buf_slice(rcpts);
	*raw = text;
	return buf_err(rcpts) == ERR_OK ? ERR_OK : ERR_LIMIT;
}

static enum err
write_file(int fd, const struct sendmail_wish *w, struct slice raw)
{
	struct buf head;
	enum err e;

	buf_init(&head, SENDMAIL_DROP_HEAD_MAX);
	sendmail_drop_put(&head, w);
	e = buf_err(&head);
	if (e == ERR_OK)
		e = fd_write_all(fd, buf_data(&head), head.n);
	if (e == ERR_OK)
		e = fd_write_all(fd, raw.p, raw.n);
	if (e == ERR_OK && fsync(fd) != 0)
		e = err_from_errno(errno);
	buf_fini(&head);
	return e;
}

/*
 * The new name.  Only who may read the directory can sync it; for others the
 * whole file system has to be, through the file.
 */
static enum err
sync_name(const char *dir, int file)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = fd >= 0 ? fsync(fd) : syncfs(file);
	enum err e = failed == 0 ? ERR_OK : err_from_errno(errno);

	fd_close(&fd);
	return e;
}

static void
make_name(char hidden[64])
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random ^= clock_mono_us();
	(void)snprintf(hidden, 64, ".%013llx%016llx", (unsigned long long)clock_real_ms(),
	    (unsigned long long)random);
}

enum err
sendmail_drop_write(const char *dir, const struct sendmail_wish *w, struct slice raw)
{
	/* It cannot be listed, so it is opened as a place only. */
	int place = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), file = -1;
	char hidden[64];
	enum err e;

	make_name(hidden);
	if (place >= 0)
		file = openat(place, hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	e = file >= 0 ? write_file(file, w, raw) : err_from_errno(errno);
	if (e == ERR_OK && renameat(place, hidden, place, hidden + 1) != 0)
		e = err_from_errno(errno);
	if (file >= 0 && e != ERR_OK)
		(void)unlinkat(place, hidden, 0);
	/* From here on it is master's: a failure would have it sent twice. */
	else if (e == ERR_OK && sync_name(dir, file) != ERR_OK)
		(void)fprintf(stderr, "sendmail: %s: cannot be synced\n", dir);
	fd_close(&file);
	fd_close(&place);
	return e;
}
