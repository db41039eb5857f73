/* SPDX-License-Identifier: ISC */
/*
 * A relay with the cmtpd, queue and keyd that the test plays over socket pairs
 * (fake_cmtp.c), and a host of CMTP 2 for there.example in the same loop
 * (fake_cmtp_host.c).  One at a time: w, between setup and teardown.
 */
#ifndef FAKE_CMTP_H
#define FAKE_CMTP_H

#include "delivery/dlv_lookup.h"
#include "delivery/dlv_relay.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/crypto/cry_sign.h"
#include "lib/io/tls.h"
#include "lib/ipc/key_proto.h"
#include "tests/unit/delivery/fake_host.h"

#define EHLO_IN_CLEAR	"250-fake\r\n250 STARTTLS"
#define EHLO_IN_TLS	"250-fake\r\n250 CMTP 1 2"
#define CHAIN		4u
#define PINS		4u
#define USERS		3u

struct fake_cmtp_answer { enum err error; char reason[256]; char pin[2048]; size_t pin_n; };

struct fake_cmtp {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct tls_ctx		*tls_server;
	struct cry_sign_key	*tls_key;
	struct dlv_relay	*relay;
	struct relay_options	 options;
	struct ipc_peer		*cmtpd, *at_cmtpd;	/* the test's end, relay's */
	struct ipc_peer		*keyd, *at_keyd;
	struct ipc_peer		*queue, *at_queue;
	struct fake_cmtp_result {
		enum err error;
		bool	 is_broken;
		char	 dsn[10], text[256], reply[513];
	} results[USERS];
	struct timer		 limit, tick;
	uint64_t		 tick_ms;
	struct fake_host	 host;
	int			 log;
	/* keyd */
	struct fake_cmtp_kept { char user[64]; char pin[2048]; size_t n; } pins[PINS];
	struct cmtp_key		 here;		/* our own record */
	unsigned char		 here_secret[CRY_ED_SECRET_BYTES];
	unsigned		 gets, puts, own_gets, signs;
	bool			 keyd_is_silent;	/* about pins */
	bool			 signs_nothing;	/* of version 1 */
	unsigned		 far_signs, far_none;	/* keys, none, that relay had signed */
	uint64_t		 keep_until_s;
	/* the host */
	struct cmtp_key		 chain[CHAIN];
	unsigned char		 secrets[CHAIN][CRY_ED_SECRET_BYTES];
	unsigned		 chain_n;
	unsigned		 session_n;	/* chain_n when the last session began */
	struct fake_cmtp_user {
		const char	*name;
		struct cmtp_key	 chain[CHAIN];
		unsigned	 n;
		unsigned char	 secret[32], box[32];	/* of the last: X25519 */
		unsigned char	 sign_secret[CRY_ED_SECRET_BYTES];
	} users[USERS];
	unsigned		 user_n, user_requests;
	struct buf		 mail;		/* MAIL2 behind its name */
	unsigned		 mails;
	unsigned		 seeds;		/* that came, one after the other */
	unsigned char		 seed[CRY_KEY_BYTES];
	unsigned		 stale;		/* that were for another key */
	bool			 is_never_content;	/* all are */
	bool			 is_twin;	/* the sender's domain is its own */
	char			 text[2000000];	/* the last one, opened */
	size_t			 text_n;
	char			 names[1000];	/* source and destinations, LF behind each */
	const char		*statuses;	/* what is answered: "2text\n..." */
	uint8_t			 what;
	struct cmtp2_price	 price;		/* kib 0: none is asked for */
	unsigned char		 price_secret[CRY_KEY_BYTES];
	bool			 asks_again;	/* whatever was paid */
	unsigned		 paid;
	bool			 was_zstd;	/* the last object */
	struct cmtp2_proof	 proof;		/* of the last MAIL2 */
	struct cmtp2_pact	 pact;		/* of the last session */
	unsigned		 signatures, macs;	/* that came */
	bool			 wants_no_pact;
	bool			 forgets_pact;	/* before the next mail, once */
	bool			 answer_is_wrong;
	bool			 closes;	/* in place of an answer */
	unsigned		 requests;
	uint64_t		 known;
	bool			 bad_signature;
	uint8_t			 status;
	const char		*ohai;		/* with its NUL; NULL: as it should be */
	const char		*garbage;	/* instead of keys */
	bool			 cuts_source;	/* when MAIL2 begins to come */
	int			 source;	/* the body of the last job; -1: none */
	bool			 hangs_up;	/* instead of keys or an answer, once */
	unsigned		 sessions;	/* OHAI */
	/* what came */
	unsigned		 want, count;
	struct fake_cmtp_answer		 answers[8];
	struct fake_cmtp_answer		*last;
	/* of a request that was passed on: pin holds the records */
	uint8_t			 passed_status, passed_count;
	/* of one by version 1: is there a key? */
	bool			 passed1;
	unsigned char		 key1[CRY_KEY_BYTES], sig1[CRY_ED_SIG_BYTES];
};

extern struct fake_cmtp	*w;

/* life: fixtures of cmocka */
int		 fake_cmtp_setup(void **state);
int		 fake_cmtp_teardown(void **state);
/* Until the loop is stopped: with tick_ms by leaps of time, else within 20 s. */
void		 fake_cmtp_run(void);
void		 fake_cmtp_run_for(uint64_t ms);

/* keyd's and cmtpd's side */
struct fake_cmtp_kept *fake_cmtp_server_pin(void);
void		 fake_cmtp_ask(const char *domain, uint64_t serial);
enum err	 fake_cmtp_find(const char *domain, uint64_t serial);	/* asks and runs */

/* A request for keys that is passed on: asks and runs; its status. */
uint8_t		 fake_cmtp_pass(const char *user, const char *domain, uint64_t known);

/* The same by version 1; ask1 runs nothing. */
#define FAKE_CMTP_SEED_1	77	/* of our key of version 1 */
void		 fake_cmtp_ask1(const char *user, const char *domain);
bool		 fake_cmtp_pass1(const char *user, const char *domain);

/* queue's side (fake_cmtp_job.c) */
#define FAKE_CMTP_BODY	"From: a@here.example\r\nSubject: x\r\n\r\nhello\r\n"
struct fake_cmtp_mail { const char *to, *sender, *route, *body; size_t body_n; unsigned flags; };
/* A job to there.example, until it is answered: w->results. */
void		 fake_cmtp_give(struct fake_cmtp_mail);
void		 fake_cmtp_is_deferred(unsigned i, const char *dsn, const char *text);
void		 fake_cmtp_add_route(const char *title, enum dlv_cmtp_policy, bool cmtp1);

/* the host */
uint64_t	 fake_cmtp_now_s(void);
/* The next of the server's records. */
void		 fake_cmtp_add_record(unsigned char seed, bool is_linked);
void		 fake_cmtp_add_user(const char *name);
/* The next of a user's records; linked: signed by the key before. */
void		 fake_cmtp_add_key(unsigned at, unsigned char seed, bool is_linked);
size_t		 fake_cmtp_on_raw(void *arg, struct conn *, struct slice);
void		 fake_cmtp_on_sign(void *arg, struct tls_sign_job *, uint32_t key, uint16_t scheme,
		    struct slice tbs);

#endif
