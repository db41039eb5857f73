/* SPDX-License-Identifier: ISC */
/*
 * The runner.  smtp_session_feed reads according to the mode: command lines
 * go through run_command (checks of smtp_verbs.def, then the handler), the
 * other modes to their continuation.  take_step is the only place that
 * changes state and mode.
 */
#include "smtpd/smtp_session.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "smtpd/smtp_scram.h"
#include "smtpd/smtp_verbs.h"

#define LINE_MAX_BYTES	65536	/* no option may ask for more */

const char *
smtp_session_state_name(enum smtp_state state)
{
	switch (state) {
#define S(name, bit)	case SMTP_##name: return #name;
	SMTP_STATES(S)
#undef S
	}
	return "?";
}

bool
smtp_session_is_logged_in(const struct smtp_session *s)
{
	return s->login[0] != '\0';
}

bool
smtp_session_takes_logins(const struct smtp_session *s)
{
	return s->tls_version != NULL || s->takes_cleartext;
}

struct smtp_step
smtp_session_stay(const struct smtp_session *s)
{
	return (struct smtp_step){ SMTP_COMMAND, s->state };
}

struct smtp_step
smtp_session_close(struct smtp_session *s, const char *why)
{
	if (s->end == NULL)
		s->end = why;
	return (struct smtp_step){ SMTP_CLOSED, s->state };
}

void
smtp_session_drop_txn(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;

	if (t == NULL)
		return;
	s->txn = NULL;
	if (t->msg != 0 && !t->is_dead)
		s->env->abort(s->arg, t->msg);
	smtp_message_fini(&t->message);
	free(t);
}

/* SMTP_WAIT_OPEN keeps the state before MAIL but has a transaction already. */
static bool
may_have_txn(enum smtp_mode mode, enum smtp_state state)
{
	return mode == SMTP_WAIT_OPEN || state == SMTP_MAIL || state == SMTP_RCPT ||
	    state == SMTP_BDAT;
}

static void
take_step(struct smtp_session *s, struct smtp_step step)
{
	if (s->end != NULL)
		step.mode = SMTP_CLOSED;
	s->mode = step.mode;
	s->state = step.state;
	if (s->mode == SMTP_CLOSED || !may_have_txn(s->mode, s->state)) {
		smtp_session_drop_txn(s);
		s->is_paused = false;
	}
	if (s->mode == SMTP_COMMAND)
		s->verb = NULL;
}

void
smtp_session_start(struct smtp_session *s)
{
	must(s->service->limits->command_bytes <= LINE_MAX_BYTES);
	buf_init(&s->out, SMTP_OUT_MAX);
	buf_init(&s->line, s->service->limits->command_bytes);
	buf_init(&s->auth, SMTP_PASSWORD_MAX);
	s->state = SMTP_START;
	s->mode = SMTP_COMMAND;
	/* RFC 5321 s4.2: the greeting names us first. */
	buf_printf(&s->out, "220 %s ESMTP Godwit\r\n", s->service->hostname);
}

void
smtp_session_fini(struct smtp_session *s)
{
	smtp_session_drop_txn(s);
	buf_fini(&s->out);
	buf_wipe(&s->line);
	buf_fini(&s->line);
	buf_wipe(&s->auth);
	buf_fini(&s->auth);
	smtp_scram_end(s);
}

bool
smtp_session_can_read(const struct smtp_session *s)
{
	switch (s->mode) {
	case SMTP_COMMAND:
	case SMTP_AUTH_LINE:
		return s->out.n < SMTP_OUT_HIGH;
	case SMTP_TEXT:
	case SMTP_CHUNK:
		return !s->is_paused;
	case SMTP_WAIT_OPEN:
	case SMTP_WAIT_RCPT:
	case SMTP_WAIT_COMMIT:
	case SMTP_WAIT_LOGIN:
	case SMTP_WAIT_TLS:
	case SMTP_HANDED:
	case SMTP_CLOSED:
		return false;
	}
	return false;
}

/* ---- commands ---- */

static bool
needs_tls(const struct smtp_session *s)
{
	return s->service->tls == SMTP_TLS_REQUIRED && s->tls_version == NULL &&
	    !(s->service->is_submission && s->takes_cleartext);
}

/* A submission service serves nobody before login: keep it short. */
static bool
over_prelogin(struct smtp_session *s)
{
	const struct smtp_limits *l = s->service->limits;

	if (!s->service->is_submission || smtp_session_is_logged_in(s) ||
	    s->command_count <= l->prelogin_commands)
		return false;
	log_event(LOG_limit, log_session(s->id), log_str("client", s->peer),
	    log_str("name", "prelogin_command_limit"), log_num("value", l->prelogin_commands));
	smtp_reply_put(&s->out, REPLY_COMMANDS);
	return true;
}

static enum smtp_reply_id
check_verb(const struct smtp_session *s, const struct smtp_verb *v, struct slice args)
{
	if (needs_tls(s) && !(v->flags & VERB_PRE_TLS))
		return REPLY_NEED_TLS;
	if ((v->flags & VERB_NO_ARGS) && args.n > 0)
		return REPLY_BAD_ARGS;
	if ((v->flags & VERB_ARGS) && args.n == 0)
		return REPLY_BAD_ARGS;
	if (!(v->states & s->state))
		return REPLY_SEQUENCE;
	return REPLY_NONE;
}

static struct smtp_step
run_verb(struct smtp_session *s, const struct smtp_verb *v, struct slice args)
{
	enum smtp_reply_id no = check_verb(s, v, args);

	if (no != REPLY_NONE) {
		smtp_reply(s, no);
		return smtp_session_stay(s);
	}
	if ((v->flags & VERB_LAST) && s->rest > 0) {
		/* RFC 3207 s4.2: what came in plaintext is not for the session
		 * under TLS; nobody sends this by accident. */
		smtp_reply(s, REPLY_TLS_INJECTION);
		return smtp_session_close(s, "plaintext after STARTTLS");
	}
	if ((v->flags & VERB_JUNK) && ++s->junk_count > s->service->limits->junk_commands &&
	    ++s->error_count > s->service->limits->errors) {
		smtp_reply_put(&s->out, REPLY_ERRORS);
		return smtp_session_close(s, "too many errors");
	}
	return v->fn(s, args);
}

static bool
has_control(struct slice line)
{
	for (size_t i = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
			return true;
	return false;
}

static struct smtp_step
run_command(struct smtp_session *s, struct slice line)
{
	const struct smtp_verb *v;
	struct slice name, args;

	s->command_count++;
	if (over_prelogin(s))
		return smtp_session_close(s, "too many commands before login");
	if (has_control(line)) {
		smtp_reply(s, REPLY_BAD_LINE);
		return smtp_session_stay(s);
	}
	/* White space at the end: RFC 5321 s4.1.1 wants it tolerated. */
	args = slice_trim(slice_cut(slice_trim(line), ' ', &name));
	v = smtp_verbs_find(name);
	s->verb = v != NULL ? v->name : "-";
	if (v == NULL) {
		smtp_reply(s, needs_tls(s) ? REPLY_NEED_TLS : REPLY_UNKNOWN);
		return smtp_session_stay(s);
	}
	return run_verb(s, v, args);
}

static struct smtp_step
run_line(struct smtp_session *s, struct slice line)
{
	bool in_auth = s->mode == SMTP_AUTH_LINE;

	if (s->line_too_long) {
		/* RFC 4954 s4 names a code of its own. */
		smtp_reply(s, in_auth ? REPLY_LONG_AUTH : REPLY_LONG_LINE);
		buf_wipe(&s->auth);
		smtp_scram_end(s);
		return smtp_session_stay(s);
	}
	return in_auth ? smtp_auth_take_line(s, line) : run_command(s, line);
}

static struct smtp_step
refuse_bare(struct smtp_session *s)
{
	smtp_reply(s, REPLY_BARE);
	return smtp_session_close(s, "bare line end");
}

/* Line without LF in, true when only its last byte is a CR. */
static bool
ends_clean(struct slice line)
{
	return line.n > 0 && slice_find(line, '\r') == line.n - 1;
}

static void
keep_part(struct smtp_session *s, struct slice part)
{
	/* A CR in the middle is found when the line is whole; in an overlong
	 * line nothing but its end matters. */
	if (part.n == 0)
		return;
	if (!s->line_too_long)
		buf_put_slice(&s->line, part);
	if (s->line_too_long || buf_err(&s->line) != ERR_OK) {
		s->line_too_long = true;
		s->line_has_cr = part.p[part.n - 1] == '\r';
	}
}

static void
forget_line(struct smtp_session *s)
{
	/* It may have held a password. */
	if (s->line.mem != NULL) {
		buf_wipe(&s->line);
		buf_release(&s->line);
	}
	s->line_too_long = false;
	s->line_has_cr = false;
}

static size_t
feed_line(struct smtp_session *s, struct slice in)
{
	size_t lf = slice_find(in, '\n');
	struct slice line = slice_head(in, lf);
	struct smtp_step step;
	bool is_clean;

	if (lf == in.n) {
		keep_part(s, in);
		return in.n;
	}
	if (s->line.n > 0 || s->line_too_long || lf + 1 > s->service->limits->command_bytes) {
		keep_part(s, line);
		/* The limit counts the LF too. */
		if (!s->line_too_long && s->line.n + 1 > s->service->limits->command_bytes) {
			s->line_too_long = true;
			s->line_has_cr = ends_clean(buf_slice(&s->line));
		}
		line = buf_slice(&s->line);
	}
	is_clean = s->line_too_long ? s->line_has_cr : ends_clean(line);
	s->rest = in.n - lf - 1;
	s->progress++;
	step = is_clean ? run_line(s, slice_head(line, line.n - 1)) : refuse_bare(s);
	forget_line(s);
	take_step(s, step);
	return lf + 1;
}

bool
smtp_session_offers_cmtp(const struct smtp_session *s)
{
	return s->service->offers_cmtp && s->can_cmtp && !needs_tls(s);
}

/* "OHAI" and its NUL, where EHLO or MAIL could stand; a part of it waits in line. */
static bool
is_ohai(const struct smtp_session *s, struct slice in)
{
	static const char word[] = "OHAI";
	size_t n = s->line.n;

	if (!s->service->offers_cmtp || needs_tls(s) || s->mode != SMTP_COMMAND ||
	    (s->state != SMTP_START && s->state != SMTP_HELO) || s->line_too_long ||
	    n >= sizeof(word))
		return false;
	return slice_eq(buf_slice(&s->line), slice_of(word, n)) &&
	    slice_eq(slice_head(in, sizeof(word) - n), slice_of(word + n, sizeof(word) - n));
}

size_t
smtp_session_feed(struct smtp_session *s, struct slice in)
{
	struct slice left = in;
	struct smtp_step step;

	while (smtp_session_can_read(s)) {
		if (s->is_draining && s->mode == SMTP_COMMAND && s->txn == NULL) {
			smtp_session_drain(s);
			break;
		}
		/* A chunk of no bytes is complete without input. */
		if (left.n == 0 && !(s->mode == SMTP_CHUNK && s->chunk_left == 0))
			break;
		if (is_ohai(s, left)) {
			take_step(s, (struct smtp_step){ SMTP_HANDED, s->state });
			break;
		}
		if (s->mode == SMTP_COMMAND || s->mode == SMTP_AUTH_LINE) {
			left = slice_from(left, feed_line(s, left));
			continue;
		}
		s->progress++;
		step = s->mode == SMTP_TEXT ? smtp_data_text(s, &left) : smtp_data_chunk(s, &left);
		take_step(s, step);
	}
	return in.n - left.n;
}

/* ---- answers ---- */

void
smtp_session_resume(struct smtp_session *s)
{
	s->is_paused = false;
}

void
smtp_session_on_opened(struct smtp_session *s, uint64_t msg)
{
	if (s->mode == SMTP_WAIT_OPEN)
		take_step(s, smtp_mail_opened(s, msg));
}

void
smtp_session_on_rcpt_ok(struct smtp_session *s)
{
	if (s->mode == SMTP_WAIT_RCPT)
		take_step(s, smtp_rcpt_accepted(s));
}

void
smtp_session_on_committed(struct smtp_session *s)
{
	if (s->mode == SMTP_WAIT_COMMIT)
		take_step(s, smtp_data_committed(s));
}

void
smtp_session_on_refused(struct smtp_session *s, const struct smtp_refusal *r)
{
	if (s->mode == SMTP_WAIT_OPEN)
		take_step(s, smtp_mail_refused(s, r));
	else if (s->mode == SMTP_WAIT_RCPT)
		take_step(s, smtp_rcpt_refused(s, r));
	else if (s->mode == SMTP_WAIT_COMMIT)
		take_step(s, smtp_data_refused(s, r));
}

void
smtp_session_on_login(struct smtp_session *s, enum err e, struct slice address)
{
	if (s->mode == SMTP_WAIT_LOGIN)
		take_step(s, smtp_auth_done(s, e, address));
}

void
smtp_session_on_challenge(struct smtp_session *s, uint64_t exchange, struct slice server_first)
{
	if (s->mode == SMTP_WAIT_LOGIN && s->scram != NULL)
		take_step(s, smtp_scram_on_challenge(s, exchange, server_first));
}

void
smtp_session_on_proof(struct smtp_session *s, struct slice address, struct slice signature)
{
	if (s->mode == SMTP_WAIT_LOGIN && s->scram != NULL)
		take_step(s, smtp_scram_on_proof(s, address, signature));
}

void
smtp_session_on_tls(struct smtp_session *s, const char *version, const char *cipher)
{
	if (s->mode != SMTP_WAIT_TLS && s->service->tls != SMTP_TLS_IMPLICIT)
		return;
	s->tls_version = version;
	s->tls_cipher = cipher;
	/* RFC 3207 s4.2: forget what was said before. */
	s->helo[0] = '\0';
	s->is_esmtp = false;
	take_step(s, (struct smtp_step){ SMTP_COMMAND, SMTP_START });
}

/* ---- events ---- */

void
smtp_session_lost_queue(struct smtp_session *s)
{
	/* A question that is open ends by itself, with ERR_GONE. */
	if (s->txn != NULL)
		s->txn->is_dead = true;
}

static void
say_and_close(struct smtp_session *s, enum smtp_reply_id id, const char *why)
{
	smtp_reply_put(&s->out, id);
	take_step(s, smtp_session_close(s, why));
}

void
smtp_session_hand_failed(struct smtp_session *s)
{
	say_and_close(s, REPLY_NO_CMTP, "no cmtp");
}

void
smtp_session_drain(struct smtp_session *s)
{
	s->is_draining = true;
	if (s->mode == SMTP_COMMAND && s->txn == NULL)
		say_and_close(s, REPLY_DRAIN, "drain");
}

void
smtp_session_idle(struct smtp_session *s)
{
	if (s->mode == SMTP_COMMAND || s->mode == SMTP_AUTH_LINE || s->mode == SMTP_TEXT ||
	    s->mode == SMTP_CHUNK)
		say_and_close(s, REPLY_IDLE, "idle");
}
