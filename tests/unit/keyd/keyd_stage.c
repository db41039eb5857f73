/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "tests/unit/keyd/keyd_stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/seal/epoch.h"
#include "tests/unit/keyd/tls_pair.h"

const struct key_who whos[WHO_COUNT] = {
	{ IPC_SMTPD, 21 }, { IPC_IMAPD, 11 }, { IPC_IMAPD, 12 }, { IPC_QUEUE, 31 },
	{ IPC_STORE, 41 }, { IPC_RELAY, 51 }, { IPC_CMTPD, 61 }
};

struct answer answer;
struct told told;
struct daemon_app app;
struct loop *loop;
static char dir_name[64];
int dir_fd;
static const char *const domain_names[] = { "example.test", "seal.test", "alias.test", "relay.test",
	"server.test" };

/*
 * A thread of the loop's pool, which never ends, keeps OpenSSL's random
 * generators of that thread: the leak sanitizer sees no owner.
 */
const char	*__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so\n";
}

/* ---- stand-in for lib/daemon */

void *
daemon_state(struct daemon_app *a)
{
	return &a->k;
}

int
daemon_dir(struct daemon_app *a)
{
	(void)a;
	return dir_fd;
}

uint32_t
daemon_instance(struct daemon_app *a)
{
	return a->instance;
}

const void *
daemon_options(struct daemon_app *a, const char *section, const char *title)
{
	(void)title;
	return strcmp(section, "keyd") == 0 ? (const void *)&a->options : &a->godwit;
}

const void *
daemon_section(struct daemon_app *a, const char *section, unsigned idx, const char **title)
{
	assert_string_equal(section, "domain");
	if (idx >= lengthof(domain_names))
		return NULL;
	*title = domain_names[idx];
	return &a->domains[idx];
}

const char *
daemon_hostname(struct daemon_app *a)
{
	(void)a;
	return "mx1.example.test";
}

struct ipc_peer *
daemon_peer(struct daemon_app *a, enum ipc_role role, unsigned idx)
{
	size_t i;

	for (i = 0; i < WHO_COUNT; i++)
		if (whos[i].role == role && a->server[i] != NULL && idx-- == 0)
			return a->server[i];
	return NULL;
}

int
daemon_file(struct daemon_app *a, const char *purpose, unsigned idx, const char **name)
{
	(void)idx;
	(void)name;
	if (strcmp(purpose, "client_ca") == 0)
		return a->client_ca_fd;
	return strcmp(purpose, "certificate") == 0 ? a->cert_fd : a->key_fd;
}

void
daemon_tool_reply(struct daemon_app *a, uint64_t id, uint8_t exit_code, bool more,
    struct slice text)
{
	(void)a;
	(void)id;
	answer.came = true;
	answer.exit = exit_code;
	answer.more = more;
	memcpy(answer.text, text.n > 0 ? text.p : "", text.n);
	answer.text[text.n] = '\0';
	loop_stop(loop);
}

/* ---- our ends */

static void
on_fact_begin(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)p, (void)m, (void)in;
	told.begins++;
}

static void
on_fact_end(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)p, (void)m, (void)in;
	told.ends++;
}

static void
on_fact_account(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_fact_account *m = msg;

	(void)p, (void)in;
	told.accounts++;
	told.sealing = m->sealing;
	told.enabled = m->enabled;
	told.quota = m->quota_bytes;
	told.key_generation = m->key_generation;
	memcpy(told.public_key, m->public_key.p, 32);
}

static void
on_fact_gone(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)p, (void)m, (void)in;
	told.gone++;
}

static void
on_fact_alias(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_fact_alias *m = msg;

	(void)p, (void)in;
	told.aliases += m->targets.n > 0;
	told.aliases_gone += m->targets.n == 0;
}

static void
on_token_key(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_token_key *m = msg;

	(void)p, (void)in;
	assert_int_equal(m->key.n, 32);
	/* Nobody may have been told that all is there. */
	assert_true(told.begins > told.ends);
	told.token_keys++;
}

static void
on_grant_key(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_grant_key *m = msg;

	(void)in;
	assert_ptr_equal(p, app.client[STORE]);
	assert_int_equal(m->key.n, 32);
	assert_true(told.begins > told.ends);
	memcpy(told.grant_key, m->key.p, 32);
	told.grant_keys++;
}

static void
on_revoke(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_token_revoke *m = msg;

	(void)p, (void)in;
	told.revokes++;
	told.revoked_before = m->before_s;
}

static void
on_heard(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_facts_taken m = { 0 };

	(void)msg;
	told.heard++;
	if (!told.holds_heard)
		ipc_reply(p, in->id, IPC_MSG_facts_taken, &m);
}

static void
on_rewrap(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_epoch_rewrap *m = msg;

	(void)p, (void)in;
	told.rewraps++;
	assert_int_equal(m->data.n, EPOCH_WRAPPED_BYTES);
	memcpy(told.rewrapped, m->data.p, m->data.n);
	assert_int_equal(m->sealed.n, sizeof(told.sealed));
	memcpy(told.sealed, m->sealed.p, m->sealed.n);
}

static void
on_client_ca(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	(void)p, (void)in;
	told.client_cas++;
	told.client_ca_n = ((const struct ipc_tls_client_ca *)msg)->pem.n;
}

static void
on_cert(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_tls_cert *m = msg;

	(void)p, (void)in;
	told.certs++;
	answer.number = m->key;
	memcpy(told.ticket, m->ticket_keys.p, 80);
	if (m->ticket_keys_old.n == 80)
		memcpy(told.ticket_old, m->ticket_keys_old.p, 80);
}

static const struct ipc_handler client_handlers[] = {
	{ IPC_MSG_fact_begin, on_fact_begin }, { IPC_MSG_fact_end, on_fact_end },
	{ IPC_MSG_fact_account, on_fact_account }, { IPC_MSG_fact_account_gone, on_fact_gone },
	{ IPC_MSG_fact_alias, on_fact_alias }, { IPC_MSG_token_key, on_token_key },
	{ IPC_MSG_grant_key, on_grant_key }, { IPC_MSG_token_revoke, on_revoke }, { IPC_MSG_epoch_rewrap, on_rewrap },
	{ IPC_MSG_facts_heard, on_heard },
	{ IPC_MSG_tls_cert, on_cert }, { IPC_MSG_tls_client_ca, on_client_ca }, { 0, NULL }
};

static void
server_gone(struct ipc_peer *p, void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < WHO_COUNT; i++)
		if (app.server[i] == p) {
			key_gate_left(&app, p);
			ipc_peer_free(&app.server[i]);
		}
}

static void
client_gone(struct ipc_peer *p, void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < WHO_COUNT; i++)
		if (app.client[i] == p)
			ipc_peer_free(&app.client[i]);
	loop_stop(loop);
}

void
stage_join(enum who w)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	app.server[w] = ipc_peer_new(loop, fds[0], whos[w].role, whos[w].instance,
	    key_gate_handlers, server_gone, &app);
	app.client[w] = ipc_peer_new(loop, fds[1], IPC_KEYD, 1, client_handlers, client_gone, NULL);
	key_gate_joined(&app, app.server[w]);
}

void
stage_leave(enum who w)
{
	if (app.server[w] != NULL)
		key_gate_left(&app, app.server[w]);
	ipc_peer_free(&app.server[w]);
	ipc_peer_free(&app.client[w]);
}

static void
on_stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

void
stage_settle(void)
{
	struct timer t;
	unsigned i;

	timer_init(&t, loop, on_stop, NULL);
	/* The first turn only brings the loop's clock up to date. */
	for (i = 0; i < 2; i++) {
		timer_set(&t, loop_now(loop) + 30 * i);
		loop_run(loop);
	}
	timer_stop(&t);
}

int
stage_memfd(const char *text)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

/* As load() of main.c. */
void
stage_start(uint32_t instance)
{
	static const unsigned char root[32] = { 42 };
	struct keyd *k = &app.k;
	const char *why;

	memset(k, 0, sizeof(*k));
	app.instance = instance;
	k->app = &app;
	k->loop = loop;
	k->arena = secret_arena_new(24u << 10);
	k->aead = cry_aead_new();
	key_unlock_derive(&k->roots, k->arena, root);
	assert_int_equal(key_ring_open(&k->ring, dir_fd, k->roots.ring, key_now_s(k), &why), ERR_OK);
	key_spool_init(k);
	k->vaults = key_vaults_new(k->arena);
	k->scrams = key_scrams_new();
	k->tokens = key_tokens_new(k);
	k->open = key_open_new(k->arena);
	k->cmtp = key_cmtp_new(k);
	k->host = key_host_new(k);
	k->cmtp2 = key_cmtp2_new(k);
	k->pins = key_pin_open(k);
	k->enter = key_enter_new(k);
	k->gate = key_gate_new(k);
	k->login = key_login_new(k);
	k->visits = key_visits_new();
	k->facts = key_facts_new(k);
	k->tls = key_tls_new(k);
	k->hash = key_hash_new(loop, 1);
}

void
stage_stop(void)
{
	struct keyd *k = &app.k;
	size_t i;

	for (i = 0; i < WHO_COUNT; i++)
		stage_leave((enum who)i);
	key_tls_free(&k->tls);
	key_login_free(&k->login);
	key_visits_free(&k->visits);
	key_tokens_free(&k->tokens, k);
	key_scrams_free(&k->scrams);
	key_vaults_free(&k->vaults, k->arena);
	key_hash_free(&k->hash);
	key_open_free(&k->open);
	key_facts_free(&k->facts);
	key_gate_free(&k->gate);
	key_enter_free(&k->enter);
	key_book_free(&k->pins);
	key_cmtp2_free(&k->cmtp2);
	key_host_free(&k->host);
	key_cmtp_free(&k->cmtp);
	key_ring_free(&k->ring);
	cry_aead_free(&k->aead);
	secret_arena_free(&k->arena);
}

int
stage_setup(void **state)
{
	static const struct opt_section godwit = CONF_GODWIT_SECTION, keyd = KEYD_OPT_SECTION,
	    domain = CONF_DOMAIN_SECTION;
	size_t i;

	(void)state;
	cry_init();
	cry_sign_init();
	memset(&app, 0, sizeof(app));
	memset(&told, 0, sizeof(told));
	loop = loop_new();
	loop_start_threads(loop, 1);
	opt_defaults(&godwit, &app.godwit);
	free(app.godwit.default_domain);
	app.godwit.default_domain = strdup(domain_names[0]);	/* as master has it */
	opt_defaults(&keyd, &app.options);
	for (i = 0; i < lengthof(domain_names); i++)
		opt_defaults(&domain, &app.domains[i]);
	app.options.password_memory = 8u << 20;
	app.options.password_passes = 1;
	app.options.scram_iterations = 4096;
	app.domains[0].quota = 5u << 20;
	app.domains[1].sealing = CONF_SEALING_PASSWORD;
	app.domains[2].class = CONF_CLASS_ALIAS;
	free(app.domains[2].target);
	app.domains[2].target = strdup("Example.test");
	app.domains[3].class = CONF_CLASS_RELAY;
	app.domains[4].sealing = CONF_SEALING_SERVER;
	app.cert_fd = stage_memfd(tls_pair_cert);
	app.key_fd = stage_memfd(tls_pair_key);
	app.client_ca_fd = -1;
	(void)snprintf(dir_name, sizeof(dir_name), "/tmp/godwit-keyd-XXXXXX");
	assert_non_null(mkdtemp(dir_name));
	dir_fd = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	stage_start(7);
	for (i = 0; i < WHO_COUNT; i++)
		stage_join((enum who)i);
	stage_settle();
	return 0;
}

int
stage_teardown(void **state)
{
	static const struct opt_section godwit = CONF_GODWIT_SECTION, keyd = KEYD_OPT_SECTION,
	    domain = CONF_DOMAIN_SECTION;
	size_t i;

	(void)state;
	stage_stop();
	stage_settle();
	opt_free(&godwit, &app.godwit);
	opt_free(&keyd, &app.options);
	for (i = 0; i < lengthof(domain_names); i++)
		opt_free(&domain, &app.domains[i]);
	(void)close(app.cert_fd);
	(void)close(app.key_fd);
	(void)unlinkat(dir_fd, "ring", 0);
	(void)unlinkat(dir_fd, "cmtp", 0);
	(void)unlinkat(dir_fd, "pins", 0);
	(void)unlinkat(dir_fd, "login", 0);
	(void)close(dir_fd);
	(void)rmdir(dir_name);
	loop_free(&loop);
	return 0;
}

/* ---- asking */

/* All parts, one behind the other. */
static struct slice
keep_self(const struct ipc_cmtp_self_reply *m)
{
	static unsigned char all[32 + 3 * 64];

	memcpy(all, m->key.p, 32);
	memcpy(all + 32, m->key_sig.p, 64);
	memcpy(all + 96, m->success.p, 64);
	memcpy(all + 160, m->failure.p, 64);
	return slice_of(all, sizeof(all));
}

static struct slice
keep_user(const struct ipc_cmtp_user_reply *m)
{
	static unsigned char all[32 + 64];

	memcpy(all, m->key.p, 32);
	memcpy(all + 32, m->sig.p, 64);
	return slice_of(all, sizeof(all));
}

static struct slice
keep_boxes(const struct ipc_cmtp_boxes *m)
{
	static unsigned char all[32 + 2048];

	answer.number = m->generation;
	memcpy(all, m->public_key.p, 32);
	memcpy(all + 32, m->shared.p, m->shared.n);
	return slice_of(all, 32 + m->shared.n);
}

static struct slice
keep_keys(const struct ipc_cmtp2_keys_reply *m)
{
	answer.status = m->status;
	answer.number = m->count;
	return m->records;
}

static struct slice
keep_signature(const struct ipc_cmtp2_signature *m)
{
	answer.number = (uint32_t)m->serial;
	return m->sig;
}

/* Two parts, one behind the other. */
static struct slice
keep_both(struct slice first, struct slice second)
{
	static unsigned char all[1000];

	assert_true(first.n + second.n <= sizeof(all));
	memcpy(all, first.p, first.n);
	memcpy(all + first.n, second.p, second.n);
	return slice_of(all, first.n + second.n);
}

static void
keep_devices(struct slice devices)
{
	struct ipc_reader r = ipc_reader_of(devices);
	struct ipc_device_key d;

	for (answer.device_count = 0; ipc_reader_more(&r); answer.device_count++) {
		ipc_device_key_get(&r, &d);
		assert_int_equal(d.secret.n, sizeof(answer.device_key));
		if (answer.device_count > 0)
			continue;
		answer.device = d;
		memcpy(answer.device_key, d.secret.p, d.secret.n);
	}
}

static void
answer_keep(const void *m)
{
	const struct ipc_login_ok *ok = m;
	const struct ipc_open_keys_reply *keys = m;
	const struct ipc_tls_signed *sig = m;
	const struct ipc_spool_key_reply *spool = m;
	struct slice s = SLICE_NONE;

	if (answer.type == IPC_MSG_key_fail)
		answer.e = ((const struct ipc_key_fail *)m)->error;
	if (answer.type == IPC_MSG_login_ok) {
		answer.account = ok->account;
		memcpy(answer.token, ok->token.p, TOKEN_BYTES);
		assert_true(slice_to_cstr(ok->address, answer.address, sizeof(answer.address)));
	}
	if (answer.type == IPC_MSG_login_ok)
		s = ok->signature;
	if (answer.type == IPC_MSG_scram_challenge) {
		s = ((const struct ipc_scram_challenge *)m)->server_first;
		answer.exchange = ((const struct ipc_scram_challenge *)m)->exchange;
	}
	if (answer.type == IPC_MSG_open_keys_reply) {
		s = keys->keys;
		keep_devices(keys->devices);
	}
	if (answer.type == IPC_MSG_epoch_rekey_reply)
		s = ((const struct ipc_epoch_rekey_reply *)m)->epochs;
	if (answer.type == IPC_MSG_tls_signed)
		s = sig->signature;
	if (answer.type == IPC_MSG_spool_key_reply) {
		s = spool->key;
		answer.number = spool->id;
	}
	if (answer.type == IPC_MSG_srs_keys_reply) {
		s = ((const struct ipc_srs_keys_reply *)m)->keys;
		answer.until_s = ((const struct ipc_srs_keys_reply *)m)->until_s;
	}
	if (answer.type == IPC_MSG_route_secret_reply)
		s = ((const struct ipc_route_secret_reply *)m)->secret;
	if (answer.type == IPC_MSG_cmtp_self_reply)
		s = keep_self(m);
	if (answer.type == IPC_MSG_cmtp_user_reply)
		s = keep_user(m);
	if (answer.type == IPC_MSG_cmtp_far_signed)
		s = ((const struct ipc_cmtp_far_signed *)m)->sig;
	if (answer.type == IPC_MSG_cmtp2_keys_reply)
		s = keep_keys(m);
	if (answer.type == IPC_MSG_cmtp2_signature)
		s = keep_signature(m);
	if (answer.type == IPC_MSG_cmtp_boxes)
		s = keep_boxes(m);
	if (answer.type == IPC_MSG_cmtp_xzibit)
		s = keep_both(((const struct ipc_cmtp_xzibit *)m)->xzibit,
		    ((const struct ipc_cmtp_xzibit *)m)->sig);
	if (answer.type == IPC_MSG_cmtp2_entering)
		s = keep_both(((const struct ipc_cmtp2_entering *)m)->content,
		    ((const struct ipc_cmtp2_entering *)m)->state);
	if (answer.type == IPC_MSG_cmtp2_entered)
		s = ((const struct ipc_cmtp2_entered *)m)->bundle;
	if (answer.type == IPC_MSG_pin)
		s = ((const struct ipc_pin *)m)->pin;
	if (answer.type == IPC_MSG_url_made)
		s = ((const struct ipc_url_made *)m)->mac;
	if (answer.type == IPC_MSG_url_pass)
		s = ((const struct ipc_url_pass *)m)->pass;
	if (answer.type == IPC_MSG_tls_cert)
		on_cert(NULL, m, NULL);
	if (s.n > 0)
		memcpy(answer.bytes, s.p, s.n);
	answer.n = s.n;
}

static void
on_reply(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	(void)arg;
	(void)in;
	answer.came = true;
	answer.e = e;
	answer.type = type;
	if (e == ERR_OK)
		answer_keep(m);
	loop_stop(loop);
}

enum err
stage_ask(enum who w, enum ipc_type type, const void *m)
{
	memset(&answer, 0, sizeof(answer));
	if (app.client[w] == NULL)
		stage_join(w);
	assert_int_equal(ipc_call(app.client[w], type, m, NULL, 0, loop_now(loop) + 20000,
	    on_reply, NULL, NULL), ERR_OK);
	while (!answer.came)
		loop_run(loop);
	return answer.e;
}

struct slice stage_grant;
uint32_t session_max;

enum err
stage_login(enum who w, uint8_t scope, const char *user, const char *password)
{
	const struct ipc_login m = { .scope = scope, .tls = true, .session_max = session_max, .client = SLICE_LIT("192.0.2.1"),
		.mechanism = SLICE_LIT("PLAIN"), .user = slice_str(user),
		.password = slice_str(password) };

	return stage_ask(w, IPC_MSG_login, &m);
}

uint8_t
stage_tool(const char *verb, const char *args, size_t args_n, const char *password)
{
	const struct ipc_ctl_tool m = { .verb = slice_str(verb), .args = slice_of(args, args_n) };
	struct ipc_in in = { .id = 1 };
	int ends[2];

	memset(&answer, 0, sizeof(answer));
	if (password != NULL) {
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		assert_int_equal(write(ends[1], password, strlen(password)), strlen(password));
		(void)close(ends[1]);
		in.fd_count = 1;
		in.fds[0] = ends[0];
	}
	key_tool(&app, 1, &m, &in);
	if (password != NULL)
		(void)close(ends[0]);
	while (!answer.came)
		loop_run(loop);
	return answer.exit;
}

void
stage_add_alice(void)
{
	assert_int_equal(TOOL("user.add", "alice", "godwit"), 0);
	stage_settle();
}

/* ---- mail */

void
stage_mail(struct stage_mail *m, struct cry_aead *aead, uint64_t account, uint64_t content,
    uint64_t epoch)
{
	const struct epoch_slot slot = { account, content, told.key_generation, m->commitment };

	epoch_make(m->epoch_key);
	cry_random(m->content_key, 32);
	cry_random(m->commitment, 32);
	assert_int_equal(epoch_seal(m->sealed, m->epoch_key, told.public_key), ERR_OK);
	epoch_wrap_content(aead, m->wrapped, m->content_key, m->epoch_key, &slot);
	m->w = (struct ipc_wrap){ .content = content, .epoch = epoch, .generation = told.key_generation,
		.commitment = slice_of(m->commitment, 32), .wrapped = slice_of(m->wrapped, 60) };
	m->e = (struct ipc_epoch){ .epoch = epoch, .generation = told.key_generation, .form = EPOCH_SEALED,
		.data = slice_of(m->sealed, sizeof(m->sealed)) };
}

enum err
stage_open(enum who w, const unsigned char *token, const struct ipc_wrap *wraps, size_t n,
    const struct ipc_epoch *epochs, size_t epoch_n)
{
	struct ipc_open_keys m = { .token = slice_of(token, TOKEN_BYTES), .grant = stage_grant };
	struct buf wb, eb;
	size_t i;
	enum err e;

	buf_init(&wb, 60000);
	buf_init(&eb, 60000);
	for (i = 0; i < n; i++)
		ipc_wrap_put(&wb, &wraps[i]);
	for (i = 0; i < epoch_n; i++)
		ipc_epoch_put(&eb, &epochs[i]);
	m.wraps = buf_slice(&wb);
	m.epochs = buf_slice(&eb);
	e = stage_ask(w, IPC_MSG_open_keys, &m);
	buf_fini(&wb);
	buf_fini(&eb);
	return e;
}
