/* SPDX-License-Identifier: ISC */
/*
 * The process: what main.c makes and every part is handed.  Parts own their
 * own struct; none reaches into another's.
 */
#ifndef KEY_STATE_H
#define KEY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "keyd/keyd_opt.h"
#include "keyd/key_ring.h"
#include "keyd/key_unlock.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/secret_arena.h"
#include "lib/daemon/daemon.h"

struct keyd {
	struct daemon_app	*app;
	struct loop		*loop;
	struct secret_arena	*arena;
	struct cry_aead		*aead;
	struct key_roots	 roots;
	struct key_ring		*ring;
	struct key_hash		*hash;
	struct key_gate		*gate;
	struct key_login	*login;
	struct key_tokens	*tokens;
	struct key_vaults	*vaults;
	struct key_scrams	*scrams;
	struct key_visits	*visits;
	struct key_open		*open;
	struct key_tls		*tls;
	struct key_cmtp		*cmtp;
	struct key_host		*host;
	struct key_cmtp2	*cmtp2;
	struct key_book		*pins;
	struct key_enter	*enter;
	struct key_facts	*facts;
	bool			 is_draining;
};

static inline const struct keyd_options *
key_options(const struct keyd *k)
{
	return daemon_options(k->app, "keyd", NULL);
}

static inline uint64_t
key_now_s(const struct keyd *k)
{
	return loop_real_ms(k->loop) / 1000;
}

#endif
