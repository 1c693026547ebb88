/*
 * The agent's own log, for whoever debugs the agent: nothing is written until somebody asks for it, at start by the
 * variable REJIT_LOG, at any time by `rejit attach PID --log LEVEL`. The file is $TMPDIR/rejit-PID.log.
 */
#include "agent/agent-priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const levels[] = {"off", "error", "warning", "info", "debug"};
static int file = -1; /* opened once and never closed: a thread may be about to write to it */

static bool level_of(const char *text, int *level, err_t *e)
{
    for (size_t i = 0; i < RJ_COUNT(levels); i++) {
        *level = (int)i - 1; /* "off" is below LOG_ERROR */
        if (strcmp(levels[i], text) == 0) return true;
    }
    return err_set(e, ERR_USAGE, -1, "'%s' is no log level: say off, error, warning, info or debug", text);
}

bool agent_log(const char *level_text, char *path, size_t size, err_t *e)
{
    int level;
    if (!level_of(level_text, &level, e)) return false;
    snprintf(path, size, "%s/rejit-%d.log", agent_tmp(), (int)getpid());
    if (level < LOG_ERROR) {
        log_to(-1, LOG_WARN);
        return true;
    }
    if (file < 0) file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return err_errno(e, "opening the log %s", path);
    log_to(file, (log_level)level);
    log_line(LOG_ERROR, "agent", "the log level is %s", level_text);
    return true;
}

void agent_log_start(void)
{
    const char *level = getenv("REJIT_LOG");
    char path[128];
    err_t e = {0};
    log_to(-1, LOG_WARN); /* never on the application's standard error */
    if (level && !agent_log(level, path, sizeof path, &e)) journal_line("pid %d: REJIT_LOG: %s", (int)getpid(), e.text);
}
