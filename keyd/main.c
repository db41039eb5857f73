/* SPDX-License-Identifier: ISC */
/*
 * keyd: every secret, no network.  Only processes that master wired can ask,
 * each for what its row in key_gate.c says.
 */
#include <unistd.h>

#include "keyd/key_cmtp.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_enter.h"
#include "keyd/key_facts.h"
#include "keyd/key_gate.h"
#include "keyd/key_hash.h"
#include "keyd/key_host.h"
#include "keyd/key_login.h"
#include "keyd/key_open.h"
#include "keyd/key_pin.h"
#include "keyd/key_scram.h"
#include "keyd/key_spool.h"
#include "keyd/key_state.h"
#include "keyd/key_tls.h"
#include "keyd/key_token.h"
#include "keyd/key_tool.h"
#include "keyd/key_vault.h"
#include "keyd/key_visit.h"
#include "lib/base/log.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_sign.h"
#include "lib/io/tls_random.h"

/* With OpenSSL's locked heap (16 KiB) well under 64 KiB of locked memory. */
#define ARENA_BYTES	(24u << 10)

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_DOMAIN_SECTION, KEYD_OPT_SECTION, OPT_SECTIONS_END
};

static void
unlock(struct keyd *k)
{
	const char *name = NULL, *why;
	int fd = daemon_file(k->app, "root_key", 0, &name);
	enum err e;

	if (fd < 0)
		log_fatal("no root key: set key_root_file, or run godwit setup");
	e = key_unlock(&k->roots, k->arena, fd);
	if (e != ERR_OK)
		log_fatal("root key %s: %s", name, e == ERR_SYNTAX ?
		    "not 32 bytes or 64 hex digits" : err_text(e));
	e = key_ring_open(&k->ring, daemon_dir(k->app), k->roots.ring, key_now_s(k), &why);
	if (e != ERR_OK)
		log_fatal("%s", why);
	if (key_ring_is_new(k->ring))
		log_event(LOG_key, log_str("action", "make"), log_str("key", "ring"));
	if (key_ring_torn_bytes(k->ring) > 0)
		log_event(LOG_recover, log_str("what", "keys/ring"),
		    log_num("bytes", key_ring_torn_bytes(k->ring)));
}

static void
load(struct daemon_app *app)
{
	struct keyd *k = daemon_state(app);

	k->app = app;
	k->loop = daemon_loop(app);
	cry_init();
	if (tls_random_use() != ERR_OK)
		log_fatal("cannot give OpenSSL the kernel's randomness");
	cry_sign_init();
	k->arena = secret_arena_new(ARENA_BYTES);
	k->aead = cry_aead_new();
	unlock(k);
	key_spool_init(k);
	k->vaults = key_vaults_new(k->arena);
	k->scrams = key_scrams_new();
	k->tokens = key_tokens_new(k);
	k->open = key_open_new(k->arena);
	k->cmtp = key_cmtp_new(k);
	k->host = key_host_new(k);
	k->cmtp2 = key_cmtp2_new(k);
	k->pins = key_pin_open(k);
	k->enter = key_enter_new(k);
	k->gate = key_gate_new(k);
	k->login = key_login_new(k);
	k->visits = key_visits_new();
	k->facts = key_facts_new(k);
	k->tls = key_tls_new(k);
	k->hash = key_hash_new(k->loop, key_login_threads(key_options(k)->password_threads,
	    sysconf(_SC_NPROCESSORS_ONLN)));
}

static void
reload(struct daemon_app *app)
{
	struct keyd *k = daemon_state(app);

	key_tls_reload(k);
	/* Quotas of domains are part of the facts. */
	key_facts_replay(k);
}

static void
drain(struct daemon_app *app)
{
	struct keyd *k = daemon_state(app);

	/* Every change is on disk already. */
	k->is_draining = true;
	daemon_drained(app);
}

static void
status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	struct keyd *k = daemon_state(app);

	*sessions = 0;
	key_tls_note(k, note);
	if (secret_arena_kind(k->arena) == SECRET_GUARDED)
		buf_put_str(note, "; secrets are not locked in memory");
}

static const struct daemon_peer peers[] = {
	{ IPC_SMTPD, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_CMTPD, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_IMAPD, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_RELAY, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_QUEUE, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_STORE, key_gate_handlers, key_gate_joined, key_gate_left },
	{ IPC_NOBODY, NULL, NULL, NULL }
};

static const struct daemon keyd = {
	.name		= "keyd",
	.role		= IPC_KEYD,
	.options	= sections,
	.state_bytes	= sizeof(struct keyd),
	.peers		= peers,
	.may		= MAY_IPC | MAY_FILES | MAY_THREADS | MAY_SECRETS,
	.pool_threads	= 1,
	.load		= load,
	.reload		= reload,
	.drain		= drain,
	.status		= status,
	.tool		= key_tool,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&keyd, argc, argv);
}
