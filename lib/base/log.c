/* SPDX-License-Identifier: ISC */
#include "lib/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"

const struct log_row log_rows[LOG_EVENT_COUNT] = {
#define EVENT(name, keys, sentence)	{ #name, (keys), (sentence) },
#include "lib/base/log_events.def"
#undef EVENT
};

#define USUAL_BYTES	400	/* most lines grow no buffer */

static int log_fd = 2;		/* set once at start-up */

void
log_to_fd(int fd)
{
	log_fd = fd;
}

static bool
needs_quotes(struct slice s)
{
	if (s.n == 0)
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '=')
			return true;
	return false;
}

static void
put_escaped(struct buf *b, struct slice s, bool utf8)
{
	unsigned char c;

	for (size_t i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			buf_printf(b, "\\x%02X", c);
		else
			buf_put_char(b, (char)c);
	}
}

static void
put_text(struct buf *b, struct slice s)
{
	bool utf8, quotes;

	if (s.n > 1024)
		s.n = 1024;
	utf8 = utf8_ok(s);
	quotes = needs_quotes(s);
	if (quotes)
		buf_put_char(b, '"');
	put_escaped(b, s, utf8);
	if (quotes)
		buf_put_char(b, '"');
}

/* 84 ms is 0.08, 3 ms is 0.003: two digits once they tell enough. */
static void
put_ms(struct buf *b, uint64_t ms)
{
	if (ms == 0)
		buf_put_char(b, '0');
	else if (ms < 10)
		buf_printf(b, "0.%03d", (int)ms);
	else if (ms < 10000)
		buf_printf(b, "%d.%02d", (int)(ms / 1000), (int)(ms % 1000 / 10));
	else
		buf_put_num(b, ms / 1000);
}

static void
put_kv(struct buf *b, const struct log_kv *kv)
{
	char session[ENC_SESSION_BYTES + 1];

	buf_put_char(b, ' ');
	buf_put_str(b, kv->key);
	buf_put_char(b, '=');
	switch (kv->kind) {
	case LOG_KIND_TEXT:
		put_text(b, kv->text);
		break;
	case LOG_KIND_ADDR:
		buf_put_char(b, '<');
		put_escaped(b, slice_head(kv->text, 1024), utf8_ok(kv->text));
		buf_put_char(b, '>');
		break;
	case LOG_KIND_NUM:
		buf_put_num(b, kv->num);
		break;
	case LOG_KIND_ID:
		enc_put_id(b, kv->num);
		break;
	case LOG_KIND_SESSION:
		enc_session_str(session, kv->num);
		buf_put_str(b, session);
		break;
	case LOG_KIND_MS:
		put_ms(b, kv->num);
		break;
	case LOG_KIND_END:
		break;
	}
}

#ifdef GODWIT_TEST
/* A key that its event's row does not declare is a bug of ours. */
static void
check_key(enum log_event event, const char *key)
{
	const char *at = log_rows[event].keys;
	size_t n = strlen(key);

	for (;;) {
		at = strstr(at, key);
		if (at == NULL)
			break;
		if ((at == log_rows[event].keys || at[-1] == ' ') &&
		    (at[n] == ' ' || at[n] == '\0'))
			return;
		at += n;
	}
	if (strcmp(key, "error") == 0)
		return;
	(void)fprintf(stderr, "log event %s has no key %s\n",
	    log_rows[event].name, key);
	abort();
}
#endif

static void
write_line(struct buf *b)
{
	ssize_t n;

	if (b->full)		/* the line was too long: end it where it is */
		b->full = false;
	b->max++;
	buf_put_char(b, '\n');
	do
		n = write(log_fd, buf_data(b), b->n);
	while (n < 0 && errno == EINTR);
}

void
log_write(enum log_event event, const struct log_kv *kv)
{
	struct buf b;

	buf_init(&b, LOG_LINE_MAX);
	(void)buf_reserve(&b, USUAL_BYTES);
	buf_put_str(&b, log_rows[event].name);
	for (; kv->kind != LOG_KIND_END; kv++) {
#ifdef GODWIT_TEST
		check_key(event, kv->key);
#endif
		put_kv(&b, kv);
	}
	write_line(&b);
	buf_fini(&b);
}

void
log_fatal(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(LOG_fatal, log_str("reason", text));
	_exit(EX_TEMPFAIL);
}
