/* SPDX-License-Identifier: ISC */
/*
 * sd_notify(3) without libsystemd: a datagram to $NOTIFY_SOCKET, if there is
 * one.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

void	 master_notify(const char *state);

#endif
