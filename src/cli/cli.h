/* cli: the command. main.c picks a verb; each verb has a file; options.c is the one table of options. */
#ifndef REJIT_CLI_H
#define REJIT_CLI_H

#include "base/base.h"
#include "out/out.h"
#include "rejit/rejit.h"

/* Exit codes (rejit(1)). */
enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_NO_MATCH = 4, EXIT_REFUSED = 5, EXIT_GONE = 6 };

typedef enum verb_id {
    VERB_PS,
    VERB_RUN,
    VERB_ATTACH,
    VERB_FIND,
    VERB_IL,
    VERB_ASM,
    VERB_WATCH,
    VERB_STAT,
    VERB_TOP,
    VERB_STACK,
    VERB_NEW,
    VERB_TRACE,
    VERB_THROWS,
    VERB_BEFORE,
    VERB_LINE,
    VERB_LIST,
    VERB_REVERT,
    VERB_DOCTOR,
    VERB_REPL,
    VERB_HELP,
    VERBS
} verb_id;

typedef struct options {
    bool json, no_args, result, self, throws, sync, reveal, all, yes, children, diff, hist, no_lines, async, locals,
        help;
    uint64_t slow_ns, count, duration_ms, interval_ms; /* count 0, duration 0: not given */
    uint32_t depth, max_methods, frames, keep;
    const char *condition, *by, *output, *log, *pdb, *type, *print;
    VEC(const char *) watched; /* run --watch */
    VEC(const char *) into;    /* trace */
    uint32_t levels;           /* trace --deep */
    rj_budget budget;
    char **args; /* what is no option */
    size_t arg_count;
} options;

typedef struct verb {
    const char *name, *args, *summary;
    int (*run)(const options *o);
    size_t least_args, most_args; /* SIZE_MAX: any number */
} verb;
extern const verb verbs[VERBS];
verb_id verb_named(const char *name); /* VERBS: there is none */

/* ---- options.c ---- */

/* Parses argv[1..] of the verb; says what is wrong and answers an exit code, or -1 to go on. */
int options_parse(verb_id id, int argc, char **argv, options *o);
/* The usage text of a verb out of the table. */
void options_usage(verb_id id, buf_t *b);
/* The names of the verb's options, one after the other, from *at 0 on; NULL: that was the last. */
const char *options_next(verb_id id, size_t *at);

/* ---- budget.c ---- */
void budget_default(rj_budget *b);
/* "10%", "off", "time=10%,events=50000,memory=64M": what is not named stays. False: it is none of these. */
bool budget_parse(const char *text, rj_budget *b);

/* ---- help.c ---- */
int help_verb(const char *name);
void help_overview(buf_t *b);
/* "  name args    summary": a command of a list, what stands before the summary padded to the width. */
void help_row(buf_t *b, int width, const char *name, const char *args, const char *summary);

/* ---- console.c: what is written, and where ---- */

/* Writes the buffer to fd and empties it. False where nobody reads any more. */
bool console_write(int fd, buf_t *b);
/* Is the stream a terminal that may get colours? Honours NO_COLOR and TERM=dumb. */
bool console_colour(int fd);
bool console_size(int fd, unsigned *columns, unsigned *rows);
/* A line for the user on standard error: "rejit: ...". */
void console_say(const char *fmt, ...) RJ_PRINTF(1, 2);
/* A passing line on a terminal's standard error; NULL takes it away. */
void console_progress(const char *text);
/* Is there something to read, or an end to be read, on standard input? */
bool console_has_input(void);
/* Asks on the terminal; false where there is none or the answer is not yes. */
bool console_ask(const char *question);
/* Says the error and answers the exit code for it. */
int console_error(const rj_error *e);

/* ---- interrupt.c ---- */
void interrupt_watch(void);          /* SIGINT, SIGTERM, SIGHUP end the verb cleanly; SIGPIPE is ignored */
void interrupt_keep(void);           /* a second signal waits as well: a terminal has to be put back first */
void interrupt_forward(int32_t pid); /* from now on signals go to that process, and end nothing here */
void interrupt_default(void);        /* as the program to be executed expects them */
int interrupt_signal(void);          /* the signal that came, 0: none */
void interrupt_clear(void);          /* it has been dealt with */
uint64_t clock_ms(void);             /* monotonic */

/* ---- target.c ---- */

/* Resolves and attaches (or only connects); says what is wrong. NULL: *code is the exit code. */
rj_session *target_open(const char *pid_or_name, verb_id id, bool attach, int *code);
/* Parses patterns and the condition here, so that a slip of the pen costs the target nothing. -1: fine. */
int target_check(const options *o, const char *const *patterns, size_t count);
/* What verbs do that ask once for the methods that patterns mean, and print what comes: find, il, asm. */
typedef struct target_query {
    const char *doing; /* "searching" */
    bool (*ask)(const options *o, rj_session *s, void *found, rj_error *e);
    int (*print)(const options *o, rj_session *s, const void *found); /* answers the exit code */
} target_query;
/* Does it from the patterns' check to the end of the session; the memory of what was found is the caller's. */
int target_ask(const options *o, verb_id id, const target_query *q, void *found);
/* Says that nothing matched the patterns, and what comes near; answers the exit code. */
int target_no_match(const options *o, const char *const *nearest, size_t count);
/* Says how many more methods than `shown` there are, and how to see them; nothing where these are all. */
void target_say_left_out(const options *o, size_t shown, uint32_t total);
/* Says why nothing was instrumented, and where in the condition if that is it; answers the exit code. */
int target_refused(const options *o, const rj_error *e);

/* ---- stream.c ---- */

/* What a streaming verb does with what comes; stream_run does the rest: start line, bounds, end line, exit code. */
typedef struct stream {
    const options *o;
    rj_session *s;
    rj_request request;
    int fd;           /* where lines go */
    const char *what; /* is counted: "call" */
    bool count_calls; /* --count counts calls handed out (watch, stack), not those of the target */
    out_style style;
    void *own;
    bool (*call)(struct stream *st, const rj_call *c);
    void (*started)(struct stream *st, const rj_probes *p); /* behind the start line */
    bool (*news)(struct stream *st, const rj_news *n);      /* true: it has been dealt with */
    bool (*tick)(struct stream *st, uint64_t now_ms);       /* now and then; false: enough */
    void (*finish)(struct stream *st);                      /* before the end line */
    /* kept by stream_run */
    buf_t line;
    uint64_t calls, limit, began_ms, refused, refusals_said;
    bool broken, enough; /* nobody reads; the limit is reached */
    bool ending;         /* what is left is being delivered: a signal does not stop that */
    bool counts_own;     /* the verb counts `calls` by itself, and the end line tells them */
    bool silent;         /* no start and end line: a child of the process that has them */
    unsigned reached;    /* budgets whose end was told */
} stream;

/* Dynamic methods come and go: that none is there yet is no mistake. */
bool stream_asks_for_dynamic(const rj_request *r);
void stream_init(stream *st, const options *o, rj_session *s, rj_verb what);
/* Instruments, opens the gates, prints the start line. -1: go on, else the exit code. */
int stream_start(stream *st);
/* Handles what comes for up to ms. False when the target has gone. */
bool stream_poll(stream *st, int ms, rj_error *e);
/* From start to end; answers the exit code. */
int stream_run(stream *st);
void stream_end(stream *st, const char *reason);
/* The end line alone, over these totals. */
void stream_say_end(stream *st, const rj_totals *t, const char *reason);

/* ---- no_pdbs.c: a stream whose frames have lines; `own` points to, or begins with, this ---- */
typedef struct no_pdbs {
    buf_t names; /* of modules without a PDB, in words */
    unsigned count;
} no_pdbs;
bool no_pdbs_news(stream *st, const rj_news *n);
void no_pdbs_say(stream *st); /* at the end */

/* ---- verbs ---- */
int verb_ps(const options *o);
int verb_run(const options *o);
int verb_attach(const options *o);
int verb_find(const options *o);
int verb_il(const options *o);
int verb_asm(const options *o);
int verb_watch(const options *o);
int verb_stat(const options *o);
int verb_top(const options *o);
int verb_stack(const options *o);
int verb_new(const options *o);
int verb_trace(const options *o);
int verb_throws(const options *o);
int verb_before(const options *o);
int verb_line(const options *o);
int verb_list(const options *o);
int verb_revert(const options *o);
int verb_doctor(const options *o);
int verb_repl(const options *o);
int verb_help(const options *o);
/* watch's own part, for run --watch */
bool watch_call(stream *st, const rj_call *c);
void watch_request(stream *st, const options *o);

#endif
