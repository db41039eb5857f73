/* SPDX-License-Identifier: ISC */
#include "transfer/mail_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX	2000
#define BAR_MS		100		/* between two pictures */
#define BAR_CELLS	30

void
mail_report_init(struct mail_report *r, const char *program, bool is_terminal)
{
	*r = (struct mail_report){ .program = program, .is_terminal = is_terminal };
	buf_init(&r->fault, TEXT_MAX);
}

void
mail_report_fini(struct mail_report *r)
{
	buf_fini(&r->fault);
}

/* UTF-8 stays what it is; what could steer a terminal does not. */
static void
print(FILE *to, struct slice s)
{
	bool utf8 = utf8_ok(s);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		/* C1 controls are C2 80 to C2 9F. */
		bool c1 = c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)s.p[i - 1] == 0xc2;

		(void)fputc(c < ' ' || c == 0x7f || (c >= 0x80 && !utf8) || c1 ? '?' : c, to);
	}
}

void
mail_report_clear(struct mail_report *r)
{
	if (r->has_bar)
		(void)fputs("\r\033[K", stderr);
	r->has_bar = false;
}

static void
put_line(struct mail_report *r, FILE *to, const char *before, const char *format, va_list ap)
{
	struct buf b;

	mail_report_clear(r);
	buf_init(&b, TEXT_MAX);
	buf_vprintf(&b, format, ap);
	(void)fputs(before, to);
	print(to, buf_slice(&b));
	(void)fputc('\n', to);
	(void)fflush(to);
	buf_fini(&b);
}

enum err
mail_report_fault(struct mail_report *r, enum err e, const char *format, ...)
{
	va_list ap;

	buf_reset(&r->fault);
	va_start(ap, format);
	buf_vprintf(&r->fault, format, ap);
	va_end(ap);
	return e;
}

void
mail_report_warn(struct mail_report *r, const char *format, ...)
{
	va_list ap;

	r->warnings++;
	va_start(ap, format);
	put_line(r, stderr, "warning: ", format, ap);
	va_end(ap);
}

void
mail_report_line(struct mail_report *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put_line(r, stdout, "", format, ap);
	va_end(ap);
}

/* ---- the bar ---- */

void
mail_report_folder(struct mail_report *r, struct slice name, uint64_t wanted)
{
	r->folder = name;
	r->wanted = wanted;
	r->done = 0;
	r->bytes = 0;
	r->began_ms = 0;
}

static void
show(struct mail_report *r, uint64_t now_ms)
{
	unsigned full = r->wanted > 0 ? (unsigned)(r->done * BAR_CELLS / r->wanted) : BAR_CELLS;
	uint64_t ms = now_ms > r->began_ms ? now_ms - r->began_ms : 1;
	char bar[BAR_CELLS + 1];

	if (full > BAR_CELLS)
		full = BAR_CELLS;
	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', full);
	bar[BAR_CELLS] = '\0';
	(void)fprintf(stderr, "\r[%s] %llu/%llu  %.1f MB/s  ", bar, (unsigned long long)r->done,
	    (unsigned long long)r->wanted, (double)r->bytes / 1000.0 / (double)ms);
	print(stderr, slice_head(r->folder, 30));
	(void)fputs("\033[K", stderr);
	(void)fflush(stderr);
	r->has_bar = true;
	r->shown_ms = now_ms;
}

static void
pass(struct mail_report *r, uint64_t now_ms)
{
	if (r->began_ms == 0)
		r->began_ms = now_ms;
	if (r->is_terminal && (!r->has_bar || now_ms >= r->shown_ms + BAR_MS))
		show(r, now_ms);
}

void
mail_report_message(struct mail_report *r, uint64_t now_ms)
{
	r->done++;
	pass(r, now_ms);
}

void
mail_report_bytes(struct mail_report *r, uint64_t bytes, uint64_t now_ms)
{
	r->bytes += bytes;
	pass(r, now_ms);
}
