/* SPDX-License-Identifier: ISC */
#include "keyd/key_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "keyd/key_chain.h"
#include "keyd/key_login.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/conf/conf_sections.h"

enum { VALUE_BYTES = 16, LABEL_MAX = 48, ANSWER_MAX = 32000 };

struct span {
	uint64_t	 created_s;
	uint64_t	 expires_s;
};

struct key_host {
	struct secret_arena	*arena;
	unsigned char		*secret;	/* of the newest, in the arena */
	unsigned		 count;
	struct span		 spans[KEY_HOST_GENERATIONS_MAX];
};

/* ---- the keys of a generation, which is also the serial of its record */

static void
derive(const struct keyd *k, unsigned char out[32], const char *use, unsigned generation)
{
	char label[LABEL_MAX];

	(void)snprintf(label, sizeof(label), "godwit cmtp 2 server %s %u", use, generation);
	cry_subkey(out, k->roots.cmtp2, label);
}

static void
signing_pair(const struct keyd *k, unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_ED_SECRET_BYTES], unsigned generation)
{
	unsigned char seed[CRY_ED_SEED_BYTES];

	derive(k, seed, "sign", generation);
	cry_ed_pair(public_key, secret_key, seed);
	secret_wipe(seed, sizeof(seed));
}

static void
sealing_public(const struct keyd *k, unsigned char public_key[CRY_KEY_BYTES], unsigned generation)
{
	unsigned char secret[CRY_KEY_BYTES];

	derive(k, secret, "seal", generation);
	cry_box_public(public_key, secret);
	secret_wipe(secret, sizeof(secret));
}

static void
use_newest(struct keyd *k)
{
	unsigned char public_key[CRY_KEY_BYTES];

	signing_pair(k, public_key, k->host->secret, k->host->count);
}

/* ---- generations */

static uint32_t
number_of(unsigned generation)
{
	return KEY_VALUE_CMTP2 + generation;
}

enum err
key_host_rotate(struct keyd *k)
{
	struct key_host *h = k->host;
	struct span s = { .created_s = key_now_s(k) };
	unsigned char bytes[VALUE_BYTES];
	enum err e;

	s.expires_s = s.created_s + key_options(k)->cmtp_key_lifetime / 1000;
	if (h->count == KEY_HOST_GENERATIONS_MAX)
		return ERR_LIMIT;
	enc_be64(bytes, s.created_s);
	enc_be64(bytes + 8, s.expires_s);
	e = key_ring_put_value(k->ring, number_of(h->count + 1), slice_of(bytes, sizeof(bytes)));
	if (e != ERR_OK)
		return e;
	h->spans[h->count++] = s;
	use_newest(k);
	log_event(LOG_key, log_str("action", h->count == 1 ? "make" : "rotate"),
	    log_str("key", "cmtp2"));
	return ERR_OK;
}

bool
key_host_is_due(const struct keyd *k)
{
	const struct span *s = &k->host->spans[k->host->count - 1];
	uint64_t now_s = key_now_s(k);

	return now_s >= s->expires_s || s->expires_s - now_s < (s->expires_s - s->created_s) / 2;
}

struct key_host *
key_host_new(struct keyd *k)
{
	struct key_host *h = must_alloc(1, sizeof(*h));
	enum err e;

	h->arena = k->arena;
	h->secret = secret_arena_alloc(k->arena, CRY_ED_SECRET_BYTES);
	must(h->secret != NULL);
	k->host = h;
	while (h->count < KEY_HOST_GENERATIONS_MAX) {
		struct slice v = key_ring_value(k->ring, number_of(h->count + 1));

		if (v.n != VALUE_BYTES)
			break;
		h->spans[h->count++] = (struct span){ dec_be64(v.p), dec_be64(v.p + 8) };
	}
	if (h->count > 0)
		use_newest(k);
	else if ((e = key_host_rotate(k)) != ERR_OK)
		log_fatal("keys/ring cannot be written: %s", err_text(e));
	return h;
}

void
key_host_free(struct key_host **hp)
{
	struct key_host *h = *hp;

	if (h == NULL)
		return;
	secret_arena_release(h->arena, h->secret, CRY_ED_SECRET_BYTES);
	free(h);
	*hp = NULL;
}

/* ---- signatures */

enum err
key_host_sign(const struct keyd *k, uint64_t *serial, const struct cmtp_sign *s,
    unsigned char sig[CRY_ED_SIG_BYTES])
{
	unsigned char public_key[CRY_KEY_BYTES], before[CRY_ED_SECRET_BYTES];
	unsigned newest = k->host->count;

	if (*serial == 0)
		*serial = newest;
	if (*serial == newest) {
		cmtp_sign_make(sig, s, k->host->secret);
		return ERR_OK;
	}
	if (*serial + 1 != newest)
		return ERR_NOTFOUND;
	signing_pair(k, public_key, before, newest - 1);
	cmtp_sign_make(sig, s, before);
	secret_wipe(before, sizeof(before));
	return ERR_OK;
}

void
key_host_sign_record(const struct keyd *k, struct cmtp_key *r)
{
	cmtp_key_sign_server(r, k->host->secret);
}

/* ---- the chain */

/* Of a domain section that has mail of its own here, or stands for one that has. */
static bool
is_ours(const struct keyd *k, struct slice domain)
{
	char mem[KEY_ADDRESS_MAX + 1];
	struct slice address;
	struct buf b;
	bool ours;

	buf_init(&b, KEY_ADDRESS_MAX);
	buf_put_str(&b, "postmaster@");
	buf_put_slice(&b, domain);
	ours = buf_err(&b) == ERR_OK &&
	    key_login_address(k, buf_slice(&b), mem, &address) == ERR_OK &&
	    key_login_domain(k, address) != NULL;
	buf_fini(&b);
	return ours;
}

enum err
key_host_domain(const struct keyd *k, struct slice asked, char dst[CMTP_KEY_NAME_MAX + 1],
    struct slice *domain)
{
	const struct godwit_options *g = daemon_options(k->app, "godwit", NULL);
	struct slice host = slice_str(g->hostname);

	if (asked.n == 0)
		asked = host;
	if (asked.n == 0 || asked.n > CMTP_KEY_NAME_MAX ||
	    (!slice_ieq(asked, host) && !is_ours(k, asked)))
		return ERR_NOTFOUND;
	for (size_t i = 0; i < asked.n; i++)
		dst[i] = ascii_lower(asked.p[i]);
	*domain = slice_of(dst, asked.n);
	return ERR_OK;
}

static void
describe(const struct keyd *k, struct cmtp_key *r, struct slice domain, unsigned generation)
{
	const struct span *s = &k->host->spans[generation - 1];

	*r = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = generation,
		.created_s = s->created_s, .expires_s = s->expires_s, .domain = domain };
	sealing_public(k, r->seal, generation);
}

void
key_host_records(const struct keyd *k, struct slice domain, uint64_t known, struct buf *records,
    unsigned *count)
{
	unsigned char secret[CRY_ED_SECRET_BYTES], before[CRY_ED_SECRET_BYTES];
	unsigned newest = k->host->count;
	struct cmtp_key r, last;

	*count = 0;
	for (unsigned g = 1; g <= newest; g++) {
		describe(k, &r, domain, g);
		signing_pair(k, r.sign, secret, g);
		key_chain_link(&r, g > 1 ? &last : NULL, secret, g > 1 ? before : NULL);
		cmtp_key_sign_server(&r, secret);
		if ((g > known || g == newest) && newest - g < KEY_HOST_RECORDS_MAX &&
		    cmtp_key_put(records, &r) == ERR_OK)
			++*count;
		last = r;
		memcpy(before, secret, sizeof(before));
	}
	secret_wipe(secret, sizeof(secret));
	secret_wipe(before, sizeof(before));
}

/* ---- what gwkey asks for */

static void
put_date(struct buf *b, uint64_t s)
{
	struct clock_date d;

	clock_to_date((int64_t)s, &d);
	buf_printf(b, "%04d-%02d-%02d", d.year, d.month, d.day);
}

static void
put_key(const struct keyd *k, struct buf *b, unsigned generation)
{
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES];

	signing_pair(k, key, secret, generation);
	secret_wipe(secret, sizeof(secret));
	enc_put_base64(b, slice_of(key, sizeof(key)));
}

/* The newest first. */
void
key_host_show(const struct key_tool_request *q)
{
	const struct key_host *h = q->k->host;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	for (unsigned g = h->count; g > 0 && h->count - g < KEY_HOST_RECORDS_MAX; g--) {
		buf_printf(&b, "cmtp2 %u ", g);
		put_date(&b, h->spans[g - 1].created_s);
		buf_put_char(&b, ' ');
		put_date(&b, h->spans[g - 1].expires_s);
		buf_put_char(&b, ' ');
		put_key(q->k, &b, g);
		buf_put_char(&b, '\n');
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}

/* A line that does not fit is left out whole: so many domains have a zone by script. */
void
key_host_show_dns(const struct key_tool_request *q)
{
	const struct domain_options *o;
	const char *title;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	for (unsigned i = 0; (o = daemon_section(q->k->app, "domain", i, &title)) != NULL; i++) {
		if ((o->class != CONF_CLASS_MAILBOX && o->class != CONF_CLASS_ALIAS) ||
		    b.n + strlen(title) + 100 > ANSWER_MAX)
			continue;
		buf_printf(&b, "_cmtp.%s. IN TXT \"v=CMTP2; p=", title);
		put_key(q->k, &b, q->k->host->count);
		buf_put_str(&b, "\"\n");
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}

void
key_host_rotate_now(const struct key_tool_request *q)
{
	enum err e = key_host_rotate(q->k);

	if (e == ERR_OK)
		key_host_show(q);
	else if (e == ERR_LIMIT)
		key_tool_reply(q->k, q->id, EX_DATAERR, "it was rotated too often", SLICE_NONE);
	else
		key_tool_reply_err(q->k, q->id, e, SLICE_NONE);
}
