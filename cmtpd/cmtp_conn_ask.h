/* SPDX-License-Identifier: ISC */
/*
 * Keys of users for a session of version 1 (struct cmtp_env): keyd for those of
 * this host, relay for those of other domains.
 */
#ifndef CMTP_CONN_ASK_H
#define CMTP_CONN_ASK_H

#include "cmtpd/cmtp_session.h"

/* arg is a struct cmtp_conn. */
enum err	 cmtp_conn_ask_user(void *arg, struct slice user);
enum err	 cmtp_conn_ask_far(void *arg, struct slice user, struct slice domain);

#endif
