/* client: what /proc and the file system tell of a process, before anything is asked of it. */
#ifndef REJIT_CLIENT_PROC_H
#define REJIT_CLIENT_PROC_H

#include "base/base.h"

#include <sys/types.h>

typedef struct proc_info {
    int32_t pid;       /* as we see it */
    int32_t inner_pid; /* as it sees itself */
    uid_t uid;
    char state;          /* 'R' 'S' 'T' (stopped) 't' (traced) 'Z' ... */
    bool other_mount;    /* its files are not ours: reach them through `root` */
    bool other_pids;     /* another pid namespace */
    uint64_t start_key;  /* start time in clock ticks since boot: the key in the name of its diagnostics socket */
    uint64_t started;    /* ns since the epoch */
    const char *root;    /* "" or "/proc/PID/root": put before its paths */
    const char *environ; /* NUL-separated, ends with an empty one; "" where unreadable */
    const char *tmp;     /* its temporary directory as it names it */
} proc_info;

/* Reads all of it into the arena. ERR_UNREACHABLE where there is no such process. */
bool proc_read(arena *a, int32_t pid, proc_info *out, err_t *e);
/* A variable of its start-up environment, or NULL. */
const char *proc_env(const proc_info *p, const char *name);
/* The state letter now; 0 where the process is gone. */
char proc_state(int32_t pid);
/* The pid of its parent; 0 where there is none. */
int32_t proc_parent(arena *a, int32_t pid);
/* What its memory tells of the runtime in it. */
typedef enum proc_form {
    PROC_HIDDEN,         /* its maps cannot be read */
    PROC_OTHER,          /* no .NET process, as far as that tells */
    PROC_SHARED,         /* on an installed framework */
    PROC_SELF_CONTAINED, /* with a runtime of its own beside it */
    PROC_ONE_FILE        /* with the runtime in the program */
} proc_form;
/* composite (may be NULL): the file name of a composite ReadyToRun image, or NULL. */
proc_form proc_runtime_form(arena *a, int32_t pid, const char **composite);
/* Its command line, joined by blanks; "" where unreadable. */
const char *proc_command(arena *a, int32_t pid);
const char *proc_user_name(arena *a, uid_t uid);
/* The path, from here, of the runtime's diagnostics socket; NULL where there is none. */
const char *proc_diagnostics_socket(arena *a, const proc_info *p);
/* The path, from here, of the agent's socket, whether it exists or not. */
const char *proc_agent_socket(arena *a, const proc_info *p);
/* A whole small file; "" where unreadable. */
const char *proc_file(arena *a, const char *path, size_t *size);

#endif
