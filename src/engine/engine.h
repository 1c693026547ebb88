/*
 * engine: ReJIT itself. The index of modules, the ledger of instrumented methods, transactions, inliners, and what the
 * runtime tells of them.
 *
 * The flow of a transaction:  patterns -> methods -> values and probes -> layers in the ledger -> woven bodies -> one
 * request to the runtime
 *
 * Threads: transactions come from the agent's thread, or from the application's thread that loads a module;
 * `eng_transaction` serialises them. What the runtime's callbacks read (bodies, states) is guarded by a second lock
 * that is never held over a call into the runtime.
 */
#ifndef REJIT_ENGINE_H
#define REJIT_ENGINE_H

#include "base/base.h"
#include "clr/clr.h"
#include "probe/probe.h"
#include "wire/wire.h"

#include <pthread.h>

typedef struct eng eng; /* one for the process */

#define ENG_NEAREST 5u /* names that are offered where nothing matches */

/* ---- what comes out of a transaction --------------------------------------------------------------------------------
 */

typedef struct eng_value {
    const char *name, *type_name;
    const char *cannot;                /* why it cannot be read, or NULL */
    uint32_t what, how, slot, element; /* as WIRE_T_WHAT .. WIRE_T_ELEMENT */
    bool hidden, late;
} eng_value;

/* A literal of an enum. */
typedef struct eng_member {
    const char *name;
    int64_t value;
} eng_member;

/* stat: what calls are told apart by. */
typedef struct eng_by {
    const char *name, *type_name; /* name: NULL, by nothing */
    uint32_t element;
    const eng_member *members; /* of an enum */
    uint32_t member_count;
} eng_by;

typedef struct eng_probe {
    uint32_t id;
    const char *name, *module;
    const char *note; /* what an event of it means, where that is not what a reader expects; or NULL */
    bool is_callee;   /* trace: it has no trees of its own */
    bool is_async;    /* trace: its calls are shown up to the return of the task */
    uint32_t place;   /* line: index of the request's */
    eng_value *values;
    uint32_t value_count;
    eng_by by;
} eng_probe;

typedef struct eng_refusal {
    const char *name, *module, *reason;
} eng_refusal;

/* Everything in it lies in its arena. */
typedef struct eng_result {
    arena memory;
    VEC(eng_probe) probes;
    VEC(eng_refusal) refusals;
    const char *nearest[ENG_NEAREST];
    unsigned nearest_count;
    uint32_t total;           /* methods that matched */
    uint32_t callees_refused; /* trace */
    const char *side_note;    /* trace: what calls are not followed; or NULL */
} eng_result;
void eng_result_free(eng_result *r);

/* ---- clients
 * ---------------------------------------------------------------------------------------------------------- */

/* line: a local variable that may be asked for, and a place in a method. */
typedef struct eng_variable {
    const char *name;
    uint16_t slot; /* index in the signature of the locals */
} eng_variable;

typedef struct eng_place {
    const char *pattern; /* NULL: the method `token` of each module with this path and PDB id (hex) */
    const char *path, *pdb_id;
    uint32_t token, il_offset;
    eng_variable *variables;
    uint32_t variable_count, variable_cap;
} eng_place;

typedef struct eng_request {
    wire_verb verb;
    const char **patterns;
    uint32_t pattern_count;
    uint32_t most; /* methods */
    uint32_t want; /* wire_want bits */
    uint64_t slow_ns;
    uint32_t depth;
    const char *condition; /* or NULL */
    const char *by;        /* stat: a path, or NULL */
    uint32_t levels;       /* trace: of calls below a root */
    const char **into;     /* trace: patterns of methods that are followed wherever they are called below a root */
    uint32_t into_count;
    const eng_place *places; /* line: instead of patterns */
    uint32_t place_count;
    /*
     * Called now and then on the caller's thread while it takes long, and comes back after rest_ns, which belong to the
     * application; may be NULL. It may call what changes nothing of the ledger: eng_client_new, eng_describe_ledger,
     * eng_describe_types, eng_describe_frames. False: nobody wants the answer any more, ERR_GONE, nothing has changed.
     */
    bool (*progress)(void *owner, size_t done, size_t total, uint64_t rest_ns);
    void *progress_owner;
} eng_request;

typedef struct eng_client eng_client;

/* Who it is: shown by `rejit list` and in the journal. */
typedef struct eng_identity {
    char name[64], user[64];
    uint32_t pid, uid; /* as the kernel vouches for them */
} eng_identity;

eng *eng_start(clr_info *info, err_t *e);
void eng_runtime_version(const eng *g, char *out, size_t size); /* "10.0.12" */
/*
 * Takes the modules in that are loaded already; those that load later come by eng_module_loaded. For an attach, and
 * when it has finished: while the agent is being initialised the runtime tells neither of a module that loads nor of
 * one that goes, which would be kept, and asked about, when it is no more.
 */
void eng_index(eng *g);
clr_info *eng_info(eng *g);
/* Called on any thread when there is news for a client (eng_client_news): the agent wakes its loop. */
void eng_on_news(eng *g, void (*wake)(void *owner), void *owner);

eng_client *eng_client_new(eng *g, const eng_identity *who);
/* Takes all that is this client's out of the process: closes its gates at once, reverts what nobody else needs, waits
 * for its memory to be left. */
void eng_client_end(eng *g, eng_client *c);
/*
 * Instruments; the gates stay closed. ERR_USAGE (pattern, condition), ERR_LIMIT; then nothing has changed. Where
 * nothing matched it answers true: the result holds no probes but the nearest names, and modules that load later may
 * match.
 */
bool eng_instrument(eng *g, eng_client *c, const eng_request *request, eng_result *out, err_t *e);
/* Removes all layers of the client; the connection and its memory stay. */
bool eng_uninstrument(eng *g, eng_client *c, err_t *e);
void eng_gate(eng *g, eng_client *c, bool open);
/* Some of the client's probes: what is switched off stays so, whatever eng_gate does, until it is switched on. */
void eng_gate_probes(eng *g, eng_client *c, const uint32_t *ids, size_t count, bool open);
/* Removes the layers of some of the client's probes. */
bool eng_remove_probes(eng *g, eng_client *c, const uint32_t *ids, size_t count, err_t *e);
/* What the client's probes may cost, for eng_describe_ledger. */
void eng_client_budget(eng_client *c, const wire_budget *budget);
probe_sink *eng_client_sink(eng_client *c); /* NULL before the first eng_instrument */

/* What happened to the client's probes without its asking. Returns the next piece of news, owned by the caller
 * (eng_news_free), or NULL. */
typedef enum eng_news_kind { ENG_NEWS_PROBES, ENG_NEWS_REFUSED, ENG_NEWS_REVERTED } eng_news_kind;
typedef struct eng_news {
    struct eng_news *next;
    eng_news_kind kind;
    eng_result result;
    const char *text;
} eng_news;
eng_news *eng_client_news(eng *g, eng_client *c);
void eng_news_free(eng_news *n);

/* ---- questions
 * ------------------------------------------------------------------------------------------------------------ */

typedef struct eng_found {
    const char *name, *module, *code_kind, *reason; /* reason: why it cannot be instrumented, or NULL */
    const char *note;                               /* as in eng_probe */
    uint32_t token, il_size;
} eng_found;
typedef struct eng_find_result {
    arena memory;
    VEC(eng_found) methods;
    const char *nearest[ENG_NEAREST];
    unsigned nearest_count;
    uint32_t total;
} eng_find_result;
bool eng_find(eng *g, const char *const *patterns, uint32_t pattern_count, uint32_t most, eng_find_result *out,
              err_t *e);
void eng_find_free(eng_find_result *r);

/* Writes TYPE groups (wire.h) for the type handles that were really seen or follow from such; others are left out. */
void eng_describe_types(eng *g, const uint64_t *handles, uint32_t count, buf_t *reply);
/* Writes TYPE groups for the types of exceptions that were seen, since the last time or at all, and of what is in each.
 * False: there are none. */
bool eng_describe_thrown(eng *g, bool all, buf_t *reply);
/* Writes a FRAME group for each module that is loaded. */
void eng_describe_modules(eng *g, buf_t *reply);
/*
 * Writes FRAME groups for instruction pointers; lines: with what their lines of source can be found by. False, and
 * nothing written: some have marks that no probe has given.
 */
bool eng_describe_frames(eng *g, const uint64_t *ips, uint32_t count, bool lines, buf_t *reply);
/*
 * Writes BODY groups, TOTAL and NEAREST: original and woven IL of the methods that match. ERR_USAGE: a malformed
 * pattern.
 */
bool eng_describe_il(eng *g, const char *const *patterns, uint32_t pattern_count, uint32_t most, buf_t *reply,
                     err_t *e);
/* The same for their native code. */
bool eng_describe_code(eng *g, const char *const *patterns, uint32_t pattern_count, uint32_t most, buf_t *reply,
                       err_t *e);
/* Writes ENTRY and CLIENT groups and BYTES. */
void eng_describe_ledger(eng *g, buf_t *reply);
/*
 * Takes layers off the methods that match (all methods where no pattern is given): those of clients of the same user as
 * `who`, or everybody's. Tells the clients concerned. *reverted: how many methods.
 */
bool eng_revert(eng *g, const char *const *patterns, uint32_t pattern_count, const eng_identity *who, bool everybody,
                uint32_t *reverted, err_t *e);

/* ---- what the runtime tells
 * ------------------------------------------------------------------------------------------------- */

/* What the engine must be told of from the beginning (COR_PRF_MONITOR). */
#define ENG_LOAD_EVENTS (CLR_MONITOR_MODULE_LOADS | CLR_MONITOR_ASSEMBLY_LOADS)
void eng_module_loaded(eng *g, clr_module_id id);
/* All its modules go. What the runtime answers questions about them from is freed next, before it tells of the first
 * module. */
void eng_assembly_unloading(eng *g, clr_assembly_id id);
void eng_module_unloading(eng *g, clr_module_id id);
clr_hresult eng_rejit_parameters(eng *g, clr_module_id module, uint32_t token, clr_function_control *control);
void eng_rejit_started(eng *g, clr_function_id function, clr_rejit_id rejit);
void eng_rejit_finished(eng *g, clr_function_id function, clr_rejit_id rejit, clr_hresult hr);
void eng_rejit_error(eng *g, clr_module_id module, uint32_t token, clr_hresult hr);
void eng_jit_started(eng *g, clr_function_id function);
bool eng_may_inline(eng *g, clr_function_id callee);
/* On the thread that throws, which is in cooperative mode. */
void eng_exception_thrown(eng *g, uintptr_t object);
void eng_dynamic_started(eng *g, clr_function_id id);
void eng_dynamic_unloaded(eng *g, clr_function_id id);
/* Is there something that eng_tick has to do later, though no client is there? */
bool eng_has_chores(eng *g);
/* A limit of ReJIT, and whether it is lifted in this process; remedy: "" where there is nothing to do. */
typedef void eng_tell_fact(void *owner, const char *name, bool holds, const char *text, const char *remedy);
/* Tells of each of them. Thread-safe. */
void eng_tell_limits(eng *g, eng_tell_fact *tell, void *owner);
/*
 * A managed debugger has come or gone. While one is there, no woven body has a second copy for closed gates: a
 * breakpoint would be set in one of the two only. Bodies that have one are woven anew when it comes.
 */
void eng_debugger(eng *g, bool attached);
/*
 * A thread of our own, of that name (at most 15 bytes), for as long as the process lives; without the application's
 * signals. managed: with those of the runtime, as managed code runs on it. out may be NULL.
 */
bool eng_thread_start(pthread_t *out, const char *name, bool managed, void *(*run)(void *), void *owner, err_t *e);
/* Called once by the agent's own thread, which no callback of the runtime comes on: it may stop the others. */
void eng_thread_is_own(void);
/* Now and then on the agent's thread: compilations that never finished, dead threads, the clock. */
void eng_tick(eng *g);

#endif
