/* The one table of options: which verb takes what, and what it means. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WATCHES = 1u << VERB_WATCH | 1u << VERB_RUN,
    LINES = 1u << VERB_LINE,
    BEFORE = 1u << VERB_BEFORE,
    STREAMS = WATCHES | 1u << VERB_STAT | 1u << VERB_STACK | 1u << VERB_NEW | 1u << VERB_TRACE | LINES | BEFORE,
    LINED = 1u << VERB_STACK | 1u << VERB_NEW | 1u << VERB_THROWS | 1u << VERB_TOP,
    SHOWS = WATCHES | LINES | BEFORE,
    LISTINGS = 1u << VERB_IL | 1u << VERB_ASM,
    LISTS = 1u << VERB_PS | 1u << VERB_ATTACH | 1u << VERB_FIND | LISTINGS | 1u << VERB_LIST | 1u << VERB_DOCTOR |
            1u << VERB_REVERT,
    EVERY = (1u << VERBS) - 1,
};

enum id {
    O_JSON = 256,
    O_NO_ARGS,
    O_RETURN,
    O_THIS,
    O_THROWS,
    O_SLOW,
    O_DEPTH,
    O_SYNC,
    O_REVEAL,
    O_COUNT,
    O_DURATION,
    O_IF,
    O_INTERVAL,
    O_HIST,
    O_BY,
    O_MAX,
    O_ALL,
    O_YES,
    O_WATCH,
    O_CHILDREN,
    O_OUTPUT,
    O_LOG,
    O_DIFF,
    O_PDB,
    O_NO_LINES,
    O_ASYNC,
    O_DEEP,
    O_INTO,
    O_MIN,
    O_TYPE,
    O_FRAMES,
    O_LOCALS,
    O_PRINT,
    O_BUDGET,
    O_KEEP,
    O_HELP,
};

static const struct {
    const char *name, *arg, *help;
    int id;
    unsigned verbs;
    char brief;
} table[] = {
    {"watch", "PATTERN", "print the calls of these methods; may be given several times", O_WATCH, 1u << VERB_RUN, 'w'},
    {"children", NULL, "put the agent into child processes too", O_CHILDREN, 1u << VERB_RUN, 0},
    {"output", "FILE", "write our lines to FILE instead of standard error", O_OUTPUT, 1u << VERB_RUN, 'o'},
    {"keep", "N", "keep the last N calls of each thread (20)", O_KEEP, BEFORE, 'k'},
    {"no-args", NULL, "leave the arguments out", O_NO_ARGS, SHOWS, 0},
    {"return", NULL, "show results", O_RETURN, WATCHES | BEFORE, 'r'},
    {"this", NULL, "show the object that the method is called on", O_THIS, SHOWS, 0},
    {"throws", NULL, "only calls that throw", O_THROWS, WATCHES | 1u << VERB_TRACE, 0},
    {"slow", "MS", "only calls that take at least MS milliseconds (a fraction is fine)", O_SLOW, WATCHES, 0},
    {"depth", "N", "show the fields of objects, N levels deep (0)", O_DEPTH, SHOWS, 'd'},
    {"sync", NULL, "async methods: only up to the return of the task", O_SYNC,
     WATCHES | 1u << VERB_STAT | 1u << VERB_TOP, 0},
    {"reveal", NULL, "show values whose names look secret, instead of ***", O_REVEAL, SHOWS | 1u << VERB_STAT, 0},
    {"locals", NULL, "show local variables, too, where there is a PDB", O_LOCALS, LINES, 'l'},
    {"print", "TEXT", "print TEXT instead, with values in it: 'total {order.Total} of {items.Count}'", O_PRINT, LINES,
     'p'},
    {"count", "N", "end after N calls", O_COUNT, STREAMS | 1u << VERB_THROWS, 'n'},
    {"duration", "S", "end after S seconds (a fraction is fine)", O_DURATION, STREAMS | 1u << VERB_THROWS, 't'},
    {"interval", "S", "refresh every S seconds (1)", O_INTERVAL, 1u << VERB_STAT | 1u << VERB_TOP, 'i'},
    {"hist", NULL, "a histogram of the times of each method, at the end", O_HIST, 1u << VERB_STAT, 0},
    {"by", "PATH", "tell calls apart by a value: args.customer.Name, this.Region, return", O_BY, 1u << VERB_STAT, 'b'},
    {"if", "CONDITION", "only calls for which this holds: 'args.n > 100 && name == \"x\"'", O_IF,
     STREAMS | 1u << VERB_TOP, 0},
    {"budget", "WHAT", "what it may cost: 10% of the time, or time=10%,events=50000,memory=64M, or off", O_BUDGET,
     STREAMS | 1u << VERB_THROWS | 1u << VERB_TOP, 0},
    {"pdb", "PATH", "a PDB, or a folder of PDBs, to look for files and lines in first", O_PDB, LINED | LINES, 0},
    {"no-lines", NULL, "methods only, without files and lines", O_NO_LINES, LINED, 0},
    {"async", NULL, "go on with who awaits, where an async method goes on after an await", O_ASYNC,
     1u << VERB_STACK | 1u << VERB_NEW | 1u << VERB_TOP, 0},
    {"deep", "N", "follow calls N levels deep (1)", O_DEEP, 1u << VERB_TRACE | 1u << VERB_TOP, 0},
    {"into", "PATTERN", "follow these methods too, wherever they are called below; may be given several times", O_INTO,
     1u << VERB_TRACE, 0},
    {"min", "TIME", "only trees that take at least TIME: 1ms, 250us, 2s (without a unit ms)", O_MIN, 1u << VERB_TRACE,
     0},
    {"type", "PATTERN", "only exceptions of types whose name, with or without namespace, matches", O_TYPE,
     1u << VERB_THROWS, 0},
    {"frames", "N", "show N lines of each stack (10)", O_FRAMES, 1u << VERB_THROWS, 0},
    {"max-methods", "N", "instrument or list up to N methods (1000)", O_MAX, STREAMS | 1u << VERB_FIND | 1u << VERB_TOP,
     'm'},
    {"max-methods", "N", "show up to N methods (20)", O_MAX, LISTINGS, 'm'},
    {"diff", NULL, "only what instrumentation has changed", O_DIFF, LISTINGS, 0},
    {"all", NULL, "everybody's instrumentation, not only this user's", O_ALL, 1u << VERB_REVERT, 'a'},
    {"yes", NULL, "do not ask", O_YES, 1u << VERB_REVERT, 'y'},
    {"log", "LEVEL", "what the agent logs: off, error, warning, info, debug", O_LOG, 1u << VERB_ATTACH, 0},
    {"json", NULL, "one JSON object a line", O_JSON, STREAMS | LISTS | 1u << VERB_THROWS, 'j'},
    {"help", NULL, "print this", O_HELP, EVERY, 'h'},
};

void options_usage(verb_id id, buf_t *b)
{
    buf_printf(b, "usage: rejit %s%s%s\n\n%s\n", verbs[id].name, *verbs[id].args ? " " : "", verbs[id].args,
               verbs[id].summary);
    buf_str(b, "\noptions:\n");
    for (size_t i = 0; i < RJ_COUNT(table); i++) {
        if (!(table[i].verbs & 1u << id)) continue;
        char left[64];
        int n = table[i].brief ? snprintf(left, sizeof left, "-%c, --%s", table[i].brief, table[i].name)
                               : snprintf(left, sizeof left, "    --%s", table[i].name);
        if (table[i].arg && n > 0) snprintf(left + n, sizeof left - (size_t)n, " %s", table[i].arg);
        buf_printf(b, "  %-26s %s\n", left, table[i].help);
    }
}

const char *options_next(verb_id id, size_t *at)
{
    while (*at < RJ_COUNT(table))
        if (table[(*at)++].verbs & 1u << id) return table[*at - 1].name;
    return NULL;
}

/* ---- numbers ---- */

static bool whole(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || v > most) return false;
    *out = v;
    return true;
}

/* A decimal fraction of some unit, in smaller ones: scale of them make one. */
static bool fraction(const char *text, double scale, uint64_t *out)
{
    char *end;
    double v = strtod(text, &end);
    if (!(isdigit((unsigned char)*text) || *text == '.') || *end || !isfinite(v) || v * scale > 1e18) return false;
    *out = (uint64_t)(v * scale + 0.5);
    return true;
}

/* A number with a unit; without one milliseconds. */
static bool duration(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e6}};
    char number[32];
    const size_t n = strspn(text, "0123456789.");
    if (!n || n >= sizeof number) return false;
    memcpy(number, text, n);
    number[n] = 0;
    for (size_t i = 0; i < RJ_COUNT(units); i++)
        if (strcmp(text + n, units[i].unit) == 0) return fraction(number, units[i].ns, out);
    return false;
}

static bool take_number(options *o, int id, const char *arg)
{
    uint64_t v = 0;
    switch (id) {
    case O_SLOW: return fraction(arg, 1e6, &o->slow_ns);
    case O_DURATION: return fraction(arg, 1e3, &o->duration_ms) && o->duration_ms > 0;
    case O_INTERVAL: return fraction(arg, 1e3, &o->interval_ms) && o->interval_ms >= 10;
    case O_COUNT: return whole(arg, UINT64_MAX / 2, &o->count) && o->count > 0;
    case O_FRAMES:
        if (!whole(arg, 64, &v)) return false;
        o->frames = (uint32_t)v;
        return true;
    case O_MIN: return duration(arg, &o->slow_ns);
    case O_KEEP:
        if (!whole(arg, 1000, &v) || !v) return false;
        o->keep = (uint32_t)v;
        return true;
    case O_DEEP:
        if (!whole(arg, 64, &v)) return false;
        o->levels = (uint32_t)v;
        return true;
    case O_DEPTH:
        if (!whole(arg, 16, &v)) return false;
        o->depth = (uint32_t)v;
        return true;
    case O_MAX:
        if (!whole(arg, 1000000, &v) || !v) return false;
        o->max_methods = (uint32_t)v;
        return true;
    default: return false;
    }
}

static const char *expected(int id)
{
    switch (id) {
    case O_SLOW: return "milliseconds, such as 5 or 0.5";
    case O_DURATION: return "seconds, such as 10 or 0.5";
    case O_INTERVAL: return "seconds, at least 0.01";
    case O_DEPTH: return "a number from 0 to 16";
    case O_FRAMES: return "a number from 0 to 64";
    case O_DEEP: return "a number from 0 to 64";
    case O_KEEP: return "a number from 1 to 1000";
    case O_MIN: return "a time, such as 1ms, 250us or 2s";
    case O_MAX: return "a number from 1 to 1000000";
    case O_BUDGET: return "a budget, such as 10%, time=10%,events=50000,memory=64M or off";
    default: return "a number, at least 1";
    }
}

static bool take(options *o, int id, const char *arg)
{
    switch (id) {
    case O_JSON: o->json = true; return true;
    case O_NO_ARGS: o->no_args = true; return true;
    case O_RETURN: o->result = true; return true;
    case O_THIS: o->self = true; return true;
    case O_THROWS: o->throws = true; return true;
    case O_SYNC: o->sync = true; return true;
    case O_HIST: o->hist = true; return true;
    case O_BY: o->by = arg; return true;
    case O_REVEAL: o->reveal = true; return true;
    case O_ALL: o->all = true; return true;
    case O_YES: o->yes = true; return true;
    case O_CHILDREN: o->children = true; return true;
    case O_DIFF: o->diff = true; return true;
    case O_HELP: o->help = true; return true;
    case O_IF: o->condition = arg; return true;
    case O_OUTPUT: o->output = arg; return true;
    case O_LOG: o->log = arg; return true;
    case O_PDB: o->pdb = arg; return true;
    case O_TYPE: o->type = arg; return true;
    case O_NO_LINES: o->no_lines = true; return true;
    case O_ASYNC: o->async = true; return true;
    case O_LOCALS: o->locals = true; return true;
    case O_PRINT: o->print = arg; return true;
    case O_BUDGET: return budget_parse(arg, &o->budget);
    case O_WATCH:
    case O_INTO: {
        const char **place = id == O_WATCH ? VEC_PUSH(&o->watched) : VEC_PUSH(&o->into);
        if (place) *place = arg;
        return place != NULL;
    }
    default: return take_number(o, id, arg);
    }
}

/* ---- parsing ---- */

static int bad(verb_id id, const char *fmt, ...) RJ_PRINTF(2, 3);
static int bad(verb_id id, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    console_say("%s (see `rejit help %s`)", text, verbs[id].name);
    return EXIT_USAGE;
}

static int bad_option(verb_id id, const char *word)
{
    const char *nearest = NULL;
    unsigned best = 4;
    char name[64];
    snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
    name[strcspn(name, "=")] = 0;
    size_t at = 0;
    for (const char *option; (option = options_next(id, &at));) {
        unsigned d = text_distance(name, option, best);
        if (d < best) {
            best = d;
            nearest = option;
        }
    }
    if (nearest && word[1] == '-')
        return bad(id, "%s: unknown option %s; did you mean --%s?", verbs[id].name, word, nearest);
    return bad(id, "%s: unknown option %s", verbs[id].name, word);
}

static int check_args(verb_id id, const options *o)
{
    const verb *v = &verbs[id];
    if (o->arg_count < v->least_args) {
        if (id == VERB_RUN) return bad(id, "run: the program to start is missing: rejit run -- dotnet app.dll");
        return bad(id, "%s: %s missing: rejit %s %s", v->name,
                   o->arg_count || v->least_args == 1 ? "an argument is" : "arguments are", v->name, v->args);
    }
    if (v->most_args != SIZE_MAX && o->arg_count > v->most_args)
        return bad(id, "%s: '%s' is one argument too many", v->name, o->args[v->most_args]);
    return -1;
}

int options_parse(verb_id id, int argc, char **argv, options *o)
{
    struct option longs[RJ_COUNT(table) + 1] = {{0}};
    char briefs[2 * RJ_COUNT(table) + 4];
    size_t n = 0, m = 0;
    /* '+': run's options end where its program begins. ':' tells a missing argument from an unknown option. */
    if (id == VERB_RUN) briefs[m++] = '+';
    briefs[m++] = ':';
    for (size_t i = 0; i < RJ_COUNT(table); i++) {
        if (!(table[i].verbs & 1u << id)) continue;
        longs[n++] = (struct option){table[i].name, table[i].arg ? required_argument : no_argument, NULL, table[i].id};
        if (!table[i].brief) continue;
        briefs[m++] = table[i].brief;
        if (table[i].arg) briefs[m++] = ':';
    }
    briefs[m] = 0;
    *o = (options){
        .interval_ms = 1000, .frames = 10, .keep = 20, .levels = 1, .max_methods = 1u << id & LISTINGS ? 20 : 1000};
    budget_default(&o->budget);
    opterr = 0;
    optind = 0; /* glibc: begin anew, its ordering included */
    for (int c; (c = getopt_long(argc, argv, briefs, longs, NULL)) != -1;) {
        const char *word = argv[optind - 1];
        if (c == '?') return bad_option(id, optopt && optopt < 256 ? (char[]){'-', (char)optopt, 0} : word);
        if (c == ':') return bad(id, "%s: %s needs a value", verbs[id].name, word);
        for (size_t i = 0; i < RJ_COUNT(table); i++)
            if (c < 256 && table[i].brief == c && table[i].verbs & 1u << id) c = table[i].id;
        if (!take(o, c, optarg)) return bad(id, "%s: '%s' is not %s", verbs[id].name, optarg, expected(c));
    }
    o->args = argv + optind;
    o->arg_count = (size_t)(argc - optind);
    if (o->help) return -1;
    return check_args(id, o);
}
