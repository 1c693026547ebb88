/*
 * out: sinks. What the library hands out, as text for people and as JSON lines for programs. Every function appends to
 * a buffer; nothing here writes, keeps state (but out_tree), or lets a control character through: what comes from the
 * target is escaped.
 */
#ifndef REJIT_OUT_H
#define REJIT_OUT_H

#include "base/base.h"
#include "rejit/rejit.h"

/* ---- pieces of text ----------------------------------------------------------------------------------------- */

/* Bytes that may be anything, as valid UTF-8 without control, bidirectional or line-separating characters: those become
 * \xNN, \uNNNN. */
void out_safe(buf_t *b, const char *s, size_t n);
void out_safe_text(buf_t *b, const char *s);
/* The same between quotes, with quotes and backslashes escaped as C# would; cut: "…" before the closing quote. */
void out_quoted(buf_t *b, char quote, const char *s, size_t n, bool cut);
/* 850ns, 12.3us, 1.24ms, 2.50s, 3m07s: three digits, at most 7 characters. */
void out_duration(buf_t *b, uint64_t ns);
/* 1234 -> 1,234 */
void out_count(buf_t *b, uint64_t n);
/* The same, from 100,000 on in three digits and a unit: 17.1M. Below ten with one digit behind the point: 2.5. */
void out_brief(buf_t *b, double n);
/* 1.2KB, 3.4MB */
void out_bytes(buf_t *b, uint64_t n);
/* Local time of day with milliseconds: 14:03:22.123. */
void out_clock(buf_t *b, uint64_t epoch_ns);
/* A type without its namespaces: System.Collections.Generic.List<Shop.Item> -> List<Item>. Escaped. */
void out_short_type(buf_t *b, const char *type);
/* A method's name; one that takes more than `room` columns loses its parameters, then its beginning: its end tells
 * which method it is. room 0: no bound. Escaped. */
void out_method(buf_t *b, const char *method, size_t room);
/* The shortest digits that read back as the same number; NaN, Infinity. */
void out_float(buf_t *b, double f, bool single);
/* How many columns the UTF-8 text takes, colours not counted (one a character). */
size_t out_width(const char *s, size_t n);

/* ---- text --------------------------------------------------------------------------------------------------- */

typedef struct out_style {
    bool colour;
    bool pids;   /* calls of several processes: name each one's */
    bool narrow; /* paths without the folders that all have in common */
} out_style;

void out_value(buf_t *b, const rj_value *v);
/* One call on one line, newline included. */
void out_call(buf_t *b, const rj_call *c, const out_style *style);

/* The call's line, and below it what it called. */
void out_trace(buf_t *b, const rj_call *c, const out_style *style);

/* "Pricing.cs:42", "IL_0012" */
void out_point(buf_t *b, const rj_point *p);
/* A call that comes to a place; out_line_text: with the user's own text (out_template). */
void out_line(buf_t *b, const rj_call *c, const out_style *style);
void out_line_text(buf_t *b, const rj_call *c, const char *text, const out_style *style);
/*
 * Text with {paths}: {n}, {order.Lines[0].Price}, {items.Count}, {this.Name}; "?" where there is no such value. \n, \t,
 * \{ and \\ as usual. check: false where a brace has no counterpart, at byte *at; *depth: how many levels of fields
 * the paths go down. Only what was checked may be written.
 */
bool out_template_check(const char *text, uint32_t *depth, size_t *at);
void out_template(buf_t *b, const rj_call *c, const char *text);

/* The exception's line, and up to so many lines of its stack. */
void out_thrown(buf_t *b, const rj_call *c, size_t frames, const out_style *style);

typedef struct out_rate {
    double seconds;         /* since `before` was taken */
    const rj_stats *before; /* may be NULL */
    const rj_budget *budget;
} out_rate;
/* Calls a second of the row at `index`, while it was measured. */
double out_stat_rate(const rj_stats *s, size_t index, const out_rate *rate);
/* The table of `stat`, most time first; columns and rows bound it (0: no bound). Answers how many lines it has. */
size_t out_stat_table(buf_t *b, const rj_stats *s, const out_rate *rate, unsigned columns, unsigned rows,
                      const out_style *style);

/* "25 % of the threads' time, 64 MB"; "any" */
void out_budget(buf_t *b, const rj_budget *budget);
/* RJ_REACHED_* in words: "the budget of ... was reached"; in a word: "time". */
void out_reached(buf_t *b, unsigned reached, const rj_budget *budget);
const char *out_reached_word(unsigned reached);
/* "measured 12 % of the time: the budget of ... was reached" */
void out_measured(buf_t *b, double part, unsigned reached, const rj_budget *budget);
/* Which part of the time the table was measured. */
double out_stat_measured(const rj_stats *s, const out_rate *rate);

/* The key of a row: a value, "(none)", "(other)". */
void out_stat_key(buf_t *b, const rj_stat *s);
/* The rows that were called, most time first; ends with NULL. The caller frees it; NULL where memory ran out. */
const rj_stat **out_stat_order(const rj_stats *s);
/* How often a method took how long: a heading, and a line for each range of times, at most OUT_BARS_MOST. */
#define OUT_BARS_MOST 16u
void out_histogram(buf_t *b, const rj_stat *s, unsigned columns, const out_style *style);

/* ---- listings ----------------------------------------------------------------------------------------------- */

/* Both bodies of a method, or the original where there is no other; diff: only what differs, and what is around it. */
void out_il(buf_t *b, const rj_il *m, bool diff, const out_style *style);
void out_json_il(buf_t *b, const rj_il *m, bool diff);

/* One line of a diff of the two bodies. */
typedef struct out_il_line {
    char change; /* ' ', '+', '-' */
    const rj_il_insn *insn;
} out_il_line;
typedef VEC(out_il_line) out_il_lines;
/* False where memory ran out; the caller frees. */
bool out_il_compare(const rj_il *m, out_il_lines *out);

/* A method's native code as instructions. The method must stay. */
typedef struct out_code out_code;
/* Can machine code be read here? False with the remedy in `why`, OUT_CODE_WHY bytes. */
#define OUT_CODE_WHY 256u
bool out_code_ready(char *why);
out_code *out_code_new(const rj_native *m); /* after out_code_ready; NULL where memory ran out */
/* The addresses that its instructions name, for rj_name_addresses; and what that has answered. */
const rj_address *out_code_addresses(const out_code *c, size_t *count);
bool out_code_name(out_code *c, const rj_names *names);
/* Every version; diff: the newest of the original and the newest woven one. */
void out_asm(buf_t *b, const out_code *c, bool diff, const out_style *style);
void out_json_asm(buf_t *b, const out_code *c, bool diff);
void out_code_free(out_code *c);

/* ---- callers, merged by method and line --------------------------------------------------------------------- */

typedef struct out_tree out_tree;
/* objects: of types, by the calls of their constructors. NULL where memory ran out. */
out_tree *out_tree_new(bool objects);
bool out_tree_add(out_tree *t, const rj_call *c);
/* For each method a tree of its callers, the most frequent first. */
void out_tree_text(buf_t *b, const out_tree *t, const out_style *style);
/* One object for each distinct stack; with places where any call had them. */
void out_tree_json(buf_t *b, const out_tree *t, int32_t pid);
void out_tree_free(out_tree *t);

/* ---- JSON lines: one object each, newline included ---------------------------------------------------------- */

void out_json_string(buf_t *b, const char *s, size_t n);
void out_json_text(buf_t *b, const char *s);
void out_json_value(buf_t *b, const rj_value *v);
void out_json_start(buf_t *b, const rj_probes *p);
void out_json_refused(buf_t *b, const rj_refusal *r);
/* event: "gates", "probes", "reverted": what the agent told unasked. */
void out_json_news(buf_t *b, const rj_news *n);
void out_json_call(buf_t *b, const rj_call *c);
/* In front of the calls that led to c, and of c. */
void out_before(buf_t *b, const rj_call *c, size_t calls, const out_style *style);
void out_json_before(buf_t *b, const rj_call *c, size_t calls);
void out_json_trace(buf_t *b, const rj_call *c);
/* text: as for out_line_text, or NULL */
void out_json_line(buf_t *b, const rj_call *c, const char *text);
void out_json_point(buf_t *b, const rj_point *p);
void out_json_thrown(buf_t *b, const rj_call *c);
/* {"file":...,"line":...}, {} where it is not known */
void out_json_place(buf_t *b, const rj_place *at);
/* hist: with the histogram. */
void out_json_stat(buf_t *b, const rj_stats *all, size_t index, const out_rate *rate, int32_t pid, uint64_t time,
                   bool hist);
void out_json_end(buf_t *b, const rj_totals *t, const char *reason);
void out_json_process(buf_t *b, const rj_process *p);
void out_json_method(buf_t *b, const rj_method *m);
void out_json_entry(buf_t *b, const rj_entry *e);
void out_json_client(buf_t *b, const rj_client *c);
void out_json_check(buf_t *b, const rj_check *c);

#endif
