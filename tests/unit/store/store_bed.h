/* SPDX-License-Identifier: ISC */
/*
 * A whole store on a loop of its own in a temporary directory, with fake
 * peers on socket pairs.  bed_call runs the loop until the answer is there.
 */
#ifndef STORE_BED_H
#define STORE_BED_H

#include "lib/ipc/ipc_peer.h"
#include "store/store_core.h"

#define BED_PEERS	40
#define BED_OVER	64
#define BED_ACCOUNTS	6

struct bed_peer {
	struct bed	*bed;
	struct ipc_peer	*near;		/* the store's end */
	struct ipc_peer	*far;		/* ours */
	enum ipc_role	 role;
	uint32_t	 instance;
	const unsigned char *window;	/* that the store gave */
	const unsigned char *pulse;	/* the same */
	bool		 is_gone;	/* the store ended it */
};

struct bed_reply {
	enum err	 e;		/* of the call itself */
	uint16_t	 type;
	union ipc_any	 m;
	struct buf	 bytes;		/* what m points to */
	int		 fd;		/* first descriptor, or -1 */
};

struct bed {
	char		 dir[64];
	int		 dir_fd;
	struct loop	*loop;
	struct store	 store;
	unsigned	 shards;
	uint64_t	 segment_bytes;
	struct bed_peer	 peers[BED_PEERS];
	unsigned	 peer_n;
	struct bed_reply reply;		/* of the last bed_call */
	bool		 has_reply;
	unsigned	 notified;	/* store_notify seen */
	char		 entries[200];	/* store_notify_metadata: "box name name;" */
	struct ipc_store_notify last_notify;
	/* what queue was told */
	unsigned	 over_told;
	unsigned	 over_n;
	uint64_t	 over[BED_OVER];
	unsigned	 over_domains;
	/* keyd's answer to epoch_rekey; NULL: it comes never */
	void		 (*on_rekey)(struct ipc_peer *, const struct ipc_epoch_rekey *,
			    struct ipc_in *);
	/* reservations of bed_append */
	uint64_t	 epoch[BED_ACCOUNTS + 1];
	uint64_t	 next_content[BED_ACCOUNTS + 1];
	uint64_t	 end_content[BED_ACCOUNTS + 1];
	uint64_t	 next_msg;
};

void		 bed_init(struct bed *, unsigned shards);
void		 bed_fini(struct bed *);		/* removes the directory */
void		 bed_open(struct bed *);
void		 bed_crash(struct bed *);		/* drops what is not durable */
void		 bed_close(struct bed *);		/* drains */
void		 bed_checkpoint(struct bed *);
void		 bed_settle(struct bed *);		/* until nothing is in flight */

struct bed_peer	*bed_peer(struct bed *, enum ipc_role, uint32_t instance);
void		 bed_leave(struct bed *, struct bed_peer *);

struct bed_reply *bed_call_fd(struct bed *, struct bed_peer *, enum ipc_type, const void *m, int fd);
struct bed_reply *bed_call(struct bed *, struct bed_peer *, enum ipc_type, const void *m);
void		 bed_send(struct bed *, struct bed_peer *, enum ipc_type, const void *m);
/* One turn of the loop, until everything sent was seen. */
void		 bed_turn(struct bed *);

/* keyd's facts and a token. */
void		 bed_accounts(struct bed *, struct bed_peer *keyd);
void		 bed_token(unsigned char out[64], uint64_t account, uint32_t instance);
uint32_t	 bed_login(struct bed *, struct bed_peer *imapd, uint64_t account);

/* A message from deliver; every call a new one. */
struct bed_reply *bed_append(struct bed *, struct bed_peer *, uint32_t handle, uint64_t account,
		    const char *mailbox, uint32_t flags, struct slice body);
/* The fields of one, ready to be spoilt. */
void		 bed_append_fill(struct bed *, struct bed_peer *, uint32_t handle,
		    uint64_t account, struct ipc_store_append *);

/* All of the store is sound; fails the test otherwise. */
void		 bed_check(struct bed *);

#endif
