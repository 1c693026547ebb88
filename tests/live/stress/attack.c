/* What may go wrong in a process: threads that come and go, deep stacks, hostile clients, starts and ends at bad times.
 */
#include "live.h"
#include "wire/wire.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- threads ---- */

static void test_thousands_of_short_threads(void **state)
{
    (void)state;
    enum { ROUNDS = 40, EACH = 200 };
    static look l;
    app a;
    app_target(&a);
    look_at(&l, &a, RJ_STAT, 0, 0, "Target.Work.Add");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++)
            app_send(&a, "begin Work.Add x3");
        for (int i = 0; i < EACH; i++)
            assert_non_null(app_line(&a));
        app_ok(&a, "join");
    }
    assert_int_equal(app_counted(&a, "Target.Work.Add"), 3 * ROUNDS * EACH);
    assert_int_equal(look_stat(&l, "Target.Work.Add"), 3 * ROUNDS * EACH);
    assert_int_equal(rj_session_totals(l.s).dropped, 0);
    assert_int_equal(rj_session_totals(l.s).in_flight, 0);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* More threads at a time than there are blocks for: what is not counted is counted as lost. */
static void test_more_threads_than_slots(void **state)
{
    (void)state;
    enum { THREADS = 1200 };
    static look l;
    app a;
    app_target(&a);
    look_in(&l, &a, (rj_request){.verb = RJ_STAT}, (const char *[]){"Target.Work.Block", "Target.Work.Add", NULL});
    look_open(&l);
    for (int i = 0; i < THREADS; i++)
        app_ok(&a, "begin Work.Block");
    app_ok(&a, "blocked %d", THREADS);
    rj_totals inside = rj_session_totals(l.s);
    assert_int_equal(inside.in_flight + inside.dropped, THREADS);
    assert_true(inside.dropped >= THREADS - 1023);
    app_ok(&a, "release");
    assert_non_null(app_ask(&a, "join"));
    rj_totals t = rj_session_totals(l.s);
    assert_int_equal(look_stat(&l, "Target.Work.Block") + t.dropped, THREADS);
    assert_int_equal(t.in_flight, 0);
    app_ok(&a, "begin Work.Add");
    app_ok(&a, "join");
    assert_int_equal(look_stat(&l, "Target.Work.Add"), 1); /* the blocks are free again */
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

/* ---- deep stacks ---- */

static void test_deep_recursion(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    for (int depth = 100; depth <= 10000; depth *= 10) {
        look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.Descend");
        look_while(&l, &a, "invoke Target.Work.Descend %d x3", depth);
        look_drain(&l);
        rj_totals t = rj_session_totals(l.s);
        assert_int_equal(t.calls + t.dropped, 3 * (depth + 1));
        assert_int_equal(t.in_flight, 0);
        if (depth < 5000) assert_int_equal(t.dropped, 0);
        look_close(&l);
    }
    app_ok(&a, "call Work.Descend");
    assert_int_equal(app_end(&a), 0);
}

static void test_exceptions_through_many_frames(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    for (int depth = 10; depth <= 1000; depth *= 10) {
        look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Target.Flow.Throw*");
        app_send(&a, "invoke Target.Flow.ThroughFrames %d", depth);
        while (!app_has_line(&a, 0))
            look_take(&l, 5);
        assert_non_null(strstr(app_line(&a), "threw"));
        look_drain(&l);
        look_close(&l);
        look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 1, "Target.Flow.ThroughFrames");
        app_send(&a, "invoke Target.Flow.ThroughFrames %d", depth);
        while (!app_has_line(&a, 0))
            look_take(&l, 5);
        assert_non_null(app_line(&a));
        look_drain(&l);
        rj_totals t = rj_session_totals(l.s);
        print_message("depth %d: %llu thrown, %llu dropped; %s\n", depth, (unsigned long long)l.threw,
                      (unsigned long long)t.dropped, l.last);
        assert_int_equal(l.threw + t.dropped, depth + 1);
        assert_int_equal(t.in_flight, 0);
        look_close(&l);
    }
    assert_int_equal(app_end(&a), 0);
}

/* ---- clients ---- */

static void test_as_many_clients_as_there_may_be(void **state)
{
    (void)state;
    enum { CLIENTS = 64 };
    static look l[CLIENTS];
    app a;
    rj_error e = {0};
    app_target(&a);
    for (int i = 0; i < CLIENTS; i++)
        look_at(&l[i], &a, i % 2 ? RJ_STAT : RJ_WATCH, i % 2 ? 0 : LOOK_EVERYTHING, 0, "Target.Work.Add");
    rj_session *one_more = rj_attach((int32_t)a.pid, &(rj_options){.name = "one more"}, &e);
    assert_null(one_more);
    print_message("the next one: %s\n", e.text);
    assert_int_equal(e.code, RJ_LIMIT);
    app_ok(&a, "call Work.Add x25");
    for (int i = 0; i < CLIENTS; i++) {
        if (i % 2 == 0) look_drain(&l[i]);
        assert_int_equal(i % 2 ? look_stat(&l[i], "Target.Work.Add") : look_calls(&l[i], "Target.Work.Add"), 25);
    }
    for (int i = 0; i < CLIENTS; i += 2)
        look_close(&l[i]);
    one_more = look_attach(&a, "one more");
    rj_close(one_more);
    app_ok(&a, "call Work.Add x25");
    for (int i = 1; i < CLIENTS; i += 2) {
        assert_int_equal(look_stat(&l[i], "Target.Work.Add"), 50);
        look_close(&l[i]);
    }
    assert_int_equal(app_end(&a), 0);
}

static void *attach_at_once(void *owner)
{
    rj_error *e = owner;
    e->code = RJ_OK;
    rj_session *s = rj_attach((int32_t)e->at, NULL, e);
    rj_close(s);
    return NULL;
}

static void test_many_attach_at_the_same_time(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pthread_t threads[8];
        rj_error errors[8];
        app a;
        app_target(&a);
        for (size_t i = 0; i < 8; i++) {
            errors[i] = (rj_error){.at = a.pid};
            assert_int_equal(pthread_create(&threads[i], NULL, attach_at_once, &errors[i]), 0);
        }
        for (size_t i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < 8; i++)
            if (errors[i].code != RJ_OK) fail_msg("attach %zu of 8: %s", i, errors[i].text);
        app_ok(&a, "call Work.Add");
        assert_int_equal(app_end(&a), 0);
    }
}

/* From its first moment on: refused with words, or done; the program never suffers. */
static void test_attach_while_the_program_starts(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (int round = 0; round < 10; round++) {
        app a;
        rj_error e = {0};
        rj_session *s = NULL;
        app_start(&a, &(app_options){.program = "Target", .early = true});
        uint64_t until = live_now_ms() + 20000;
        while (!(s = rj_attach((int32_t)a.pid, NULL, &e)) && live_now_ms() < until) {
            if (!refused++) print_message("%s\n", e.text);
        }
        if (!s) fail_msg("attach: %s", e.text);
        app_ready(&a);
        rj_probes p;
        const char *pattern = "Target.Work.Add";
        if (!rj_instrument(s, &(rj_request){.verb = RJ_STAT, .patterns = &pattern, .pattern_count = 1, .later = true},
                           &p, &e) ||
            !rj_gate(s, true, &e))
            fail_msg("instrument: %s", e.text);
        app_ok(&a, "call Work.Add x7");
        assert_true(rj_poll(s, 0, NULL, &e)); /* takes the news of modules that came later */
        assert_int_equal(rj_session_totals(s).calls, 7);
        rj_close(s);
        assert_int_equal(app_end(&a), 0);
    }
    print_message("refused %u times before it was there\n", refused);
}

/* ---- hostile clients ---- */

static size_t open_files(const app *a)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)a->pid);
    DIR *d = opendir(path);
    size_t n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void hello(int fd)
{
    buf_t b = {0};
    uint8_t reply[4096];
    size_t n;
    wire_begin(&b, WIRE_HELLO, 1);
    wire_u32(&b, WIRE_T_VERSION, WIRE_VERSION);
    wire_text(&b, WIRE_T_NAME, "hostile");
    wire_end(&b, 0);
    raw_send(fd, b.p, b.n);
    buf_free(&b);
    assert_true(raw_receive(fd, reply, sizeof reply, &n));
}

/* Sends, and reads what comes until the agent has answered once more or hung up. */
static void hostile_request(int fd, buf_t *b)
{
    uint8_t reply[65536];
    size_t n;
    raw_send(fd, b->p, b->n);
    buf_free(b);
    raw_receive(fd, reply, sizeof reply, &n);
}

static void send_noise(const app *a, unsigned seed)
{
    uint8_t noise[4096];
    size_t n;
    int fd = raw_connect(a);
    srand(seed);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)rand();
    if (seed % 3 == 0) hello(fd);
    wire_header h = {.size = seed % 5 ? 64 : 0xFFFFFFFF, .kind = (uint16_t)(seed % 90), .version = 1, .request = 9};
    if (seed % 2) memcpy(noise, &h, sizeof h);
    raw_send(fd, noise, seed % 7 ? sizeof noise : 10);
    shutdown(fd, SHUT_WR);
    while (raw_receive(fd, noise, sizeof noise, &n)) {
    }
    close(fd);
}

static void test_garbage_on_the_socket(void **state)
{
    (void)state;
    static look l;
    app a;
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.Add");
    app_ok(&a, "call Work.Add");
    look_drain(&l);
    size_t before = open_files(&a);
    for (unsigned seed = 0; seed < 300; seed++)
        send_noise(&a, seed);
    app_ok(&a, "call Work.Add x9");
    look_drain(&l);
    assert_int_equal(look_calls(&l, "Target.Work.Add"), 10);
    size_t entries, clients;
    look_ledger(&a, &entries, &clients);
    assert_int_equal(clients, 1);
    size_t after = open_files(&a);
    for (int i = 0; i < 100 && after > before; i++) {
        usleep(10000);
        after = open_files(&a);
    }
    if (after > before) fail_msg("%zu open files before, %zu after", before, after);
    look_close(&l);
    assert_int_equal(app_end(&a), 0);
}

static void add_request(buf_t *b, wire_kind kind)
{
    wire_begin(b, kind, 7);
    if (kind != WIRE_INSTRUMENT) return;
    wire_u32(b, WIRE_T_VERB, WIRE_WATCH);
    wire_u32(b, WIRE_T_WANT, 0xFFFFFFFF);
    wire_u32(b, WIRE_T_DEPTH, 0xFFFFFFFF);
    wire_u32(b, WIRE_T_MAX, 0xFFFFFFFF);
}

static void many_patterns(int fd, wire_kind kind, const char *pattern, unsigned count)
{
    buf_t b = {0};
    add_request(&b, kind);
    for (unsigned i = 0; i < count; i++)
        wire_text(&b, WIRE_T_PATTERN, pattern);
    wire_end(&b, 0);
    hostile_request(fd, &b);
}

static void many_addresses(int fd, wire_kind kind, unsigned seed)
{
    buf_t b = {0};
    wire_begin(&b, kind, 7);
    srand(seed);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t at = (uint64_t)(unsigned)rand() << 16 ^ (uint64_t)(unsigned)rand();
        wire_u64(&b, WIRE_T_ADDRESS, i % 4 ? 0x7f0000000000u + (at & 0xFFFFFFFFFFu) : at & ~7ull);
    }
    wire_end(&b, 0);
    hostile_request(fd, &b);
}

static void long_condition(int fd, const char *piece, unsigned count)
{
    buf_t b = {0}, text = {0};
    for (unsigned i = 0; i < count; i++)
        buf_str(&text, piece);
    buf_str(&text, "true");
    add_request(&b, WIRE_INSTRUMENT);
    wire_text(&b, WIRE_T_PATTERN, "Target.Work.Add");
    wire_text(&b, WIRE_T_CONDITION, buf_cstr(&text));
    wire_end(&b, 0);
    buf_free(&text);
    hostile_request(fd, &b);
}

/* Places that are none, with variables that are none. */
static void many_places(int fd, const char *pattern, unsigned count, unsigned seed)
{
    buf_t b = {0};
    wire_begin(&b, WIRE_INSTRUMENT, 7);
    wire_u32(&b, WIRE_T_VERB, WIRE_LINE);
    wire_u32(&b, WIRE_T_WANT, 0xFFFFFFFF);
    wire_u32(&b, WIRE_T_DEPTH, 0xFFFFFFFF);
    wire_u32(&b, WIRE_T_MAX, 0xFFFFFFFF);
    srand(seed);
    for (unsigned i = 0; i < count; i++) {
        size_t place = wire_open(&b, WIRE_T_PLACE);
        if (i % 3) wire_text(&b, WIRE_T_PATTERN, pattern);
        wire_text(&b, WIRE_T_PATH, i % 2 ? "" : "/nowhere/at all.dll");
        wire_text(&b, WIRE_T_PDB_ID, i % 5 ? "" : "zz");
        wire_u32(&b, WIRE_T_TOKEN, (uint32_t)rand());
        wire_u32(&b, WIRE_T_IL_OFFSET, i % 7 ? (uint32_t)rand() % 64 : UINT32_MAX - i % 2);
        for (unsigned k = 0; k < 80; k++) {
            size_t variable = wire_open(&b, WIRE_T_VARIABLE);
            wire_text(&b, WIRE_T_NAME, k % 4 ? k % 8 ? "CS$<>8__locals0" : "" : "same");
            wire_u32(&b, WIRE_T_SLOT, k < 20 ? k : (uint32_t)rand());
            wire_close(&b, variable);
        }
        wire_close(&b, place);
    }
    wire_end(&b, 0);
    hostile_request(fd, &b);
}

static void one_hostile_client(const app *a, unsigned which)
{
    int fd = raw_connect(a);
    hello(fd);
    switch (which) {
    case 0: many_patterns(fd, WIRE_FIND, "*a*b*c*d*e*f*", 200); break;
    case 1: many_patterns(fd, WIRE_INSTRUMENT, "Target.*", 3000); break;
    case 2: many_patterns(fd, WIRE_INSTRUMENT, "", 70000); break;
    case 3: many_patterns(fd, WIRE_REVERT, "*", 5000); break;
    case 4: many_addresses(fd, WIRE_TYPES, 1); break;
    case 5: many_addresses(fd, WIRE_FRAMES, 2); break;
    case 6: long_condition(fd, "(", 500000); break;
    case 7: long_condition(fd, "!", 500000); break;
    case 8: long_condition(fd, "args.left > 1 && ", 50000); break;
    case 9: many_places(fd, "Target.Flow.*", 30, 3); break;
    case 10: many_places(fd, "Target.Work.Add", 300, 4); break;
    default: break;
    }
    close(fd);
}

static void test_huge_requests(void **state)
{
    (void)state;
    app a;
    app_target(&a);
    rj_close(look_attach(&a, "first"));
    for (unsigned which = 0; which <= 10; which++) {
        uint64_t began = live_now_ms();
        one_hostile_client(&a, which);
        app_ok(&a, "call Work.SpinAdd x3");
        print_message("request %u: %llu ms\n", which, (unsigned long long)(live_now_ms() - began));
    }
    size_t entries = 1, clients = 1;
    for (int i = 0; i < 100 && (entries || clients); i++)
        look_ledger(&a, &entries, &clients);
    assert_int_equal(entries, 0);
    assert_int_equal(clients, 0);
    assert_int_equal(app_end(&a), 0);
}

/* ---- addresses that are what they seem not to be ---- */

typedef struct mapping {
    uint64_t start, end;
    char permissions[8], path[256];
} mapping;

static bool next_mapping(FILE *f, mapping *m)
{
    char line[1024];
    while (fgets(line, sizeof line, f)) {
        *m = (mapping){0};
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %255s", &m->start, &m->end, m->permissions,
                   m->path) >= 3)
            return true;
    }
    return false;
}

static FILE *open_mappings(const app *a)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)a->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    return f;
}

static void ask_addresses(app *a, wire_kind kind, const uint64_t *at, size_t n)
{
    enum { AT_ONCE = 8000 };
    for (size_t done = 0; done < n; done += AT_ONCE) {
        buf_t b = {0};
        int fd = raw_connect(a);
        hello(fd);
        wire_begin(&b, kind, 7);
        for (size_t i = done; i < n && i < done + AT_ONCE; i++)
            wire_u64(&b, WIRE_T_ADDRESS, at[i]);
        wire_end(&b, 0);
        hostile_request(fd, &b);
        close(fd);
    }
    app_ok(a, "call Work.SpinAdd x3");
}

/*
 * The runtime looks for the method of a precompiled address among those that have run, backwards and past the first:
 * asked for an address before that one, it ends the process. Unmarked, and with a mark that the agent did not give.
 */
static void test_addresses_of_code_that_never_ran(void **state)
{
    (void)state;
    enum { STEP = 256, EACH = 1000, MARK = 0x1235 };
    static uint64_t at[64 * EACH];
    size_t n = 0;
    app a;
    mapping m;
    app_target(&a);
    rj_close(look_attach(&a, "first"));
    FILE *f = open_mappings(&a);
    while (next_mapping(f, &m)) {
        if (!strchr(m.permissions, 'x') || !strstr(m.path, ".dll")) continue;
        for (uint64_t i = 0; i < EACH && n < RJ_COUNT(at) && m.start + i * STEP < m.end; i++)
            at[n++] = m.start + i * STEP;
    }
    fclose(f);
    assert_true(n > EACH);
    ask_addresses(&a, WIRE_FRAMES, at, n);
    for (size_t i = 0; i < n; i++)
        at[i] |= (uint64_t)MARK << 48;
    ask_addresses(&a, WIRE_FRAMES, at, n);
    assert_int_equal(app_end(&a), 0);
}

/* What lies at an address within a mapping that was read; NULL: nothing with 24 bytes. */
static const uint64_t *word_at(const mapping *all, uint64_t *const *words, size_t n, uint64_t address)
{
    for (size_t i = 0; i < n; i++)
        if (words[i] && address >= all[i].start && address < all[i].end && all[i].end - address >= 24)
            return words[i] + (address - all[i].start) / 8;
    return NULL;
}

/* 24 bytes and no parent: what System.Object's type handle looks like, and other things do. */
static bool looks_like_object(const uint64_t *w)
{
    return w && w[0] >> 32 == 24 && !w[2];
}

/* Memory of the program that begins like a type handle whose parent is System.Object, or like that itself. */
static void test_addresses_of_what_looks_like_types(void **state)
{
    (void)state;
    enum { MAPPINGS = 2000, MOST = 100000, LARGEST = 16 << 20 };
    static uint64_t at[MOST];
    static mapping all[MAPPINGS];
    static uint64_t *words[MAPPINGS];
    size_t n = 0, count = 0;
    app a;
    app_target(&a);
    rj_close(look_attach(&a, "first"));
    FILE *f = open_mappings(&a);
    while (count < MAPPINGS && next_mapping(f, &all[count]))
        count += all[count].permissions[0] == 'r' && all[count].end - all[count].start <= LARGEST;
    fclose(f);
    for (size_t i = 0; i < count; i++) {
        size_t size = all[i].end - all[i].start;
        struct iovec from = {(void *)(uintptr_t)all[i].start, size}, to = {NULL, size};
        to.iov_base = words[i] = malloc(size);
        assert_non_null(words[i]);
        if (process_vm_readv(a.pid, &to, 1, &from, 1, 0) == (ssize_t)size) continue;
        free(words[i]);
        words[i] = NULL;
    }
    for (size_t i = 0; i < count; i++)
        for (uint64_t p = all[i].start; words[i] && n < MOST && p + 24 <= all[i].end; p += 8) {
            const uint64_t *w = words[i] + (p - all[i].start) / 8;
            if (looks_like_object(w) || (w[2] && !(w[2] & 7) && looks_like_object(word_at(all, words, count, w[2]))))
                at[n++] = p;
        }
    for (size_t i = 0; i < count; i++)
        free(words[i]);
    print_message("%zu addresses look like type handles\n", n);
    assert_true(n > 100);
    ask_addresses(&a, WIRE_TYPES, at, n);
    assert_int_equal(app_end(&a), 0);
}

/* ---- bad times ---- */

static void *instrument_at_once(void *owner)
{
    const app *a = owner;
    rj_error e;
    rj_probes p;
    const char *pattern = "System.Private.CoreLib!System.Collections.*";
    const rj_request r = {
        .verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1, .most = 50000, .want = LOOK_EVERYTHING};
    rj_session *s = rj_attach((int32_t)a->pid, NULL, &e);
    if (s && rj_instrument(s, &r, &p, &e)) rj_gate(s, true, &e);
    rj_close(s);
    return NULL;
}

/* The program ends while it is attached to, instrumented, reverted. */
static void test_exit_at_any_time(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        pthread_t thread;
        app a;
        app_target(&a);
        /* No allocations: .NET 9 ends about one program in 200 by itself where a thread allocates at its exit. */
        app_ok(&a, "loop Work.SpinAdd 2");
        if (round % 3 == 0) rj_close(look_attach(&a, "before"));
        assert_int_equal(pthread_create(&thread, NULL, instrument_at_once, &a), 0);
        usleep(round * 20000);
        app_send(&a, "exit 7");
        int code = app_wait(&(app){.pid = a.pid, .in = dup(a.in), .out = dup(a.out)});
        pthread_join(thread, NULL);
        close(a.in);
        close(a.out);
        free(a.text);
        if (code != 7) fail_msg("round %u: exit code %d", round, code);
    }
}

static void *find_and_toggle(void *owner)
{
    const app *a = owner;
    static const char *const patterns[] = {"*.Square", "Emitted.*", "Late.*", "System.Linq.*", "nothing.like.this"};
    for (unsigned i = 0;; i++) {
        rj_error e;
        rj_methods found;
        rj_probes p;
        rj_session *s = rj_attach((int32_t)a->pid, NULL, &e);
        if (!s) return NULL;
        const char *pattern = patterns[i % 5];
        if (rj_find(s, &pattern, 1, 0, &found, &e)) rj_free(found.memory);
        const rj_request r = {
            .verb = RJ_WATCH, .patterns = &pattern, .pattern_count = 1, .want = LOOK_EVERYTHING, .later = true};
        if (rj_instrument(s, &r, &p, &e)) rj_gate(s, true, &e);
        rj_poll(s, 5, NULL, &e);
        rj_close(s);
    }
}

/* Assemblies come, go, and are made at run time while clients look for methods in them. */
static void test_modules_come_and_go(void **state)
{
    (void)state;
    pthread_t threads[3];
    app a;
    app_target(&a);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_and_toggle, &a), 0);
    app_ok(&a, "load " REJIT_SOURCE_DIR "/build/apps/Late/Late.dll");
    for (int round = 0; round < 60; round++) {
        app_ok(&a, "collectible " REJIT_SOURCE_DIR "/build/apps/Late/Late.dll");
        app_ok(&a, "invoke Late.Greeter.Square 7");
        app_ok(&a, "unload");
        app_ok(&a, "call Dynamic.Emit %d collectible", round);
        app_ok(&a, "call Dynamic.Emit %d", round);
        app_ok(&a, "call Dynamic.CallMethod");
        app_ok(&a, "gc");
    }
    app_send(&a, "exit 0");
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(app_wait(&a), 0);
}

/* A program that is stopped is told of, not waited for; nothing is left in it when it goes on. */
static void test_stopped_program(void **state)
{
    (void)state;
    static look l;
    app a;
    rj_error e = {0};
    app_target(&a);
    look_at(&l, &a, RJ_WATCH, LOOK_EVERYTHING, 0, "Target.Work.Add");
    siginfo_t stopped = {0};
    assert_int_equal(kill(a.pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)a.pid, &stopped, WSTOPPED | WNOWAIT), 0); /* all of its threads */
    uint64_t began = live_now_ms();
    rj_session *s = rj_attach((int32_t)a.pid, &(rj_options){.timeout_ms = 1000}, &e);
    assert_null(s);
    print_message("%s\n", e.text);
    assert_true(live_now_ms() - began < 5000);
    look_take(&l, 100);
    look_close(&l);
    assert_int_equal(kill(a.pid, SIGCONT), 0);
    size_t entries = 1, clients = 1;
    for (uint64_t until = live_now_ms() + 2000; (entries || clients) && live_now_ms() < until;)
        look_ledger(&a, &entries, &clients);
    assert_int_equal(entries + clients, 0);
    app_ok(&a, "call Work.Add");
    assert_int_equal(app_end(&a), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_thousands_of_short_threads),
    cmocka_unit_test(test_more_threads_than_slots),
    cmocka_unit_test(test_deep_recursion),
    cmocka_unit_test(test_exceptions_through_many_frames),
    cmocka_unit_test(test_as_many_clients_as_there_may_be),
    cmocka_unit_test(test_many_attach_at_the_same_time),
    cmocka_unit_test(test_attach_while_the_program_starts),
    cmocka_unit_test(test_garbage_on_the_socket),
    cmocka_unit_test(test_huge_requests),
    cmocka_unit_test(test_addresses_of_code_that_never_ran),
    cmocka_unit_test(test_addresses_of_what_looks_like_types),
    cmocka_unit_test(test_exit_at_any_time),
    cmocka_unit_test(test_modules_come_and_go),
    cmocka_unit_test(test_stopped_program),
};
LIVE_MAIN("live_attack", tests)
