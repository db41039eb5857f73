/* SPDX-License-Identifier: ISC */
/*
 * A daemon taken over by a stranger: started by master in the place of smtpd,
 * imapd, deliver or relay, it holds their wires and tries one forbidden thing,
 * named in the file "drill" beside the program.  It writes a line
 * "drill <name> <outcome>" for the test that watches the log, and stays.
 *
 * Outcomes: refused (the request got its error), closed (the wire was ended
 * as a violation), granted (the thing worked: the test fails).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "tests/system/inplace.h"

/* What became of the last request, when only want would mean success. */
static const char *
outcome(enum err e, uint16_t granted)
{
	if (e != ERR_OK)
		return "closed";
	return inplace_type == granted ? "granted" : "refused";
}

/* ---- logins that the drills start from ---- */

static char	 token[TOKEN_BYTES];
static char	 other_token[TOKEN_BYTES];
static uint32_t	 handle;
static uint64_t	 account, other_account;

static void
login_as(const char *user, uint8_t scope, char *into, uint64_t *id)
{
	struct ipc_login m = { .session = 1, .scope = scope, .tls = true,
	    .client = SLICE_LIT("127.0.0.1"), .mechanism = SLICE_LIT("PLAIN"),
	    .user = slice_str(user), .password = SLICE_LIT("secret") };

	if (inplace_ask(IPC_KEYD, IPC_MSG_login, &m) != ERR_OK ||
	    inplace_type != IPC_MSG_login_ok || inplace_reply.login_ok.token.n != TOKEN_BYTES) {
		printf("drill cannot log in\n");
		exit(1);
	}
	memcpy(into, inplace_reply.login_ok.token.p, TOKEN_BYTES);
	*id = inplace_reply.login_ok.account;
}

static void
open_store(const char *user, char *into, uint64_t *id)
{
	struct ipc_store_login m;

	login_as(user, TOKEN_MAIL, into, id);
	m.token = slice_of(into, TOKEN_BYTES);
	if (inplace_ask(IPC_STORE, IPC_MSG_store_login, &m) != ERR_OK ||
	    inplace_type != IPC_MSG_store_session) {
		printf("drill cannot open the store\n");
		exit(1);
	}
	handle = inplace_reply.store_session.handle;
}

/* ---- keyd ---- */

static const char *
sign_arbitrary(void)
{
	struct ipc_tls_sign m = { .key = 0, .scheme = 0x0403,
	    .tbs = SLICE_LIT("v=1; a=ed25519-sha256; d=example.test; any bytes will do") };

	return outcome(inplace_ask(IPC_KEYD, IPC_MSG_tls_sign, &m), IPC_MSG_tls_signed);
}

/* A CertificateVerify of a client, not of a server. */
static const char *
sign_client_context(void)
{
	char tbs[64 + 33 + 1 + 32] = { 0 };
	struct ipc_tls_sign m = { .scheme = 0x0403, .tbs = slice_of(tbs, sizeof(tbs)) };

	memset(tbs, ' ', 64);
	memcpy(tbs + 64, "TLS 1.3, client CertificateVerify", 33);
	memset(tbs + 97, 0, 33);
	return outcome(inplace_ask(IPC_KEYD, IPC_MSG_tls_sign, &m), IPC_MSG_tls_signed);
}

static const char *
open_as_smtpd(void)
{
	struct ipc_open_keys m = { 0 };

	login_as("alice@example.test", TOKEN_SUBMIT, token, &account);
	m.token = slice_of(token, sizeof(token));
	return outcome(inplace_ask(IPC_KEYD, IPC_MSG_open_keys, &m), IPC_MSG_open_keys_reply);
}

static const char *
spool_key_as_smtpd(void)
{
	struct ipc_spool_key m = { 0 };

	return outcome(inplace_ask(IPC_KEYD, IPC_MSG_spool_key, &m), IPC_MSG_spool_key_reply);
}

static const char *
open_forged_token(void)
{
	struct ipc_open_keys m = { .token = slice_of(token, sizeof(token)) };

	login_as("alice@example.test", TOKEN_MAIL, token, &account);
	token[8] ^= 1;		/* another account */
	return outcome(inplace_ask(IPC_KEYD, IPC_MSG_open_keys, &m), IPC_MSG_open_keys_reply);
}

/* The first message of the account the store handle is for: wrap and epoch. */
static bool
first_wrap(struct buf *wraps, struct buf *epochs, uint64_t *content)
{
	struct ipc_store_select sel = { .handle = handle, .examine = true,
	    .name = SLICE_LIT("INBOX") };
	struct ipc_store_fetch f = { .handle = handle, .want = STORE_WANT_CONTENT,
	    .by_uid = true, .limit = 1, .set = SLICE_LIT("\1\0\0\0\xff\xff\xff\xff") };
	struct ipc_reader r;
	struct ipc_row row;
	struct ipc_content c;
	struct ipc_wrap w;

	if (inplace_ask(IPC_STORE, IPC_MSG_store_select, &sel) != ERR_OK ||
	    inplace_type != IPC_MSG_store_selected)
		return false;
	f.mailbox = inplace_reply.store_selected.mailbox;
	f.v = inplace_reply.store_selected.modseq;
	f.uidnext = inplace_reply.store_selected.uidnext;
	if (inplace_ask(IPC_STORE, IPC_MSG_store_fetch, &f) != ERR_OK ||
	    inplace_type != IPC_MSG_store_rows)
		return false;
	r = ipc_reader_of(inplace_reply.store_rows.rows);
	ipc_row_get(&r, &row);
	ipc_content_get(&r, &c);
	if (r.bad)
		return false;
	w = (struct ipc_wrap){ c.content, c.epoch, c.generation, c.commitment, c.wrapped };
	ipc_wrap_put(wraps, &w);
	buf_put_slice(epochs, inplace_reply.store_rows.epochs);
	*content = c.content;
	return true;
}

/* Another's wraps under one's own token: every key must come back closed. */
static const char *
open_others_wraps(void)
{
	static struct buf wraps, epochs;	/* until the process ends */
	struct ipc_open_keys m;
	uint64_t content;

	buf_init(&wraps, 4096);
	buf_init(&epochs, 12000);
	open_store("bob@example.test", other_token, &other_account);
	if (!first_wrap(&wraps, &epochs, &content))
		return "unprepared";
	m.wraps = buf_slice(&wraps);
	m.epochs = buf_slice(&epochs);
	/* the right owner can */
	m.token = slice_of(other_token, TOKEN_BYTES);
	if (inplace_ask(IPC_KEYD, IPC_MSG_open_keys, &m) != ERR_OK ||
	    inplace_type != IPC_MSG_open_keys_reply || inplace_reply.open_keys_reply.keys.p[0] != 1)
		return "unprepared";
	login_as("alice@example.test", TOKEN_MAIL, token, &account);
	m.token = slice_of(token, TOKEN_BYTES);
	if (inplace_ask(IPC_KEYD, IPC_MSG_open_keys, &m) != ERR_OK)
		return "closed";
	if (inplace_type == IPC_MSG_open_keys_reply && inplace_reply.open_keys_reply.keys.n > 0 &&
	    inplace_reply.open_keys_reply.keys.p[0] == 1)
		return "granted";
	return "refused";
}

/* ---- store ---- */

static const char *
store_forged_token(void)
{
	struct ipc_store_login m = { .token = slice_of(token, sizeof(token)) };

	login_as("alice@example.test", TOKEN_MAIL, token, &account);
	token[TOKEN_BYTES - 1] ^= 1;
	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_login, &m), IPC_MSG_store_session);
}

static const char *
store_foreign_handle(void)
{
	struct ipc_store_list m = { 0 };

	open_store("alice@example.test", token, &account);
	for (m.handle = handle + 1; m.handle < handle + 64; m.handle++) {
		if (inplace_ask(IPC_STORE, IPC_MSG_store_list, &m) != ERR_OK)
			return "closed";
		if (inplace_type == IPC_MSG_store_mailboxes)
			return "granted";
	}
	return "refused";
}

static const char *
store_read_other(void)
{
	struct ipc_store_read m = { .bytes = 4096 };
	struct buf wraps, epochs;
	bool is_there;

	buf_init(&wraps, 4096);
	buf_init(&epochs, 12000);
	open_store("bob@example.test", other_token, &other_account);
	is_there = first_wrap(&wraps, &epochs, &m.content);
	buf_fini(&wraps);
	buf_fini(&epochs);
	if (!is_there)
		return "unprepared";
	/* alice has no message: whatever number is asked for is not hers */
	open_store("alice@example.test", token, &account);
	m.handle = handle;
	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_read, &m), IPC_MSG_store_data);
}

static struct ipc_store_append
an_append(void)
{
	static const char zeros[64];

	return (struct ipc_store_append){ .account = account, .handle = handle,
	    .mailbox = SLICE_LIT("INBOX"), .internal_s = 1, .size = 5, .content = 1,
	    .epoch = 1, .generation = 1, .epoch_data = slice_of(zeros, 64),
	    .commitment = slice_of(zeros, 32), .wrapped = slice_of(zeros, 60),
	    .body = SLICE_LIT("GWSO?") };
}

static const char *
append_other_account(void)
{
	struct ipc_store_append m;

	login_as("bob@example.test", TOKEN_MAIL, other_token, &other_account);
	open_store("alice@example.test", token, &account);
	m = an_append();
	m.account = other_account;
	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_append, &m), IPC_MSG_store_appended);
}

/* An ordinary file where a sealed memfd is due. */
static const char *
append_wrong_descriptor(void)
{
	struct ipc_store_append m;
	int fd = open("/etc/passwd", O_RDONLY);

	open_store("alice@example.test", token, &account);
	m = an_append();
	m.body = SLICE_NONE;
	return outcome(inplace_ask_fd(IPC_STORE, IPC_MSG_store_append, &m, fd), IPC_MSG_store_appended);
}

static const char *
append_unsealed_memfd(void)
{
	struct ipc_store_append m;
	int fd = memfd_create("drill", MFD_ALLOW_SEALING);

	open_store("alice@example.test", token, &account);
	m = an_append();
	m.body = SLICE_NONE;
	if (write(fd, "GWSO?", 5) != 5)
		return "unprepared";
	return outcome(inplace_ask_fd(IPC_STORE, IPC_MSG_store_append, &m, fd), IPC_MSG_store_appended);
}

static const char *
append_no_account(void)
{
	struct ipc_store_append m = an_append();

	m.account = 0x7fffffffffff;
	m.msg = 1;
	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_append, &m), IPC_MSG_store_appended);
}

static const char *
deliver_reads_mail(void)
{
	struct ipc_store_list m = { .handle = 1 };

	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_list, &m), IPC_MSG_store_mailboxes);
}

static const char *
giant_set(void)
{
	static char set[32000];
	struct ipc_store_fetch m = { .by_uid = true, .set = slice_of(set, sizeof(set)) };

	open_store("alice@example.test", token, &account);
	m.handle = handle;
	memset(set, 0xff, sizeof(set));
	m.mailbox = 0xffffffff;
	return outcome(inplace_ask(IPC_STORE, IPC_MSG_store_fetch, &m), IPC_MSG_store_rows);
}

static const char *
nonsense_frame(void)
{
	char told[64];
	size_t got = 0;
	ssize_t n;

	if (write(inplace_wire(IPC_STORE), "\xff\xff\xff\xff\xff\xff\xff\xff", 8) != 8)
		return "unprepared";
	/* The store spoke first, of its window and its pulse (20 bytes each), and says no more. */
	while ((n = read(inplace_wire(IPC_STORE), told, sizeof(told))) > 0 && got <= 40)
		got += (size_t)n;
	return n <= 0 && got <= 40 ? "closed" : "granted";
}

/* ---- queue ---- */

static const char *
relay_without_login(void)
{
	struct ipc_queue_open m = { .session = 1, .sender = SLICE_LIT("x@else.example"),
	    .client = SLICE_LIT("192.0.2.1") };
	struct ipc_queue_rcpt r = { .rcpt = SLICE_LIT("y@far.example") };

	if (!inplace_open(&m, &r.msg))
		return "unprepared";
	return outcome(inplace_ask(IPC_QUEUE, IPC_MSG_queue_rcpt, &r), IPC_MSG_queue_rcpt_ok);
}

static const char *
relay_forged_token(void)
{
	struct ipc_queue_open m = { .session = 1, .flags = QUEUE_SUBMISSION,
	    .sender = SLICE_LIT("bob@example.test"), .client = SLICE_LIT("192.0.2.1") };
	struct ipc_queue_rcpt r = { .rcpt = SLICE_LIT("y@far.example") };

	login_as("alice@example.test", TOKEN_SUBMIT, token, &account);
	token[8] ^= 3;
	m.token = slice_of(token, sizeof(token));
	if (inplace_ask(IPC_QUEUE, IPC_MSG_queue_open, &m) != ERR_OK)
		return "closed";
	if (inplace_type != IPC_MSG_queue_opened)
		return "refused";
	r.msg = inplace_reply.queue_opened.msg;
	return outcome(inplace_ask(IPC_QUEUE, IPC_MSG_queue_rcpt, &r), IPC_MSG_queue_rcpt_ok);
}

static const char *
send_as_another(void)
{
	struct ipc_queue_open m = { .session = 1, .flags = QUEUE_SUBMISSION,
	    .sender = SLICE_LIT("bob@example.test"), .client = SLICE_LIT("192.0.2.1") };

	login_as("alice@example.test", TOKEN_SUBMIT, token, &account);
	m.token = slice_of(token, sizeof(token));
	return outcome(inplace_ask(IPC_QUEUE, IPC_MSG_queue_open, &m), IPC_MSG_queue_opened);
}

static const char *
commit_unknown(void)
{
	struct ipc_queue_commit m = { .msg = 12345, .form = QUEUE_FORM_MEMFD, .size = 1 };
	int fd = memfd_create("drill", MFD_ALLOW_SEALING);

	return outcome(inplace_ask_fd(IPC_QUEUE, IPC_MSG_queue_commit, &m, fd), IPC_MSG_queue_committed);
}

static const char *
commit_unsealed(void)
{
	struct ipc_queue_open m = { .session = 1, .sender = SLICE_LIT("x@else.example"),
	    .client = SLICE_LIT("192.0.2.1") };
	struct ipc_queue_rcpt r = { .rcpt = SLICE_LIT("alice@example.test") };
	struct ipc_queue_commit c = { .form = QUEUE_FORM_MEMFD, .size = 5 };
	int fd = memfd_create("drill", MFD_ALLOW_SEALING);

	if (!inplace_open(&m, &r.msg) || write(fd, "hello", 5) != 5)
		return "unprepared";
	c.msg = r.msg;
	if (inplace_ask(IPC_QUEUE, IPC_MSG_queue_rcpt, &r) != ERR_OK ||
	    inplace_type != IPC_MSG_queue_rcpt_ok)
		return "unprepared";
	return outcome(inplace_ask_fd(IPC_QUEUE, IPC_MSG_queue_commit, &c, fd), IPC_MSG_queue_committed);
}

/* Results for jobs that were never given. */
static const char *
deliver_lies(void)
{
	struct ipc_deliver_done m = { 0 };
	char c;

	if (ipc_write_blocking(inplace_wire(IPC_QUEUE), IPC_MSG_deliver_done, 77, &m, NULL, 0) != ERR_OK)
		return "closed";
	return read(inplace_wire(IPC_QUEUE), &c, 1) <= 0 ? "closed" : "refused";
}

static const char *
relay_lies(void)
{
	struct ipc_relay_done m = { .feedback = RELAY_TAKEN };
	char c;

	if (ipc_write_blocking(inplace_wire(IPC_QUEUE), IPC_MSG_relay_done, 77, &m, NULL, 0) != ERR_OK)
		return "closed";
	return read(inplace_wire(IPC_QUEUE), &c, 1) <= 0 ? "closed" : "refused";
}

/* Mail comes in through smtpd; who reaches the network brings none. */
static const char *
relay_submits(void)
{
	struct ipc_queue_open m = { .session = 1, .sender = SLICE_LIT("x@else.example"),
	    .client = SLICE_LIT("192.0.2.1") };

	return outcome(inplace_ask(IPC_QUEUE, IPC_MSG_queue_open, &m), IPC_MSG_queue_opened);
}

static const struct {
	const char	*name;
	const char	*(*run)(void);
} drills[] = {
#define D(name)	{ #name, name }
	D(sign_arbitrary), D(sign_client_context), D(open_as_smtpd),
	D(spool_key_as_smtpd), D(open_forged_token), D(open_others_wraps),
	D(store_forged_token), D(store_foreign_handle), D(store_read_other),
	D(append_other_account), D(append_wrong_descriptor),
	D(append_unsealed_memfd), D(append_no_account), D(deliver_reads_mail),
	D(giant_set), D(nonsense_frame), D(relay_without_login),
	D(relay_forged_token), D(send_as_another), D(commit_unknown),
	D(commit_unsealed), D(deliver_lies), D(relay_lies), D(relay_submits),
#undef D
};

static void
read_name(char *name, size_t bytes)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	FILE *f;

	if (n < 0)
		exit(1);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	(void)strncat(path, "/drill.name", 15);
	f = fopen(path, "r");
	if (f == NULL || fgets(name, (int)bytes, f) == NULL)
		exit(1);
	name[strcspn(name, "\n")] = '\0';
	(void)fclose(f);
}

int
main(void)
{
	const char *result = "unknown";
	char name[64];

	inplace_start();
	read_name(name, sizeof(name));
	for (size_t i = 0; i < lengthof(drills); i++)
		if (strcmp(drills[i].name, name) == 0)
			result = drills[i].run();
	printf("drill name=%s outcome=%s\n", name, result);
	inplace_stay();		/* so that nothing is restarted */
	return 0;
}
