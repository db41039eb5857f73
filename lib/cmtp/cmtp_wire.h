/* SPDX-License-Identifier: ISC */
/*
 * The numbers of CMTP 1 (man/cmtp.7).  A command is its name and a NUL; a
 * parameter is UTF-8 and a NUL; integers are big-endian; a signature is 64
 * bytes of Ed25519.
 */
#ifndef CMTP_WIRE_H
#define CMTP_WIRE_H

#define CMTP_VERSION		1
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

/*
 *	C(NAME, parameters)
 * What follows MAIL's four is its log, body and attachments.
 */
#define CMTP_VERBS(C)							\
	C(OHAI, 0)							\
	C(NOOP, 0)							\
	C(HELP, 0)							\
	C(KEYREQUEST, 2)						\
	C(LOGIN, 1)							\
	C(MAIL, 4)							\
	C(OBAI, 0)

enum cmtp_verb {
#define C(name, params)	CMTP_##name,
	CMTP_VERBS(C)
#undef C
	CMTP_VERB_COUNT
};

#endif
