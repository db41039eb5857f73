/* SPDX-License-Identifier: ISC */
#include "delivery/tlsrpt_policy.h"

#include "lib/base/enc.h"

void
tlsrpt_policy_init(struct tlsrpt_policy *p)
{
	*p = (struct tlsrpt_policy){ .type = TLS_POLICY_NONE };
	buf_init(&p->text, TLS_TALLY_TEXT_MAX);
}

void
tlsrpt_policy_fini(struct tlsrpt_policy *p)
{
	buf_fini(&p->text);
}

static void
set_domain(struct tlsrpt_policy *p, const char *name)
{
	(void)slice_to_cstr(slice_str(name), p->domain, sizeof(p->domain));
}

/* RFC 6698 s2.2: "3 1 1 <hex>"; lines that find no room are left out. */
static void
put_tlsa(struct buf *b, const struct dns_record *r)
{
	if (b->n + 2 * r->data.n + 16 > TLS_TALLY_TEXT_MAX)
		return;
	buf_printf(b, "%u %u %u ", r->usage, r->selector, r->matching);
	enc_put_hex(b, r->data);
	buf_put_char(b, '\n');
}

static bool
has_tlsa(const struct dlv_tls_facts *f)
{
	return f->tlsa != NULL && f->tlsa->status == DNS_OK && f->tlsa->is_secure;
}

static void
read_tlsa(struct tlsrpt_policy *p, const struct dlv_tls_facts *f, const struct dlv_tls *tls)
{
	p->type = TLS_POLICY_TLSA;
	set_domain(p, f->base);
	for (size_t i = 0; i < f->tlsa->count; i++)
		put_tlsa(&p->text, &f->tlsa->records[i]);
	/* RFC 8460 s4.3.2.1: none of the records is of use. */
	if (tls == NULL || tls->level != DLV_TLS_DANE)
		p->failure = TLS_FAILURE_TLSA_INVALID;
}

static void
read_sts(struct tlsrpt_policy *p, const struct dlv_tls_facts *f, const struct dlv_tls *tls)
{
	struct buf all;
	struct slice text;

	p->type = TLS_POLICY_STS;
	set_domain(p, f->domain);
	buf_init(&all, STS_TEXT_MAX);
	sts_policy_put(&all, f->sts);
	text = buf_slice(&all);
	/* Whole lines; who has so many hosts knows them. */
	if (text.n > TLS_TALLY_TEXT_MAX)
		text = slice_head(text, slice_rfind(slice_head(text, TLS_TALLY_TEXT_MAX), '\n') + 1);
	buf_put_slice(&p->text, text);
	buf_fini(&all);
	if (tls == NULL || tls->is_unlisted)
		p->failure = TLS_FAILURE_VALIDATION;
}

void
tlsrpt_policy_read(struct tlsrpt_policy *p, const struct dlv_route *r,
    const struct dlv_tls_facts *f, const struct dlv_tls *tls)
{
	buf_reset(&p->text);
	p->failure = TLS_FAILURE_NONE;
	p->type = TLS_POLICY_NONE;
	(void)slice_to_cstr(slice_str(f->domain), p->owner, sizeof(p->owner));
	set_domain(p, f->domain);
	if (f->tlsa != NULL && f->tlsa->status == DNS_SERVFAIL) {
		p->type = TLS_POLICY_TLSA;
		set_domain(p, f->base);
		p->failure = TLS_FAILURE_DNSSEC_INVALID;
	} else if (has_tlsa(f)) {
		read_tlsa(p, f, tls);
	} else if (r->tls == CONF_RELAY_TLS_DANE_ONLY) {
		p->failure = tls == NULL ? TLS_FAILURE_DANE_REQUIRED : TLS_FAILURE_NONE;
	} else if (f->sts != NULL && f->sts->mode != STS_NONE) {
		read_sts(p, f, tls);
	}
}
