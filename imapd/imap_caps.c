/* SPDX-License-Identifier: ISC */
#include "imapd/imap_caps.h"

#include "imapd/imap_limit.h"
#include "imapd/imap_status.h"
#include "imapd/imap_sync.h"
#include "lib/base/must.h"

enum when {
	BEFORE = 1, AFTER = 2, ALWAYS = BEFORE | AFTER,
	IN_TLS = 4, NO_LOGIN = 8, MAY_TLS = 16, WITH_SCRAM = 32, WITH_BINDING = 64,
	LITERAL_PLUS = 128, LITERAL_MINUS = 256, MAY_LEAVE = 512, MAY_COMPRESS = 1024,
	FOR_OPERATOR = 2048, WITH_CERTIFICATE = 4096,
	LIMITS_MESSAGES = 8192, LIMITS_SAVES = 16384,	/* alone */
	MAY_LOGIN = 32768
};

/* What holds of a session now. */
static unsigned
holds(const struct imap_session *s)
{
	return (s->state == IMAP_NOAUTH ? BEFORE : AFTER) |
	    (s->tls ? IN_TLS : 0u) | (imap_session_takes_logins(s) ? MAY_LOGIN : NO_LOGIN) | (s->may_tls && !s->tls ? MAY_TLS : 0u) |
	    (s->shared->scram ? WITH_SCRAM : 0u) |
	    (s->shared->literal_plus ? LITERAL_PLUS : LITERAL_MINUS) |
	    (s->shared->unauthenticate ? MAY_LEAVE : 0u) |
	    (s->is_operator ? FOR_OPERATOR : 0u) |
	    (imap_limit_messages(s) != 0 ? LIMITS_MESSAGES :
	    imap_limit_saves(s) != 0 ? LIMITS_SAVES : 0u) |
	    (s->shared->compress && !s->compressed ? MAY_COMPRESS : 0u) |
	    (imap_session_has_certificate(s) ? WITH_CERTIFICATE : 0u) |
	    (s->host->binding != NULL ? WITH_BINDING : 0u);
}

static bool
is_shown(unsigned when, unsigned now)
{
	return (when & now & ALWAYS) && (when & ~now & ~(unsigned)ALWAYS) == 0;
}

static void
put_name(struct buf *b, const char *name, size_t start)
{
	if (b->n > start)
		buf_put_char(b, ' ');
	buf_put_str(b, name);
}

void
imap_session_put_capabilities(const struct imap_session *s, struct buf *b)
{
	unsigned now = holds(s);
	size_t start = b->n;

#define CAP(name, when)							\
	if (is_shown((when), now))					\
		put_name(b, (name), start);
#define CAP_NUMBER(name, when, value)					\
	if (is_shown((when), now)) {					\
		put_name(b, (name), start);				\
		buf_put_num(b, (value));				\
	}
#include "imapd/imap_caps.def"
}

/* The last row ends the table: it may be empty otherwise. */
static const struct enables { const char *name; unsigned bit, implied; } enables[] = {
#define ENABLES(name, bit, implied) { (name), (bit), (implied) },
#include "imapd/imap_caps.def"
	{ "", 0, 0 },
};

unsigned
imap_caps_find(struct slice name)
{
	for (size_t i = 0; i < lengthof(enables); i++)
		if (slice_ieq_str(name, enables[i].name))
			return enables[i].bit;
	return 0;
}

unsigned
imap_caps_implied(unsigned bits)
{
	unsigned all = bits;

	for (size_t i = 0; i < lengthof(enables); i++)
		if (bits & enables[i].bit)
			all |= enables[i].implied;
	return all;
}

void
imap_caps_put_enabled(struct buf *b, unsigned bits)
{
	for (size_t i = 0; i < lengthof(enables); i++)
		if (bits & enables[i].bit)
			buf_printf(b, " %s", enables[i].name);
}

void
imap_session_enable(struct imap_session *s, unsigned bits)
{
	unsigned before = s->enabled;

	s->enabled |= imap_caps_implied(bits);
	/* RFC 7162 s3.1: the first such command with a mailbox selected tells it. */
	if (s->state == IMAP_SELECTED && (s->enabled & ~before & IMAP_EN_CONDSTORE))
		imap_sync_put_highest(s);
}
