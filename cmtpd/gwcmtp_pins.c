/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"

#define FILE_NAME	"keys"
#define FILE_NEW	"keys.new"

/* The next line; false: there is none. */
static bool
next_line(struct slice *rest, struct slice *name, struct slice *key)
{
	struct slice line;

	if (rest->n == 0)
		return false;
	*rest = slice_cut(*rest, '\n', &line);
	*key = slice_cut(line, ' ', name);
	return true;
}

static bool
is_line(struct slice name, struct slice key)
{
	struct buf b;
	bool is;

	buf_init(&b, CMTP_KEY_BYTES + 3);
	is = slice_find(name, '@') < name.n && enc_get_base64(&b, key) == ERR_OK &&
	    b.n == CMTP_KEY_BYTES;
	buf_fini(&b);
	return is;
}

static enum err
check(const struct gwcmtp_pins *p)
{
	struct slice rest = buf_slice(&p->text), name, key;

	while (next_line(&rest, &name, &key))
		if (!is_line(name, key))
			return ERR_SYNTAX;
	return ERR_OK;
}

static enum err
read_all(struct gwcmtp_pins *p, int fd)
{
	size_t n = 0;
	char *at = buf_reserve(&p->text, GWCMTP_PINS_BYTES_MAX + 1);
	enum err e = at == NULL ? ERR_LIMIT : fd_pread_file(fd, at, GWCMTP_PINS_BYTES_MAX + 1, &n);

	if (e == ERR_OK && n > GWCMTP_PINS_BYTES_MAX)
		e = ERR_LIMIT;
	if (e == ERR_OK)
		buf_commit(&p->text, n);
	return e;
}

enum err
gwcmtp_pins_load(struct gwcmtp_pins *p, const char *dir)
{
	enum err e;
	int at, fd;

	p->dir = dir;
	buf_init(&p->text, GWCMTP_PINS_BYTES_MAX + 1);
	if ((at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return errno == ENOENT ? ERR_OK : err_from_errno(errno);
	fd = openat(at, FILE_NAME, O_RDONLY | O_CLOEXEC);
	e = fd >= 0 ? read_all(p, fd) : errno == ENOENT ? ERR_OK : err_from_errno(errno);
	fd_close(&fd);
	fd_close(&at);
	return e == ERR_OK ? check(p) : e;
}

void
gwcmtp_pins_fini(struct gwcmtp_pins *p)
{
	buf_fini(&p->text);
}

enum gwcmtp_pin
gwcmtp_pins_judge(const struct gwcmtp_pins *p, struct slice name,
    const unsigned char key[CMTP_KEY_BYTES])
{
	struct slice rest = buf_slice(&p->text), known, text;
	enum gwcmtp_pin is = GWCMTP_PIN_NEW;
	struct buf b;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	while (is == GWCMTP_PIN_NEW && next_line(&rest, &known, &text))
		if (slice_ieq(known, name))
			is = slice_eq(text, buf_slice(&b)) ? GWCMTP_PIN_SAME : GWCMTP_PIN_OTHER;
	buf_fini(&b);
	return is;
}

static enum err
write_new(int dir, struct slice text)
{
	int fd = openat(dir, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum err e;

	if (fd < 0)
		return err_from_errno(errno);
	e = fd_write_all(fd, text.p, text.n);
	if (e == ERR_OK && fsync(fd) != 0)
		e = err_from_errno(errno);
	fd_close(&fd);
	if (e == ERR_OK && renameat(dir, FILE_NEW, dir, FILE_NAME) != 0)
		e = err_from_errno(errno);
	return e == ERR_OK ? path_sync_dir(dir) : e;
}

static enum err
save(const struct gwcmtp_pins *p)
{
	enum err e;
	int dir;

	if (mkdir(p->dir, 0700) != 0 && errno != EEXIST)
		return err_from_errno(errno);
	if ((dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	e = write_new(dir, buf_slice(&p->text));
	fd_close(&dir);
	return e;
}

enum err
gwcmtp_pins_put(struct gwcmtp_pins *p, struct slice name, const unsigned char key[CMTP_KEY_BYTES])
{
	struct slice rest = buf_slice(&p->text), known, text;
	struct buf b;

	buf_init(&b, GWCMTP_PINS_BYTES_MAX);
	while (next_line(&rest, &known, &text)) {
		if (slice_ieq(known, name))
			continue;
		buf_put_slice(&b, known);
		buf_put_char(&b, ' ');
		buf_put_slice(&b, text);
		buf_put_char(&b, '\n');
	}
	buf_put_slice(&b, name);
	buf_put_char(&b, ' ');
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	buf_put_char(&b, '\n');
	if (buf_err(&b) != ERR_OK) {
		buf_fini(&b);
		return ERR_LIMIT;
	}
	buf_fini(&p->text);
	p->text = b;
	return save(p);
}
