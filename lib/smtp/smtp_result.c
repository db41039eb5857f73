/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char	*name;
	const char	*in_reply;
	const char	*doing;
} stages[] = {
#define S(name, text, in_reply, doing)	[SMTP_STAGE_##name] = { text, in_reply, doing },
	SMTP_STAGES(S)
#undef S
};

const char *
smtp_stage_name(enum smtp_stage s)
{
	return stages[s].name;
}

const char *
smtp_stage_doing(enum smtp_stage s)
{
	return stages[s].doing;
}

static void
set_dsn(struct smtp_result *r, const char *dsn)
{
	size_t n = strnlen(dsn, SMTP_RESULT_DSN_MAX);

	memcpy(r->dsn, dsn, n);
	r->dsn[n] = '\0';
}

/* The class of the code is the class of the result (RFC 3463 s2). */
static enum err
error_of(const char *dsn)
{
	switch (dsn[0]) {
	case '2': return ERR_OK;
	case '5': return ERR_DENIED;
	}
	return ERR_AGAIN;
}

/* Words of configured names and of the host: what does not fit is cut. */
static void
set_text(char *dst, size_t dst_bytes, const char *fmt, va_list ap)
{
	if (vsnprintf(dst, dst_bytes, fmt, ap) < 0)
		dst[0] = '\0';
}

void
smtp_result_own(struct smtp_result *r, enum smtp_stage stage, const char *dsn,
    const char *fmt, ...)
{
	va_list ap;

	memset(r, 0, sizeof(*r));
	r->stage = stage;
	r->error = error_of(dsn);
	set_dsn(r, dsn);
	va_start(ap, fmt);
	set_text(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

static void
copy_reply(struct smtp_result *r, unsigned code, const char *reply)
{
	size_t n = strnlen(reply, SMTP_RESULT_REPLY_MAX);

	r->code = code;
	memcpy(r->reply, reply, n);
	r->reply[n] = '\0';
}

/* before reply behind, where reply gives way when there is too little room. */
static void
put_words(struct smtp_result *r, const char *before, const char *behind)
{
	size_t room = SMTP_RESULT_TEXT_MAX, fixed = strlen(before) + strlen(behind);
	int n;

	n = (int)strnlen(r->reply, fixed < room ? room - fixed : 0);
	if (snprintf(r->text, sizeof(r->text), "%s%.*s%s", before, n, r->reply, behind) < 0)
		r->text[0] = '\0';
}

void
smtp_result_add_reply(struct smtp_result *r, unsigned code, const char *reply)
{
	char before[SMTP_RESULT_TEXT_MAX + 1];

	copy_reply(r, code, reply);
	if (snprintf(before, sizeof(before), "%s: ", r->text) < 0)
		before[0] = '\0';
	put_words(r, before, "");
}

void
smtp_result_reply(struct smtp_result *r, enum smtp_stage stage, const char *host,
    unsigned code, const char *dsn, const char *reply)
{
	char before[SMTP_RESULT_TEXT_MAX + 1], behind[64] = "", made[] = "4.0.0";
	int n;

	memset(r, 0, sizeof(*r));
	r->stage = stage;
	/* RFC 3463 s3.1: without a status code of its own, X.0.0. */
	made[0] = code >= 500 ? '5' : code >= 400 ? '4' : '2';
	set_dsn(r, dsn[0] != '\0' ? dsn : made);
	r->error = error_of(r->dsn);
	copy_reply(r, code, reply);
	if (r->error == ERR_OK) {
		put_words(r, "", "");
		return;
	}
	if (stage == SMTP_STAGE_GREETING) {
		n = snprintf(before, sizeof(before), "host %.150s refused to talk to me: ", host);
	} else {
		n = snprintf(before, sizeof(before), "host %.150s said: ", host);
		if (n >= 0)
			n = snprintf(behind, sizeof(behind), " (in reply to %s)",
			    stages[stage].in_reply);
	}
	if (n >= 0)
		put_words(r, before, behind);
}

void
smtp_result_soften(struct smtp_result *r)
{
	if (err_class(r->error) != ERR_CLASS_PERM)
		return;
	r->error = ERR_AGAIN;
	r->dsn[0] = '4';
}
