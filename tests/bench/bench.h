/*
 * bench: what rejit costs, measured from outside over librejit. One program, one subcommand for each group of figures;
 * scripts/bench.sh runs them and prints what they write: one figure a line,
 *
 *      key|what|median|min|max|relation|target|verdict
 *
 * Anything that goes wrong ends the program with 1 and a sentence on stderr: a figure that could not be taken has no
 * line.
 */
#ifndef REJIT_BENCH_H
#define REJIT_BENCH_H

#include "rejit/rejit.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct bench_options {
    bool quick;        /* fewer rounds: does it work, not how fast is it */
    const char *apps;  /* folder of the C# programs */
    const char *rejit; /* the command */
    const char *load;  /* the shop's load, for wrk */
} bench_options;

void bench_calls(const bench_options *o);
void bench_attach(const bench_options *o);
void bench_commit(const bench_options *o);
void bench_startup(const bench_options *o);
void bench_shop(const bench_options *o);

/* ---- samples.c ---- */

#define SAMPLES_MOST 512u

typedef struct samples {
    double v[SAMPLES_MOST];
    size_t n;
} samples;

typedef struct spread {
    double median, least, most;
} spread;

void sample(samples *s, double v);
spread spread_of(const samples *s);
/* One by one, a - b. */
samples difference(const samples *a, const samples *b);

/* ---- quiet.c: samples of code that runs on the calling thread's CPU, apart by whether that was ours alone ---- */

typedef struct quiet_samples {
    samples alone, disturbed;
    size_t taken;
    double until;
    uint64_t before;
} quiet_samples;

/* Are more samples needed for so many that were alone? Not for longer than that. */
bool quiet_wants(quiet_samples *q, unsigned wanted, double seconds);
void quiet_begin(quiet_samples *q);
/* The sample that was taken since quiet_begin. */
void quiet_end(quiet_samples *q, double v);
/* Of those that were alone; of the others where fewer than three were. */
double quiet_median(const quiet_samples *q);

typedef struct figure {
    const char *key, *what;
    const char *unit;
    const samples *of;
    const char *relation; /* to the other side, as text; NULL: none */
    double target;        /* 0: none */
    bool at_least;        /* the target is a lower bound */
} figure;

void print_figure(const figure *f);

/* ---- time.c ---- */

double now_ns(void);
/* CPU time of this thread. */
double own_cpu_ns(void);
/* CPU time of another process. */
double cpu_ns_of(pid_t pid);
/* One pass of a loop that waits for something outside: false when `deadline` (now_ns) is over. */
bool wait_a_little(double deadline);

/* ---- app.c: a program that is measured, driven over its stdin and stdout ---- */

typedef struct app {
    pid_t pid;
    int to, from;
    size_t have;
    char buffer[4096]; /* what has come and was not read as a line yet */
    double cpu_ms;     /* all that it used, after app_end */
} app;

enum { ANY_CPU = -1, FIRST_CPU = 0, LAST_CPU = 1 };

/* Starts a program; its end comes with ours. environment: NULL: ours. quiet: its stdout goes nowhere. */
app app_start(char *const *arguments, char *const *environment, int cpu, bool quiet);
/* The next line of its stdout; the text belongs to the app's buffer and ends with the next call. */
const char *app_line(app *a, char *line, size_t size);
/* Sends a command and reads its answer, which must begin with `expected`. */
const char *app_ask(app *a, char *line, size_t size, const char *expected, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void app_send(app *a, const char *text);
/* Waits for its end; what it still prints is dropped. Its exit code. */
int app_end(app *a);
/* Starts a program of the C# programs and reads its "ready" line. */
app app_driven(const bench_options *o, const char *name, int cpu);
void pin(int cpu);

/* ---- session.c ---- */

rj_session *must_attach(pid_t pid, const char *name);
rj_probes must_instrument(rj_session *s, const rj_request *request);
void must_gate(rj_session *s, bool open);

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
