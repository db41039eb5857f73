/* SPDX-License-Identifier: ISC */
#include "master/master_status.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"
#include "master/master_control.h"
#include "master/master_priv.h"

enum { STATUS_TEXT_MAX = 60000, WARNINGS_MAX = 16384, LAYERS = 5 };

struct gather {
	struct master		*m;
	master_status_fn	*done;
	void			*arg;
	unsigned		 open;		/* answers to come, and ourselves */
};

struct report {
	struct master		*m;
	struct control_wait	*wait;
	bool			 json;
};

struct question {
	struct gather	*g;
	size_t		 proc;
	uint32_t	 instance;
};

/* Processes of one role as one line. */
struct summary {
	const struct plan_role	*role;
	const struct master_proc *first;
	unsigned		 count;
	unsigned		 ready;
	unsigned		 restarts;
	uint64_t		 sessions;
	uint64_t		 rss;
	uint64_t		 up_ms;		/* of the youngest */
	uint8_t			 layers;	/* that all have */
	const struct master_proc *crashed;	/* the latest, or NULL */
};

static uint64_t
rss_of(pid_t pid)
{
	char path[64], text[128] = "";
	unsigned long long pages = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		(void)sscanf(text, "%*u %llu", &pages);
	close(fd);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
put_bytes(struct buf *b, uint64_t v)
{
	static const char units[] = "BKMGT";
	unsigned u = 0;
	double x = (double)v;

	while (x >= 1024 && u < sizeof(units) - 2) {
		x /= 1024;
		u++;
	}
	if (u == 0)
		buf_printf(b, "%llu", (unsigned long long)v);
	else
		buf_printf(b, x < 10 ? "%.1f%c" : "%.0f%c", x, units[u]);
}

static unsigned
count_bits(unsigned v)
{
	unsigned n = 0;

	for (; v != 0; v &= v - 1)
		n++;
	return n;
}

static struct summary
summarise(const struct master *m, const struct plan_role *role)
{
	struct summary s = { .role = role, .up_ms = UINT64_MAX, .layers = 0xff };
	uint64_t now = loop_now(m->loop);

	for (size_t i = 0; i < m->proc_count; i++) {
		const struct master_proc *p = &m->procs[i];

		if (p->role != role)
			continue;
		if (s.first == NULL)
			s.first = p;
		s.count++;
		s.restarts += p->restarts;
		if (p->last_exit[0] != '\0' &&
		    (s.crashed == NULL || p->last_exit_ms > s.crashed->last_exit_ms))
			s.crashed = p;
		if (p->state != PROC_READY)
			continue;
		s.ready++;
		s.sessions += p->sessions;
		s.rss += rss_of(p->pid);
		/* Who is there for the network has no namespace to miss. */
		s.layers &= (uint8_t)(p->layers | (role->has_network ? LAYER_NETNS : 0));
		if (now - p->started_ms < s.up_ms)
			s.up_ms = now - p->started_ms;
	}
	if (s.ready == 0) {
		s.up_ms = 0;
		s.layers = 0;
	}
	return s;
}

static bool
has_sessions(const struct plan_role *role)
{
	return role->services != 0;
}

/* queue knows them, but they are relay's. */
static unsigned
dead_of(const struct master *m, const struct plan_role *role)
{
	unsigned n = 0;

	for (size_t i = 0; role->role == IPC_RELAY && i < m->proc_count; i++)
		n += m->procs[i].dead;
	return n;
}

static void
put_note(struct buf *b, const struct master *m, const struct summary *s)
{
	unsigned dead = dead_of(m, s->role);
	bool any = false;

	if (s->ready < s->count) {
		buf_printf(b, "%u of %u not ready", s->count - s->ready, s->count);
		any = true;
	}
	if (s->first->note[0] != '\0') {
		buf_printf(b, "%s%s", any ? ", " : "", s->first->note);
		any = true;
	}
	if (dead > 0) {
		buf_printf(b, "%sdead destinations %u", any ? ", " : "", dead);
		any = true;
	}
	if (s->crashed != NULL) {
		buf_printf(b, "%slast exit: %s ", any ? ", " : "", s->crashed->last_exit);
		clock_put_span(b, (loop_now(m->loop) - s->crashed->last_exit_ms) / 1000);
		buf_put_str(b, " ago");
	}
}

static void
put_row(struct buf *b, const struct master *m, const struct summary *s)
{
	char name[32], sessions[24];
	struct buf up, rss;

	buf_init(&up, 64);
	buf_init(&rss, 64);
	if (s->count > 1)
		snprintf(name, sizeof(name), "%s x%u", s->role->name, s->count);
	else
		snprintf(name, sizeof(name), "%s", s->role->name);
	if (has_sessions(s->role))
		snprintf(sessions, sizeof(sessions), "%llu", (unsigned long long)s->sessions);
	else
		snprintf(sessions, sizeof(sessions), "-");
	clock_put_span(&up, s->up_ms / 1000);
	put_bytes(&rss, s->rss);
	buf_printf(b, "%-11s %6d  %-8s %8u  %8s  %5s", name, (int)s->first->pid, buf_cstr(&up),
	    s->restarts, sessions, buf_cstr(&rss));
	buf_fini(&up);
	buf_fini(&rss);
	buf_init(&up, 1024);
	put_note(&up, m, s);
	if (buf_slice(&up).n > 0)
		buf_printf(b, "  %s", buf_cstr(&up));
	buf_put_char(b, '\n');
	buf_fini(&up);
}

static uint8_t
common_layers(const struct master *m)
{
	uint8_t all = 0xff;

	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++) {
		struct summary s = summarise(m, r);

		if (s.count > 0)
			all &= s.layers;
	}
	return all & 0x1f;
}

static const char *
sandbox_name(const struct master *m)
{
	const struct godwit_options *o = conf_values(m->conf, "godwit");

	return o->sandbox == CONF_SANDBOX_STRICT ? "strict" : "auto";
}

static void
put_head(struct buf *b, const struct master *m)
{
	const struct godwit_options *o = conf_values(m->conf, "godwit");
	uint64_t now = loop_now(m->loop);

	buf_printf(b, "godwit %s  %s  up ", GODWIT_VERSION, o->hostname);
	clock_put_span(b, (now - m->started_ms) / 1000);
	buf_put_str(b, "  config read ");
	clock_put_span(b, (now - m->config_ms) / 1000);
	buf_printf(b, " ago  sandbox %s (%u of %u)\n", sandbox_name(m),
	    count_bits(common_layers(m)), LAYERS);
	buf_put_str(b, "DAEMON         PID  UP       RESTARTS  SESSIONS    RSS  NOTE\n");
}

static void
put_master_row(struct buf *b, const struct master *m)
{
	struct buf up, rss;

	buf_init(&up, 64);
	buf_init(&rss, 64);
	clock_put_span(&up, (loop_now(m->loop) - m->started_ms) / 1000);
	put_bytes(&rss, rss_of(getpid()));
	buf_printf(b, "%-11s %6d  %-8s %8s  %8s  %5s\n", "master", (int)getpid(), buf_cstr(&up),
	    "-", "-", buf_cstr(&rss));
	buf_fini(&up);
	buf_fini(&rss);
}

static uint64_t
disk_free(const struct master *m)
{
	struct statvfs v;

	if (statvfs(m->paths.spool, &v) != 0)
		return 0;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static void
put_missing_layers(struct buf *b, uint8_t layers)
{
	static const char *const names[LAYERS] = { "uid", "chroot", "network namespace",
	    "Landlock", "seccomp" };
	const char *sep = "";

	for (unsigned i = 0; i < LAYERS; i++) {
		if ((layers & 1u << i) == 0) {
			buf_printf(b, "%s%s", sep, names[i]);
			sep = ", ";
		}
	}
}

/* A line each; how many. */
static unsigned
put_warnings(struct buf *b, const struct master *m)
{
	struct slice all;
	unsigned n = 0;

	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++) {
		struct summary s = summarise(m, r);

		if (s.ready < s.count)
			buf_printf(b, "%s: %u of %u not ready\n", r->name, s.count - s.ready,
			    s.count);
	}
	if (common_layers(m) != (1u << LAYERS) - 1) {
		buf_put_str(b, "sandbox layers missing: ");
		put_missing_layers(b, common_layers(m));
		buf_put_char(b, '\n');
	}
	for (size_t i = 0; i < m->proc_count; i++)
		if (m->procs[i].state == PROC_READY)
			buf_put_str(b, m->procs[i].warnings);
	all = buf_slice(b);
	for (size_t i = 0; i < all.n; i++)
		n += all.p[i] == '\n';
	return n;
}

/* "1 warning: text"; more of them stand below each other. */
static void
put_warning_lines(struct buf *b, const struct master *m)
{
	struct slice rest, line;
	struct buf w;
	unsigned n;

	buf_init(&w, WARNINGS_MAX);
	n = put_warnings(&w, m);
	rest = buf_slice(&w);
	if (n == 1)
		buf_put_str(b, "1 warning: ");
	else if (n > 1)
		buf_printf(b, "%u warnings:\n", n);
	while (rest.n > 0) {
		rest = slice_cut(rest, '\n', &line);
		buf_printf(b, "%s%.*s\n", n > 1 ? "  " : "", SLICE_FMT(line));
	}
	buf_fini(&w);
}

static void
put_table(struct buf *b, const struct master *m)
{
	put_head(b, m);
	put_master_row(b, m);
	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++) {
		struct summary s = summarise(m, r);

		if (s.count > 0)
			put_row(b, m, &s);
	}
	buf_put_str(b, "disk free ");
	put_bytes(b, disk_free(m));
	buf_put_char(b, '\n');
	put_warning_lines(b, m);
}

static void
put_json_text(struct buf *b, struct slice s)
{
	buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_printf(b, "\\%c", s.p[i]);
		else if ((unsigned char)s.p[i] < ' ')
			buf_printf(b, "\\u%04x", (unsigned char)s.p[i]);
		else
			buf_put_char(b, s.p[i]);
	}
	buf_put_char(b, '"');
}

static void
put_json_string(struct buf *b, const char *s)
{
	put_json_text(b, slice_str(s));
}

static void
put_json_warnings(struct buf *b, const struct master *m)
{
	struct slice rest, line;
	const char *sep = "";
	struct buf w;

	buf_init(&w, WARNINGS_MAX);
	(void)put_warnings(&w, m);
	for (rest = buf_slice(&w); rest.n > 0; sep = ",") {
		rest = slice_cut(rest, '\n', &line);
		buf_put_str(b, sep);
		put_json_text(b, line);
	}
	buf_fini(&w);
}

static void
put_json_process(struct buf *b, const struct master *m, const struct master_proc *p)
{
	static const char *const states[] = { "down", "starting", "ready", "draining" };

	buf_put_str(b, "{\"daemon\":");
	put_json_string(b, p->role->name);
	buf_printf(b, ",\"pid\":%d,\"state\":\"%s\",\"up\":%llu,\"restarts\":%u,\"sessions\":%u,"
	    "\"rss\":%llu,\"layers\":%u,\"uid\":%u,\"last_exit\":", (int)p->pid,
	    states[p->state],
	    (unsigned long long)(p->pid > 0 ? (loop_now(m->loop) - p->started_ms) / 1000 : 0),
	    p->restarts, p->sessions, (unsigned long long)rss_of(p->pid), p->layers, p->uid);
	put_json_string(b, p->last_exit);
	buf_put_str(b, ",\"note\":");
	put_json_string(b, p->note);
	buf_put_char(b, '}');
}

static void
put_json(struct buf *b, const struct master *m)
{
	const struct godwit_options *o = conf_values(m->conf, "godwit");

	buf_printf(b, "{\"version\":\"%s\",\"hostname\":", GODWIT_VERSION);
	put_json_string(b, o->hostname);
	buf_printf(b, ",\"pid\":%d,\"up\":%llu,\"config_age\":%llu,\"sandbox\":\"%s\","
	    "\"layers\":%u,\"disk_free\":%llu,\"daemons\":[", (int)getpid(),
	    (unsigned long long)(loop_now(m->loop) - m->started_ms) / 1000,
	    (unsigned long long)(loop_now(m->loop) - m->config_ms) / 1000, sandbox_name(m),
	    common_layers(m), (unsigned long long)disk_free(m));
	for (size_t i = 0; i < m->proc_count; i++) {
		if (i > 0)
			buf_put_char(b, ',');
		put_json_process(b, m, &m->procs[i]);
	}
	buf_put_str(b, "],\"warnings\":[");
	put_json_warnings(b, m);
	buf_put_str(b, "]}\n");
}

static void
end_if_complete(struct gather *g)
{
	if (--g->open > 0)
		return;
	g->done(g->arg);
	free(g);
}

static void
on_status(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	const struct ipc_ctl_status_reply *r = m;
	struct question *q = arg;
	struct master_proc *p = &q->g->m->procs[q->proc];

	(void)in;
	if (e == ERR_OK && type == IPC_MSG_ctl_status_reply && p->instance == q->instance) {
		p->sessions = r->sessions;
		p->layers = r->layers;
		(void)slice_to_cstr(r->note, p->note, sizeof(p->note));
		p->dead = r->dead;
		(void)slice_to_cstr(r->warnings, p->warnings, sizeof(p->warnings));
	}
	end_if_complete(q->g);
	free(q);
}

void
master_status_ask(struct master *m, uint32_t roles, master_status_fn *done, void *arg)
{
	const struct ipc_ctl_status ask = { 0 };
	struct gather *g = must_alloc(1, sizeof(*g));

	*g = (struct gather){ .m = m, .done = done, .arg = arg, .open = 1 };
	for (size_t i = 0; i < m->proc_count; i++) {
		struct master_proc *p = &m->procs[i];
		struct question *q;

		if (p->ctl == NULL || p->state != PROC_READY ||
		    (roles & (uint32_t)p->role->role) == 0)
			continue;
		q = must_alloc(1, sizeof(*q));
		*q = (struct question){ .g = g, .proc = i, .instance = p->instance };
		g->open++;
		if (ipc_call(p->ctl, IPC_MSG_ctl_status, &ask, NULL, 0,
		    loop_now(m->loop) + MASTER_STATUS_MS, on_status, q, NULL) != ERR_OK) {
			g->open--;
			free(q);
		}
	}
	end_if_complete(g);
}

static void
put_report(void *arg)
{
	struct report *r = arg;
	struct buf b;

	buf_init(&b, STATUS_TEXT_MAX);
	if (r->json)
		put_json(&b, r->m);
	else
		put_table(&b, r->m);
	master_control_answer(r->wait, EX_OK, buf_slice(&b));
	buf_fini(&b);
	free(r);
}

void
master_status(struct master *m, bool json, struct control_wait *wait)
{
	struct report *r = must_alloc(1, sizeof(*r));

	*r = (struct report){ .m = m, .wait = wait, .json = json };
	master_status_ask(m, MASTER_STATUS_ALL, put_report, r);
}
