/* SPDX-License-Identifier: ISC */
/*
 * The queue's core in one loop with neighbours played by the test: two
 * smtpds, deliver and store on socket pairs, keyd by direct calls.  Calls of
 * the smtpds block until answered.  Everything that should not fail fails
 * the test.
 */
#ifndef FAKE_QUEUE_H
#define FAKE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue_core.h"
#include "tests/unit/queue/spool_dir.h"

#define FAKE_SMTPDS	3
#define FAKE_CMTPD	2		/* the last of them */
#define FAKE_INSTANCE	100u	/* of the first smtpd */
#define FAKE_ALICE	11u
#define FAKE_BOB	12u
#define FAKE_CAROL	13u	/* disabled */

/* What deliver does with a job. */
enum fake_deliver { FAKE_OK, FAKE_TEMP, FAKE_AWAY, FAKE_PERM, FAKE_HOLD, FAKE_FOREIGN };

struct fake_answer {
	bool		 done;
	enum err	 error;		/* of the call */
	uint16_t	 type;
	uint64_t	 msg;
	uint8_t		 class;
	uint32_t	 key_generation;
	size_t		 public_key_n;
	int		 fd;
	enum err	 refused;
	char		 dsn[10];
	char		 text[256];
};

struct fake_job {
	uint64_t	 msg;
	uint64_t	 id;		/* request, while held */
	uint8_t		 form;
	uint8_t		 kind;
	unsigned	 rcpt_count;
	char		 sender[64];
	char		 rcpt[64];	/* the first */
	char		 body[4096];	/* its start */
	size_t		 body_n;
	uint32_t	 idx[100];
};

struct fake {
	struct loop		*loop;
	struct spool_dir	 dir;
	struct queue		 q;
	struct ipc_peer		*at_queue[FAKE_SMTPDS];
	struct ipc_peer		*smtpd[FAKE_SMTPDS];
	struct ipc_peer		*deliver_at_queue;
	struct ipc_peer		*deliver;
	struct ipc_peer		*store_at_queue;
	struct ipc_peer		*store;
	enum fake_deliver	 mode;
	struct fake_job		 jobs[64];	/* the last ones */
	unsigned		 job_count;
	uint64_t		 forgotten[1024];
	unsigned		 forgotten_count;
	struct timer		 guard;
	struct timer		 poll;
	bool			(*until)(struct fake *);
	bool			 timed_out;
	void			(*delivered)(struct fake *, uint64_t msg);	/* or NULL */
	void			(*stopping)(struct fake *);	/* or NULL: the queue ends */
	void			*more;		/* of the test */
};

void	 fake_start(struct fake *, bool with_facts);
/* In a directory that is there already, and stays. */
void	 fake_start_in(struct fake *, const char *path);
void	 fake_stop(struct fake *);
/* End the queue as kill -9 would (the segment has no index) and start again. */
void	 fake_restart(struct fake *, bool orderly);

/* A wire: the queue's end and the neighbour's. */
void	 fake_pair(struct fake *, struct ipc_peer **at_queue, enum ipc_role,
	    uint32_t instance, const struct ipc_handler *queue_side,
	    struct ipc_peer **outside, const struct ipc_handler *out_side, ipc_gone_fn *);
void	 fake_join_deliver(struct fake *);
void	 fake_kill_deliver(struct fake *);

void	 fake_facts(struct fake *);
void	 fake_token(struct fake *, uint64_t account, uint32_t instance,
	    unsigned char out[TOKEN_BYTES]);

struct fake_answer fake_open(struct fake *, unsigned smtpd, const char *sender,
	    uint8_t flags, struct slice token);
struct fake_answer fake_open_kind(struct fake *, unsigned smtpd, uint8_t kind);
struct fake_answer fake_open_sized(struct fake *, unsigned smtpd, uint64_t size);
struct fake_answer fake_rcpt(struct fake *, unsigned smtpd, uint64_t msg, const char *rcpt);
struct fake_answer fake_rcpt_with(struct fake *, unsigned smtpd, const struct ipc_queue_rcpt *);
struct fake_answer fake_file(struct fake *, unsigned smtpd, uint64_t msg);
/* fd stays the caller's. */
struct fake_answer fake_commit(struct fake *, unsigned smtpd, uint64_t msg, uint8_t form,
	    uint64_t size, int fd, struct slice key);
void	 fake_abort(struct fake *, unsigned smtpd, uint64_t msg);

int	 fake_memfd(const char *text, bool sealed);
/* All of it: the queue id of an accepted message. */
uint64_t fake_send(struct fake *, const char *sender, const char *rcpt, const char *text);
/* As alice, logged in. */
uint64_t fake_submit(struct fake *, const char *rcpt, const char *text);

void	 fake_run_ms(struct fake *, uint64_t ms);
/* Until the condition holds; false after five seconds. */
bool	 fake_run_until(struct fake *, bool (*)(struct fake *));
void	 fake_answer_held(struct fake *, unsigned job, enum err);

#endif
