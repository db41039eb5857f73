/* SPDX-License-Identifier: ISC */
/*
 * keyd whole, but for the process around it: real wires, a stand-in for
 * lib/daemon, and the test in the place of smtpd, imapd, queue and store.
 */
#ifndef KEYD_STAGE_H
#define KEYD_STAGE_H

#include "keyd/key_book.h"
#include "keyd/key_cmtp.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_enter.h"
#include "keyd/key_facts.h"
#include "keyd/key_gate.h"
#include "keyd/key_hash.h"
#include "keyd/key_heard.h"
#include "keyd/key_host.h"
#include "keyd/key_login.h"
#include "keyd/key_open.h"
#include "keyd/key_pin.h"
#include "keyd/key_scram.h"
#include "keyd/key_spool.h"
#include "keyd/key_srs.h"
#include "keyd/key_tls.h"
#include "keyd/key_token.h"
#include "keyd/key_tool.h"
#include "keyd/key_vault.h"
#include "keyd/key_visit.h"
#include "lib/crypto/cry_sign.h"
#include "lib/seal/epoch.h"

enum who { SMTPD, IMAPD, IMAPD_2, QUEUE, STORE, RELAY, CMTPD, WHO_COUNT };

extern const struct key_who { enum ipc_role role; uint32_t instance; } whos[WHO_COUNT];

/* What the last answer was. */
extern struct answer {
	bool		 came;
	enum err	 e;		/* of the wire, or of key_fail */
	uint16_t	 type;
	unsigned char	 token[TOKEN_BYTES];
	uint64_t	 account;
	char		 address[KEY_ADDRESS_MAX + 1];
	unsigned char	 bytes[OPEN_KEYS_MAX * KEY_OPEN_REPLY_BYTES];
	size_t		 n;
	unsigned	 device_count;
	struct ipc_device_key device;	/* the first one; its secret: */
	unsigned char	 device_key[80];
	uint64_t	 exchange;
	uint64_t	 until_s;
	uint32_t	 number;
	uint8_t		 exit;
	uint8_t		 status;
	bool		 more;
	char		 text[65536];
} answer;

/* What queue and store were told. */
extern struct told {
	unsigned	 begins, ends, accounts, gone, aliases, aliases_gone, token_keys, revokes;
	unsigned	 client_cas, heard;
	bool		 holds_heard;	/* it is not answered */
	size_t		 client_ca_n;
	unsigned	 rewraps, certs, grant_keys;
	unsigned char	 grant_key[32];
	uint64_t	 revoked_before;
	uint8_t		 sealing;
	bool		 enabled;
	uint64_t	 quota;
	uint32_t	 key_generation;
	unsigned char	 public_key[32];
	unsigned char	 rewrapped[EPOCH_WRAPPED_BYTES];
	unsigned char	 sealed[EPOCH_SEALED_BYTES];	/* what it was made from */
	unsigned char	 ticket[80], ticket_old[80];
} told;

struct daemon_app {
	struct keyd		 k;
	struct keyd_options	 options;
	struct godwit_options	 godwit;
	struct domain_options	 domains[5];
	uint32_t		 instance;
	int			 cert_fd, key_fd, client_ca_fd;	/* the last: -1, none */
	struct ipc_peer		*server[WHO_COUNT];	/* keyd's ends */
	struct ipc_peer		*client[WHO_COUNT];	/* ours */
};

extern struct daemon_app app;
extern struct loop *loop;
extern int dir_fd;
extern struct slice stage_grant;	/* what imapd shows with open_keys */
extern uint32_t session_max;	/* what imapd asks for */

/* Of cmocka: a new keyd in a directory of its own, all peers joined. */
int	 stage_setup(void **);
int	 stage_teardown(void **);
void	 stage_start(uint32_t instance);
void	 stage_stop(void);
void	 stage_join(enum who);
void	 stage_leave(enum who);
int	 stage_memfd(const char *text);
/* Let everything that is under way arrive. */
void	 stage_settle(void);
/* What came is in answer. */
enum err stage_ask(enum who, enum ipc_type, const void *m);
enum err stage_login(enum who, uint8_t scope, const char *user, const char *password);
/* A tool's request; password NULL: no descriptor. */
uint8_t	 stage_tool(const char *verb, const char *args, size_t args_n, const char *password);
#define TOOL(verb, args, password)	stage_tool(verb, args, sizeof(args), password)
#define TOOL0(verb)			stage_tool(verb, NULL, 0, NULL)
void	 stage_add_alice(void);

/* Mail for alice as deliver would seal it. */
struct stage_mail {
	unsigned char	 epoch_key[32], content_key[32], commitment[32];
	unsigned char	 sealed[EPOCH_SEALED_BYTES], wrapped[EPOCH_CONTENT_BYTES];
	struct ipc_wrap	 w;
	struct ipc_epoch e;
};

void	 stage_mail(struct stage_mail *, struct cry_aead *, uint64_t account, uint64_t content,
	    uint64_t epoch);
enum err stage_open(enum who, const unsigned char *token, const struct ipc_wrap *, size_t n,
	    const struct ipc_epoch *, size_t epoch_n);

#endif
