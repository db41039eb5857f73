/* SPDX-License-Identifier: ISC */
/*
 * One search for the server key of a domain, or a request for keys that is
 * passed on to it, for dlv_lookup.c, which knows who asks for what.
 * dlv_search.c: what is known of it, what came of it, and its life;
 * dlv_search_host.c: the domain's hosts and the DNS; dlv_search_pass.c: what is
 * passed on; dlv_search_pass1.c: the same by version 1.  At any moment it awaits
 * one thing: keyd, another search, the finder, a place in the pool's line, the
 * link, the conversation or the DNS.
 */
#ifndef DLV_SEARCH_H
#define DLV_SEARCH_H

#include "delivery/dlv_cmtp.h"
#include "delivery/dlv_cmtp1.h"
#include "delivery/dlv_lookup.h"
#include "lib/base/map.h"
#include "lib/cmtp/cmtp_pin.h"

#define DLV_SEARCH_REASON_MAX	255u

struct dlv_lookup_asker {
	struct list		 link;
	struct ipc_peer		*peer;		/* NULL: fn */
	dlv_lookup_fn		*fn;
	void			*arg;
	uint64_t		 id;
	uint64_t		 serial;	/* of what is passed on: the one known */
};

enum dlv_search_kind {
	DLV_SEARCH_SERVER,	/* the server's key */
	DLV_SEARCH_PASS,	/* passed on */
	DLV_SEARCH_PASS1	/* passed on by version 1 */
};

struct dlv_search {
	struct list		 link;		/* of the lookup's */
	struct map_node		 node;
	struct dlv_lookup	*lookup;
	enum dlv_search_kind	 kind;
	struct list		 askers;
	bool			 is_over;	/* an answer to remember */
	enum err		 error;
	char			 reason[DLV_SEARCH_REASON_MAX + 1];
	uint64_t		 until_ms;	/* is_over: remembered */
	struct timer		 deadline;
	struct loop_idle	 turn;		/* begins */
	struct dlv_keyd_call	 call;
	struct dlv_find		*find;
	struct dlv_target	 target;	/* its tls is counted */
	char			 host[CONF_HOP_NAME_MAX + 1];
	struct dlv_pool_place	 place;
	struct dlv_link		*link_up;
	struct dlv_cmtp		*cmtp;
	struct dlv_cmtp1	*cmtp1;		/* before it takes it, the link stays */
	bool			 asked_all;	/* from the first record on */
	struct dns_ticket	*ticket;
	struct buf		 pin;		/* before; empty: none */
	struct buf		 records;	/* that came */
	struct buf		 fresh;		/* the pin to be */
	/* passed on */
	struct dlv_lookup_asker	*server;	/* its key is looked for */
	unsigned char		 server_sign[CRY_KEY_BYTES];
	uint64_t		 server_serial;
	bool			 is_again;	/* with a newer key of the server */
	uint8_t			 status;	/* with ERR_OK, enum cmtp2_status */
	enum err		 outcome;	/* by version 1, once it is signed */
	const char		*outcome_text;
	unsigned char		 key1[CRY_KEY_BYTES];	/* with ERR_OK, and signed by keyd */
	unsigned char		 sig1[CRY_ED_SIG_BYTES];
	size_t			 user_n;
	char			 user[CMTP_PARAM_MAX + 1];
	size_t			 domain_n;
	char			 domain[CONF_HOP_NAME_MAX + 1];
};

struct dlv_lookup {
	const struct dlv_smtp_env *env;
	struct dlv_route	*route;
	struct map		 by_domain;
	struct list		 searches;
	unsigned		 asker_count;
	unsigned		 open_count;	/* searches not over */
};

/*
 * domain: in lower case, at most CONF_HOP_NAME_MAX; user: of the request, at most
 * CMTP_PARAM_MAX, empty for the server key.  It begins in the loop's next turn.
 */
struct dlv_search *dlv_search_new(struct dlv_lookup *, enum dlv_search_kind, struct slice domain,
		    struct slice user);
struct slice	 dlv_search_domain(const struct dlv_search *);
uint64_t	 dlv_search_now_ms(const struct dlv_search *);
void		 dlv_search_reply(struct ipc_peer *, uint64_t id, enum err, const char *reason,
		    struct slice pin);
/*
 * pin is empty unless ERR_OK; what failed is remembered for a while, and what was
 * passed on whatever came of it.
 */
void		 dlv_search_finish(struct dlv_search *, enum err, const char *reason,
		    struct slice pin);
void		 dlv_search_drop(struct dlv_search *);	/* at any time; nobody is told */

/* Of a request that is passed on; the last one for ERR_OK only. */
void		 dlv_search_pass(struct dlv_search *);
void		 dlv_search_pass_ask(struct dlv_search *);
void		 dlv_search_pass_take(struct dlv_search *, const struct cmtp2_keys_request *,
		    const struct cmtp2_keys_reply *);
void		 dlv_search_pass_refuse(struct ipc_peer *, uint64_t id, enum err);
void		 dlv_search_pass_reply(const struct dlv_search *, struct ipc_peer *, uint64_t id,
		    uint64_t known);

/* Of version 1: the host is ready, in s->link_up. */
void		 dlv_search_pass1_up(struct dlv_search *);
void		 dlv_search_pass1_refuse(struct ipc_peer *, uint64_t id);
void		 dlv_search_pass1_reply(const struct dlv_search *, struct ipc_peer *, uint64_t id);

/* Asks the hosts of the domain, in their order, until one has an answer. */
void		 dlv_search_hosts(struct dlv_search *);
/* This one has none, and why; empty: it does not speak CMTP. */
void		 dlv_search_next_host(struct dlv_search *, const char *why);
/* The records that are to be pinned are in s->records, the pin in s->fresh. */
void		 dlv_search_keep(struct dlv_search *);

#endif
