/* The lock of a run directory: who may write it. Private to the run directory. */
#ifndef STRAIT_CKPT_RUN_LOCK_H
#define STRAIT_CKPT_RUN_LOCK_H

#include "base/status.h"

#define STRAIT__LOCK_FILE "lock"

/* Takes the lock of `directory`; closing *out_fd or the end of the process gives it back. */
strait_status strait__run_lock(const char *directory, int *out_fd) STRAIT_MUST_USE;

#endif
