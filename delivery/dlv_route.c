/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

static char *
copy(const char *s)
{
	char *p = must_alloc(1, strlen(s) + 1);

	memcpy(p, s, strlen(s));
	return p;
}

/* The first thing that is wrong is told. */
static void
fault(struct dlv_route *r, const char *option, const char *value)
{
	struct buf b;

	if (r->fault != NULL)
		return;
	buf_init(&b, OPT_STRING_MAX * 3);
	buf_printf(&b, "%s = \"%s\" cannot be used", option, value);
	r->fault = copy(buf_cstr(&b));
	buf_fini(&b);
}

static unsigned
count_of(const struct opt_list *l)
{
	return l->n < DLV_LIST_MAX ? l->n : DLV_LIST_MAX;
}

static void
read_fallbacks(struct dlv_route *r, const struct opt_list *l, uint16_t port)
{
	unsigned n = count_of(l);

	r->fallbacks = must_alloc(n + 1, sizeof(*r->fallbacks));
	for (unsigned i = 0; i < n; i++) {
		if (conf_hop_parse(slice_str(l->v[i]), port, &r->fallbacks[i]) != ERR_OK)
			fault(r, "fallback", l->v[i]);
		else
			r->fallback_count++;
	}
}

static void
read_names(struct dlv_route *r, const struct opt_list *l)
{
	char name[CONF_HOP_NAME_MAX + 2];
	unsigned n = count_of(l);

	r->names = must_alloc(n + 1, sizeof(*r->names));
	for (unsigned i = 0; i < n; i++) {
		if (conf_route_name(slice_str(l->v[i]), name) != ERR_OK)
			fault(r, "tls_names", l->v[i]);
		else
			r->names[r->name_count++] = copy(name);
	}
}

static void
read_prints(struct dlv_route *r, const struct opt_list *l)
{
	unsigned n = count_of(l);

	r->prints = must_alloc(n + 1, sizeof(*r->prints));
	for (unsigned i = 0; i < n; i++) {
		if (conf_route_print(slice_str(l->v[i]), r->prints[i]) != ERR_OK)
			fault(r, "tls_fingerprints", l->v[i]);
		else
			r->print_count++;
	}
}

static void
read_origins(struct dlv_route *r, const struct opt_list *l)
{
	unsigned n = count_of(l);

	r->origins = must_alloc(n + 1, sizeof(*r->origins));
	for (unsigned i = 0; i < n; i++) {
		if (conf_route_origin(slice_str(l->v[i]), &r->origins[r->origin_count]) != ERR_OK)
			fault(r, "source", l->v[i]);
		else
			r->origin_count++;
	}
}

struct dlv_route *
dlv_route_new(const char *title, const struct route_options *o,
    const struct relay_options *relay)
{
	struct dlv_route *r = must_alloc(1, sizeof(*r));
	static const struct opt_list none = { NULL, 0 };
	bool own_source = o != NULL && o->source.n > 0;

	r->refs = 1;
	r->title = copy(title);
	r->has_relay = o != NULL && o->relay[0] != '\0';
	r->login = copy(o != NULL ? o->login : "");
	r->protocol = o != NULL ? (enum conf_route_protocol)o->protocol : CONF_ROUTE_SMTP;
	r->cmtp = o != NULL ? (enum dlv_cmtp_policy)o->cmtp : DLV_CMTP_MAY;
	r->cmtp1 = o != NULL && o->cmtp1;
	r->tls = (enum conf_relay_tls)(o != NULL ? o->tls : relay->tls);
	read_fallbacks(r, o != NULL ? &o->fallback : &relay->fallback, (uint16_t)relay->port);
	read_names(r, o != NULL ? &o->tls_names : &none);
	read_prints(r, o != NULL ? &o->tls_fingerprints : &none);
	read_origins(r, own_source ? &o->source : &relay->source);
	if (r->tls == CONF_RELAY_TLS_FINGERPRINT && r->print_count == 0)
		fault(r, "tls_fingerprints", "");
	return r;
}

struct dlv_route *
dlv_route_ref(struct dlv_route *r)
{
	r->refs++;
	return r;
}

void
dlv_route_unref(struct dlv_route **rp)
{
	struct dlv_route *r = *rp;

	*rp = NULL;
	if (r == NULL || --r->refs > 0)
		return;
	for (unsigned i = 0; i < r->name_count; i++)
		free(r->names[i]);
	free(r->names);
	free(r->title);
	free(r->login);
	free(r->fallbacks);
	free(r->prints);
	free(r->origins);
	free(r->fault);
	free(r);
}

const char *
dlv_route_fault(const struct dlv_route *r)
{
	return r->fault;
}

const struct conf_origin *
dlv_route_origin(struct dlv_route *r, bool is_v4)
{
	for (unsigned i = 0; i < r->origin_count; i++) {
		unsigned k = (r->turn + i) % r->origin_count;

		if (r->origins[k].addr.is_v4 == is_v4) {
			r->turn = k + 1;
			return &r->origins[k];
		}
	}
	return NULL;
}
