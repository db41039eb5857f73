/* SPDX-License-Identifier: ISC */
/*
 * LOGIN of CMTP 1, and LOGIN2 and its like, as a session asks keyd for them
 * (struct cmtp_env).
 */
#ifndef CMTP_CONN_ENTER_H
#define CMTP_CONN_ENTER_H

#include "cmtpd/cmtp_session.h"

/* arg is a struct cmtp_conn. */
enum err	 cmtp_conn_enter_xzibit(void *arg, struct slice user);
enum err	 cmtp_conn_enter(void *arg, const struct cmtp_enter *);

#endif
