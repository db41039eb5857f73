/* SPDX-License-Identifier: ISC */
#include "store/gwstore_repair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/daemon/offline.h"
#include "lib/daemon/tool.h"
#include "lib/io/loop.h"
#include "store/store_core.h"
#include "store/store_repair.h"
#include "store/store_salvage.h"

#define PATH_BYTES_MAX	4096
#define OUT_BYTES	(1u << 20)
#define DEFAULT_SHARDS	4		/* as in store.opt */
#define SEGMENT_BYTES	(64u << 20)	/* nothing is put into one */
#define MAILBOXES_MAX	1000000u
#define FAULTS_FOUND	1

/* There are no peers here. */
struct store *
store_of(struct ipc_peer *peer)
{
	(void)peer;
	return NULL;
}

static void
say(int fd, struct buf *b)
{
	const char *p = buf_data(b);
	size_t n = b->n;
	ssize_t done;

	while (n > 0) {
		done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		p += done;
		n -= (size_t)done;
	}
	buf_reset(b);
}

static int
fail(const char *what, enum err e)
{
	struct buf b;

	buf_init(&b, 2000);
	buf_printf(&b, "gwstore: %s%s%s\n", what, e != ERR_OK ? ": " : "",
	    e != ERR_OK ? err_text(e) : "");
	say(STDERR_FILENO, &b);
	buf_fini(&b);
	return e == ERR_DENIED ? EX_NOPERM : e == ERR_NOTFOUND ? EX_NOINPUT : EX_TEMPFAIL;
}

/* ---- the index files, in a child ---- */

static int
salvage(int dir)
{
	struct buf out, why;
	struct salvage s = { .default_shards = DEFAULT_SHARDS, .out = &out };
	enum err e;
	int rc = EX_OK;

	buf_init(&out, OUT_BYTES);
	buf_init(&why, 1000);
	if ((e = offline_confine(dir)) != ERR_OK || (e = offline_confine_calls()) != ERR_OK)
		return fail("sandbox", e);
	e = salvage_run(&s, &why);
	say(STDOUT_FILENO, &out);
	if (e != ERR_OK)
		rc = fail(buf_cstr(&why), e == ERR_NOTFOUND ? e : ERR_OK);
	buf_fini(&out);
	buf_fini(&why);
	return rc;
}

static int
salvage_in_child(int dir)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return fail("fork", err_from_errno(errno));
	if (pid == 0)
		_exit(salvage(dir));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail("wait", err_from_errno(errno));
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return fail("reading the index files ended by a signal", ERR_OK);
}

/* ---- the accounts ---- */

struct work {
	struct loop	*loop;
	struct commit	*commit;
};

static void
drained(void *arg)
{
	loop_stop(arg);
}

static void
settle(void *arg)
{
	struct work *w = arg;

	commit_drain(w->commit, drained, w->loop);
	loop_run(w->loop);
}

static int
tell(const struct repair *r, enum err e)
{
	if (e != ERR_OK)
		return fail("repair", e);
	if (r->damaged > 0)
		buf_printf(r->out, "%llu places in segments are damaged\n",
		    (unsigned long long)r->damaged);
	if (r->lost > 0)
		buf_printf(r->out, "%llu messages are lost: no body, or no key\n",
		    (unsigned long long)r->lost);
	if (r->has_changed)
		buf_printf(r->out, "%llu of %llu accounts made again, %llu messages found\n",
		    (unsigned long long)r->made, (unsigned long long)r->accounts,
		    (unsigned long long)r->messages);
	else if (r->damaged == 0)
		buf_put_str(r->out, "no faults\n");
	say(STDOUT_FILENO, r->out);
	return r->lost > 0 || r->damaged > 0 ? FAULTS_FOUND : EX_OK;
}

static int
repair(struct store *s, struct work *w, struct buf *why)
{
	struct buf out;
	struct repair r = { .store = s, .settle = settle, .settle_arg = w, .out = &out };
	enum err e;
	int rc;

	if ((e = commit_open(&s->commit, w->loop, s->dir_fd, DEFAULT_SHARDS, SEGMENT_BYTES,
	    why)) != ERR_OK)
		return fail(buf_cstr(why), ERR_OK);
	w->commit = s->commit;
	s->kv = commit_kv(s->commit);
	s->blob = commit_blob(s->commit);
	if ((e = offline_confine_calls()) != ERR_OK)
		return fail("sandbox", e);
	buf_init(&out, OUT_BYTES);
	rc = tell(&r, repair_run(&r));
	settle(w);
	repair_fini(&r);
	buf_fini(&out);
	commit_close(&s->commit);
	return rc;
}

static int
repair_confined(int dir)
{
	struct store s = { .dir_fd = -1 };
	struct work w = { NULL, NULL };
	struct buf why;
	enum err e;
	int rc;

	if ((e = offline_confine(dir)) != ERR_OK)
		return fail("sandbox", e);
	w.loop = loop_new();
	store_init(&s, w.loop);
	s.dir_fd = dir;
	s.mailbox_limit = MAILBOXES_MAX;
	buf_init(&why, 1000);
	rc = repair(&s, &w, &why);
	buf_fini(&why);
	store_fini(&s);
	loop_free(&w.loop);
	return rc;
}

int
gwstore_repair(const char *config_dir)
{
	struct buf path;
	enum err e;
	int fd, rc;

	e = tool_connect(config_dir, &fd);
	if (e == ERR_OK)
		close(fd);
	if (e != ERR_GONE)
		return fail(e == ERR_OK ? "stop godwit first: it uses the store" :
		    "control socket", e);
	buf_init(&path, PATH_BYTES_MAX);
	if ((e = tool_mail_path(config_dir, &path)) == ERR_OK)
		e = offline_open(buf_cstr(&path), &fd);
	if (e != ERR_OK) {
		rc = fail(e == ERR_LIMIT ? "mail directory" : buf_cstr(&path), e);
	} else {
		rc = salvage_in_child(fd);
		if (rc == EX_OK)	/* confined, it ends as daemons do */
			_exit(repair_confined(fd));
		close(fd);
	}
	buf_fini(&path);
	return rc;
}
