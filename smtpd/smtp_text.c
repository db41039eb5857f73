/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_text.h"

#include <string.h>

void
smtp_text_init(struct smtp_text *t, bool is_data, size_t line_max)
{
	memset(t, 0, sizeof(*t));
	t->is_data = is_data;
	t->line_max = line_max;
}

static void
sink_run(smtp_text_sink *sink, void *arg, const char *from, const char *to)
{
	if (to > from)
		sink(arg, slice_of(from, (size_t)(to - from)));
}

/* Bytes up to the next CR or LF, counted and checked. */
static const char *
skip_line_text(struct smtp_text *t, const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	const char *stop = lf != NULL ? lf : end;
	const char *cr = memchr(p, '\r', (size_t)(stop - p));

	if (cr != NULL)
		stop = cr;
	t->has_nul = t->has_nul || memchr(p, '\0', (size_t)(stop - p)) != NULL;
	t->line_bytes += (size_t)(stop - p);
	t->is_too_long = t->is_too_long || t->line_bytes > t->line_max;
	return stop;
}

/*
 * run is the start of what was decoded but not yet handed on; it is flushed
 * whenever a byte is left out (a stuffed dot) or held back (a CR at the end
 * of the input).
 */
enum smtp_text_result
smtp_text_feed(struct smtp_text *t, struct slice *in, smtp_text_sink *sink, void *arg)
{
	const char *p = in->p, *run = in->p, *end;

	if (in->n == 0)
		return SMTP_TEXT_MORE;
	end = in->p + in->n;
	while (p < end) {
		switch (t->at) {
		case SMTP_AT_BOL:
			t->line_bytes = 0;
			t->at = SMTP_AT_MID;
			if (t->is_data && *p == '.') {
				sink_run(sink, arg, run, p);
				run = ++p;
				t->at = SMTP_AT_DOT;
			}
			break;
		case SMTP_AT_DOT:
			if (*p == '\n')
				return SMTP_TEXT_BARE;
			t->at = SMTP_AT_MID;
			if (*p == '\r') {
				run = ++p;
				t->at = SMTP_AT_DOT_CR;
			}
			break;
		case SMTP_AT_DOT_CR:
			if (*p != '\n')
				return SMTP_TEXT_BARE;
			*in = slice_of(p + 1, (size_t)(end - p - 1));
			t->at = SMTP_AT_BOL;
			return SMTP_TEXT_END;
		case SMTP_AT_MID:
			p = skip_line_text(t, p, end);
			if (p == end)
				break;
			if (*p == '\n')
				return SMTP_TEXT_BARE;
			t->at = SMTP_AT_CR;
			if (++p == end) {
				sink_run(sink, arg, run, p - 1);
				run = p;
			}
			break;
		case SMTP_AT_CR:
			if (*p != '\n')
				return SMTP_TEXT_BARE;
			if (p == run) {
				sink(arg, SLICE_LIT("\r\n"));
				run = p + 1;
			}
			p++;
			t->at = SMTP_AT_BOL;
			break;
		}
	}
	sink_run(sink, arg, run, p);
	*in = slice_of(end, 0);
	return SMTP_TEXT_MORE;
}

bool
smtp_text_finish(struct smtp_text *t, smtp_text_sink *sink, void *arg)
{
	if (t->at == SMTP_AT_CR)
		return false;
	/* Without BINARYMIME a message consists of lines (RFC 3030 s3). */
	if (t->at == SMTP_AT_MID)
		sink(arg, SLICE_LIT("\r\n"));
	t->at = SMTP_AT_BOL;
	return true;
}
