# SPDX-License-Identifier: ISC
# The page of events says what the event table says.
# After a wanted change: build/test/testbin/log_man > man/godwit-log.7
"${GODWIT_BUILD:-build/test}"/testbin/log_man | diff -u man/godwit-log.7 -
