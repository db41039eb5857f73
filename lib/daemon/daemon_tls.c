/* SPDX-License-Identifier: ISC */
#include "lib/daemon/daemon_tls.h"

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon_priv.h"

#define GET_DEADLINE_MS	30000
#define GET_AGAIN_MS	1000
#define HANDSHAKE_THREADS	4	/* where stacks cannot be switched */

struct daemon_tls {
	struct daemon_app	*app;
	struct tls_ctx		*ctx;
	struct timer		 again;		/* ask for the certificate */
};

/* ---- signatures ---- */

static void
on_signed(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	const struct ipc_tls_signed *reply = m;

	(void)in;
	if (e == ERR_OK && type != IPC_MSG_tls_signed)
		e = ERR_DENIED;
	tls_sign_done(arg, e, e == ERR_OK ? reply->signature : SLICE_NONE);
}

/* With keyd gone, pending requests end with ERR_GONE: ipc sees to that. */
static void
sign(void *arg, struct tls_sign_job *job, uint32_t key, uint16_t scheme,
    struct slice tbs)
{
	struct daemon_tls *t = arg;
	struct ipc_peer *keyd = daemon_peer(t->app, IPC_KEYD, 0);
	struct ipc_tls_sign ask = { .key = key, .scheme = scheme, .tbs = tbs };
	enum err e = ERR_GONE;

	if (keyd != NULL)
		e = ipc_call(keyd, IPC_MSG_tls_sign, &ask, NULL, 0,
		    loop_now(t->app->loop) + DAEMON_TLS_SIGN_MS, on_signed,
		    job, NULL);
	if (e != ERR_OK)
		tls_sign_done(job, e, SLICE_NONE);
}

/* ---- the certificate ---- */

static void
use_cert(struct daemon_tls *t, const struct ipc_tls_cert *m)
{
	enum err e = tls_ctx_set(t->ctx, m->key, m->chain_pem, m->ticket_keys,
	    m->ticket_keys_old);

	if (e != ERR_OK)
		log_event(LOG_tls_failed, log_str("reason",
		    "keyd's certificate cannot be used"));
}

static void
ask_again(struct daemon_tls *t)
{
	timer_set(&t->again, loop_now(t->app->loop) + GET_AGAIN_MS);
}

static void
on_got(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct daemon_tls *t = arg;

	(void)in;
	if (e == ERR_OK && type == IPC_MSG_tls_cert)
		use_cert(t, m);
	else if (e != ERR_GONE)		/* then its successor will be asked */
		ask_again(t);
}

static void
ask(struct daemon_tls *t, struct ipc_peer *keyd)
{
	struct ipc_tls_get get = { 0 };

	if (ipc_call(keyd, IPC_MSG_tls_get, &get, NULL, 0,
	    loop_now(t->app->loop) + GET_DEADLINE_MS, on_got, t,
	    NULL) != ERR_OK)
		ask_again(t);
}

static void
on_again(void *arg)
{
	struct daemon_tls *t = arg;
	struct ipc_peer *keyd = daemon_peer(t->app, IPC_KEYD, 0);

	if (keyd != NULL)
		ask(t, keyd);
}

void
daemon_tls_on_cert(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct daemon_app *app = ipc_peer_arg(p);

	(void)in;
	if (app->tls != NULL)
		use_cert(app->tls, m);
}

void
daemon_tls_on_client_ca(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_tls_client_ca *m = msg;
	struct daemon_app *app = ipc_peer_arg(p);

	(void)in;
	if (app->tls != NULL && tls_ctx_set_client_ca(app->tls->ctx, m->pem) != ERR_OK)
		log_event(LOG_tls_failed, log_str("reason", "client_ca cannot be used"));
}

_Static_assert(TLS_ASK_NOT == (int)CONF_CLIENT_CERTIFICATE_NO &&
    TLS_ASK_VERIFIED == (int)CONF_CLIENT_CERTIFICATE_YES &&
    TLS_ASK_ANY == (int)CONF_CLIENT_CERTIFICATE_ANY, "the option's words are these");

enum tls_ask
daemon_tls_ask(const struct listen_options *o)
{
	return (enum tls_ask)o->client_certificate;
}

enum err
daemon_tls_start(struct daemon_app *app, struct conn *c, enum tls_ask ask)
{
	return conn_start_tls_asking(c, daemon_tls(app), ask);
}

void
daemon_tls_joined(struct daemon_app *app, struct ipc_peer *keyd)
{
	timer_stop(&app->tls->again);
	ask(app->tls, keyd);
}

void
daemon_tls_init(struct daemon_app *app, unsigned max_handshakes)
{
	struct daemon_tls *t = must_alloc(1, sizeof(*t));

	must(app->tls == NULL && app->loop != NULL);
	t->app = app;
	t->ctx = tls_ctx_new(app->loop, sign, t, max_handshakes);
	timer_init(&t->again, app->loop, on_again, t);
	/* No thread can be started later. */
	if (tls_ctx_wants_threads(t->ctx) && app->daemon->pool_threads == 0)
		loop_start_threads(app->loop, HANDSHAKE_THREADS);
	app->tls = t;
}

struct tls_ctx *
daemon_tls(struct daemon_app *app)
{
	return app->tls != NULL ? app->tls->ctx : NULL;
}

bool
daemon_tls_is_ready(struct daemon_app *app)
{
	return app->tls != NULL && tls_ctx_is_ready(app->tls->ctx);
}
