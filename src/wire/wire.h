/*
 * wire: what agent and client share. Messages on the control socket, and the layout of the shared memory that events
 * travel in. Versioned.
 *
 * Messages: a 16-byte header, then fields. Fields with unknown tags are skipped, so that N-1 and N understand one
 * another.
 *
 *      header   u32 size of the payload | u16 kind | u16 version | u32 request | u32 zero
 *      field    u16 tag | u16 zero | u32 size | bytes           (integers little-endian, text UTF-8 without NUL,
 * groups: fields inside)
 *
 * A request gets one reply with its number; WIRE_NOTICE_* come unasked with request 0. File descriptors travel with
 * the reply that names them (SCM_RIGHTS).
 */
#ifndef REJIT_WIRE_H
#define REJIT_WIRE_H

#include "base/base.h"

#define WIRE_VERSION       1u
#define WIRE_VERSION_LEAST 1u
#define WIRE_REQUEST_MOST  (1u << 20)  /* bytes of payload the agent accepts */
#define WIRE_REPLY_MOST    (64u << 20) /* bytes of payload a client accepts */
/* The control socket: "%s/rejit-%d.sock" with the target's TMPDIR (or /tmp) and its own pid (as in its own pid
 * namespace). Mode 0600. */
#define WIRE_SOCKET_FORMAT "%s/rejit-%d.sock"
/* Stands in the agent's file, with its version behind it, NUL-terminated: a client knows a file that is not its own
 * before it is loaded. */
#define WIRE_AGENT_MARK "rejit-agent-version="

typedef enum wire_kind {
    WIRE_ERROR = 1, /* reply: CODE, TEXT, AT, NEAREST* */
    WIRE_OK,        /* reply without more to say; COUNT where it makes sense */
    WIRE_HELLO,     /* VERSION, PID, NAME ("rejit watch"), USER                     -> WELCOME */
    WIRE_WELCOME, /* VERSION, AGENT (version text), RUNTIME ("10.0.12"), PID, TEXT (state in words), ATTACHED (1 attach,
                     0 start-up) */
    WIRE_FIND,    /* PATTERN*, MAX                                                -> METHODS */
    WIRE_METHODS, /* METHOD*, TOTAL (all that matched), NEAREST* */
    WIRE_INSTRUMENT, /* VERB, PATTERN*, MAX, WANT, SLOW_NS, DEPTH, CONDITION         -> PROBES with the memfd (its first
                        time on this connection) */
    WIRE_PROBES, /* PROBE*, REFUSED*, NEAREST*, TOTAL, MEMORY (bytes of the memfd), WANT (of AWAITERS and NEW, where the
                    agent knows them). Gates are still closed. */
    WIRE_GATE,   /* OPEN (0/1): all probes of this connection                    -> OK */
    WIRE_UNINSTRUMENT, /* (nothing: all of this connection)                          -> OK, when the runtime has
                          reverted them */
    WIRE_TYPES,        /* ADDRESS* (type handles seen in events)                       -> TYPES_REPLY */
    WIRE_TYPES_REPLY,  /* TYPE* (those unknown are left out) */
    WIRE_FRAMES,       /* ADDRESS* (instruction pointers), WANT (WIRE_WANT_LINES)         -> FRAMES_REPLY */
    WIRE_FRAMES_REPLY, /* FRAME*, one for each, in order */
    WIRE_LIST,         /*                                                              -> LEDGER */
    WIRE_LEDGER,  /* ENTRY*, CLIENT*, BYTES (held by the agent in all), METADATA, RETURNED, INLINERS, TEXT (a remark) */
    WIRE_REVERT,  /* PATTERN*, ALL (1: everybody's)                               -> OK with COUNT (methods) */
    WIRE_DOCTOR,  /*                                                              -> FACTS */
    WIRE_FACTS,   /* FACT* */
    WIRE_LOG,     /* TEXT (level: off, error, warning, info, debug)               -> OK with TEXT (the log's file) */
    WIRE_IL,      /* PATTERN*, MAX                                                -> BODIES */
    WIRE_BODIES,  /* BODY*, TOTAL (all that matched), NEAREST* */
    WIRE_CODE,    /* PATTERN*, MAX                                                 -> CODES */
    WIRE_CODES,   /* BODY*, TOTAL (all that matched), NEAREST* */
    WIRE_MODULES, /*                                                              -> MODULES_REPLY */
    WIRE_MODULES_REPLY,      /* FRAME* without an address, a name and an offset: those that are loaded */
    WIRE_GATE_PROBES,        /* ID*, OPEN (0/1): these probes of this connection             -> OK */
    WIRE_REMOVE_PROBES,      /* ID*: takes these out; the others of this connection stay     -> OK, when the runtime has
                                reverted them */
    WIRE_NOTICE_PROBES = 64, /* PROBE*, REFUSED*: methods of modules that came later */
    WIRE_NOTICE_REFUSED,     /* REFUSED*: refused by the JIT at a first call; the method was reverted */
    WIRE_NOTICE_GATES,       /* OPEN, TEXT: the governor closed or opened this connection's gates */
    WIRE_NOTICE_REVERTED,    /* PROBE* (ID only), TEXT: somebody else reverted them */
    WIRE_NOTICE_END,         /* TEXT: the process is ending */
    WIRE_NOTICE_PROGRESS, /* COUNT, TOTAL: methods; a request takes long and goes on. TEXT: it waits for another one */
    WIRE_NOTICE_TYPES,    /* TYPE*: of exceptions that were thrown */
} wire_kind;

typedef enum wire_tag {
    WIRE_T_CODE = 1,    /* u32 err_code */
    WIRE_T_TEXT,        /* text */
    WIRE_T_AT,          /* i64 */
    WIRE_T_COUNT,       /* u64 */
    WIRE_T_VERSION,     /* u32 */
    WIRE_T_PID,         /* u32 */
    WIRE_T_NAME,        /* text */
    WIRE_T_USER,        /* text */
    WIRE_T_AGENT,       /* text */
    WIRE_T_RUNTIME,     /* text */
    WIRE_T_ATTACHED,    /* u32 */
    WIRE_T_PATTERN,     /* text */
    WIRE_T_MAX,         /* u32: most methods */
    WIRE_T_TOTAL,       /* u32 */
    WIRE_T_NEAREST,     /* text */
    WIRE_T_VERB,        /* u32 wire_verb */
    WIRE_T_WANT,        /* u32 wire_want bits */
    WIRE_T_SLOW_NS,     /* u64 */
    WIRE_T_DEPTH,       /* u32 */
    WIRE_T_CONDITION,   /* text */
    WIRE_T_MEMORY,      /* u64 */
    WIRE_T_OPEN,        /* u32 */
    WIRE_T_ADDRESS,     /* u64 */
    WIRE_T_ALL,         /* u32 */
    WIRE_T_BYTES,       /* u64 */
    WIRE_T_METHOD = 40, /* group: NAME (full, with parameters), MODULE, TOKEN, IL_SIZE, CODE_KIND, REASON (why not
                           instrumentable; absent: it is), NOTE */
    WIRE_T_MODULE,      /* text: file name without directory */
    WIRE_T_TOKEN,       /* u32 MethodDef */
    WIRE_T_IL_SIZE,     /* u32 */
    WIRE_T_CODE_KIND,   /* text: "R2R", "tier-0", "tier-1", "not compiled", ... comma-separated where several instances
                           differ */
    WIRE_T_REASON,      /* text */
    WIRE_T_PROBE,       /* group: ID, NAME, MODULE, VALUE*, FLAGS, NOTE */
    WIRE_T_ID,          /* u32: wire_event.probe */
    WIRE_T_VALUE,   /* group: NAME, WHAT, HOW, SLOT, ELEMENT, TYPE_NAME, HIDDEN (captured for the condition only), LATE
                       (read at leave), CANNOT (reason) */
    WIRE_T_WHAT,    /* u32: 0 argument, 1 this, 2 result, 4 local variable */
    WIRE_T_HOW,     /* u32: wire_how */
    WIRE_T_SLOT,    /* u32: byte offset in the event */
    WIRE_T_ELEMENT, /* u32: ECMA-335 element type of a primitive */
    WIRE_T_TYPE_NAME, /* text: declared type as C# text */
    WIRE_T_HIDDEN,    /* u32 */
    WIRE_T_LATE,      /* u32 */
    WIRE_T_REFUSED,   /* group: NAME, MODULE, REASON */
    WIRE_T_TYPE = 80, /* group: ADDRESS, NAME, TYPE_KIND, BYTES (instance size without header), ELEMENT, ELEMENT_TYPE,
                         ELEMENT_SIZE, RANK, FIELD*, MEMBER*, PARENT_NAME*; of a state machine FRAME: its MoveNext,
                         without an address and an offset */
    WIRE_T_TYPE_KIND, /* u32 wire_type_kind */
    WIRE_T_ELEMENT_TYPE, /* u64 type handle: array element, Span element, Nullable argument; 0 unknown */
    WIRE_T_ELEMENT_SIZE, /* u32 */
    WIRE_T_RANK,         /* u32 */
    WIRE_T_FIELD,  /* group: NAME, OFFSET, ELEMENT, ADDRESS (type handle of a value-type field, 0 unknown), TYPE_NAME;
                      base classes' fields included, base first */
    WIRE_T_OFFSET, /* u32: from the start of the instance data (after the type pointer of an object) */
    WIRE_T_MEMBER, /* group: NAME, COUNT (u64 value): literals of an enum */
    WIRE_T_PARENT_NAME, /* text: full names of the base types, nearest first */
    WIRE_T_FLAGS,       /* u32: TYPE: 1 = [Flags] enum */
    WIRE_T_FRAME,       /* group: ADDRESS, NAME ("" where unknown: native), MODULE; where lines are wanted and it is a
                           module's method: TOKEN, PATH, IL_OFFSET (absent: not known), PDB_ID and PDB_NAME (absent: the
                           module names no PDB). An older agent sends the first three only. */
    WIRE_T_ENTRY,  /* group: NAME, MODULE, TEXT (state: "installed", "active", "reverted" ...), CLIENT_ID*, COUNT (calls
                      entered), BYTES, VERSION (rejit id), CODE_KIND */
    WIRE_T_CLIENT, /* group: CLIENT_ID, NAME, PID, USER, COUNT (events written), DROPPED, TIME (ns since the epoch,
                      connected), BYTES, OPEN */
    WIRE_T_CLIENT_ID,  /* u32 */
    WIRE_T_DROPPED,    /* u64 */
    WIRE_T_TIME,       /* u64 */
    WIRE_T_FACT,       /* group: NAME, CODE (0 fine, 1 warning, 2 failure), TEXT, REASON (the remedy) */
    WIRE_T_CANNOT,     /* text */
    WIRE_T_NOTE,       /* text: what an event of this method means, where it is not what a reader would expect */
    WIRE_T_INLINERS,   /* u64: methods that run new code only because they had inlined an instrumented one */
    WIRE_T_METADATA,   /* u64: bytes that the runtime holds for new metadata; part of BYTES */
    WIRE_T_RETURNED,   /* u64: bytes of versions that have ended */
    WIRE_T_BODY = 120, /* group: NAME, MODULE, TOKEN, REASON (why there is no IL), IL, ARGUMENT*, LOCAL*, NAMED*; of a
                          method that has a woven body: WOVEN, MAP, TEXT (its state), VERSION, NOTE, LAYER*, SYMBOL*,
                          PART*, COUNT (locals that are the original's own), HIDDEN (1: the locals are not in the
                          metadata) */
    WIRE_T_IL,         /* bytes: header, code, EH sections of the original */
    WIRE_T_WOVEN,      /* the same of the woven body */
    WIRE_T_MAP,        /* bytes: pairs of u32, original offset (FFFFFFFF: none) and woven offset, ascending by that */
    WIRE_T_ARGUMENT,   /* text: name, `this` first */
    WIRE_T_LOCAL, /* group: TYPE_NAME, ROLE (what a woven one holds), LAYER_INDEX (where that is one layer's own) */
    WIRE_T_ROLE,  /* text */
    WIRE_T_NAMED, /* group: TOKEN, TEXT (what it means) */
    WIRE_T_LAYER, /* group: CLIENT_ID, NAME (of the client), PID, USER, ID (probe) */
    WIRE_T_LAYER_INDEX,  /* u32: of the LAYER, in their order */
    WIRE_T_SYMBOL,       /* group: ADDRESS, TEXT (what lies there), LAYER_INDEX where it is one layer's own */
    WIRE_T_PART,         /* group: OFFSET (woven), LAYER_INDEX: whose the woven code is from there on; absent: of all */
    WIRE_T_NATIVE,       /* group in a BODY of CODES, the oldest first: CODE_KIND ("R2R", "tiered", "optimised",
                            "unoptimised", "jitted", "takeover"), TEXT (its IL: "original", "woven", "switch" of a method that
                            is taken over, "inliner": the original without what it had inlined, "reverted"), VERSION, NAME
                            (generic: what it is an instantiation for), RANGE*. The BODY: NAME, MODULE, TOKEN, REASON, NOTE,
                            NATIVE*, SYMBOL*, COUNT (versions before the newest, kept for calls that are running) */
    WIRE_T_RANGE,        /* group: ADDRESS, BYTES (how many) */
    WIRE_T_PATH,         /* text: of a module's file, as the process names it */
    WIRE_T_IL_OFFSET,    /* u32: in the method as it was written, whether it is woven or not */
    WIRE_T_PDB_ID,       /* text: the 20 bytes that a module's debug directory and its PDB have in common, in hex */
    WIRE_T_PDB_NAME,     /* text: file name of the PDB as the compiler wrote it; may be "" */
    WIRE_T_LEVELS = 200, /* u32: INSTRUMENT with TRACE: how many levels of calls below the root */
    WIRE_T_INTO,         /* text: pattern of methods that are followed wherever they are called below the root */
    WIRE_T_IS_CALLEE,    /* u32, in a PROBE: it has no trees of its own */
    WIRE_T_IS_ASYNC,     /* u32, in a PROBE of TRACE: its calls are shown up to the return of the task */
    WIRE_T_PLACE,        /* group, INSTRUMENT with LINE: PATTERN, or TOKEN, PATH and PDB_ID of its module; IL_OFFSET,
                            VARIABLE* */
    WIRE_T_VARIABLE,     /* group: NAME, SLOT (index in the signature of the locals) */
    WIRE_T_PLACE_INDEX,  /* u32, in a PROBE of LINE: of the PLACE, in their order */
    WIRE_T_SIDE_NOTE,    /* text, in PROBES: what calls TRACE does not follow, in words */
    WIRE_T_BY,           /* text, INSTRUMENT with STAT: what calls are told apart by */
    WIRE_T_KEY,          /* group, in a PROBE: NAME, TYPE_NAME, ELEMENT of its keys; of an enum MEMBER* */
    WIRE_T_BUDGET,  /* group, GATE and CLIENT: what the connection's probes may cost. SHARE, EVENTS, BYTES; absent: any
                       amount. An older agent keeps none: wire_memory.governed tells. */
    WIRE_T_SHARE,   /* u32, in thousandths: of the time of the process's threads. CLIENT: what the probes took */
    WIRE_T_EVENTS,  /* u64, a second */
    WIRE_T_REACHED, /* u32 wire_reached bits, CLIENT: why its gates are closed */
} wire_tag;

typedef enum wire_verb { WIRE_WATCH = 1, WIRE_STAT, WIRE_STACK, WIRE_TRACE, WIRE_THROWS, WIRE_LINE } wire_verb;
enum wire_want {
    WIRE_WANT_ARGS = 1,
    WIRE_WANT_RESULT = 2,
    WIRE_WANT_THIS = 4,
    WIRE_WANT_THROWS_ONLY = 8,
    WIRE_WANT_SYNC = 16,
    WIRE_WANT_LINES = 32,    /* FRAMES only */
    WIRE_WANT_LOCALS = 128,  /* INSTRUMENT with LINE: the VARIABLEs of its places */
    WIRE_WANT_AWAITERS = 64, /* INSTRUMENT with STACK: who awaits the state machines that go on */
    /* INSTRUMENT with STACK: of constructors, where the object is of just their type: not for its part of another. */
    WIRE_WANT_NEW = 256,
};
/* A budget that was reached: the gates stay closed up to the end of the interval, or for as long as it lasts. */
enum wire_reached { WIRE_REACHED_TIME = 1, WIRE_REACHED_EVENTS = 2, WIRE_REACHED_BYTES = 4, WIRE_REACHED_MEMORY = 8 };
typedef enum wire_how { WIRE_PRIMITIVE = 1, WIRE_OBJECT, WIRE_TYPED, WIRE_SPAN } wire_how;
typedef enum wire_type_kind {
    WIRE_CLASS = 1,
    WIRE_STRUCT,
    WIRE_ENUM,
    WIRE_STRING,
    WIRE_ARRAY,
    WIRE_SIMPLE /* Int32, Double ... */
} wire_type_kind;

/* ---- messages --------------------------------------------------------------------------------------------------- */

typedef struct wire_header {
    uint32_t size;
    uint16_t kind, version;
    uint32_t request, zero;
} wire_header;

/* Building: begin, fields, end. Groups nest by wire_open/wire_close. */
void wire_begin(buf_t *b, wire_kind kind, uint32_t request);
void wire_u32(buf_t *b, wire_tag tag, uint32_t v);
void wire_u64(buf_t *b, wire_tag tag, uint64_t v);
void wire_text(buf_t *b, wire_tag tag, const char *text);
void wire_bytes(buf_t *b, wire_tag tag, const void *p, size_t n);
size_t wire_open(buf_t *b, wire_tag tag); /* returns a mark for wire_close */
void wire_close(buf_t *b, size_t mark);
void wire_end(buf_t *b, size_t begin_at); /* begin_at: b->n before wire_begin; sets the size */

/* Reading: an iterator over fields, bounded by its span. Malformed: `bad` is set and iteration stops. */
typedef struct wire_reader {
    const uint8_t *p, *end;
    bool bad;
} wire_reader;
typedef struct wire_field {
    wire_tag tag;
    const uint8_t *p;
    uint32_t n;
} wire_field;
bool wire_next(wire_reader *r, wire_field *f);
uint32_t wire_get_u32(const wire_field *f); /* 0 where the size is off */
uint64_t wire_get_u64(const wire_field *f);
char *wire_get_text(arena *a,
                    const wire_field *f); /* NUL-terminated copy; control characters stay; NULL where memory ran out */
wire_reader wire_group(const wire_field *f);
/* WIRE_T_BUDGET. 0: any amount. */
typedef struct wire_budget {
    uint32_t share;  /* of the time of the process's threads, in thousandths */
    uint64_t events; /* a second */
    uint64_t bytes;  /* of shared memory */
} wire_budget;
void wire_put_budget(buf_t *b, const wire_budget *budget);
bool wire_get_budget(const wire_field *f, wire_budget *out); /* false: malformed */
bool wire_header_check(const wire_header *h, uint32_t most, err_t *e);

/* ---- shared memory ---------------------------------------------------------------------------------------------- */

/*
 * One memfd for each connection, made by the agent, sealed against shrinking, mapped by both sides:
 *
 *      wire_memory            one page: what is where, the clock
 *      wire_slot[slots]       one for each thread slot: ring indices, counters      at slots_at
 *      rings                  slots x ring_size bytes                                at rings_at
 *      wire_stat matrix       slots x stats_max of wire_stat (sparse)                at stats_at; only touched pages
 *                                                                                    exist
 *      wire_key[key_places]   statistics by key, of all threads (sparse)             at keys_at
 *
 * A thread slot belongs to one thread of the target at a time (slot 0 is nobody's: threads that found none only count
 * in `no_slot`, and in its `left`). Each ring has one producer (that thread) and one consumer (the client).
 * head and tail count bytes since the beginning; an event never wraps: a WIRE_EV_PAD fills the end. The producer trusts
 * nothing that the consumer writes.
 */
#define WIRE_MAGIC 0x314D454D544A4552u /* "REJTMEM1" */

typedef struct wire_memory {
    uint64_t magic;
    uint32_t version, slots;
    uint64_t ring_size; /* a power of two */
    uint64_t slots_at, rings_at, stats_at, size;
    uint32_t stats_max, stat_size; /* probes that can have statistics; sizeof(wire_stat) */
    /* The clock: ns since the epoch = epoch_ns + (t - epoch_ticks) * ns_per_tick. Renewed by the agent under
     * `clock_seq` (odd: being written). */
    uint32_t clock_seq, clock_is_tsc;
    uint64_t epoch_ticks, epoch_ns;
    double ns_per_tick;
    uint64_t no_slot; /* events that were lost because no thread slot was free */
    uint64_t keys_at; /* of a stat by key, else 0: an agent that knows of none leaves it so */
    uint32_t key_places, keys_used;
    /* The governor's, written at each look (some milliseconds apart). An older agent leaves them 0. */
    uint32_t governed;         /* it keeps the connection's budget */
    uint32_t reached;          /* wire_reached bits: why the gates are closed now; 0: they are as the client wants */
    uint32_t last_reached;     /* the same of the last time that they were */
    uint32_t share;            /* of the last second, in thousandths: what the probes took of the threads' time */
    uint64_t open_ns, shut_ns; /* how long the gates have been open, and closed by the governor */
} wire_memory;

typedef struct wire_slot {
    _Alignas(64) uint64_t head; /* producer */
    uint64_t dropped;           /* events that did not fit */
    uint64_t written;           /* events */
    uint64_t entered,
        left; /* calls recorded as begun and as ended, of all probes of the connection: in flight = entered - left */
    uint64_t lost_depth;        /* calls not recorded because the thread's own stack of calls was full */
    uint64_t cut;               /* values that were cut */
    uint32_t tid;               /* the thread that has it now */
    uint32_t used;              /* ever used */
    _Alignas(64) uint64_t tail; /* consumer */
} wire_slot;

typedef enum wire_event_kind {
    WIRE_EV_PAD = 1, /* skip to the end of the ring */
    WIRE_EV_RETURN,
    WIRE_EV_THROW, /* left by an exception */
    WIRE_EV_TAIL,  /* left by a tail call: elapsed up to there */
    WIRE_EV_MARK,  /* an exception was seen passing (first pass): print it only where no THROW/RETURN of the same
                      `start`, `tid` and `probe` follows */
    /*
     * frames[] follow the slots. Below a state machine that goes on after an await: `elapsed` of them, not 0, stand
     * inside of it, and `exception` is a blob of the tasks that wait for it, nearest first: for each a piece of
     * `length` WIRE_AWAITER, and perhaps one WIRE_AWAITER_MACHINE of what its last field refers to.
     */
    WIRE_EV_STACK,
    WIRE_EV_THROWN, /* an exception as it is thrown; frames[] follow it, the first is where */
    WIRE_EV_LINE,   /* a call comes to a place in its method */
} wire_event_kind;

enum wire_event_flag {
    WIRE_EV_CUT = 1 /* a value was cut for want of room */,
    WIRE_EV_ABANDONED = 2 /* frame vanished without a leave */,
    WIRE_EV_PARTIAL = 4, /* TRACE: gates closed before the root ended: calls may be missing */
    WIRE_EV_SAME = 8     /* STACK of NEW: the object is that of the thread's event before this one */
};

/* Followed by the probe's slots (8 bytes each, at WIRE_T_SLOT from the start of the event), then blobs. Multiples of 8.
 */
typedef struct wire_event {
    uint32_t size;
    uint8_t kind, flags;
    uint16_t frames; /* STACK: how many u64 instruction pointers lie at the end of the event, innermost caller first;
                        TRACE: how many wire_node, at its end but for the exception */
    uint32_t probe, tid;
    uint64_t start;     /* ticks */
    uint64_t elapsed;   /* ticks */
    uint64_t exception; /* THROW, MARK: as an OBJECT slot */
    uint64_t instance;  /* a return address inside the code that called the probe: tells the generic instantiation */
} wire_event;

/*
 * OBJECT, TYPED and SPAN slots: low 32 bits the offset of a blob in the event, high 32 its size; 0: null (or a null
 * byref); size 0 at an offset: there was no room for it. A blob is a small picture of memory: pieces, the root first.
 * References inside the bytes are addresses: look them up among the pieces.
 *
 *      piece   u64 type (type handle) | u64 address | u32 length | u32 copied | bytes, padded to 8
 *
 * Objects: bytes after the type pointer; strings: length in chars, bytes UTF-16; arrays: length in elements, then bytes
 * of the first elements (rank > 1: the bounds are left out). TYPED roots: the value itself. SPAN roots: length in
 * elements, the bytes of the first; type = the Span's own. copied == 0 with a type: not followed further.
 */
typedef struct wire_piece {
    uint64_t type, address;
    uint32_t length, copied;
} wire_piece;

enum { WIRE_AWAITER, WIRE_AWAITER_MACHINE };

/*
 * Calls of one method below one caller in a tree, merged. Index 0 is the root: its own figures are the event's, `count`
 * the calls that are missing for want of room. A parent comes before its children; siblings are in the order of their
 * first call.
 */
typedef struct wire_node {
    uint32_t probe;
    uint16_t parent, child, next; /* indices; 0: none. child: the one that was added last, next: the one before it */
    uint16_t zero;
    uint32_t errors;             /* calls left by an exception */
    uint64_t count;              /* calls that have ended */
    uint64_t total, least, most; /* ticks */
} wire_node;

#define WIRE_STRING_MOST   256u /* chars */
#define WIRE_ELEMENTS_MOST 8u
#define WIRE_EVENT_MOST    16384u

/* Log-linear histogram of elapsed ns: bucket = 8 sub-buckets per octave (see wire_bucket). One writer; of a
 * wire_key atomic adds of all threads. */
#define WIRE_BUCKETS 336u
typedef struct wire_stat {
    uint64_t calls, errors, sum, max; /* ended calls; those by exception; ticks */
    uint64_t bucket[WIRE_BUCKETS];    /* of ticks, not ns */
} wire_stat;

/*
 * Calls with one key, of one probe, on all threads. A place is taken by its hash, of probe and value, which stands for
 * them from then on: who comes with the same one adds to it and waits for nobody. `ready`: the rest can be read.
 */
typedef enum wire_key_kind {
    WIRE_KEY_NUMBER = 1, /* a primitive's bytes */
    WIRE_KEY_DECIMAL,    /* as in memory */
    WIRE_KEY_TEXT,       /* UTF-16; cut: there is more of it */
    WIRE_KEY_NULL,       /* or something on the way is */
    WIRE_KEY_NONE        /* there is no value: the call did not return, or it cannot be read */
} wire_key_kind;
#define WIRE_KEY_PLACES 2048u
#define WIRE_KEYS_MOST  1000u
#define WIRE_KEY_BYTES  256u
typedef struct wire_key {
    uint64_t hash; /* 0: free */
    uint32_t probe;
    uint8_t kind, cut;
    uint16_t size; /* bytes */
    uint32_t ready, zero;
    uint8_t bytes[WIRE_KEY_BYTES];
    wire_stat stat;
} wire_key;

static inline unsigned wire_bucket(uint64_t v)
{
    if (v < 16) return (unsigned)v;
    unsigned octave = 63u - (unsigned)__builtin_clzll(v); /* >= 4 */
    unsigned b = 16u + (octave - 4u) * 8u + (unsigned)((v >> (octave - 3u)) & 7u);
    return b < WIRE_BUCKETS ? b : WIRE_BUCKETS - 1;
}
/* The least value of a bucket; its middle is what a percentile should print. */
static inline uint64_t wire_bucket_least(unsigned b)
{
    if (b < 16) return b;
    unsigned octave = 4u + (b - 16u) / 8u;
    return (uint64_t)(8u + (b - 16u) % 8u) << (octave - 3u);
}

#endif
