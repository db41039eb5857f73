/* SPDX-License-Identifier: ISC */
/*
 * key and list with -2: the records of CMTP 2, asked for inside TLS, judged by
 * those that were seen before (lib/cmtp/cmtp_pin.h), and remembered: a line of
 * the pin in base64 for each name in the file "records".
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cmtpd/gwcmtp_lines.h"
#include "cmtpd/gwcmtp_net2.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp_pin.h"

enum { ASKED_MAX = 2 * (CMTP_PARAM_MAX + 1) + 64 };

struct key2 {
	struct gwcmtp		*g;
	struct gwcmtp_lines	 pins;
	unsigned char		 server_sign[CRY_KEY_BYTES];
};

/* Whose records: their name among the pins, and what is known of them. */
struct asked {
	char			 name[GWCMTP_PIN_NAME_MAX + 1];
	struct cmtp2_keys_request request;
	unsigned char		 nonce[CMTP2_NONCE_BYTES];
	struct buf		 bytes;		/* of the pin */
	struct cmtp_pin		 known;
	bool			 is_known, is_server;
	bool			 has_more;	/* all records are to be asked for */
};

static bool
is_pin(struct slice value)
{
	struct cmtp_pin p;
	struct buf b;
	bool is;

	buf_init(&b, CMTP_PIN_BYTES_MAX + 3);
	is = enc_get_base64(&b, value) == ERR_OK && cmtp_pin_get(&p, buf_slice(&b)) == ERR_OK;
	buf_fini(&b);
	return is;
}

static void
asked_init(struct key2 *k, struct asked *a, const char *user, const char *domain)
{
	struct slice value;

	a->has_more = false;
	a->is_server = user[0] == '\0';
	a->request = (struct cmtp2_keys_request){ .user = slice_str(user),
	    .domain = slice_str(domain), .nonce = slice_of(a->nonce, sizeof(a->nonce)) };
	cry_random(a->nonce, sizeof(a->nonce));
	(void)snprintf(a->name, sizeof(a->name), "%s@%s", user, domain);
	buf_init(&a->bytes, CMTP_PIN_BYTES_MAX + 3);
	a->is_known = gwcmtp_lines_find(&k->pins, slice_str(a->name), &value) &&
	    enc_get_base64(&a->bytes, value) == ERR_OK &&
	    cmtp_pin_get(&a->known, buf_slice(&a->bytes)) == ERR_OK;
	if (a->is_known)
		a->request.known = a->known.newest.serial;
}

/* ---- what is said of it ---- */

static void
show(const char *name, const struct cmtp_key *r, const char *note)
{
	char until[16];
	struct buf b;
	struct tm tm;
	time_t at = (time_t)r->expires_s;

	if (gmtime_r(&at, &tm) == NULL || strftime(until, sizeof(until), "%Y-%m-%d", &tm) == 0)
		(void)snprintf(until, sizeof(until), "?");
	buf_init(&b, 200);
	enc_put_base64(&b, slice_of(r->sign, sizeof(r->sign)));
	buf_put_char(&b, ' ');
	enc_put_base64(&b, slice_of(r->seal, sizeof(r->seal)));
	(void)printf("%s %llu %s %s %s\n", name, (unsigned long long)r->serial, until,
	    buf_cstr(&b), note);
	buf_fini(&b);
}

static int
keep(struct key2 *k, const struct asked *a, const struct cmtp_pin *p)
{
	struct buf raw, text;
	enum err e;

	buf_init(&raw, CMTP_PIN_BYTES_MAX);
	buf_init(&text, 2 * CMTP_PIN_BYTES_MAX);
	cmtp_pin_put(&raw, p);
	enc_put_base64(&text, buf_slice(&raw));
	e = gwcmtp_lines_put(&k->pins, slice_str(a->name), buf_slice(&text));
	buf_fini(&text);
	buf_fini(&raw);
	return e == ERR_OK ? EX_OK : gwcmtp_tool_fault(EX_CANTCREAT, k->g->dir, err_text(e));
}

/* ---- one name ---- */

static int
refused(const struct asked *a, uint8_t status)
{
	if (status == CMTP2_NONE && a->is_known)
		return gwcmtp_tool_fault(EX_NOPERM, a->name,
		    "it had a key, and the server says it has none");
	if (status == CMTP2_NONE)
		return gwcmtp_tool_fault(EX_NOUSER, a->name, "the server gives no key");
	return gwcmtp_tool_fault(status == CMTP2_NOT_SERVED ? EX_UNAVAILABLE : EX_TEMPFAIL,
	    a->name, status == CMTP2_NOT_SERVED ?
	    "the server does not say: it is not its domain" : "the server cannot say now");
}

/* The reply holds: what do its records mean to who knows what is known? */
static int
take(struct key2 *k, const struct asked *a, const struct cmtp_pin *fresh, enum cmtp_chain verdict,
    const struct cmtp2_keys_reply *r)
{
	const struct cmtp_key *sign = &fresh->newest;
	int code;

	if (cmtp2_keys_verify(r, &a->request, a->is_server ? sign->sign : k->server_sign) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, a->name, "the reply is not the server's");
	if (a->is_server)
		memcpy(k->server_sign, sign->sign, sizeof(k->server_sign));
	if ((code = keep(k, a, fresh)) == EX_OK)
		show(a->name, sign, cmtp_chain_name(verdict));
	if (code == EX_OK && !cmtp_pin_is_good(verdict))
		code = gwcmtp_tool_fault(EX_NOUSER, a->name, "nothing is to be sealed to this key");
	return code;
}

static int
judge(struct key2 *k, struct asked *a, const struct cmtp2_keys_reply *r)
{
	const struct cmtp_pin_asked who = { .domain = a->request.domain, .user = a->request.user,
	    .server_sign = a->is_server ? NULL : k->server_sign, .now_s = (uint64_t)time(NULL) };
	const struct cmtp_pin *known = a->is_known ? &a->known : NULL;
	enum cmtp_chain verdict;
	struct cmtp_pin fresh;
	enum err e = cmtp_pin_take(&fresh, known, &who, r->records, &verdict);

	if (e == ERR_OK && cmtp_pin_is_break(verdict)) {
		/* The records between may be missing. */
		a->has_more = a->request.known > 0;
		if (a->has_more)
			return EX_OK;
		if (!k->g->accepts)
			return gwcmtp_tool_fault(EX_NOPERM, a->name, "its keys do not go on from those "
			    "that were known; ask its owner, then --accept");
		e = cmtp_pin_take(&fresh, NULL, &who, r->records, &verdict);
	}
	if (e != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, a->name, "its key records do not verify");
	return take(k, a, &fresh, verdict, r);
}

static enum err
read_reply(struct gwcmtp_net *n, struct cmtp2_keys_reply *r, struct slice *in)
{
	struct slice rest;
	enum err e;

	for (;;) {
		*in = rest = link_input(n->link);
		e = in->n == 0 ? ERR_SHORT : cmtp2_keys_read(r, &rest);
		if (e != ERR_SHORT)
			break;
		if ((e = gwcmtp_net_fill(n)) != ERR_OK)
			return e;
	}
	if (e != ERR_OK)
		return gwcmtp_net_fail(n, ERR_SYNTAX, "%s: that is no reply of CMTP 2", n->host);
	*in = slice_head(*in, in->n - rest.n);
	return ERR_OK;
}

static int
exchange(struct key2 *k, struct asked *a)
{
	struct gwcmtp_net *n = &k->g->net;
	struct cmtp2_keys_reply r;
	struct slice used;
	struct buf b;
	enum err e;
	int code;

	buf_init(&b, ASKED_MAX);
	if ((e = cmtp2_keys_ask(&b, &a->request)) == ERR_OK)
		e = gwcmtp_net_write(n, buf_slice(&b));
	else
		e = gwcmtp_net_fail(n, ERR_STATE, "%s: no address", a->name);
	buf_fini(&b);
	if (e == ERR_OK)
		e = read_reply(n, &r, &used);
	if (e != ERR_OK)
		return gwcmtp_tool_net_fault(k->g, e);
	if (r.is_failure)
		return gwcmtp_tool_fault(EX_TEMPFAIL, a->name, "the server cannot say now");
	if (r.status == CMTP2_FOUND)
		code = judge(k, a, &r);
	else if (!a->is_server && cmtp2_keys_verify(&r, &a->request, k->server_sign) != ERR_OK)
		code = gwcmtp_tool_fault(EX_PROTOCOL, a->name, "the reply is not the server's");
	else
		code = refused(a, r.status);
	link_used(n->link, used.n);
	return code;
}

static int
ask(struct key2 *k, const char *user, const char *domain)
{
	struct asked a;
	int code;

	asked_init(k, &a, user, domain);
	code = exchange(k, &a);
	if (a.has_more) {
		a.has_more = false;
		a.request.known = 0;
		cry_random(a.nonce, sizeof(a.nonce));
		code = exchange(k, &a);
	}
	buf_fini(&a.bytes);
	return code;
}

/* ---- the commands ---- */

static int
load(struct key2 *k, struct gwcmtp *g)
{
	enum err e;

	*k = (struct key2){ .g = g };
	e = gwcmtp_lines_load(&k->pins, g->dir, "records", is_pin);
	if (e == ERR_OK)
		return EX_OK;
	gwcmtp_lines_fini(&k->pins);
	return gwcmtp_tool_fault(EX_CONFIG, g->dir, e == ERR_SYNTAX ? "records: a line that is none" :
	    err_text(e));
}

int
gwcmtp_key2(struct gwcmtp *g, const char *address)
{
	struct gwcmtp_address a;
	struct gwcmtp_tls t;
	struct key2 k;
	int code;

	if (!gwcmtp_tool_address(&a, address))
		return gwcmtp_tool_fault(EX_USAGE, address, "no address");
	for (char *p = a.domain; *p != '\0'; p++)
		*p = ascii_lower(*p);
	if ((code = load(&k, g)) != EX_OK)
		return code;
	if ((code = gwcmtp_net2_open(g, &t, a.domain)) == EX_OK) {
		if ((code = ask(&k, "", a.domain)) == EX_OK)
			code = ask(&k, a.user, a.domain);
		gwcmtp_net_hang_up(&g->net);
		gwcmtp_tls_fini(&t);
	}
	gwcmtp_lines_fini(&k.pins);
	return code;
}

int
gwcmtp_list2(struct gwcmtp *g)
{
	struct slice rest, name, value;
	struct cmtp_pin p;
	struct key2 k;
	struct buf b;
	int code = load(&k, g);

	if (code != EX_OK)
		return code;
	rest = buf_slice(&k.pins.text);
	while (gwcmtp_lines_next(&rest, &name, &value)) {
		char text[GWCMTP_PIN_NAME_MAX + 1];

		buf_init(&b, CMTP_PIN_BYTES_MAX + 3);
		if (enc_get_base64(&b, value) == ERR_OK && slice_to_cstr(name, text, sizeof(text)) &&
		    cmtp_pin_get(&p, buf_slice(&b)) == ERR_OK)
			show(text, &p.newest, p.is_broken ? cmtp_chain_name(p.why) : "known");
		buf_fini(&b);
	}
	gwcmtp_lines_fini(&k.pins);
	return EX_OK;
}

/* Its server was seen with CMTP 2, and said that it stays so (man/cmtp.7). */
bool
gwcmtp_key2_is_due(struct gwcmtp *g, const char *domain)
{
	struct asked a;
	struct key2 k;
	bool is_due;

	if (load(&k, g) != EX_OK)
		return true;
	asked_init(&k, &a, "", domain);
	is_due = a.is_known && a.known.newest.kind == CMTP_KEY_LIVE &&
	    a.known.newest.expires_s > (uint64_t)time(NULL);
	buf_fini(&a.bytes);
	gwcmtp_lines_fini(&k.pins);
	return is_due;
}
