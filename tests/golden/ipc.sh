# SPDX-License-Identifier: ISC
# The bytes of every message between processes are those written down.
# After a wanted change: build/test/testbin/ipc_golden > tests/golden/ipc.txt
"${GODWIT_BUILD:-build/test}"/testbin/ipc_golden | diff -u tests/golden/ipc.txt -
