/*
 * What the live tests share: programs of tests/apps as child processes, and sessions of librejit that look into them.
 *
 * Everything here fails the running cmocka test by itself when something goes wrong, so that callers read like a story.
 * Children die with the test, whatever becomes of it.
 */
#ifndef LIVE_H
#define LIVE_H

#include "rejit/rejit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

/* ---- programs ------------------------------------------------------------------------------------------------- */

#define APP_WAIT_MS 600000

/* A program of tests/apps (see the README there), spoken with over its stdin and stdout. */
typedef struct app {
    pid_t pid;
    int in, out;
    char *text;
    size_t n, cap, taken; /* of `text`: what has come, and the line that was handed out */
    char version[32];     /* of the runtime: "10.0.14" */
} app;

typedef struct app_options {
    const char *program;          /* "Target" */
    const char *shape;            /* how it was published (scripts/published.sh), instead of by `dotnet` */
    const char *const *args;      /* NULL-terminated, or NULL */
    const char *const *variables; /* NAME=VALUE, NULL-terminated, or NULL */
    char *const *environment;     /* the whole environment, instead of the test's own and `variables` */
    bool quiet;                   /* what it says on stderr is expected */
    bool early;                   /* come back before it says that it is ready */
} app_options;

/* The runtime that the test program was started for: "8", "9" or "10". */
extern const char *live_runtime;

void app_start(app *a, const app_options *o);
void app_target(app *a);          /* app_start of Target with nothing special */
void app_target_measured(app *a); /* the same where memory is measured: the last tier comes at once */
void app_ready(app *a);           /* waits for its first line; app_start has done so unless `early` */
void app_send(app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool app_has_line(app *a, int timeout_ms);
/* The next line without its newline, valid until the next call; NULL at the end of output. */
const char *app_line(app *a);
/* Sends, and answers the line that comes back. */
const char *app_ask(app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same; fails unless the answer begins with "ok". */
const char *app_ok(app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What the program has counted by itself: calls of a method, by its full name without parameters. */
uint64_t app_counted(app *a, const char *method);
/* The number behind "key" or key= or "key N" in a line; fails where it is not there. */
uint64_t app_number(const char *line, const char *key);
bool app_runs(const app *a);
/* Closes its stdin and waits: its exit code, or 128 + the signal that ended it. */
int app_end(app *a);
int app_wait(app *a); /* the same without closing stdin first */
void app_kill(app *a);
uint64_t app_memory(const app *a); /* resident bytes of its own: pages of files come and go as the kernel likes */
unsigned app_threads(const app *a);

/* ---- sessions ------------------------------------------------------------------------------------------------- */

#define LOOK_METHODS    4096u
#define LOOK_EVERYTHING (RJ_WANT_ARGS | RJ_WANT_RESULT | RJ_WANT_THIS)

/* A session with one instrumentation, and a tally of what it has delivered. */
typedef struct look {
    rj_session *s;
    rj_probes probes;
    struct {
        char method[200];
        uint64_t calls, threw;
    } seen[LOOK_METHODS];
    uint64_t calls, threw, elsewhere; /* all; those thrown; those of probes beyond `seen` */
    uint64_t gates_closed, reverted, refused, ended, came_later;
    char last[400]; /* the last call, in words */
    bool gone;
} look;

rj_session *look_attach(const app *a, const char *name);
/* Instruments; the gates stay closed. `request` may leave the verb out (watch). Patterns end with NULL. */
void look_in(look *l, const app *a, rj_request request, const char *const *patterns);
/*
 * Instruments more on the same session, which the public interface leaves out. Answers false, with the error's text in
 * l->last, where that is refused as a whole.
 */
bool look_more(look *l, rj_request request, const char *const *patterns);
void look_open(look *l);
/* look_in of one pattern, and look_open. */
void look_at(look *l, const app *a, rj_verb verb, uint32_t want, uint32_t depth, const char *pattern);
void look_take(look *l, int timeout_ms); /* one rj_poll */
/* Takes what the rings hold; for a time in which the program makes no calls. */
void look_drain(look *l);
/* The same after waiting for the calls that have begun: a callback may say that it was there before it returns. */
void look_quiet(look *l);
uint64_t look_calls(const look *l, const char *method); /* by its full name without parameters */
uint64_t look_threw(const look *l, const char *method);
uint64_t look_stat(look *l, const char *method);
/* Sends to the program and takes events until it answers "ok". */
const char *look_while(look *l, app *a, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void look_close(look *l);
/* Entries and clients of the agent's ledger, as a session of its own sees them (without itself). */
void look_ledger(const app *a, size_t *entries, size_t *clients);

/* ---- raw connections ------------------------------------------------------------------------------------------ */

/* Connects to the agent's control socket without speaking. */
int raw_connect(const app *a);
void raw_send(int fd, const void *bytes, size_t n);
/* Waits for more bytes or for the end (false). Bounded: fails after APP_WAIT_MS. */
bool raw_receive(int fd, void *bytes, size_t room, size_t *n);

/* ---- all the rest --------------------------------------------------------------------------------------------- */

uint64_t live_now_ms(void);
/* From an environment variable, or as given. */
unsigned live_seconds(const char *variable, unsigned otherwise);
/* The test program's main: PROGRAM RUNTIME [TEST-FILTER]. */
int live_main(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count);
#define LIVE_MAIN(name, tests)                                                         \
    int main(int argc, char **argv)                                                    \
    {                                                                                  \
        return live_main(argc, argv, name, tests, sizeof(tests) / sizeof((tests)[0])); \
    }

#endif
