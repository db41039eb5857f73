/* SPDX-License-Identifier: ISC */
/*
 * Stands in for any daemon in the tests of master: called by the name of a
 * role, it has that role's wires and says on request what it got.
 *
 *	echo ARG...	the arguments
 *	peers		roles that are wired, and how many of each
 *	options		hostname, generation of its options, listeners, files
 *	noise N		writes a line of N bytes to the log, without an end
 *	flood N		writes N lines
 *	hang		drains never
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"

struct echo_state {
	bool		 hangs;
	unsigned	 reloads;
	struct timer	 linger;
};

static const enum ipc_role roles[] = { IPC_KEYD, IPC_SMTPD, IPC_QUEUE, IPC_DELIVER, IPC_RELAY,
	IPC_STORE, IPC_IMAPD, IPC_CMTPD };

static void
put_peers(struct daemon_app *app, struct buf *b)
{
	for (size_t i = 0; i < lengthof(roles); i++) {
		unsigned n = 0;

		while (daemon_peer(app, roles[i], n) != NULL)
			n++;
		if (n > 0)
			buf_printf(b, "%s %u\n", ipc_role_name(roles[i]), n);
	}
}

static void
put_options(struct daemon_app *app, struct buf *b)
{
	static const char *const purposes[] = { "root_key", "certificate", "key" };
	const struct godwit_options *o = daemon_options(app, "godwit", NULL);
	struct echo_state *s = daemon_state(app);
	const char *title, *address;

	buf_printf(b, "hostname %s\nreloads %u\npostmaster %s\n", daemon_hostname(app),
	    s->reloads, o->postmaster);
	for (unsigned i = 0; daemon_listener(app, i, &title, &address) >= 0; i++)
		buf_printf(b, "listener %s %s\n", title, address);
	for (size_t i = 0; i < lengthof(purposes); i++) {
		if (daemon_file(app, purposes[i], 0, NULL) >= 0)
			buf_printf(b, "file %s\n", purposes[i]);
	}
	for (unsigned i = 0; daemon_section(app, "domain", i, &title) != NULL; i++)
		buf_printf(b, "domain %s\n", title);
}

static void
make_noise(uint64_t bytes, uint64_t lines)
{
	char chunk[1024];

	memset(chunk, 'x', sizeof(chunk));
	for (uint64_t i = 0; i < bytes; i += sizeof(chunk))
		(void)!write(2, chunk, sizeof(chunk));
	chunk[sizeof(chunk) - 1] = '\n';
	for (uint64_t i = 0; i < lines; i++)
		(void)!write(2, chunk, sizeof(chunk));
}

static void
on_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m, struct ipc_in *in)
{
	struct echo_state *s = daemon_state(app);
	struct slice arg = slice_of(m->args.p, m->args.n > 0 ? m->args.n - 1 : 0);
	struct buf b;
	uint64_t n = 0;

	(void)in;
	buf_init(&b, 60000);
	if (slice_eq_str(m->verb, "echo"))
		buf_put_slice(&b, arg);
	else if (slice_eq_str(m->verb, "peers"))
		put_peers(app, &b);
	else if (slice_eq_str(m->verb, "options"))
		put_options(app, &b);
	else if (slice_eq_str(m->verb, "hang"))
		s->hangs = true;
	else if (slice_eq_str(m->verb, "noise") && num_parse_u64(arg, 1u << 30, &n) == ERR_OK)
		make_noise(n, 0);
	else if (slice_eq_str(m->verb, "flood") && num_parse_u64(arg, 1u << 20, &n) == ERR_OK)
		make_noise(0, n);
	else if (slice_eq_str(m->verb, "bug"))
		abort();
	daemon_tool_reply(app, id, 0, false, buf_slice(&b));
	buf_fini(&b);
}

static void
on_reload(struct daemon_app *app)
{
	struct echo_state *s = daemon_state(app);

	s->reloads++;
}

static void
on_drain(struct daemon_app *app)
{
	struct echo_state *s = daemon_state(app);

	/* One that hangs is past reasoning: master has to kill it. */
	while (s->hangs)
		(void)sleep(1);
	daemon_drained(app);
}

static void
on_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	(void)app;
	*sessions = 7;
	buf_put_str(note, "a \"note\"");
}

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION,
	CONF_DOMAIN_SECTION,
	CONF_LISTEN_SECTION,
	OPT_SECTIONS_END
};

int
main(int argc, char *argv[])
{
	static const struct ipc_handler none[] = { { IPC_MSG_none, NULL } };
	static struct daemon_peer peers[lengthof(roles) + 1];
	static char name[32];
	static struct daemon d;
	const char *slash = strrchr(argv[0], '/');

	snprintf(name, sizeof(name), "%s", slash != NULL ? slash + 1 : argv[0]);
	for (size_t i = 0; i < lengthof(roles); i++)
		peers[i] = (struct daemon_peer){ .role = roles[i], .handlers = none };
	peers[lengthof(roles)] = (struct daemon_peer){ .role = IPC_NOBODY };
	d = (struct daemon){ .name = name, .role = ipc_role_find(slice_str(name)),
	    .options = sections, .state_bytes = sizeof(struct echo_state), .peers = peers,
	    .may = MAY_IPC | MAY_ACCEPT, .reload = on_reload, .drain = on_drain,
	    .status = on_status, .tool = on_tool };
	return daemon_main(&d, argc, argv);
}
