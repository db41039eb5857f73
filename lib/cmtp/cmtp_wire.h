/* SPDX-License-Identifier: ISC */
/*
 * The numbers of CMTP 1 and 2 (man/cmtp.7).  A command is its name and a NUL;
 * a parameter is UTF-8 and a NUL; integers are big-endian; a signature is 64
 * bytes of Ed25519.
 */
#ifndef CMTP_WIRE_H
#define CMTP_WIRE_H

#define CMTP_VERSION		1
#define CMTP_VERSIONS	"1"		/* served, as OHAI's answer and EHLO name them */
#define CMTP_VERSIONS_TLS "1 2"		/* inside of TLS */
#define CMTP_PARAM_MAX		255	/* bytes without the NUL */
#define CMTP_PARAMS_MAX		4	/* MAIL's */
#define CMTP_KEY_BYTES		32
#define CMTP_SIG_BYTES		64
#define CMTP_HEAD_BYTES		24	/* MAIL: version, counts and lengths */
#define CMTP_BOX_EXTRA		48	/* what sealing adds to a text */
#define CMTP_WORD_BYTES		7	/* "SUCCESS" and "FAILURE" */
#define CMTP_STATUS_BYTES	(CMTP_WORD_BYTES + CMTP_SIG_BYTES + 1)
#define CMTP_KEY_REPLY_BYTES	(4 + CMTP_KEY_BYTES + 1 + CMTP_SIG_BYTES + 1)
#define CMTP_XZIBIT_BYTES	156
#define CMTP_LOGIN_REPLY_BYTES	(CMTP_XZIBIT_BYTES + CMTP_SIG_BYTES)
#define CMTP_PORT		9001

/* ---- version 2 */
#define CMTP2_VERSION		2
#define CMTP2_NONCE_BYTES	32
#define CMTP2_ASK_BYTES		(CMTP2_NONCE_BYTES + 8)	/* KEYREQUEST2, behind its names */
#define CMTP2_RECORDS_MAX	16	/* of one reply */
#define CMTP2_HEAD_BYTES	34	/* MAIL2: version, counts, time and lengths */
#define CMTP2_NAMES		3	/* MAIL2: source user and domain, destination domain */
#define CMTP2_DESTINATIONS_MAX	100
#define CMTP2_ENVELOPE_MAX	(CMTP2_HEAD_BYTES +			\
	    (CMTP2_NAMES + CMTP2_DESTINATIONS_MAX) * (CMTP_PARAM_MAX + 1))
#define CMTP2_POSTAGE_BYTES	40	/* a solution */
#define CMTP2_OBJECT_MIN	66	/* sealed: of no text, without an entry */
#define CMTP2_TIME_PAST_S	86400u	/* how old mail may be that is sent */
#define CMTP2_TIME_AHEAD_S	3600u
#define CMTP2_KE1_BYTES		96	/* LOGIN2, behind its names */
#define CMTP2_KE3_BYTES		64	/* PROOF2 */
#define CMTP2_REQUEST_BYTES	32	/* REGISTER2, behind its names */
#define CMTP2_RECORD_HEAD	(192 + 2)	/* RECORD2: record, and the bundle's length */
#define CMTP2_BUNDLE_MAX	2048

/* What KEYREQUEST2 is answered; keyd and relay speak of keys in the same numbers. */
enum cmtp2_status { CMTP2_FOUND = 0, CMTP2_NONE = 1, CMTP2_NOT_SERVED = 2, CMTP2_LATER = 3 };

/*
 *	C(NAME, parameters, version)
 * What follows MAIL's four is its log, body and attachments; KEYREQUEST2's two,
 * a nonce and a serial; LOGIN2's and REGISTER2's, a message of OPAQUE.  MAIL2's
 * parameters are as many as its head says.
 */
#define CMTP_VERBS(C)							\
	C(OHAI, 0, 1)							\
	C(NOOP, 0, 1)							\
	C(HELP, 0, 1)							\
	C(KEYREQUEST, 2, 1)						\
	C(LOGIN, 1, 1)							\
	C(MAIL, 4, 1)							\
	C(KEYREQUEST2, 2, 2)						\
	C(MAIL2, 0, 2)							\
	C(LOGIN2, 2, 2)							\
	C(PROOF2, 0, 2)							\
	C(REGISTER2, 3, 2)						\
	C(RECORD2, 0, 2)						\
	C(OBAI, 0, 1)

enum cmtp_verb {
#define C(name, params, version)	CMTP_##name,
	CMTP_VERBS(C)
#undef C
	CMTP_VERB_COUNT
};

#endif
