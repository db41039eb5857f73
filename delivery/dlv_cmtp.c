/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_cmtp.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/crypto/cry.h"

#define VERSIONS_MAX	64u	/* bytes of OHAI's answer */
#define IN_MAX		(CMTP2_CONTENT_MAX + 16384u)

_Static_assert(CMTP2_KEYS_CONTENT_MAX <= CMTP2_CONTENT_MAX, "both replies fit");

enum state {
	STATE_OHAI,	/* asked, like all up to KEYS */
	STATE_KEYS,
	STATE_SENDING,	/* what comes now is read when all is sent */
	STATE_ANSWER,
	STATE_IDLE,
	STATE_FAILED
};

struct dlv_cmtp {
	struct loop			*loop;
	struct dlv_link			*link;
	const struct dlv_cmtp_owner	*owner;
	void				*arg;
	enum state			 state;
	struct buf			 in;
	size_t				 used;		/* of in: the last reply */
	unsigned			 destinations;
	char				 host[DLV_HOST_BYTES];
	struct cmtp2_keys_request	 asked;
	unsigned char			 nonce[CMTP2_NONCE_BYTES];
	char				 user[CMTP_PARAM_MAX];
	char				 domain[CMTP_PARAM_MAX];
};

static void
fail(struct dlv_cmtp *c, const char *why)
{
	if (c->state == STATE_FAILED)
		return;
	c->state = STATE_FAILED;
	if (c->link != NULL)
		dlv_link_leave(&c->link);
	c->owner->failed(c->arg, why);
}

/* ---- what comes */

static bool
has_version_2(struct slice words)
{
	struct slice word;

	while (words.n > 0) {
		words = slice_cut(words, ' ', &word);
		if (slice_eq_str(word, "2"))
			return true;
	}
	return false;
}

static void
take_ohai(struct dlv_cmtp *c)
{
	struct slice in = buf_slice(&c->in);
	size_t n = slice_find(in, '\0');

	if (n == in.n) {
		if (n > VERSIONS_MAX)
			fail(c, "it answers OHAI with something else");
		return;
	}
	c->used = n + 1;
	if (!slice_starts(in, "OHAI ") || !has_version_2(slice_head(slice_from(in, 5), n - 5))) {
		fail(c, "it does not speak version 2");
		return;
	}
	c->state = STATE_IDLE;
	dlv_link_set_deadline(c->link, 0);
	c->owner->ready(c->arg);
}

static void
take_keys(struct dlv_cmtp *c)
{
	struct slice rest = buf_slice(&c->in);
	struct cmtp2_keys_reply r;
	enum err e = cmtp2_keys_read(&r, &rest);

	if (e == ERR_SHORT)
		return;
	if (e != ERR_OK || r.is_failure) {
		fail(c, e == ERR_OK ? "it refuses a request for keys" :
		    "its reply to a request for keys cannot be read");
		return;
	}
	c->used = c->in.n - rest.n;
	c->state = STATE_IDLE;
	dlv_link_set_deadline(c->link, 0);
	c->owner->keys(c->arg, &c->asked, &r);
}

static void
take_answer(struct dlv_cmtp *c)
{
	struct slice rest = buf_slice(&c->in);
	struct cmtp2_answer a;
	enum err e = cmtp2_answer_read(&a, c->destinations, &rest);

	if (e == ERR_SHORT)
		return;
	if (e != ERR_OK || a.is_failure) {
		fail(c, e == ERR_OK ? "it refuses the mail without a signed answer" :
		    "its answer to mail cannot be read");
		return;
	}
	c->used = c->in.n - rest.n;
	c->state = STATE_IDLE;
	dlv_link_set_deadline(c->link, 0);
	c->owner->answer(c->arg, &a);
}

static void
on_data(void *arg, struct slice bytes)
{
	struct dlv_cmtp *c = arg;

	if (c->state == STATE_FAILED)
		return;
	if (c->state == STATE_IDLE || c->in.n + bytes.n > IN_MAX) {
		fail(c, "it speaks unasked");
		return;
	}
	buf_put_slice(&c->in, bytes);
	if (c->state == STATE_OHAI)
		take_ohai(c);
	else if (c->state == STATE_KEYS)
		take_keys(c);
	else if (c->state == STATE_ANSWER)
		take_answer(c);
}

static void
on_drained(void *arg)
{
	struct dlv_cmtp *c = arg;

	if (c->state == STATE_SENDING)
		c->owner->drained(c->arg);
}

/* The link goes by itself. */
static void
on_end(void *arg, const char *why)
{
	struct dlv_cmtp *c = arg;

	c->link = NULL;
	fail(c, why);
}

static const struct dlv_link_raw raw = { .data = on_data, .drained = on_drained,
	.end = on_end };

/* ---- what goes */

static void
send_bytes(struct dlv_cmtp *c, struct slice bytes)
{
	dlv_link_set_deadline(c->link, loop_now(c->loop) + DLV_CMTP_STEP_MS);
	dlv_link_write(c->link, bytes);
}

bool
dlv_cmtp_is_offered(const struct dlv_link *l)
{
	return dlv_link_is_inside_tls(l) && smtp_caps_has(dlv_link_caps(l), SMTP_CAP_CMTP2) &&
	    dlv_link_can_next(l);
}

struct dlv_cmtp *
dlv_cmtp_new(struct loop *loop, struct dlv_link *take, const struct dlv_cmtp_owner *owner,
    void *arg)
{
	struct dlv_cmtp *c = must_alloc(1, sizeof(*c));

	must(dlv_cmtp_is_offered(take));
	c->loop = loop;
	c->link = take;
	c->owner = owner;
	c->arg = arg;
	buf_init(&c->in, IN_MAX);
	(void)slice_to_cstr(slice_str(dlv_link_host(take)), c->host, sizeof(c->host));
	c->state = dlv_link_kept(take) != NULL ? STATE_IDLE : STATE_OHAI;
	dlv_link_take_over(take, &raw, c);
	if (c->state == STATE_OHAI)
		send_bytes(c, slice_of("OHAI", 5));
	return c;
}

static struct slice
keep(char dst[CMTP_PARAM_MAX], struct slice s)
{
	memcpy(dst, s.p, s.n);
	return slice_of(dst, s.n);
}

enum err
dlv_cmtp_ask(struct dlv_cmtp *c, struct slice user, struct slice domain, uint64_t known)
{
	struct buf b;
	enum err e;

	must(c->state == STATE_IDLE);
	if (user.n > CMTP_PARAM_MAX || domain.n > CMTP_PARAM_MAX)
		return ERR_SYNTAX;
	cry_random(c->nonce, sizeof(c->nonce));
	c->asked = (struct cmtp2_keys_request){ .nonce = slice_of(c->nonce, sizeof(c->nonce)),
		.known = known };
	c->asked.user = user.n > 0 ? keep(c->user, user) : SLICE_NONE;
	c->asked.domain = domain.n > 0 ? keep(c->domain, domain) : SLICE_NONE;
	buf_init(&b, 1024);
	e = cmtp2_keys_ask(&b, &c->asked);
	if (e == ERR_OK) {
		buf_consume(&c->in, c->used);
		c->used = 0;
		c->state = STATE_KEYS;
		send_bytes(c, buf_slice(&b));
	}
	buf_fini(&b);
	return e;
}

static void
begin_sending(struct dlv_cmtp *c)
{
	must(c->state == STATE_IDLE || c->state == STATE_SENDING);
	if (c->state == STATE_IDLE) {
		buf_consume(&c->in, c->used);
		c->used = 0;
		c->state = STATE_SENDING;
	}
}

void
dlv_cmtp_send(struct dlv_cmtp *c, struct slice bytes)
{
	begin_sending(c);
	send_bytes(c, bytes);
}

bool
dlv_cmtp_is_clogged(const struct dlv_cmtp *c)
{
	return dlv_link_is_clogged(c->link);
}

void
dlv_cmtp_send_last(struct dlv_cmtp *c, struct slice bytes, unsigned destinations)
{
	begin_sending(c);
	c->destinations = destinations;
	c->state = STATE_ANSWER;
	send_bytes(c, bytes);
	dlv_link_set_deadline(c->link, loop_now(c->loop) + DLV_CMTP_ANSWER_MS);
}

const char *
dlv_cmtp_host(const struct dlv_cmtp *c)
{
	return c->host;
}

_Static_assert(DLV_LINK_DOMAIN_MAX >= CMTP_PARAM_MAX, "a domain fits");

void
dlv_cmtp_keep(struct dlv_cmtp **cp, struct slice domain, const unsigned char sign[CRY_KEY_BYTES],
    const struct cmtp2_pact *pact)
{
	struct dlv_cmtp *c = *cp;
	struct dlv_link_kept kept;

	if (c != NULL && c->state == STATE_IDLE && c->used == c->in.n &&
	    slice_to_cstr(domain, kept.domain, sizeof(kept.domain))) {
		memcpy(kept.sign, sign, sizeof(kept.sign));
		kept.pact = *pact;
		dlv_link_keep(&c->link, &kept);
		cmtp2_pact_end(&kept.pact);
	}
	dlv_cmtp_free(cp);
}

void
dlv_cmtp_free(struct dlv_cmtp **cp)
{
	struct dlv_cmtp *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->link != NULL)
		dlv_link_leave(&c->link);
	buf_fini(&c->in);
	free(c);
}
