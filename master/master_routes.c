/* SPDX-License-Identifier: ISC */
#include "master/master_routes.h"

#include "delivery/delivery_opt.h"
#include "lib/conf/conf_route.h"
#include "lib/conf/conf_sections.h"

enum { ANY_PORT = 25 };

struct text_kind {
	const char	*option;
	bool		(*is_good)(struct slice);
	const char	*wrong;		/* what is wrong; allowed: what */
};

static bool
is_hop(struct slice s)
{
	struct conf_hop h;

	return conf_hop_parse(s, ANY_PORT, &h) == ERR_OK;
}

static bool
is_name(struct slice s)
{
	char mem[CONF_HOP_NAME_MAX + 2];

	return conf_route_name(s, mem) == ERR_OK;
}

static bool
is_print(struct slice s)
{
	unsigned char mem[CONF_PRINT_BYTES];

	return conf_route_print(s, mem) == ERR_OK;
}

static bool
is_origin(struct slice s)
{
	struct conf_origin o;

	return conf_route_origin(s, &o) == ERR_OK;
}

#define HOP_WRONG	"no host; allowed: a domain or [host], each with a port or not, " \
			"e.g. [mx1.example.net]:587, [192.0.2.1]"
static const struct text_kind relay_kind = { "relay", is_hop, HOP_WRONG };
static const struct text_kind fallback_kind = { "fallback", is_hop, HOP_WRONG };
static const struct text_kind name_kind = { "tls_names", is_name,
	"no name of a certificate; allowed: host names, e.g. mx1.example.net, .example.net" };
static const struct text_kind print_kind = { "tls_fingerprints", is_print,
	"no SHA-256 digest; allowed: 64 hexadecimal digits, with colons or without" };
static const struct text_kind origin_kind = { "source", is_origin,
	"no address; allowed: addresses, each with a name or not, "
	"e.g. 192.0.2.1, 2001:db8::1=mx2.example.net" };

static void
check_text(const struct conf_section *s, const struct text_kind *k, const char *text,
    struct buf *errors)
{
	if (!k->is_good(slice_str(text)))
		conf_fault(errors, s, k->option, "\"%s\" is %s", text, k->wrong);
}

static void
check_list(const struct conf_section *s, const struct text_kind *k, const struct opt_list *l,
    struct buf *errors)
{
	for (uint32_t i = 0; i < l->n; i++)
		check_text(s, k, l->v[i], errors);
}

static void
check_route(const struct conf_section *s, struct buf *errors)
{
	const struct route_options *o = s->values;

	if (o->relay[0] != '\0')
		check_text(s, &relay_kind, o->relay, errors);
	check_list(s, &fallback_kind, &o->fallback, errors);
	check_list(s, &name_kind, &o->tls_names, errors);
	check_list(s, &print_kind, &o->tls_fingerprints, errors);
	check_list(s, &origin_kind, &o->source, errors);
	if (o->tls == CONF_RELAY_TLS_FINGERPRINT && o->tls_fingerprints.n == 0)
		conf_fault(errors, s, "tls_fingerprints", "missing with tls = \"fingerprint\"; "
		    "allowed: 64 hexadecimal digits, with colons or without");
}

void
master_routes_check(const struct conf *c, struct buf *errors)
{
	const struct conf_section *s = conf_find(c, "relay", 0);
	const struct relay_options *relay = s->values;

	check_list(s, &fallback_kind, &relay->fallback, errors);
	check_list(s, &origin_kind, &relay->source, errors);
	for (size_t i = 0; (s = conf_find(c, "route", i)) != NULL; i++)
		check_route(s, errors);
}
