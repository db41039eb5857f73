/* SPDX-License-Identifier: ISC */
/*
 * The process as lib/daemon's files share it.  boot fills it in, jail
 * confines, control serves master, wire keeps the peers, set holds what
 * master sent.
 */
#ifndef DAEMON_PRIV_H
#define DAEMON_PRIV_H

#include "lib/conf/opt.h"
#include "lib/daemon/daemon.h"

#define DAEMON_LOG_FD		2
#define DAEMON_CONTROL_FD	3

enum daemon_mode { MODE_AUTO = 0, MODE_STRICT = 1, MODE_LOG = 2 };

/* One section instance as master sent it. */
struct daemon_section {
	const struct opt_section	*section;
	char				*title;
	void				*values;
};
struct daemon_sections {
	struct daemon_section	*v;
	unsigned		 count;
};

/* A descriptor with its name: a listener or a file. */
struct daemon_named_fd {
	char	*kind;		/* title of the listener, purpose of the file */
	char	*name;		/* address, file name */
	int	 fd;
};
struct daemon_fds {
	struct daemon_named_fd	*v;
	unsigned		 count;
};

/* A wire; peer is NULL before the loop runs. */
struct daemon_link {
	const struct daemon_peer	*kind;
	uint32_t			 instance;
	uint32_t			 number;	/* master's, of the wire */
	int				 fd;
	struct ipc_peer			*peer;
};

struct daemon_app {
	const struct daemon	*daemon;
	void			*state;
	struct loop		*loop;
	struct ipc_peer		*master;

	uint32_t		 instance;
	uint32_t		 uid;
	uint32_t		 gid;
	enum daemon_mode	 mode;
	char			*root;
	char			*hostname;
	int			 dir;
	unsigned		 layers;

	struct daemon_sections	 sections;
	struct daemon_sections	 next_sections;	/* until ctl_reload */
	struct daemon_fds	 listeners;
	struct daemon_fds	 files;
	struct daemon_fds	 next_files;

	struct daemon_link	*links;		/* the newest first */
	unsigned		 link_count;
	unsigned		 turn;		/* of daemon_peer_next */
	bool			 is_running;	/* .start was called */

	struct daemon_tls	*tls;
	bool			 is_draining;
	unsigned		 last_turns;	/* of the loop, to flush */
	struct loop_idle	 leaving;
	struct timer		 drain_limit;
};

/* daemon_set.c */
char	*daemon_dup(struct slice);
/* Options of a section nobody here reads are left alone. */
void	 daemon_sections_add(struct daemon_app *, struct daemon_sections *,
	    const struct ipc_ctl_options *);
void	 daemon_sections_free(struct daemon_sections *);
void	 daemon_fds_add(struct daemon_fds *, struct slice kind, struct slice name,
	    int take_fd);
void	 daemon_fds_free(struct daemon_fds *);

/* daemon_boot.c: everything up to ctl_start */
void	 daemon_boot(struct daemon_app *);

/* daemon_jail.c: uid, chroot, namespaces; then, with all threads there, seccomp */
void	 daemon_confine(struct daemon_app *);
void	 daemon_confine_calls(struct daemon_app *);

/* daemon_wire.c */
void	 daemon_link_add(struct daemon_app *, const struct ipc_ctl_wire *, int take_fd);
void	 daemon_links_open(struct daemon_app *);	/* make peers of all */
void	 daemon_links_joined(struct daemon_app *);
void	 daemon_links_close(struct daemon_app *);

/* daemon_control.c */
void	 daemon_control_open(struct daemon_app *);
void	 daemon_control_drain(struct daemon_app *, uint64_t until_ms);

/* daemon_probe.c: true when the verb was a probe (test builds only) */
bool	 daemon_probe(struct daemon_app *, uint64_t id, struct slice verb);
/* daemon_control.c, for test builds */
void	 daemon_crash_init(void);

#endif
