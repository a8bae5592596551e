"""Start a program that cannot outlive its parent: `python -I -S leash.py PARENT_PID PROGRAM ARGUMENT...`

A parent that is killed with SIGKILL cannot end its children; the kernel can (prctl(2), PR_SET_PDEATHSIG).
The setting survives execve, so this script makes it and then becomes the program. It runs between fork and
the program instead of as a `preexec_fn`, which is not safe in a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, program, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before prctl took hold; then nobody would be told.
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(program, arguments)  # noqa: S606  # the argument list comes from the supervisor
