/* SPDX-License-Identifier: ISC */
/*
 * The life of a daemon, stated once.  daemon_main does, in this order:
 *
 *  1 close stray descriptors; fd 0 /dev/null, 1 and 2 the log pipe to
 *    master, 3 the control wire
 *  2 receive from master over the control wire (blocking): options, sections,
 *    wires, listeners, files, jail facts, until ctl_start
 *  3 .open: adopt descriptors, load what needs the file system (<= 20 lines)
 *  4 own network namespace (unless MAY_CONNECT), chroot, uid and gid (checked
 *    that they cannot come back), no capabilities, rlimits (core 0),
 *    no_new_privs, not dumpable, Landlock
 *  5 the loop and its pool; .load: open databases, start all threads
 *  6 seccomp allow-list from .may, TSYNC, KILL_PROCESS
 *  7 peers; .start; .joined for each peer; ctl_ready to master; run
 *  8 ctl_drain or the end of the control wire: .drain; daemon_drained() exits
 *
 * From step 4 on a daemon with MAY_FILES has its directory as the current
 * one, chroot or not: name files relative to it, or use daemon_dir().
 *
 * A layer the host cannot give is counted in daemon_layers and reported to
 * master; with sandbox = strict it ends the process.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"

struct opt_section;

enum daemon_may {
	MAY_IPC		= 1 << 0,	/* wires: every daemon */
	MAY_ACCEPT	= 1 << 1,	/* inherited listeners */
	MAY_CONNECT	= 1 << 2,	/* outbound sockets, DNS */
	MAY_FILES	= 1 << 3,	/* open, create, unlink below its directory */
	MAY_MEMFD	= 1 << 4,	/* memfd_create and seals */
	MAY_THREADS	= 1 << 5,	/* threads that block (flush, Argon2id) */
	MAY_SECRETS	= 1 << 6,	/* mlock, memfd_secret */
	MAY_PAIR	= 1 << 7	/* two ends that are connected, to give one away */
};

/* The sandbox layers, as bits of daemon_layers(). */
enum daemon_layer {
	LAYER_UID = 1, LAYER_CHROOT = 2, LAYER_NETNS = 4, LAYER_LANDLOCK = 8,
	LAYER_SECCOMP = 16
};

struct daemon_app;		/* the process: loop, options, peers */

/*
 * A role this daemon is wired to.  ipc_peer_arg() of its peers is the
 * struct daemon_app.  Wires known at start exist when .start runs; .joined is
 * called for each after it, and later for each new one.  .left comes before
 * the peer is freed; its pending calls have ended with ERR_GONE by then.
 */
struct daemon_peer {
	enum ipc_role			 role;
	const struct ipc_handler	*handlers;
	void				(*joined)(struct daemon_app *, struct ipc_peer *);
	void				(*left)(struct daemon_app *, struct ipc_peer *);
};

struct daemon {
	const char	*name;
	enum ipc_role	 role;
	const struct opt_section *options;	/* NULL-name-terminated; lib/conf/opt.h */
	size_t		 state_bytes;		/* zeroed struct, see daemon_state */
	const struct daemon_peer *peers;	/* ends with role IPC_NOBODY */
	unsigned	 may;
	unsigned	 pool_threads;		/* libuv pool; 0: none */
	void		(*open)(struct daemon_app *);
	void		(*load)(struct daemon_app *);
	void		(*start)(struct daemon_app *);
	void		(*reload)(struct daemon_app *);	/* options were replaced */
	void		(*drain)(struct daemon_app *);
	/* Fill sessions and note for godwit status. */
	void		(*status)(struct daemon_app *, uint32_t *sessions, struct buf *note);
	/* Lines of what an operator should look at; destinations that refuse. */
	void		(*warn)(struct daemon_app *, uint32_t *dead, struct buf *lines);
	/* A tool's request (verb, NUL-separated args); answer with daemon_tool_reply. */
	void		(*tool)(struct daemon_app *, uint64_t id, const struct ipc_ctl_tool *,
			    struct ipc_in *);
};

int		 daemon_main(const struct daemon *, int argc, char *argv[]);

/* use */
void		*daemon_state(struct daemon_app *);
struct loop	*daemon_loop(struct daemon_app *);
const char	*daemon_hostname(struct daemon_app *);
uint32_t	 daemon_instance(struct daemon_app *);	/* of this process start */
unsigned	 daemon_layers(struct daemon_app *);
/*
 * Options received from master: the struct of a section (by its name, and
 * title for titled ones), as declared by its .opt file; NULL when absent.
 * Borrowed until the next .reload.
 */
const void	*daemon_options(struct daemon_app *, const char *section, const char *title);
unsigned	 daemon_section_count(struct daemon_app *, const char *section);
const void	*daemon_section(struct daemon_app *, const char *section, unsigned idx,
		    const char **title);
/* Peers of a role that are connected now; NULL past the end. */
struct ipc_peer	*daemon_peer(struct daemon_app *, enum ipc_role, unsigned idx);
/* The connected peers in turn (round robin); NULL when none. */
struct ipc_peer	*daemon_peer_next(struct daemon_app *, enum ipc_role);
/* Listening sockets from master: title of the listen section; -1 at the end. */
int		 daemon_listener(struct daemon_app *, unsigned idx, const char **title,
		    const char **address);
/* Files opened by master (purpose: "data", "certificate", "key", "root_key"); -1. */
int		 daemon_file(struct daemon_app *, const char *purpose, unsigned idx,
		    const char **name);
/* The directory this daemon owns, as an fd (O_PATH|O_DIRECTORY); -1: none. */
int		 daemon_dir(struct daemon_app *);
void		 daemon_tool_reply(struct daemon_app *, uint64_t id, uint8_t exit_code,
		    bool more, struct slice text);
void		 daemon_drained(struct daemon_app *);	/* .drain is complete: exit 0 */

/* Test builds: die here when GODWIT_CRASH_AT names this step (set by master). */
#ifdef GODWIT_TEST
void		 daemon_crash_at(const char *step);
#else
#define daemon_crash_at(step)	((void)0)
#endif

#endif
