/*
 * librejit: look into a running .NET process. Find processes, put the agent in, choose methods, receive their calls,
 * take everything away again.
 *
 *      rj_error e;
 *      rj_session *s = rj_attach(pid, NULL, &e);
 *      const char *pattern = "Shop.Pricing.*";
 *      rj_request r = {.verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1, .want = RJ_WANT_ARGS};
 *      rj_probes p;
 *      if (s && rj_instrument(s, &r, &p, &e) && rj_gate(s, true, &e))
 *          while (rj_poll(s, 1000, &handlers, &e)) { ... }
 *      rj_close(s);
 *
 * Instrumentation is a lease: it lives as long as the session, and is taken out of the target when the session is
 * closed or its process dies.
 *
 * Conventions. Functions that can fail answer false (or NULL) and fill *e, which may be NULL. Texts are UTF-8,
 * NUL-terminated, never NULL unless it says so, and come from the target: they may hold control characters. Times are
 * nanoseconds. What a function hands out through a struct with a `memory` member is the caller's, to be released by
 * rj_free(x.memory); everything else belongs to the session and is valid until the next call on it. A session is not
 * thread-safe; different sessions may be used by different threads. No function blocks longer than the timeout of the
 * session's options; a stopped target is reported, not waited for.
 */
#ifndef REJIT_REJIT_H
#define REJIT_REJIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RJ_API __attribute__((visibility("default")))
#else
#define RJ_API
#endif

/* ---- errors ------------------------------------------------------------------------------------------------- */

typedef enum rj_code {
    RJ_OK = 0,
    RJ_USAGE,       /* a pattern, a condition or an option is off; `at` is the column */
    RJ_UNREACHABLE, /* the process cannot be reached or attached to */
    RJ_NO_MATCH,    /* nothing matched; the text names what comes nearest */
    RJ_REFUSED,     /* a method, or the request, was refused */
    RJ_GONE,        /* the target went away */
    RJ_FORMAT,      /* the other side answered with garbage */
    RJ_LIMIT,       /* a stated limit was reached */
    RJ_MEMORY,
    RJ_SYSTEM, /* a system call failed */
    RJ_RUNTIME /* the .NET runtime refused */
} rj_code;

typedef struct rj_error {
    rj_code code;
    int64_t at;     /* place in the caller's text, -1 where there is none */
    char text[504]; /* one sentence, with the remedy where there is one */
} rj_error;

/* The version of this library, "0.1.0". */
RJ_API const char *rj_version(void);
RJ_API void rj_free(void *memory);

/* ---- processes ---------------------------------------------------------------------------------------------- */

typedef struct rj_process {
    int32_t pid;
    bool agent;          /* an agent of rejit is in it */
    const char *runtime; /* "10.0.12"; "" where it did not answer */
    const char *entry;   /* entry assembly: "Shop" */
    const char *command; /* its command line */
    const char *user;
    const char *note; /* why it did not answer; "" */
    uint64_t started; /* ns since the epoch */
} rj_process;

typedef struct rj_processes {
    const rj_process *items;
    size_t count;
    void *memory;
} rj_processes;

/* The .NET processes that this user can reach, by pid. */
RJ_API bool rj_ps(rj_processes *out, rj_error *e);
/*
 * A pid from what a person typed: a number, or the name of an entry assembly ("Shop", "Shop.dll") that one process has.
 * RJ_UNREACHABLE where there is none, RJ_USAGE where several have it; the text lists them.
 */
RJ_API bool rj_resolve(const char *pid_or_name, int32_t *pid, rj_error *e);
/*
 * Processes with an agent whose socket lies in $TMPDIR or /tmp, and which descend from `ancestor` (0: all). Answers how
 * many there are; fills at most `most`.
 */
RJ_API size_t rj_agents(int32_t ancestor, int32_t *pids, size_t most);

/* ---- sessions ----------------------------------------------------------------------------------------------- */

typedef struct rj_session rj_session;

/* Zero or NULL members take the default. */
typedef struct rj_options {
    const char *name;       /* who we are, for `rejit list`: "rejit watch" */
    const char *agent_path; /* librejit_agent.so; default: $REJIT_AGENT, then beside this program or library */
    uint32_t timeout_ms;    /* for one answer of the target; 10,000 */
    uint32_t wait_ms;       /* rj_connect: how long the agent's socket may take to appear; 0: it must be there */
    void (*progress)(void *owner, const char *text); /* what is being done, where it takes long */
    void *owner;
} rj_options;

typedef struct rj_state {
    int32_t pid;
    const char *agent;   /* its version */
    const char *runtime; /* "10.0.12" */
    const char *text;    /* its state in words */
    bool attached;       /* false: loaded at start-up */
    bool fresh;          /* put in by this session */
    uint32_t protocol;   /* the version of the protocol that both speak */
} rj_state;

/* Puts the agent into the process, if it is not there, and connects to it. Every precondition has its own message. */
RJ_API rj_session *rj_attach(int32_t pid, const rj_options *options, rj_error *e);
/* Connects to an agent that is there: RJ_UNREACHABLE if none is. */
RJ_API rj_session *rj_connect(int32_t pid, const rj_options *options, rj_error *e);
RJ_API const rj_state *rj_session_state(const rj_session *s);
/* Takes the session's instrumentation away and frees it. NULL is fine. */
RJ_API void rj_close(rj_session *s);

typedef struct rj_environment {
    char **items; /* NAME=VALUE, NULL at the end: for execve */
    void *memory;
} rj_environment;

/*
 * The environment for a program that starts with the agent in it: `base` (such as environ) and what the runtime needs.
 * wait: the program stops in its first instructions, for 10 s at most, until a session has opened its gates. children:
 * its child processes get the agent too; without it, only a program that the caller starts, or becomes, gets it.
 * RJ_UNREACHABLE where the agent is not found.
 */
RJ_API bool rj_launch_environment(char *const *base, const rj_options *options, bool wait, bool children,
                                  rj_environment *out, rj_error *e);

/* ---- finding methods ---------------------------------------------------------------------------------------- */

typedef struct rj_method {
    const char *name;      /* Ns.Type.Method(int,string) */
    const char *module;    /* Shop.dll */
    const char *code_kind; /* "R2R", "tier-0", "tier-1", "not compiled", "generic" */
    const char *reason;    /* why it cannot be instrumented; "": it can */
    const char *note;      /* what its events mean, where that is not what one expects; "" */
    uint32_t token, il_size;
} rj_method;

typedef struct rj_methods {
    const rj_method *items;
    size_t count;
    uint32_t total;             /* all that matched, also those over `most` */
    const char *const *nearest; /* names that come near, where nothing matched */
    size_t nearest_count;
    void *memory;
} rj_methods;

/* Nothing matched is no error here: count is 0. most: 0 is 1,000. */
RJ_API bool rj_find(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most, rj_methods *out,
                    rj_error *e);

/* ---- IL ----------------------------------------------------------------------------------------------------- */

#define RJ_NONE UINT32_MAX /* no such offset, nobody's layer */

/* One instruction of a listing. */
typedef struct rj_il_insn {
    uint32_t offset;
    uint32_t from;       /* of a woven body: the original's offset that it is, or stands for; RJ_NONE */
    const char *op;      /* "ldarg.1", "call" */
    const char *operand; /* "int Shop.Pricing::Round(int)", "IL_0012"; "" */
    const char *comment; /* the name of the argument, what the local or the address holds; "" */
    bool woven;          /* the original has no such instruction there */
    uint32_t layer;      /* woven: whose it is, an index of rj_il.layers; RJ_NONE: of all, or not known */
} rj_il_insn;

/* A protected region and its handler, in offsets; ends are exclusive. */
typedef struct rj_il_region {
    const char *kind; /* "catch", "filter", "finally", "fault" */
    const char *type; /* catch: what is caught; "" */
    uint32_t try_start, try_end, handler_start, handler_end;
    uint32_t filter_start; /* filter; RJ_NONE */
    bool woven;
} rj_il_region;

typedef struct rj_il_local {
    const char *type;
    const char *role; /* woven: what it holds; "" */
    bool woven;
    uint32_t layer; /* as in rj_il_insn */
} rj_il_local;

typedef struct rj_il_body {
    const rj_il_insn *insns;
    size_t insn_count; /* 0: there is no such body */
    const rj_il_region *regions;
    size_t region_count;
    const rj_il_local *locals;
    size_t local_count;
    uint32_t code_size, max_stack;
    bool init_locals;
} rj_il_body;

/* A probe whose code is in a woven body. */
typedef struct rj_il_layer {
    uint32_t client; /* rj_client.id */
    int32_t pid;
    const char *name, *user; /* of the client */
    uint32_t probe;
} rj_il_layer;

typedef struct rj_il {
    const char *name, *module;
    const char *reason; /* why there is no IL; "": there is */
    uint32_t token;
    rj_il_body original;
    /* where it is instrumented: */
    rj_il_body woven;
    const char *state; /* as in rj_entry */
    const char *note;  /* what is not known of the woven body; "" */
    uint32_t version;  /* the runtime's id of the version; 0: it has not been compiled yet */
    bool hidden;       /* the woven locals are in no metadata: debuggers see the original ones alone */
    const rj_il_layer *layers;
    size_t layer_count;
} rj_il;

typedef struct rj_ils {
    const rj_il *items;
    size_t count;
    uint32_t total;             /* all that matched, also those over `most` */
    const char *const *nearest; /* names that come near, where nothing matched */
    size_t nearest_count;
    void *memory;
} rj_ils;

/* The IL of the methods that match, as it was and as it is now. Nothing matched is no error here. most: 0 is 20. */
RJ_API bool rj_read_il(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most, rj_ils *out,
                       rj_error *e);

/* ---- native code -------------------------------------------------------------------------------------------- */

typedef struct rj_code_range {
    uint64_t address;
    const uint8_t *bytes; /* `size` of them; NULL: they could not be read, the code has gone */
    uint32_t size;
} rj_code_range;

/* The code of one method, at one tier, for one version, of one instantiation. */
typedef struct rj_native_code {
    /* "R2R", "optimised" or "unoptimised" for good, "takeover", "jitted" (no more is known); inferred from their order
     * and from the code: "tier-0", "tier-0 instrumented", "OSR", "tier-1 instrumented", "tier-1". */
    const char *tier;
    /* Of which IL: "original", "woven", "switch" (what a method that is taken over begins with), "inliner" (the
     * original, without copies of what is instrumented), "reverted". */
    const char *body;
    const char *instantiation; /* of a generic method; "" */
    uint32_t version;          /* the runtime's id; 0: the original */
    const rj_code_range *ranges;
    size_t range_count;
    uint64_t size; /* of all ranges */
} rj_native_code;

/* What lies at an address that woven code names. */
typedef struct rj_symbol {
    uint64_t address;
    const char *text; /* "probe of client 3", "probe: enter" */
} rj_symbol;

typedef struct rj_native {
    const char *name, *module;
    const char *reason; /* why there is no code; "": there may be */
    const char *note;   /* what is not listed; "" */
    uint32_t token;
    uint32_t old_versions; /* before the newest: kept by the runtime for calls that are running */
    const rj_native_code *codes;
    size_t code_count; /* 0: not compiled yet */
    const rj_symbol *symbols;
    size_t symbol_count;
} rj_native;

typedef struct rj_natives {
    const rj_native *items;
    size_t count;
    uint32_t total;             /* all that matched, also those over `most` */
    const char *const *nearest; /* names that come near, where nothing matched */
    size_t nearest_count;
    void *memory;
} rj_natives;

/* The native code of the methods that match, with its bytes. Nothing matched is no error here. most: 0 is 20. */
RJ_API bool rj_read_code(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most,
                         rj_natives *out, rj_error *e);

/* An address in the target that wants a name. */
typedef struct rj_address {
    uint64_t address;
    bool indirect; /* a pointer to what is meant lies there */
} rj_address;

typedef struct rj_names {
    const char *const *items; /* a method, "library.so+0x12"; "": not known */
    size_t count;
    void *memory;
} rj_names;

/* What lies at addresses, jumps of the runtime's own followed. */
RJ_API bool rj_name_addresses(rj_session *s, const rj_address *addresses, size_t count, rj_names *out, rj_error *e);

/* ---- instrumentation ---------------------------------------------------------------------------------------- */

typedef enum rj_verb {
    RJ_WATCH = 1, /* an event for each call */
    RJ_STAT,      /* aggregated in the target: rj_stats */
    RJ_STACK,     /* an event with the callers for each call */
    RJ_TRACE,     /* an event with the calls below each call */
    RJ_THROWS,    /* an event for each exception as it is thrown; no patterns */
    RJ_LINE       /* an event each time that a call comes to a place; patterns are places */
} rj_verb;

enum { RJ_WANT_ARGS = 1, RJ_WANT_RESULT = 2, RJ_WANT_THIS = 4, RJ_WANT_THROWS_ONLY = 8, RJ_WANT_SYNC = 16 };

#define RJ_KEYS_MOST 1000u

typedef struct rj_request {
    rj_verb verb;
    /* LINE: "Pricing.cs:42" (a path, or its end), "Type.Method+IL_0012", "Type.Method": its beginning */
    const char *const *patterns;
    size_t pattern_count;
    uint32_t most;           /* methods; 0: 1,000 */
    uint32_t want;           /* RJ_WANT_*; SYNC: of async methods the part up to the return of the task */
    uint64_t slow_ns;        /* only calls that take at least this long */
    uint32_t depth;          /* levels of fields of objects */
    uint32_t calls_a_second; /* more are counted as dropped; 0: no limit */
    /*
     * WATCH: the last so many calls of each thread are kept for rj_kept, and only calls that throw are delivered, each
     * before it is kept itself; 0: every call is delivered, and none is kept
     */
    uint32_t keep;
    const char *condition; /* "args.n > 100"; NULL: every call */
    /* STAT: what calls are told apart by, "args.customer.Name", at most RJ_KEYS_MOST keys; NULL: nothing */
    const char *by;
    bool reveal;      /* values whose names look secret come as they are */
    bool later;       /* nothing matching yet is fine: modules that load later may */
    bool makes;       /* STACK: of constructors, one event for each new object that is of just their type */
    bool awaiters;    /* STACK: below a state machine that goes on, who awaits it, instead of who lets it go on */
    bool lines;       /* STACK, THROWS: the files and lines of frames: rj_call.places */
    bool locals;      /* LINE: local variables, too, where there is a PDB */
    const char *pdb;  /* lines, LINE: a PDB, or a folder of PDBs, to be looked into first; NULL: none */
    const char *type; /* THROWS: only exceptions of types whose name, with or without namespace, matches; NULL: all */
    uint32_t levels;  /* TRACE: of calls below the methods that match; 0: only what `into` names */
    const char *const *into; /* TRACE: patterns of methods that are followed wherever they are called below */
    size_t into_count;
} rj_request;

typedef struct rj_refusal {
    const char *method, *module, *reason;
} rj_refusal;

typedef struct rj_probes {
    size_t methods;            /* instrumented */
    uint32_t total;            /* all that matched */
    const rj_refusal *refused; /* valid until the next call on the session */
    size_t refused_count;
    const rj_refusal *notes; /* methods whose events are not what one expects, with the reason; valid as long */
    size_t note_count;
    size_t callees;                /* TRACE: how many of the methods are only there for the trees of others */
    const struct rj_point *points; /* LINE: the places that were found; they belong to the session */
    size_t point_count;
    const char *side_note; /* TRACE: which calls are not followed; NULL: nothing to say */
} rj_probes;

/*
 * What the session's probes may cost the process; 0: any amount. Where it is more, the agent closes the gates for the
 * rest of the second: what is called meanwhile is not seen, and rj_measure tells how long that was.
 */
typedef struct rj_budget {
    double share;    /* of the time of the process's threads; of one processor's where they use less */
    uint64_t events; /* a second */
    uint64_t bytes;  /* of shared memory; where it is more the gates stay closed */
} rj_budget;

/* From the next time that gates are opened. Without it only the process's memory bounds the session. */
RJ_API void rj_session_budget(rj_session *s, const rj_budget *budget);

enum {
    RJ_REACHED_TIME = 1,
    RJ_REACHED_EVENTS = 2,
    RJ_REACHED_BYTES = 4,
    RJ_REACHED_MEMORY = 8, /* that of the process, or of its container, is nearly used up */
};

typedef struct rj_measure {
    bool kept;                      /* false: the agent in the process is older, and keeps no budgets */
    uint64_t open_ns, shut_ns;      /* how long gates have been open, and closed by the agent, to some 100 ms */
    unsigned reached, last_reached; /* what keeps them closed now (0: nothing), and what did the last time */
    double share;                   /* that the probes took in the last second, estimated */
} rj_measure;

RJ_API rj_measure rj_measured(const rj_session *s);
/* Which part of the time between two of them was measured, from 0 to 1; from: NULL: since gates opened first. */
RJ_API double rj_measured_part(const rj_measure *from, const rj_measure *to);

/*
 * Instruments what the patterns match. Gates are closed: nothing is recorded before rj_gate. RJ_NO_MATCH with the
 * nearest names, RJ_USAGE for a malformed pattern or condition or a `pdb` that is not there, RJ_LIMIT for more than
 * `most` methods. A session instruments once.
 */
RJ_API bool rj_instrument(rj_session *s, const rj_request *request, rj_probes *out, rj_error *e);

/* Opens or closes all gates of the session; any call that begins after an open returned is seen. */
RJ_API bool rj_gate(rj_session *s, bool open, rj_error *e);
/*
 * Some probes of the session (rj_stat.probe, rj_call.probe): what is switched off stays so, whatever rj_gate does,
 * until it is switched on again. RJ_USAGE where the agent in the process is of a version that cannot.
 */
RJ_API bool rj_gate_probes(rj_session *s, const uint32_t *probes, size_t count, bool open, rj_error *e);
/* Takes some probes out of the process; the others of the session stay. Their statistics stay as they are. */
RJ_API bool rj_remove_probes(rj_session *s, const uint32_t *probes, size_t count, rj_error *e);
/* Closes the gates, delivers what is left (h may be NULL), and reverts. The session can be closed or asked for its
 * totals after that. */
struct rj_handlers;
RJ_API bool rj_stop(rj_session *s, const struct rj_handlers *h, rj_error *e);

/* ---- values ------------------------------------------------------------------------------------------------- */

typedef enum rj_kind {
    RJ_NULL = 1,
    RJ_BOOL,    /* u */
    RJ_INT,     /* i */
    RJ_UINT,    /* u */
    RJ_FLOAT,   /* f */
    RJ_SINGLE,  /* f, of float precision */
    RJ_CHAR,    /* text */
    RJ_STRING,  /* text; cut: there was more */
    RJ_DECIMAL, /* text: digits; also integers of 128 bits */
    RJ_ENUM,    /* text: the names, joined by " | ", or the number; i */
    RJ_TIME, /* text: DateTime, DateTimeOffset, DateOnly, TimeOnly (ISO 8601), TimeSpan as [-][d.]hh:mm:ss[.fffffff] */
    RJ_GUID, /* text */
    RJ_POINTER, /* u */
    RJ_LIST,    /* arrays, lists, spans: length, and the first items */
    RJ_TUPLE,   /* items */
    RJ_OBJECT,  /* items: its fields, by name */
    RJ_STATE,   /* a task: text is its state; items: its result, if it is there */
    RJ_OPAQUE,  /* only its type is known */
    RJ_SECRET   /* its name looks secret */
} rj_kind;

typedef struct rj_value {
    rj_kind kind;
    bool cut;         /* part of it is missing: a long string, a large object */
    const char *name; /* of the argument or field; "" for items of lists */
    const char *type; /* full name of its run-time type, or the declared one */
    const char *text;
    size_t text_size; /* bytes; text may hold NULs */
    int64_t i;
    uint64_t u;
    double f;
    uint64_t length; /* LIST: of the whole list */
    const struct rj_value *items;
    size_t count;
} rj_value;

/* ---- events ------------------------------------------------------------------------------------------------- */

typedef enum rj_outcome {
    RJ_RETURNED = 1,
    RJ_THREW,
    RJ_TAIL_CALLED,
    RJ_CALLED, /* RJ_STACK: as the call begins */
    RJ_REACHED /* RJ_LINE: it goes on */
} rj_outcome;

/*
 * Where a frame's call stands in the source: by the portable PDB that is named by the request, lies beside the
 * assembly, or is embedded in it, and that has the id which the assembly in the process asks for.
 */
typedef struct rj_place {
    const char *file; /* as the compiler wrote it; "" where it is not known */
    uint32_t line;    /* from 1 on; 0 where it is not known */
} rj_place;

/* LINE: where events come from. */
typedef struct rj_point {
    const char *asked;   /* as it was written */
    uint32_t asked_line; /* 0: an offset was asked for. Where no statement begins at it, the next one is meant */
    rj_place at;         /* "" and 0 where an offset was asked for */
    uint32_t il_offset;
    const char *source; /* the line; "" where it could not be read */
} rj_point;

/*
 * TRACE: the calls of one method below one caller, merged. A caller stands before what it calls; siblings are in the
 * order of their first call.
 */
typedef struct rj_node {
    const char *method, *module;
    uint32_t parent;             /* index in the array; RJ_ROOT: the call itself */
    uint32_t errors;             /* calls left by an exception */
    uint64_t count;              /* calls that have ended */
    uint64_t total, least, most; /* ns */
    bool is_async;               /* up to the return of the task */
} rj_node;
#define RJ_ROOT UINT32_MAX

/* Valid during the handler only. */
typedef struct rj_call {
    uint64_t time;    /* the call began, ns since the epoch */
    uint64_t elapsed; /* ns */
    int32_t pid;
    uint32_t thread; /* OS thread id */
    uint32_t probe;
    rj_outcome outcome;
    const char *method; /* Ns.Type.Method(int,string) */
    const char *module;
    const rj_value *args; /* NULL where not asked for */
    size_t arg_count;
    const rj_value *locals; /* LINE: NULL where not asked for, or there are none */
    size_t local_count;
    const rj_point *point;     /* LINE */
    const rj_value *self;      /* `this`; NULL: not asked for, or static */
    const rj_value *result;    /* NULL: not asked for, void, or thrown */
    const char *exception;     /* THREW: its type; "" where not known */
    const char *message;       /* THREW: NULL where the field is null or not known */
    bool truncated;            /* some value is incomplete */
    const char *const *frames; /* CALLED: callers, innermost first; THROWS: where it is thrown stands before them */
    size_t frame_count;
    const rj_place *places; /* of frames, as many; NULL: not asked for */
    size_t awaiting;        /* the last so many frames are not on the stack: each awaits what stands before it */
    const rj_node *nodes;   /* TRACE */
    size_t node_count;
    uint64_t missing; /* TRACE: calls that are in no node, for want of room */
    bool partial;     /* TRACE: the tree is not whole: gates closed before its end, or no room at all */
    bool is_async;    /* TRACE: up to the return of the task */
} rj_call;

typedef enum rj_notice {
    RJ_NOTICE_PROBES = 1, /* methods of modules that came later were instrumented: count */
    RJ_NOTICE_REFUSED,    /* refusal: at a method's first call, or in a later module */
    RJ_NOTICE_GATES,      /* the agent closed or opened our gates: open, text */
    RJ_NOTICE_REVERTED,   /* somebody else took methods away: count, text */
    RJ_NOTICE_END,        /* the target is ending: text */
    RJ_NOTICE_NO_PDB,     /* no PDB was found for refusal.module: its frames have no lines; once a module */
    RJ_NOTICE_NO_LINES    /* frames have no lines: text says which and why */
} rj_notice;

typedef struct rj_news {
    rj_notice kind;
    const char *text;
    size_t count;
    bool open;
    rj_refusal refusal;
} rj_news;

typedef struct rj_handlers {
    void *owner;
    bool (*call)(void *owner,
                 const rj_call *call); /* false: no more for now; rj_poll returns, what follows stays in the rings */
    void (*news)(void *owner, const rj_news *news);
} rj_handlers;

/*
 * Delivers what has happened; waits up to timeout_ms for something. True also where nothing came. RJ_GONE when the
 * target has ended: everything it left behind has been delivered then.
 */
RJ_API bool rj_poll(rj_session *s, int timeout_ms, const rj_handlers *h, rj_error *e);
/*
 * With rj_request.keep: the calls of a thread that are kept, in the order in which they ended, until `call` answers
 * false. May be called by a handler of rj_poll, but not by this one.
 */
RJ_API void rj_kept(rj_session *s, uint32_t thread, bool (*call)(void *owner, const rj_call *call), void *owner);
/* From now on rj_poll leaves calls in the rings that ended later than this (ns since the epoch; 0: none). */
RJ_API void rj_hold_back(rj_session *s, uint64_t later_than);
/* A descriptor that becomes readable with news of the agent (not with events). For a caller's own poll loop. */
RJ_API int rj_fd(const rj_session *s);

typedef struct rj_totals {
    uint64_t calls;     /* delivered; RJ_STAT: counted */
    uint64_t dropped;   /* lost in the target or over calls_a_second */
    uint64_t in_flight; /* begun and not ended */
    rj_measure measure;
} rj_totals;

RJ_API rj_totals rj_session_totals(rj_session *s);

/* Calls that took from `from` up to and without `to`, in ns. */
typedef struct rj_bucket {
    uint64_t from, to, calls;
} rj_bucket;

/* Which calls of a method a row is of; OTHER_KEYS: those whose keys were too many. */
typedef enum rj_keyed { RJ_ALL_CALLS, RJ_ONE_KEY, RJ_OTHER_KEYS } rj_keyed;

typedef struct rj_stat {
    uint32_t probe;
    const char *method, *module;
    uint64_t calls, errors;
    uint64_t sum, mean, p50, p90, p99, max; /* ns */
    const rj_bucket *buckets;               /* those with calls, in order; a power of two has eight */
    size_t bucket_count;
    rj_keyed keyed;
    const rj_value *key; /* ONE_KEY: OPAQUE where it is not known: the call did not return, or it cannot be read */
    uint32_t row;        /* ONE_KEY: the same in later answers, not 0 */
} rj_stat;

typedef struct rj_stats {
    const rj_stat *items; /* one for each probe, in the order of instrumentation; then one for each key that was seen */
    size_t count;
    uint64_t dropped; /* as rj_totals.dropped */
    rj_measure measure;
    void *memory;
} rj_stats;

/* Since the gates opened. Percentiles are exact to a sixteenth. */
RJ_API bool rj_read_stats(rj_session *s, rj_stats *out, rj_error *e);

/* ---- what is instrumented ----------------------------------------------------------------------------------- */

typedef struct rj_entry {
    const char *method, *module;
    const char *state; /* "installed", "active", ... */
    const char *code_kind;
    uint64_t bytes;
    uint32_t version; /* the runtime's id of the version */
    const uint32_t *clients;
    size_t client_count;
} rj_entry;

typedef struct rj_client {
    uint32_t id;
    int32_t pid;
    const char *name, *user;
    uint64_t since; /* ns since the epoch */
    uint64_t events, dropped, bytes;
    bool open; /* its gates */
    rj_budget budget;
    double share;     /* of the threads' time, in the last second */
    unsigned reached; /* RJ_REACHED_*: why the agent has closed them; 0: it has not */
} rj_client;

typedef struct rj_ledger {
    const rj_entry *entries;
    size_t entry_count;
    const rj_client *clients;
    size_t client_count;
    uint64_t bytes;    /* held by the agent in all */
    uint64_t inliners; /* methods that run new code only because they had inlined an instrumented one */
    uint64_t metadata; /* of those, for metadata that was added to the process's modules */
    uint64_t returned; /* held once, for versions of methods that have ended since */
    const char *note;  /* "a managed debugger is attached", or "" */
    void *memory;
} rj_ledger;

RJ_API bool rj_list(rj_session *s, rj_ledger *out, rj_error *e);
/* Takes away this user's instrumentation, or everybody's, on the methods that match (no pattern: on all). */
RJ_API bool rj_revert(rj_session *s, const char *const *patterns, size_t pattern_count, bool everybody,
                      uint64_t *methods, rj_error *e);

/*
 * Sets what the agent writes into its own log: "off" (as it begins), "error", "warning", "info" or "debug". *file:
 * where, as the process names it; valid until the next call on the session.
 */
RJ_API bool rj_log(rj_session *s, const char *level, const char **file, rj_error *e);

/* ---- preconditions ------------------------------------------------------------------------------------------ */

typedef enum rj_health { RJ_FINE, RJ_WARNING, RJ_FAILURE } rj_health;

typedef struct rj_check {
    const char *name, *text;
    const char *remedy; /* "" where none is needed */
    rj_health health;
} rj_check;

typedef struct rj_checks {
    const rj_check *items;
    size_t count;
    void *memory;
} rj_checks;

/* Checks everything that attaching needs; asks an agent that is there for what it knows, but puts none in. */
RJ_API bool rj_doctor(int32_t pid, const rj_options *options, rj_checks *out, rj_error *e);

#ifdef __cplusplus
}
#endif

#endif
