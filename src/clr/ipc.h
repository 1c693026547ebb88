/*
 * The diagnostics port of the runtime (Diagnostic IPC protocol, version 1): requests over a connected Unix stream
 * socket.
 *
 *      header   "DOTNET_IPC_V1\0" | u16 size of the whole message | u8 command set | u8 command | u16 zero
 *      text     u32 UTF-16 units with the NUL | units
 *
 * The runtime answers one request a connection and closes it. All waits are bounded by timeout_ms; no state is kept.
 */
#ifndef REJIT_CLR_IPC_H
#define REJIT_CLR_IPC_H

#include "base/base.h"
#include "clr/clr.h"

typedef struct clr_process_info {
    uint64_t pid;        /* as the process sees itself */
    const char *command; /* the command line; UTF-8, in the caller's arena, never NULL */
    const char *arch;    /* "x64" */
    const char *entry;   /* entry assembly without ".dll"; "" before main started or on runtimes before 6 */
    const char *version; /* "10.0.12"; "" where the runtime does not tell */
    const char *rid;     /* portable RID, "linux-x64"; "" before .NET 8 */
} clr_process_info;

/*
 * Asks for ProcessInfo3, and where the runtime does not know that, for ProcessInfo2 on a new connection: hence `fds`,
 * two connected sockets of which the second may be -1. They stay the caller's. ERR_UNREACHABLE on a timeout, ERR_FORMAT
 * on garbage, ERR_RUNTIME where the runtime refuses (*hr, which may be NULL, receives its HRESULT).
 */
bool clr_ipc_process_info(const int fds[2], arena *a, clr_process_info *out, int timeout_ms, int32_t *hr, err_t *e);

/*
 * AttachProfiler: the runtime loads `path` and answers when its initialisation is over. `data` may be NULL.
 * Errors as above; *hr holds the HRESULT of a refusal (8013136a: another profiler is in).
 */
bool clr_ipc_attach(int fd, const clr_guid *clsid, const char *path, const void *data, uint32_t size, int timeout_ms,
                    int32_t *hr, err_t *e);

#endif
