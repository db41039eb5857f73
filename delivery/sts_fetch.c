/* SPDX-License-Identifier: ISC */
#include "delivery/sts_fetch.h"

#include <stdlib.h>

#include "delivery/https_call.h"
#include "lib/base/must.h"
#include "lib/conf/conf_hop.h"

struct sts_fetch {
	struct https_call	*call;
	sts_fetch_fn		*fn;
	void			*arg;
};

void
sts_fetch_cancel(struct sts_fetch **fp)
{
	struct sts_fetch *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	https_call_cancel(&f->call);
	free(f);
}

static void
on_reply(void *arg, const struct https_call_result *reply)
{
	struct sts_fetch *f = arg;
	struct sts_fetch_result r = { .e = reply->e, .why = reply->why,
	    .failure = reply->is_webpki ? TLS_FAILURE_STS_WEBPKI : TLS_FAILURE_STS_FETCH };

	if (reply->e == ERR_OK) {
		r.failure = TLS_FAILURE_STS_INVALID;
		r.e = sts_policy_parse(&r.policy, reply->body, &r.why);
	}
	f->fn(f->arg, &r);
	sts_policy_unref(&r.policy);
	free(f);
}

struct sts_fetch *
sts_fetch_new(const struct sts_fetch_params *p, sts_fetch_fn *fn, void *arg)
{
	struct sts_fetch *f = must_alloc(1, sizeof(*f));
	struct https_call_params call = { .loop = p->loop, .dns = p->dns, .tls = p->tls,
	    .port = p->port, .path = "/.well-known/mta-sts.txt", .reply_max = STS_BODY_MAX };
	struct buf host;

	f->fn = fn;
	f->arg = arg;
	buf_init(&host, 2 * CONF_HOP_NAME_MAX);
	buf_put_str(&host, "mta-sts.");
	buf_put_slice(&host, p->domain);
	call.host = buf_cstr(&host);
	f->call = https_call_new(&call, on_reply, f);
	buf_fini(&host);
	return f;
}
