/* SPDX-License-Identifier: ISC */
/*
 * What the files of the master process share.  One struct master a process;
 * its processes are an array made from the plan at the start and never moved.
 */
#ifndef MASTER_PRIV_H
#define MASTER_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"
#include "master/master_config.h"
#include "master/master_listen.h"
#include "master/master_log.h"
#include "master/master_paths.h"
#include "master/master_plan.h"

#define MASTER_DELAY_MAX_S	30	/* between restarts */
#define MASTER_HEALTHY_MS	60000	/* after which a crash is forgotten */
#define MASTER_STAGE_MS		10000	/* of the stop, behind the first stage */

enum proc_state { PROC_DOWN, PROC_STARTING, PROC_READY, PROC_DRAINING };
enum master_phase { MASTER_STARTING, MASTER_SERVING, MASTER_STOPPING };

struct master_proc {
	struct master			*m;
	const struct plan_role		*role;
	unsigned			 idx;
	uint32_t			 uid;		/* 0: stay who master is */
	uint32_t			 gid;
	enum proc_state			 state;
	pid_t				 pid;		/* 0: none */
	uint32_t			 instance;
	struct ipc_peer			*ctl;
	struct master_log_source	*log;
	struct timer			 restart;
	uint64_t			 started_ms;	/* monotonic */
	unsigned			 delay_s;	/* before the next restart */
	unsigned			 restarts;
	uint8_t				 layers;
	char				 last_exit[32];
	uint64_t			 last_exit_ms;
	/* the last answer to ctl_status */
	uint32_t			 sessions;
	char				 note[256];
	uint32_t			 dead;		/* destinations that refuse */
	char				 warnings[4001];	/* lines */
	char				 crash_at[128];	/* test builds: for the next starts */
	uint64_t			 moved_ms;	/* test builds: of advanced_ms, what it knows */
};

struct master {
	struct loop		*loop;
	const char		*config_dir;
	struct master_paths	 paths;
	struct conf		*conf;
	struct conf		*boot_conf;	/* its listeners are bound */
	uint32_t		 generation;
	uint32_t		 next_instance;
	uint64_t		 advanced_ms;	/* test builds: how far clocks were moved */
	uint64_t		 started_ms;
	uint64_t		 config_ms;
	struct master_listeners	 listeners;
	struct master_log	*log;
	struct master_proc	*procs;
	size_t			 proc_count;
	struct master_wire	*wires;		/* of each two of them */
	uint32_t		 wire_number;
	struct timer		 rewire;
	enum master_phase	 phase;
	unsigned		 stop_stage;
	struct timer		 stop_timer;
	int			 exit_code;
	int			 pid_fd;
	int			 signal_fd;
	struct loop_poll	*signals;
	struct master_control	*control;
	struct master_drop	*drop;
	void			(*on_ready)(void *);	/* all serve, the first time */
	void			*on_ready_arg;
};

/* master_spawn.c: one process, from fork to ctl_start */
void	 master_spawn_all(struct master *);
void	 master_spawn_again(struct master_proc *);
void	 master_spawn_fini(struct master_proc *);	/* it is gone: close its ends */
/* The options of a running process, and ctl_reload. */
void	 master_spawn_reload(struct master_proc *);
void	 master_spawn_clock(struct master_proc *);	/* test builds: to the present */
const char *master_spawn_dir(const struct master_proc *);	/* its chroot */
extern const struct ipc_handler	master_spawn_handlers[];

/* master_watch.c: lives and deaths */
void	 master_watch_ready(struct master_proc *, uint8_t layers);
void	 master_watch_reap(struct master *);
void	 master_watch_stop(struct master *);	/* again: kill what drains */

/* master_run.c */
enum err master_run_reload(struct master *, struct buf *text) MUST_USE;

#endif
