/* SPDX-License-Identifier: ISC */
#include "keyd/key_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "keyd/key_account.h"
#include "keyd/key_alias.h"
#include "keyd/key_cert.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_enter.h"
#include "keyd/key_facts.h"
#include "keyd/key_hash.h"
#include "keyd/key_heard.h"
#include "keyd/key_host.h"
#include "keyd/key_login.h"
#include "keyd/key_pin.h"
#include "keyd/key_public.h"
#include "keyd/key_secret.h"
#include "keyd/key_token.h"
#include "keyd/key_visit.h"
#include "keyd/key_xzibit.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/conf/conf_sections.h"

enum { NO_FD = -1 };

void
key_tool_reply(struct keyd *k, uint64_t id, int exit_code, const char *text, struct slice name)
{
	struct buf b;

	buf_init(&b, 2000);
	if (name.n > 0) {
		buf_put_slice(&b, name);
		buf_put_str(&b, ": ");
	}
	buf_put_str(&b, text);
	daemon_tool_reply(k->app, id, (uint8_t)exit_code, false, buf_slice(&b));
	buf_fini(&b);
}

void
key_tool_reply_done(struct keyd *k, uint64_t id)
{
	daemon_tool_reply(k->app, id, EX_OK, false, SLICE_NONE);
}

void
key_tool_reply_err(struct keyd *k, uint64_t id, enum err e, struct slice name)
{
	int code = EX_IOERR;

	if (e == ERR_EXISTS)
		code = KEY_TOOL_EXISTS;
	else if (e == ERR_NOTFOUND)
		code = EX_NOUSER;
	else if (e == ERR_BUSY || e == ERR_AGAIN)
		code = EX_TEMPFAIL;
	else if (err_class(e) == ERR_CLASS_PERM)
		code = EX_DATAERR;
	key_tool_reply(k, id, code, e == ERR_NOTFOUND ? "no such user" : err_text(e), name);
}

void
key_tool_audit(const char *action, struct slice user, uint64_t account, const char *result)
{
	log_event(LOG_account, log_str("action", action), log_text("user", user),
	    log_num("account", account), log_str("result", result));
}

/* ---- names */

bool
key_tool_address_of(const struct key_tool_request *q, struct slice arg,
    char dst[KEY_ADDRESS_MAX + 1], struct slice *address)
{
	if (key_login_address(q->k, arg, dst, address) != ERR_OK) {
		key_tool_reply(q->k, q->id, EX_DATAERR, "not a mail address", arg);
		return false;
	}
	if (key_login_domain(q->k, *address) == NULL) {
		key_tool_reply(q->k, q->id, EX_DATAERR,
		    "its domain is no domain of class mailbox in godwit.conf", *address);
		return false;
	}
	return true;
}

struct key_account *
key_tool_account_of(const struct key_tool_request *q, struct slice arg)
{
	char mem[KEY_ADDRESS_MAX + 1];
	struct key_account *a = NULL;
	struct slice address = arg;

	if (key_login_address(q->k, arg, mem, &address) == ERR_OK)
		a = key_ring_find_address(q->k->ring, address);
	if (a == NULL)
		key_tool_reply(q->k, q->id, EX_NOUSER, "no such user", address);
	return a;
}

bool
key_tool_is_name(const struct key_tool_request *q, struct slice name)
{
	bool fits = name.n > 0 && name.n <= KEY_TOOL_NAME_MAX;

	for (size_t i = 0; fits && i < name.n; i++)
		fits = ascii_is_print(name.p[i]);
	if (!fits)
		key_tool_reply(q->k, q->id, EX_DATAERR,
		    "a name has 1 to 64 printable characters", SLICE_NONE);
	return fits;
}

/* ---- passwords */

/*
 * All of it must be there already, since the loop cannot wait for a tool: the
 * other end of a pipe was written and closed before.
 */
static enum err
password_read(int fd, char *dst, size_t max, size_t *n)
{
	struct stat st;
	ssize_t got = 1;
	int flags;

	*n = 0;
	if (fstat(fd, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode)))
		return ERR_SYNTAX;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return ERR_IO;
	while (got > 0 && *n < max + 1) {
		got = read(fd, dst + *n, max + 1 - *n);
		if (got > 0)
			*n += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (got < 0)
		return ERR_IO;
	return *n > max ? ERR_TOOBIG : ERR_OK;
}

/* What no client could send (RFC 4616 s2), or none should. */
static const char *
password_fault(struct slice s)
{
	if (s.n == 0)
		return "the password is empty";
	if (slice_find(s, '\0') < s.n || slice_find(s, '\n') < s.n || slice_find(s, '\r') < s.n)
		return "the password has a line end or NUL in it";
	return utf8_ok(s) ? NULL : "the password is not UTF-8";
}

bool
key_tool_password(const struct key_tool_request *q, char dst[KEY_PASSWORD_MAX + 1], size_t *n)
{
	const char *fault = q->fd == NO_FD ? "its password is needed: --password or "
	    "--password-stdin" : "the password did not come";
	enum err e = q->fd == NO_FD ? ERR_SYNTAX :
	    password_read(q->fd, dst, KEY_PASSWORD_MAX, n);

	if (e == ERR_OK)
		fault = password_fault(slice_of(dst, *n));
	else if (e == ERR_TOOBIG)
		fault = "the password is longer than 1024 bytes";
	if (fault == NULL)
		return true;
	secret_wipe(dst, KEY_PASSWORD_MAX + 1);
	key_tool_reply(q->k, q->id, EX_DATAERR, fault, SLICE_NONE);
	return false;
}

bool
key_tool_two_passwords(const struct key_tool_request *q, char dst[2 * KEY_PASSWORD_MAX + 2],
    struct slice *first, struct slice *second)
{
	const char *fault = "two passwords are wanted, a line each";
	size_t n = 0;
	enum err e = q->fd == NO_FD ? ERR_SYNTAX :
	    password_read(q->fd, dst, 2 * KEY_PASSWORD_MAX + 1, &n);

	if (e == ERR_OK && slice_find(slice_of(dst, n), '\n') < n) {
		*second = slice_cut(slice_of(dst, n), '\n', first);
		fault = password_fault(*first);
		if (fault == NULL)
			fault = password_fault(*second);
	}
	if (e == ERR_TOOBIG || (fault == NULL &&
	    (first->n > KEY_PASSWORD_MAX || second->n > KEY_PASSWORD_MAX)))
		fault = "the password is longer than 1024 bytes";
	if (fault == NULL)
		return true;
	secret_wipe(dst, 2 * KEY_PASSWORD_MAX + 2);
	key_tool_reply(q->k, q->id, EX_DATAERR, fault, SLICE_NONE);
	return false;
}

/* ---- verbs */

/* What cannot be written now goes at the next start, and is nobody's until then. */
static void
forget_login(struct keyd *k, struct slice address)
{
	enum err e = key_enter_forget(k, address);

	if (e != ERR_NOTFOUND)
		log_event(LOG_key, log_str("action", "cmtp-opt-out"), log_text("key", address),
		    log_str("result", err_text(e)));
}

static void
user_del(const struct key_tool_request *q)
{
	struct key_account *a = key_tool_account_of(q, q->argv[0]);
	char mem[KEY_ADDRESS_MAX + 1];
	uint64_t id;
	enum err e;

	if (a == NULL)
		return;
	must(slice_to_cstr(a->address, mem, sizeof(mem)));
	id = a->id;
	key_token_drop(q->k, id, 0);
	key_facts_account_going(q->k, a);
	e = key_ring_remove(q->k->ring, id);
	if (e == ERR_OK) {
		key_cmtp2_end(q->k, slice_str(mem));
		forget_login(q->k, slice_str(mem));
	}
	key_tool_audit("del", slice_str(mem), id, err_text(e));
	if (e != ERR_OK) {
		key_tool_reply_err(q->k, q->id, e, slice_str(mem));
		return;
	}
	key_token_revoke(q->k, id, UINT64_MAX);
	key_facts_account_gone(q->k, id);
	key_heard_reply(q->k, q->id, SLICE_NONE);
}

static void
enable(const struct key_tool_request *q, bool on)
{
	struct key_account *a = key_tool_account_of(q, q->argv[0]), changed;
	enum err e;

	if (a == NULL)
		return;
	changed = *a;
	changed.enabled = on;
	if (!on)
		changed.since_s = key_token_end_s(q->k, a);
	e = key_ring_put(q->k->ring, &changed, &a);
	key_tool_audit(on ? "enable" : "disable", changed.address, changed.id, err_text(e));
	if (e != ERR_OK) {
		key_tool_reply_err(q->k, q->id, e, changed.address);
		return;
	}
	if (!on)
		key_token_revoke(q->k, a->id, a->since_s);
	key_facts_account(q->k, a);
	key_heard_reply(q->k, q->id, SLICE_NONE);
}

static void
user_disable(const struct key_tool_request *q)
{
	enable(q, false);
}

static void
user_enable(const struct key_tool_request *q)
{
	enable(q, true);
}

/* In words of the domain section's option of that name. */
static bool
quota_parse(const struct key_tool_request *q, struct slice text, uint64_t *bytes)
{
	const struct opt_section section = CONF_DOMAIN_SECTION;
	const struct opt *row = opt_find(&section, SLICE_LIT("quota"));
	struct domain_options d = { 0 };
	char mem[32];
	const char *value = mem;
	struct buf why;
	enum err e = ERR_TOOBIG;

	buf_init(&why, 300);
	if (slice_to_cstr(text, mem, sizeof(mem)))
		e = opt_set(row, &d, &value, 1, "", &why);
	*bytes = d.quota;
	if (e != ERR_OK)
		key_tool_reply(q->k, q->id, EX_USAGE, "not a size, such as 500M or 10G", text);
	buf_fini(&why);
	return e == ERR_OK;
}

/* With a size: set it; 0 is what the domain says.  Without: show it. */
static void
user_quota(const struct key_tool_request *q)
{
	struct key_account *a = key_tool_account_of(q, q->argv[0]), changed;
	struct buf b;
	enum err e;

	if (a == NULL)
		return;
	changed = *a;
	if (q->argc == 1) {
		buf_init(&b, 100);
		buf_printf(&b, "%llu\n", (unsigned long long)key_facts_quota(q->k, a));
		daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
		buf_fini(&b);
		return;
	}
	if (!quota_parse(q, q->argv[1], &changed.quota_bytes))
		return;
	e = key_ring_put(q->k->ring, &changed, &a);
	key_tool_audit("quota", changed.address, changed.id, err_text(e));
	if (e != ERR_OK) {
		key_tool_reply_err(q->k, q->id, e, changed.address);
		return;
	}
	key_facts_account(q->k, a);
	key_heard_reply(q->k, q->id, SLICE_NONE);
}

/* By which the store knows it. */
static void
user_account(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct buf b;

	if (a == NULL)
		return;
	buf_init(&b, 100);
	buf_printf(&b, "%llu\n", (unsigned long long)a->id);
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}

static void
user_put(struct buf *b, const struct key_account *a)
{
	struct clock_date d;

	clock_to_date((int64_t)a->created_s, &d);
	buf_put_slice(b, a->address);
	buf_printf(b, " %s %s %04d-%02d-%02d\n", key_account_sealing_name(a->sealing),
	    a->enabled ? "enabled" : "disabled", d.year, d.month, d.day);
}

/* The cursor is the id of the last account shown. */
static void
user_list(const struct key_tool_request *q)
{
	const struct key_account *a = NULL;
	uint64_t after = 0;
	struct buf b;

	if (q->argc > 0 && num_parse_u64(q->argv[0], UINT64_MAX, &after) != ERR_OK) {
		key_tool_reply(q->k, q->id, EX_USAGE, "bad cursor", SLICE_NONE);
		return;
	}
	if (after > 0)
		a = key_ring_find(q->k->ring, after);
	/* Deleted meanwhile: go on behind where it was. */
	if (after > 0 && a == NULL) {
		const struct key_account *n = NULL;

		while ((n = key_ring_next(q->k->ring, n)) != NULL && n->id < after)
			a = n;
	}
	buf_init(&b, 2 * KEY_TOOL_LIST_BYTES);
	while ((a = key_ring_next(q->k->ring, a)) != NULL) {
		user_put(&b, a);
		if (b.n > KEY_TOOL_LIST_BYTES && key_ring_next(q->k->ring, a) != NULL) {
			buf_put_num(&b, a->id);
			break;
		}
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, a != NULL, buf_slice(&b));
	buf_fini(&b);
}

static const struct verb {
	const char	*name;
	unsigned	 least, most;		/* arguments */
	void		(*fn)(const struct key_tool_request *);
} verbs[] = {
	{ "user.add",	  1, 3, key_account_add },
	{ "user.del",	  1, 1, user_del },
	{ "user.list",	  0, 1, user_list },
	{ "user.passwd",  1, 2, key_account_passwd },
	{ "user.sealing", 2, 3, key_account_sealing },
	{ "user.key",	  1, 1, key_public_show },
	{ "user.renew",	  1, 1, key_account_renew },
	{ "user.recovery", 1, 1, key_account_recovery },
	{ "user.recover", 1, 1, key_account_recover },
	{ "app.add",	  2, 2, key_account_app_add },
	{ "app.del",	  2, 2, key_account_app_del },
	{ "app.list",	  1, 1, key_account_app_list },
	{ "cert.add",	  2, 3, key_cert_add },
	{ "cert.del",	  2, 2, key_cert_del },
	{ "cert.list",	  1, 1, key_cert_list },
	{ "user.disable", 1, 1, user_disable },
	{ "user.enable",  1, 1, user_enable },
	{ "user.quota",	  1, 2, user_quota },
	{ "user.account", 1, 1, user_account },
	{ "user.visit",	  1, 1, key_visit_make },
	{ "alias.add",	  2, KEY_TOOL_TARGETS_MAX + 1, key_alias_add },
	{ "alias.del",	  1, KEY_TOOL_TARGETS_MAX + 1, key_alias_del },
	{ "alias.list",	  0, 1, key_alias_list },
	{ "cmtp.list",	  0, 0, key_host_show },
	{ "cmtp.dns",	  0, 0, key_host_show_dns },
	{ "cmtp.rotate",  0, 0, key_host_rotate_now },
	{ "cmtp.forget",  1, 1, key_pin_forget },
	{ "cmtp.optin",	  1, 1, key_xzibit_make },
	{ "cmtp.optout",  1, 1, key_xzibit_drop },
	{ "cmtp.logins",  0, 1, key_xzibit_list },
	{ "secret.set",	  1, 1, key_secret_set },
	{ "secret.del",	  1, 1, key_secret_del },
	{ "secret.list",  0, 1, key_secret_list },
};

/* NUL-terminated strings; more than fit are one too many for any verb. */
static void
args_split(struct key_tool_request *q, struct slice args)
{
	while (args.n > 0 && q->argc < KEY_TOOL_ARGS_MAX) {
		args = slice_cut(args, '\0', &q->argv[q->argc]);
		q->argc++;
	}
}

void
key_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m,
    struct ipc_in *in)
{
	struct key_tool_request q = { .k = daemon_state(app), .id = id,
		.fd = in->fd_count > 0 ? in->fds[0] : NO_FD };
	size_t i;

	args_split(&q, m->args);
	for (i = 0; i < lengthof(verbs); i++) {
		if (!slice_eq_str(m->verb, verbs[i].name))
			continue;
		if (q.argc < verbs[i].least || q.argc > verbs[i].most)
			key_tool_reply(q.k, id, EX_USAGE, "wrong number of arguments", m->verb);
		else
			verbs[i].fn(&q);
		return;
	}
	key_tool_reply(q.k, id, EX_USAGE, "unknown verb", m->verb);
}
