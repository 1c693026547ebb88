/* What the files of engine/ share. */
#ifndef REJIT_ENGINE_PRIV_H
#define REJIT_ENGINE_PRIV_H

#include "cil/cil.h"
#include "engine/engine.h"
#include "query/query.h"
#include "weave/weave.h"

#include <pthread.h>

/* Work for the thread of the managed helpers (managed.h). */
struct eng_helpers;
typedef struct eng_job {
    struct eng_job *next;
    /* `helpers` is NULL where they could not be reached. The job's memory is its own. */
    void (*run)(struct eng_job *job, const struct eng_helpers *helpers);
    bool given; /* by whoever gives it more than once: not done yet */
} eng_job;

/* An item of metadata that was asked for (metadata.c). */
typedef struct eng_made {
    cil_token token;
    uint32_t size;
    uint8_t *key;
} eng_made;

typedef struct eng_descriptor eng_descriptor;
typedef struct eng_takeover eng_takeover;
typedef struct eng_version eng_version;
typedef struct eng_managed eng_managed;

/* A loaded module, or the module of one method that a dynamic method is described as. Opened when somebody first looks
 * into it. Freed when it is unloaded. */
typedef struct eng_module {
    clr_module_id id;
    clr_assembly_id assembly_id;
    uint32_t number; /* later ones have greater numbers; those of dynamic methods have ENG_DYNAMIC_NUMBER set */
    const uint8_t *base;
    uint32_t flags;                 /* COR_PRF_MODULE_FLAGS */
    bool unloaded, opened, offered; /* offered: to the clients, when it was loaded */
    bool hooked;                    /* the runtime's ReJIT ignores it: versions come by the JIT hook (first.c) */
    struct eng_dynamic *dynamic;    /* the dynamic method, or NULL */
    VEC(uint32_t) jitted;           /* hooked: methods that were jitted when eng.jitted_of looked */
    buf_t snapshot;                 /* the metadata of a module that is made at run time, as it was when last seen */
    char *file;                     /* file name without directory */
    char *path;
    char assembly[256];
    cil_image image;
    bool debug_build;                 /* compiled without optimisation, for a debugger */
    char *unreadable;                 /* why the image could not be opened, or NULL */
    clr_emit *emit;                   /* metadata for writing, NULL until needed */
    VEC(eng_made) made;               /* what was asked for of its metadata, so that an edit made again adds nothing */
    map_t made_of;                    /* hash of its key -> index in `made`, plus 1 */
    bool applied;                     /* the runtime knows what was made last */
    size_t emitted_bytes, kept_bytes; /* what the runtime holds for new metadata, and we to know it again */
} eng_module;

#define ENG_DYNAMIC_NUMBER 0x80000000u
#define ENG_INSTANCES_MOST 1024u /* instantiations of a generic method that are kept in mind */

struct eng_wish;
typedef struct eng_layer {
    eng_client *client;
    const struct eng_wish *wish; /* not to be looked into: it may be gone */
    probe *probe;
    struct eng_method *with; /* async: where the other layer of the same probe is; they come and go together */
    weave_calls calls;
    weave_value *values; /* malloc: as long as the layer; the tests lie behind them */
    uint32_t value_count;
    const weave_test *tests;
    uint32_t test_count;
    uint32_t site; /* as in weave_layer */
    bool off;      /* switched off by its client: stays closed while the others open */
} eng_layer;

typedef enum eng_state { ENG_REQUESTED, ENG_COMPILING, ENG_INSTALLED, ENG_REVERTED, ENG_FAILED } eng_state;

/* An entry of the ledger. Stays after its revert: old bodies may still run, and the runtime remembers the method as
 * well. */
typedef struct eng_method {
    eng_module *module;
    uint32_t token;
    char *name;
    VEC(eng_layer) layers;  /* guarded by the transaction lock */
    bool inlinable;         /* by what its metadata tells */
    bool covered;           /* inliners were requested, inlining is blocked */
    bool exposed;           /* its body's locals are a StandAloneSig, which no debugger may ask for */
    bool behind;            /* the runtime has not been brought to what the layers want */
    bool marked;            /* chosen, within one transaction */
    uint64_t asked;         /* number of the transaction that asked for it last */
    uint64_t batch;         /* number of the transaction that first asked for it */
    uint32_t versions;      /* that the runtime made of it, and keeps */
    bool stays;             /* with the runtime, whatever its versions cost */
    bool standing;          /* what its layers want stands in its body already; within one transaction */
    uint32_t left;          /* how often a layer has gone */
    uint64_t parked_in;     /* eng.uncovered, when a layer was closed in its body last */
    uint64_t parked_ns;     /* when a layer was closed in its body last (park.c) */
    eng_takeover *takeover; /* NULL: it never was taken over (takeover.c) */
    /* guarded by the ledger lock */
    eng_state state;
    uint32_t map_count;
    buf_t body;
    clr_il_map *map;
    clr_rejit_id rejit;
    uint64_t started_ns;     /* by eng.awake_ns */
    clr_function_id started; /* the instance that is being compiled, and how often it was begun anew */
    unsigned restarts;
    VEC(clr_function_id) instances; /* of a generic method: those of which a version was compiled */
    clr_hresult failure;
    const char *why; /* it failed, in words; or NULL */
    /* of hooked modules */
    struct eng_first *first; /* what its next compile is given; NULL: the original */
    struct eng_first *olds;  /* what earlier ones may still be given */
    bool woven;              /* it was compiled so, and stays so until it is unloaded */
    VEC(eng_layer)
    closed;            /* layers in its body whose clients are gone: of woven methods, and parked ones (park.c);
                        * transaction lock */
    VEC(probe *) held; /* of dynamic methods: what woven bodies point to, which go with the method; the same */
} eng_method;

/* A method that the runtime compiled again only because it had inlined one of ours. */
typedef struct eng_inliner {
    eng_module *module;
    uint32_t token;
    uint64_t batch; /* transactions up to this one may need it */
    bool live;
} eng_inliner;

typedef struct eng_range {
    uintptr_t start, end;
} eng_range;

/* What handle.c has learned: words of a MethodTable and of an EEClass. */
typedef struct eng_handles {
    uint64_t object;              /* System.Object's MethodTable; 0: not asked yet */
    unsigned module, class, back; /* 0: it does not show (module, class) */
} eng_handles;

/* The start of a MethodTable, the same in 8, 9 and 10. */
typedef struct eng_table {
    uint32_t flags, base_size;
    uint64_t more;
    uint64_t parent;
} eng_table;

typedef enum eng_tiers {
    ENG_TIERS_UNASKED,
    ENG_TIERS_USUAL,  /* what has no precompiled code begins unoptimised */
    ENG_TIERS_UNKNOWN /* it may be otherwise */
} eng_tiers;

/* What a client asked for, kept for modules that load later. */
typedef struct eng_wish {
    struct eng_wish *next;
    arena memory;        /* patterns and condition */
    eng_request request; /* without its texts */
    query_pattern **patterns;
    query_pattern **dynamic; /* those of them that ask for dynamic methods */
    uint32_t dynamic_count;
    bool being_made;         /* by the agent's thread, over what is there; later by those that load or compile */
    struct eng_again *again; /* probes of dynamic methods, for those that are made anew */
    const query_node *condition, *by;
    query_pattern **into; /* trace */
    uint32_t into_count;
    uint32_t matched;
    uint32_t seen; /* modules up to this number were looked into when it was made */
} eng_wish;

struct eng_client {
    struct eng_client *next;
    uint32_t id;
    eng_identity who;
    uint64_t since_ns;
    bool open;
    probe_sink *sink; /* NULL before the first eng_instrument; probes point to it (keep.c) */
    uint32_t next_probe;
    probe *throws; /* for exceptions; NULL: not wanted */
    wire_budget budget;
    eng_wish *wishes;
    eng_news *news, *last_news; /* NULL where there is none; guarded by the ledger lock */
};

#define ENG_THROWS_MOST 8u

struct eng {
    clr_info *info;
    pthread_mutex_t transaction; /* one change of the wanted state at a time; may be held over calls into the runtime.
                                    Recursive, for questions in the middle of one (eng_request.progress) */
    pthread_mutex_t ledger;      /* what callbacks touch; never held over a call into the runtime */
    VEC(eng_module *) modules;   /* ledger lock */
    map_t module_of;             /* ModuleID -> eng_module */
    map_t dynamics; /* FunctionID -> eng_dynamic: dynamic methods that were seen being compiled; ledger lock */
    struct eng_dynamic *collected; /* ledger lock: what is to be dropped of them */
    struct eng_sweep *sweep;       /* ledger lock: the search for those that were compiled earlier, while it goes on */
    size_t hooked_count;           /* ledger lock: methods of hooked modules in the ledger */
    size_t growing;                /* ledger lock: modules that are made at run time */
    size_t dynamic_wishes;         /* ledger lock */
    map_t methods;                 /* eng_key -> eng_method */
    map_t inliners;                /* eng_key -> eng_inliner */
    size_t unsettled;        /* ledger lock: methods that are being compiled or have failed, for the tick to look at */
    size_t wishes;           /* ledger lock: who loads a module need not wait where there is none */
    pthread_mutex_t opening; /* modules are opened by whoever needs one first; held over nothing else */
    pthread_mutex_t reading; /* by whoever reads modules without the transaction lock (answers.c), and whoever takes
                                away what is read. Before `opening` and the ledger lock */
    eng_client *clients;
    uint64_t batch;       /* ledger lock */
    VEC(eng_range) files; /* transaction lock: executable memory that comes from files, by address */
    size_t files_of;      /* how many modules there were when it was looked at */
    eng_tiers tiers;      /* transaction lock */
    eng_handles types;    /* written under the ledger lock, `object` last */
    uint64_t chores_ns;
    uint64_t awake_ns; /* ledger lock: time in which the process ran, as the ticks saw it */
    uint64_t ticked_ns;
    map_t hidden_of;    /* transaction lock: hash of a signature of locals -> eng_hidden */
    map_t hidden;       /* ledger lock: address -> eng_hidden */
    size_t probe_bytes; /* descriptors and their conditions */
    struct eng_slab *slab;
    eng_descriptor *dropped, *free_descriptors; /* held by nobody: not yet, and ready for use again (keep.c) */
    arena kept;           /* signatures of hidden locals, which any version may need: never given back */
    eng_managed *managed; /* NULL: not started (managed.c) */
    uint8_t *stubs;       /* the newest page of them */
    map_t hosts;          /* ledger lock: FunctionID of a host -> eng_version */
    pthread_cond_t host_gone;
    eng_job collecting;     /* the agent's thread's own: given again when it is done */
    eng_version *ended;     /* ledger lock: nothing of them can run any more */
    eng_version *compiling; /* the helpers' thread's own */
    size_t returned_bytes;
    void (*wake)(void *owner);
    void *wake_owner;
    uint32_t next_module, next_dynamic;
    uint32_t events; /* what the runtime has been asked to tell */
    uint32_t next_client;
    unsigned unload_hearers;           /* transaction lock: ENG_HEARS_ bits */
    struct eng_early *earlies;         /* transaction lock: compiled methods that are being given a body (early.c) */
    struct eng_early *compiling_early; /* the helpers' thread's own */
    map_t early_hosts;                 /* ledger lock: FunctionID of a host -> eng_early */
    struct clr_handles *handles;       /* transaction lock, like all up to here */
    clr_class_id resolver_class, method_class;
    bool answers; /* the thread that answers probes is there */
    bool early_tried, early_refused;
    char early_why[256]; /* refused */
    uint32_t stubs_used;
    uint32_t ending;      /* ledger lock: versions that nobody wants and whose hosts have not gone yet */
    uint32_t collect_at;  /* so many of them are reason to collect. The helpers' thread's own */
    bool hooked;          /* ledger lock: the JIT hook is in, and the runtime tells of dynamic methods */
    bool swept;           /* transaction lock: those that were compiled earlier have been looked for */
    bool inliners_needed; /* ledger lock: a method that may be inlined has a layer, or is about to get one */
    bool inliners_noted;  /* ledger lock: since none are needed any more */
    bool armed;           /* transaction lock: the runtime has been asked for the callbacks that ReJIT needs */
    bool debugged;        /* transaction lock: a managed debugger is attached */
    bool hides;           /* transaction lock: woven bodies hide their locals from the metadata */
    bool hot_reload;      /* the process was started with Edit and Continue for Debug builds */
    probe *throws[ENG_THROWS_MOST]; /* of clients that want to know of exceptions; changed under the transaction lock */
    bool hears_throws;
    uint64_t jitted_of;        /* transaction lock: number of the transaction that looked for jitted methods last */
    bool jitted_known;         /* and found them */
    uint64_t uncovered;        /* transaction lock: how often methods went back that may have inlined parked ones */
    bool parked;               /* ledger lock: some method may be */
    uint16_t runtime[3];       /* its version */
    VEC(uint32_t) jit_helpers; /* there: MethodDefs of the core library that the JIT calls; transaction lock */
    clr_module_id core;        /* where they are */
    uint32_t exception_rid;    /* there too: System.Exception, 0: not looked for yet; transaction lock */
    bool under_way;            /* transaction lock: of a request that tells its progress something is still to come */
    bool pending;              /* transaction lock: there is a table of pending async calls */
    bool bulk;                 /* transaction lock: so many methods at once that their hosts would take long */
    bool takeover_tried, takeover_refused; /* transaction lock */
    bool takeovers_ready;                  /* ledger lock: some method's switch may go to the runtime */
    bool takeover_failed, takeovers_idle;  /* ledger lock: some method's newest body; some method has nobody */
};

uint64_t eng_now_ns(void);
uint64_t eng_key(const eng_module *m, uint32_t token);

/* modules.c */
/* The module with an id that the runtime has just given. */
eng_module *eng_module_find(eng *g, clr_module_id id);
/* The same for one that may have been unloaded since: NULL then. Nothing is asked of the runtime. */
eng_module *eng_module_known(eng *g, clr_module_id id);
bool eng_module_open(eng *g, eng_module *m);
/* A snapshot of the modules that are loaded now, in the arena. */
eng_module **eng_modules(eng *g, arena *a, size_t *count);
const cil_image *eng_resolve_type(void *owner, const cil_image *image, cil_token token, uint32_t *type_rid);
eng_module *eng_module_of_image(eng *g, const cil_image *image);
/* The one loaded module of an assembly; NULL where it is not loaded, or more than once: then nobody can tell which. */
eng_module *eng_module_of_assembly(eng *g, const char *assembly);
uint32_t eng_type_named(const cil_image *im, const char *space, const char *name); /* rid of a type not nested, or 0 */

/* metadata.c; see metadata.h for the rest */
typedef struct eng_tokens {
    eng *g;
    eng_module *module;
} eng_tokens;
weave_tokens eng_tokens_for(eng_tokens *t);

/* maps.c: tells of each mapping of the process; permissions: "r-xp", path: NULL where there is none. False: enough. */
typedef bool eng_mapped(void *owner, const eng_range *r, const char *permissions, const char *path);
/* False: the list cannot be read. */
bool eng_maps(eng_mapped *f, void *owner);

/* handle.c: reads memory that may not be there. */
bool eng_peek(uint64_t address, void *out, size_t size);
/* handle.c: is it really a type handle? Under the transaction lock. */
bool eng_is_type(eng *g, uint64_t handle, eng_table *table);
/* types.c: a probe_answer of the engine, in `owner`. Under the reading lock. */
probe_answer eng_answer;
/* answers.c: the thread that answers probes, started by the first that may ask. Under the transaction lock. */
bool eng_answers_start(eng *g, err_t *e);
/*
 * handle.c: is it the handle of a type that is there, and stays as long as the transaction lock is held? A dynamic
 * method that nobody can call any more may be there for longer than the types of its signature. Before the runtime
 * frees a type it tells that the module goes, which waits for the lock and takes the module out of the index. Not for
 * instances of generic types, which may lie in another module's memory.
 */
bool eng_is_type_alive(eng *g, uint64_t handle);

/* types.c: the name of a type handle, "?" where it is none; full: with namespaces */
void eng_type_name(eng *g, clr_class_id id, bool full, buf_t *out);
/* types.c: a type of the core library that is loaded, 0 where it is not */
clr_class_id eng_class_of_core(eng *g, const char *space, const char *name);

/* untouchable.c: why a method must be left alone, or NULL */
const char *eng_untouchable(const eng *g, const eng_module *m, uint32_t method_rid);
/* .NET 9: clr/jit.h */
static inline bool eng_has_fragile_helpers(const eng *g)
{
    return g->runtime[0] == 9;
}
/* Of the core library: does the JIT call it from code that says nothing of it? */
bool eng_is_jit_helper(const eng_module *m, uint32_t method_rid);

/* guard.c */
/* Takes the transaction lock in a callback of the runtime. */
void eng_transaction_lock(eng *g);
/* Ask the runtime for versions. Under the transaction lock. ENG_BUSY: a compile goes on for too long. */
clr_hresult eng_ask(eng *g, uint32_t n, clr_module_id *modules, uint32_t *tokens);
clr_hresult eng_ask_with_inliners(eng *g, uint32_t n, clr_module_id *modules, uint32_t *tokens);
#define ENG_BUSY ((clr_hresult)0x800700AAu) /* ERROR_BUSY */
/* The same, and everything else that can be said before weaving (no body, dynamic module ...). */
const char *eng_refusal_of(eng *g, eng_module *m, uint32_t method_rid, arena *a);
bool eng_has_il(const eng_module *m, uint32_t method_rid); /* false: certainly not */
bool eng_is_abstract(const eng_module *m, uint32_t method_rid);
/* Why no object comes from it; NULL: it is a constructor of a class that has objects of its own. */
const char *eng_makes_nothing(const eng_module *m, uint32_t method_rid);

/* locals.c */
void eng_hide_locals(eng *g);
uint64_t eng_keep_locals(void *tokens, cil_blob sig, err_t *e);
/* The signature that a woven body hides; n == 0 where it hides none. Takes the ledger lock. */
cil_blob eng_hidden_locals(eng *g, const uint8_t *il, uint32_t size);

/* debugging.c */
bool eng_is_debug_build(const cil_image *im);
/* Why nothing may be instrumented while a debugger is attached, or NULL. */
const char *eng_debugger_refusal(const eng *g);
bool eng_hot_reload_asked_for(void);

/* code.c */
/* The kinds of code that a method has, or one version of it (0: the original). Calls the runtime: not under the ledger
 * lock. */
/* Has each instantiation code of its own? */
bool eng_is_generic(const eng_module *m, uint32_t rid);
/* Is it code that was compiled ahead of time? Under the transaction lock. */
bool eng_is_precompiled(eng *g, const eng_module *m, uintptr_t at);
const char *eng_code_kind(eng *g, const eng_module *m, uint32_t token, clr_rejit_id version);
/* The executable memory that comes from a file in which it lies; NULL: none. Under the transaction lock. */
const eng_range *eng_file_of(eng *g, uintptr_t at);

/* tiers.c */
/* Has this version of the method unoptimised code alone, for certain? The JIT has inlined nothing in it then. */
bool eng_tiers_are_usual(eng *g); /* what has no precompiled code begins unoptimised, and climbs */
bool eng_is_unoptimised(eng *g, const eng_module *m, uint32_t token, clr_rejit_id version);

#define ENG_IDLE_NS 60000000000ull /* after which a method that nobody has wanted gets its callers' inlining back */

/* ledger.c; under the ledger lock */
void eng_set_state(eng *g, eng_method *m, eng_state state);
const char *eng_state_text(const eng_method *m);

/* wish.c */
/* Who needs to hear that code made at run time has ended. Under the transaction lock; e may be NULL. */
enum { ENG_HEARS_DYNAMICS = 1, ENG_HEARS_HOSTS = 2 };
/* The same for exceptions. */
bool eng_hear_throws(eng *g, bool hears, err_t *e);
bool eng_open_sink(eng_client *c, const eng_request *r, size_t found, err_t *e);

bool eng_hear_unloads(eng *g, unsigned who, bool hears, err_t *e);
void eng_wishes_free(eng *g, eng_client *c);

/* scan.c */
typedef struct eng_target {
    eng_module *module;
    uint32_t rid;
    bool resumes;           /* not for its own sake: see awaiters.c */
    bool throws;            /* the same: thrown.c */
    bool callee;            /* trace: not for its own sake, but for the trees that it is called in (callees.c) */
    bool into;              /* trace: in them it is followed at any level */
    const eng_place *place; /* line, and which of the request's it is */
    uint32_t place_index;
} eng_target;

/* thrown.c; under the transaction lock */
bool eng_hear_exceptions(eng *g, eng_client *c, const eng_request *r, eng_result *out, err_t *e);
bool eng_dispatches_managed(const eng *g);
/* The method that dispatches all exceptions, and what a probe in it must know. */
bool eng_dispatch_of(eng *g, eng_target *out, probe *d, err_t *e);
void eng_throws_end(eng *g, eng_client *c);
typedef struct eng_hits {
    VEC(eng_target) found;
    bool failed;        /* memory ran out */
    eng_module *module; /* during a scan */
    uint8_t *seen;      /* a bit for each MethodDef of the module: several patterns may match one */
} eng_hits;
/* Adds the methods of one module that match any of the patterns. The caller frees `found`. */
void eng_scan(eng *g, query_pattern *const *patterns, uint32_t count, eng_module *m, eng_hits *h);
/* Why a module cannot be looked into, where a pattern that matched nothing begins with its name; NULL otherwise. */
const char *eng_meant_but_unreadable(const eng_module *m, const char *pattern);
/* The nearest names over several modules, at most ENG_NEAREST; how many. */
unsigned eng_nearest(eng *g, const query_pattern *p, eng_module **modules, size_t n, arena *a, const char **names);

/* find.c: what matches of everything that is loaded. Under the transaction lock; eng_search_free in any case. */
typedef struct eng_found_targets {
    arena memory;
    query_pattern **patterns;
    eng_module **modules;
    size_t module_count;
    eng_hits hits;
} eng_found_targets;
bool eng_search(eng *g, const char *const *texts, uint32_t count, eng_found_targets *out, err_t *e);
unsigned eng_search_nearest(eng *g, const eng_found_targets *s, arena *a, const char **names);
void eng_search_free(eng *g, eng_found_targets *s);
/* Writes what `put` says of each of the first `most`, the nearest names where there is none, and how many there are. */
typedef void eng_put_target(eng *g, const eng_target *t, void *owner, buf_t *reply);
void eng_list_found(eng *g, eng_found_targets *s, uint32_t most, eng_put_target *put, void *owner, buf_t *reply);

/* callees.c: behind the roots of a trace, what they call; what is not followed becomes the result's side note. */
bool eng_add_callees(eng *g, const struct eng_wish *w, eng_hits *h, eng_result *out, err_t *e);

/* places.c: what a name at a place stands for, and as what it is shown. */
#define ENG_NAMED_MOST 64u
typedef struct eng_named {
    weave_what what; /* LOCAL, FIELD */
    uint32_t index, of;
    weave_what told; /* ARGUMENT, THIS, LOCAL */
} eng_named;
/* Is the method's `this` something that a compiler made, for what people wrote as arguments and variables? */
bool eng_is_lifted(const eng_module *m, uint32_t method_rid);
/* The names that the place's variables have, and those of the fields that a compiler has made of what people wrote as
 * arguments and variables. How many; names and types are in `a`. */
uint32_t eng_place_names(const eng_module *m, uint32_t method_rid, cil_blob body, const eng_place *place,
                         arena *scratch, arena *a, query_local *names, eng_named *named);
/* The methods of the request's places. */
bool eng_scan_places(eng *g, const eng_request *r, eng_hits *h, eng_result *out, err_t *e);

/* plan.c: a probe's layer on the method, and for an async call a second one on the body of its state machine. */
typedef struct eng_layers {
    eng_layer own, body; /* their values belong to the caller */
    uint32_t body_rid;   /* 0: there is no second one */
    bool known;          /* the client has been told of the probe */
} eng_layers;
bool eng_plan(eng *g, eng_client *c, const eng_wish *wish, eng_target t, eng_layers *layers, eng_probe *out, arena *a,
              err_t *e);
/*
 * tests.c: what of a bound condition the woven code asks for; in the arena. True: all of it, and nothing is left for
 * the probe.
 */
bool eng_plan_tests(const eng_module *m, uint32_t rid, const cil_method_sig *sig, const query_node *bound, arena *a,
                    const weave_test **tests, uint32_t *count);
/* Values and tests of a layer lie in one block: its size, and the layer with a copy of what `of` has in it. */
size_t eng_shape_size(const eng_layer *l);
void eng_shape_copy(eng_layer *l, const eng_layer *of, void *block);
/* The last plan is not needed. Nobody has seen it yet. */
void eng_plan_undo(eng *g, eng_client *c, eng_layers *layers);

/* async.c */
/* Where an object of the type has a field of the type's own, in bytes from its start; 0: it has none of that name. */
uint32_t eng_field_at(eng *g, clr_class_id type, const char *name);
/* The table of pending calls, before the first async probe. */
bool eng_async_start(eng *g, err_t *e);
/* What is shown of the calls of an async method that cannot be followed to their completion; NULL: of all others. */
const char *eng_async_note(const eng_module *m, uint32_t method_rid, arena *a);

/* suspend.c: on the agent's thread. While a collection or somebody else has suspended the runtime this waits, within
 * reason. */
bool eng_suspend(eng *g);
void eng_resume(eng *g);

/*
 * standstill.c: for the moment in which a module's metadata is opened for writing for the first time. In a callback
 * nothing is stopped: a module that is just being loaded is read by nobody else. False: something is compiled, or
 * collected, for too long.
 */
bool eng_standstill_begin(eng *g);
void eng_standstill_end(eng *g);

/* lines.c: the IL offset that an instruction was made of, in the method as it was written; CLR_IL_NONE: not known */
typedef struct eng_code {
    clr_function_id function;
    clr_rejit_id version;
    uintptr_t ip;
} eng_code;

/* asked.c: addresses from outside, under the transaction lock from begin to end. */
typedef struct eng_ran {
    eng_range image;
    uintptr_t first; /* of the methods that are known to have run */
    bool complete;   /* there is none before it */
} eng_ran;

typedef struct eng_asked {
    eng *g;
    arena memory;
    eng_module **modules;
    size_t module_count;
    VEC(eng_ran) images;
} eng_asked;

void eng_asked_begin(eng *g, eng_asked *a);
/* What code the word stands for (probe_vouch, or a plain address); false: none, or nobody can tell. */
bool eng_asked_code(eng_asked *a, uint64_t word, eng_code *code);
void eng_asked_end(eng_asked *a);
/* Under the transaction lock, which keeps the module from being unloaded. */
uint32_t eng_il_of(eng *g, const eng_module *m, uint32_t token, const eng_code *code);
uint32_t eng_il_at(const clr_native_map *map, uint32_t n, uint32_t native);
uint32_t eng_il_before_weaving(const clr_il_map *map, uint32_t n, uint32_t woven);

/* awaiters.c: for stacks that go on with who awaits. The method by which all state machines go on, and what the probes
 * must know of tasks. */
bool eng_awaiters_start(eng *g, eng_target *out, err_t *e);

/* frames.c: TOKEN, PATH, PDB_ID, PDB_NAME: what lines of a method can be found by, but for the offset */
void eng_put_source(const eng_module *m, uint32_t token, buf_t *reply);
/* The id that a module's debug directory and its PDB have in common, as WIRE_T_PDB_ID has it. False: it has none. */
#define ENG_PDB_ID_TEXT (2 * CIL_PDB_ID_SIZE + 1)
bool eng_pdb_id(const eng_module *m, char text[ENG_PDB_ID_TEXT], const char **name);

/*
 * jitted.c: has any code of a method of a hooked module been jitted (token 0: of any of its methods), as the
 * transaction that goes on found it? Only on the agent's thread, which may suspend the process. Unknown: a context is
 * being unloaded.
 */
typedef enum eng_jitted { ENG_NOT_JITTED, ENG_JITTED, ENG_JITTED_UNKNOWN } eng_jitted;
eng_jitted eng_is_jitted(eng *g, const eng_module *m, uint32_t token);
/* Like eng_suspend, and no code is being unloaded: jitted code may be listed until eng_resume. */
bool eng_suspend_code(eng *g);

/* running.c: the stacks of all threads, while the runtime is suspended */
typedef struct eng_walked {
    uint32_t threads, missed; /* missed: not looked at, or not to their end */
} eng_walked;
/* enough: no more of them once it is true; may be NULL. */
void eng_walk_threads(eng *g, clr_stack_visitor *f, void *owner, const bool *enough, eng_walked *out);
/* What is on the stacks, by method. */
typedef struct eng_running {
    clr_module_id module;
    uint32_t token, calls; /* calls: 0 in an empty slot */
    clr_rejit_id rejit;    /* of the version that the first of them runs */
} eng_running;
typedef struct eng_stacks {
    eng_running *found; /* `slots` of them, some empty; in the arena */
    uint32_t slots, count;
    uint32_t threads, missed; /* missed: not looked at, or not to their end */
} eng_stacks;
/* Pauses the process, up to four times, each for 2 ms and what a suspension takes at most. False: nothing is known. */
bool eng_stacks_look(eng *g, arena *a, eng_stacks *out);

/* inlining.c: what the JIT may do with a method, as metadata and IL tell */
bool eng_may_be_inlined(const eng_module *m, uint32_t rid);
/* Precompiled code of any other assembly may have a copy of it, and the runtime does not know where. */
bool eng_is_non_versionable(const eng_module *m, uint32_t rid);
/* Told of each call in a method, and in small methods that it calls. */
typedef struct eng_calls {
    void *owner;
    void (*method)(void *owner, const eng_module *m, uint32_t rid);
    bool (*is_wanted)(void *owner, const char *name);
    /* Of a method that is_wanted: one of the overloads of a type. */
    void (*member)(void *owner, const eng_module *m, uint32_t type_rid, const char *name);
} eng_calls;
void eng_look_for_calls(eng *g, const eng_module *m, uint32_t rid, const eng_calls *calls);

/* note.c: what a user must know of a method before he relies on its counts */
const char *eng_note_more(arena *a, const char *note, const char *more); /* either may be NULL */
const char *eng_note_of_copies(const eng_module *m, uint32_t rid);
/* Adds what is running now to the notes of the probes that the client has from `first` on, the last transaction's. */
void eng_note_running(eng *g, const eng_client *c, uint32_t first, eng_result *out);

/* Bytes of a reply of `il` and `asm`: methods beyond that are left out, and only counted. */
#define ENG_LISTING_MOST ((size_t)16 << 20)

/* il.c: what lies at the addresses that a method's woven code names; layer: whose, or WEAVE_SHARED. Transaction lock.
 */
typedef void eng_symbol_told(void *owner, uint64_t address, const char *text, uint32_t layer);
void eng_symbols(const eng_method *m, arena *a, eng_symbol_told *told, void *owner);

/* commit.c */
/* Adds one layer of the client to each target and asks the runtime for the new versions. Refusals go to the result.
 * Where it answers false, nothing was added. */
bool eng_add_layers(eng *g, eng_client *c, eng_wish *wish, const eng_target *targets, size_t count, eng_result *out,
                    err_t *e);
/* The method's layers as weave takes them, and those that are parked; NULL where memory ran out. */
weave_layer *eng_weave_layers(arena *a, const eng_method *m);
uint32_t eng_weave_count(const eng_method *m);
/*
 * What weave is given for the method's layers, but for what depends on who gets the body: whether locals are hidden,
 * and catch clauses become filters.
 */
bool eng_weave_input(eng *g, const eng_method *m, arena *scratch, eng_tokens *tokens, weave_input *in, err_t *e);
/*
 * Small bodies are those that are called so often that a closed gate could be felt: on .NET 8 and 9 the copy saves up
 * to 0.6 ns a call, on .NET 10 next to nothing. The JIT pays for it: up to 256 bytes it takes an eighth longer than up
 * to 64.
 */
#define ENG_PLAIN_MOST 64u
/* Weaves what the method's layers want now. False: refused. */
bool eng_weave(eng *g, eng_method *m, err_t *e);
/* Puts a new body in the place of the one that the runtime is given; takes over out's memory. */
bool eng_install(eng *g, eng_method *m, weave_output *out, err_t *e);
/* A body with these layers that nobody takes back may run for ever: it holds what it points to. */
void eng_keep_for_ever(const eng_method *m);
/* The same as long as the method is in the ledger, where it is taken out when no code of it can run any more. False
 * where memory ran out. */
bool eng_keep_with(eng_method *m);
/* r: whose progress is told; may be NULL. */
bool eng_request_versions(eng *g, const eng_request *r, eng_method **methods, size_t count, err_t *e);

/* What the runtime is asked to tell of once something is instrumented. */
#define ENG_EVENTS ((uint32_t)(ENG_LOAD_EVENTS | CLR_MONITOR_JIT_COMPILATION | CLR_ENABLE_REJIT | CLR_ENABLE_STACKS))

/* pace.c: thousands of methods are asked for in portions, of which none has more. */
#define ENG_PORTION 1000u
typedef struct eng_pace {
    bool rests;    /* leaves the application time between portions: not where one of its threads waits for the end */
    bool resting;  /* a piece of the rest is over */
    uint32_t size; /* 0: at the beginning */
    uint64_t began_ns;
    uint64_t rest_ns; /* what is left of the rest */
    uint64_t cpu_ns;  /* what the process had used when the piece began */
} eng_pace;
/* How many of those left come next; the clock runs from here to eng_pace_over. */
uint32_t eng_pace_take(eng_pace *p, uint32_t left);
void eng_pace_over(eng_pace *p, bool more);
/* How long to wait now; 0: the rest is over. It has ended when the process used no CPU time in the piece before. */
uint64_t eng_pace_next_piece(eng_pace *p);
uint64_t eng_pace_piece(eng_pace *p, uint64_t cpu_ns);   /* the same, of a process that has used so much */
void eng_pace_rest(eng_pace *p, bool more);              /* over, and rests */
uint32_t eng_pace_next(uint32_t size, uint64_t took_ns); /* the size after one that took so long */

/* first.c: the back end of code that the runtime's ReJIT ignores. Under the transaction lock unless it says otherwise.
 */
/* Puts the JIT hook in, and has the runtime tell of dynamic methods. */
bool eng_hook_on(eng *g, err_t *e);
/* Takes it out where nobody needs it any more. */
void eng_hook_rest(eng *g);
/*
 * Plans a layer on a method of a hooked module: a new one, or one whose probe stands in the woven body already. NULL,
 * or why not. l->known: the client knows the probe from another method.
 */
const char *eng_first_plan(eng *g, eng_client *c, struct eng_wish *wish, eng_method *m, eng_layers *l, eng_probe *out,
                           arena *a, err_t *e);
/* What a user must know of a method of a hooked module; NULL: nothing. */
const char *eng_first_note(eng *g, const struct eng_wish *wish, const eng_method *m);
/* Why a method of a hooked module could not be instrumented now; NULL: it could be. */
const char *eng_first_refusal(eng *g, eng_module *m, uint32_t method_rid, arena *a);
/* Why a method cannot be woven any more; NULL: it can. */
const char *eng_first_too_late(eng *g, const struct eng_wish *w, const eng_method *m);
/* Makes the method's body what the next compile is given. */
bool eng_first_install(eng *g, eng_method *m, err_t *e);
/* Gives the layer the probe of a closed one of the same shape, which stands in the method's body. False: there is none.
 */
bool eng_first_reopen(eng *g, eng_method *m, eng_layer *layer);
/* A layer of a woven method goes: the body stays, and with it the probe. Takes over what the layer owns. */
void eng_first_close(eng_method *m, const eng_layer *l);
/* Brings a method whose layers have changed to rest; true: it must be woven again. Under both locks. */
bool eng_first_settle(eng *g, eng_method *m);
size_t eng_first_bytes(const eng_method *m); /* that its bodies and closed layers hold */
/* A method that was compiled already has got its woven body (why: NULL), or could not. */
void eng_first_came_out(eng *g, eng_method *m, const char *why);
/* Methods that were compiled while they were being asked for are marked as failed. */
void eng_first_check(eng *g);
/* Takes a method, or those of a module, out of the ledger and frees them: their code is gone. Under both locks. */
void eng_method_drop(eng *g, eng_method *m);
void eng_drop_methods(eng *g, const eng_module *m);

/* snapshot.c: of a module that is made at run time. Makes the image anew where it has no such method yet (0: in any
 * case). Under the transaction lock. */
bool eng_snapshot(eng *g, eng_module *m, uint32_t method_rid);

/* sweep.c: dynamic methods whose code is there already */
#define ENG_DYNAMIC_NAME_MOST 512u
typedef struct eng_swept {
    clr_function_id id;
    clr_module_id owner;
    const uint16_t *name;
    const uint8_t *sig;
    uint32_t name_chars, sig_size;
    const char *why; /* its code cannot be led elsewhere (early.c), or NULL */
    bool gone;       /* it has been collected since; ledger lock */
} eng_swept;
typedef struct eng_sweep {
    eng_swept *found;
    uint32_t count;
    uint8_t *text;
    size_t used;
} eng_sweep;
/*
 * Finds them, on the agent's thread, in pauses of 2 ms and what a suspension takes. False: not all. Until it is freed
 * what is collected is marked, where the runtime tells of it.
 */
bool eng_sweep_code(eng *g, eng_sweep *out);
void eng_sweep_unloaded(eng *g, clr_function_id id); /* under the ledger lock */
void eng_sweep_free(eng *g, eng_sweep *s);

/* dynamic.c */
#define ENG_DYNAMIC_TYPE "<dynamic>"
bool eng_is_dynamic_pattern(const char *pattern);
/* Adds the dynamic methods that match one of the patterns; at first those that are there already are looked for. Under
 * the transaction lock, on the agent's thread. */
void eng_scan_dynamic(eng *g, query_pattern *const *patterns, uint32_t count, eng_hits *h);
bool eng_dynamic_compiled(const struct eng_dynamic *d);
clr_function_id eng_dynamic_id(const struct eng_dynamic *d);
/* After a scan: was it compiled without anything of ours? It gets no entry in the ledger. */
bool eng_dynamic_is_late(const struct eng_dynamic *d);
const char *eng_dynamic_why(const struct eng_dynamic *d); /* its code cannot be led elsewhere, as far as is known */
uint32_t eng_dynamic_alike(const struct eng_dynamic *d);  /* of which it stands for all, itself included */
/* The names of a type that is no instance of a generic one, as metadata refers to it: a row for it and one for each
 * type around it, the outermost first. How many; 0: the runtime does not tell. Under the transaction lock. */
uint32_t eng_type_names(eng *g, clr_class_id id, cil_made_type *rows, uint32_t room, bool *is_value); /* types.c */
void eng_dynamics_forget(eng *g); /* under both locks */
void eng_dynamics_rest(eng *g);   /* forgets them unless the hook is in; under the transaction lock */
void eng_dynamics_bury(eng *g);   /* frees those that have been collected; under the transaction lock */
/* Probes of a wish for dynamic methods, by name and signature: the one that is made anew continues it. */
const eng_layer *eng_again_find(const struct eng_wish *w, const eng_method *m);
void eng_again_drop(eng *g, const struct eng_wish *w); /* all of them; under the transaction lock */
bool eng_again_keep(struct eng_wish *w, const eng_method *m, const eng_layer *layer);

/* revert.c */
typedef bool eng_goes(const void *owner, const eng_method *m, const eng_layer *l);
/* Takes away the layers that `goes` picks. Their gates are closed at once; nothing can fail. */
void eng_remove_layers(eng *g, eng_goes *goes, const void *owner);
eng_goes eng_is_clients, eng_is_marked; /* those of the client `owner`; those of marked methods */
/*
 * Brings the runtime to what the layers want: methods without any are reverted, others get a new body. A new body that
 * the runtime does not accept the request for is asked for again with the next change.
 */
bool eng_settle(eng *g, err_t *e);

/* rejit.c: under the ledger lock. False where memory ran out. */
bool eng_note_inliner(eng *g, eng_module *m, uint32_t token);

void eng_tell(eng *g, eng_client *c, eng_news *n);
void eng_tell_refused(eng *g, eng_method *m, const char *reason);
bool eng_tell_reverted(eng *g, eng_method *m, eng_client *c, const char *why); /* has the client a layer on it? */

#endif
