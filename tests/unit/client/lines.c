/* Frames with files and lines: what the agent says of code, and PDBs on the disk. */
#include "cil/cil.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER REJIT_SOURCE_DIR "/tests/unit/pdb/"
#define IP     UINT64_C(0x1000)

/* What the agent says of the one frame. */
static struct {
    const char *path;
    uint32_t token, offset;
    bool is_old, any_id;
} code;

static char pdb_id[2 * CIL_PDB_ID_SIZE + 1];
static uint32_t sum;   /* Source.Sum */
static uint32_t later; /* MoveNext of Source.LaterAsync */

static int read_source(void **state)
{
    (void)state;
    static uint8_t bytes[65536];
    uint8_t id[CIL_PDB_ID_SIZE];
    const char *name;
    cil_image im;
    FILE *f = fopen(FOLDER "source.dll", "rbe");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(cil_image_open(&im, bytes, n, CIL_FLAT, NULL));
    assert_true(cil_pdb_id(&im, id, &name));
    assert_string_equal(name, "source.pdb");
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(pdb_id + 2 * i, 3, "%02x", id[i]);
    for (uint32_t rid = 1; rid <= im.rows[CIL_METHOD_DEF]; rid++) {
        const char *method = cil_cell_string(&im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME);
        if (strcmp(method, "Sum") == 0) sum = rid;
        if (strcmp(method, "MoveNext") == 0) later = rid;
    }
    assert_true(sum && later);
    return 0;
}

static void put_source(buf_t *b, uint32_t token)
{
    wire_u32(b, WIRE_T_TOKEN, token);
    wire_text(b, WIRE_T_PATH, code.path);
    wire_text(b, WIRE_T_PDB_ID, code.any_id ? "0011223344556677889900112233445566778899" : pdb_id);
    wire_text(b, WIRE_T_PDB_NAME, "source.pdb");
}

/* ---- awaiters: a box with a state machine in it, one that refers to its state machine, and a plain task ---- */

enum { IN_BOX = 0x100, OUT_OF_BOX = 0x200, TASK = 0x300, STRUCT = 0x400, CLASS = 0x500, MACHINE_AT = 8, STATE_AT = 4 };

static void put_field(buf_t *b, const char *name, uint32_t offset, uint64_t type)
{
    size_t group = wire_open(b, WIRE_T_FIELD);
    wire_text(b, WIRE_T_NAME, name);
    wire_u32(b, WIRE_T_OFFSET, offset);
    wire_u64(b, WIRE_T_ADDRESS, type);
    wire_close(b, group);
}

static void put_type(buf_t *b, uint64_t type)
{
    bool machine = type == STRUCT || type == CLASS, box = type == IN_BOX || type == OUT_OF_BOX;
    size_t group = wire_open(b, WIRE_T_TYPE);
    wire_u64(b, WIRE_T_ADDRESS, type);
    wire_text(b, WIRE_T_NAME,
              box ? "System.Runtime.CompilerServices.AsyncTaskMethodBuilder<int>+AsyncStateMachineBox<T>" : "Other");
    wire_u32(b, WIRE_T_TYPE_KIND, type == STRUCT ? WIRE_STRUCT : WIRE_CLASS);
    if (box) put_field(b, "StateMachine", MACHINE_AT, type == IN_BOX ? STRUCT : CLASS);
    if (machine) put_field(b, "<>1__state", STATE_AT, 0);
    if (machine) {
        size_t frame = wire_open(b, WIRE_T_FRAME);
        wire_text(b, WIRE_T_NAME, type == STRUCT ? "Struct.MoveNext()" : "Class.MoveNext()");
        wire_text(b, WIRE_T_MODULE, "source.dll");
        put_source(b, CIL_TOKEN(CIL_METHOD_DEF, later));
        wire_close(b, frame);
    }
    wire_close(b, group);
}

static bool answer_types(fake *f, const wire_header *h, wire_reader r)
{
    buf_t b = {0};
    for (wire_field w; wire_next(&r, &w);)
        if (w.tag == WIRE_T_ADDRESS && wire_get_u64(&w) <= CLASS && wire_get_u64(&w) % 0x100 == 0)
            put_type(&b, wire_get_u64(&w));
    fake_send(f, WIRE_TYPES_REPLY, h->request, &b);
    buf_free(&b);
    return true;
}

/* The client that was asked for awaiters hears that they will be told. */
static bool answer_probes(fake *f)
{
    wire_u32(&f->probes, WIRE_T_WANT, WIRE_WANT_AWAITERS);
    return false;
}

static bool answer(fake *f, const wire_header *h, wire_reader r)
{
    buf_t b = {0};
    bool wanted = false;
    if (h->kind == WIRE_TYPES) return answer_types(f, h, r);
    if (h->kind == WIRE_INSTRUMENT && !code.is_old) return answer_probes(f);
    if (h->kind != WIRE_FRAMES) return false;
    for (wire_field w; wire_next(&r, &w);)
        wanted |= w.tag == WIRE_T_WANT && wire_get_u32(&w) & WIRE_WANT_LINES;
    size_t group = wire_open(&b, WIRE_T_FRAME);
    wire_u64(&b, WIRE_T_ADDRESS, IP);
    wire_text(&b, WIRE_T_NAME, "Source.Sum(int[])");
    wire_text(&b, WIRE_T_MODULE, "source.dll");
    if (wanted && !code.is_old) {
        put_source(&b, code.token);
        if (code.offset != UINT32_MAX) wire_u32(&b, WIRE_T_IL_OFFSET, code.offset);
    }
    wire_close(&b, group);
    fake_send(f, WIRE_FRAMES_REPLY, h->request, &b);
    buf_free(&b);
    return true;
}

typedef struct seen {
    char place[256], word[512];
    unsigned calls, words;
} seen;

static bool on_call(void *owner, const rj_call *c)
{
    seen *s = owner;
    assert_int_equal(c->frame_count, 1);
    assert_string_equal(c->frames[0], "Source.Sum(int[])");
    if (c->places)
        snprintf(s->place, sizeof s->place, "%s:%u", c->places[0].file, c->places[0].line);
    else
        snprintf(s->place, sizeof s->place, "none");
    s->calls++;
    return true;
}

static void on_news(void *owner, const rj_news *n)
{
    seen *s = owner;
    snprintf(s->word, sizeof s->word, "%d %s %s", (int)n->kind, n->refusal.module, n->text);
    s->words++;
}

/* Two calls from the same place. */
static void look(seen *s, const rj_request *q)
{
    fake f;
    rj_error e = {0};
    rj_probes p;
    rj_request request = *q;
    static const char *const pattern = "T.M";
    uint64_t ip = IP;
    *s = (seen){.calls = 0};
    fake_start(&f);
    f.answer = answer;
    fake_probe(&f, 1, "T.M()", "T.dll", NULL, 0);
    rj_session *session = fake_connect(&f, &e);
    assert_non_null(session);
    request.verb = RJ_STACK;
    request.patterns = &pattern;
    request.pattern_count = 1;
    if (!rj_instrument(session, &request, &p, &e)) fail_msg("%s", e.text);
    rj_handlers h = {.owner = s, .call = on_call, .news = on_news};
    for (unsigned i = 0; i < 2; i++) {
        fake_event(&f, 1, &(wire_event){.kind = WIRE_EV_STACK, .probe = 1, .tid = 1, .start = 1000, .frames = 1}, &ip,
                   sizeof ip);
        assert_true(rj_poll(session, 200, &h, &e));
    }
    assert_int_equal(s->calls, 2);
    assert_int_equal(__atomic_load_n(&f.asked[WIRE_FRAMES], __ATOMIC_RELAXED), 1);
    rj_close(session);
    fake_stop(&f);
}

static void expect(const rj_request *q, const char *place, int kind, const char *words)
{
    seen s;
    look(&s, q);
    assert_string_equal(s.place, place);
    assert_int_equal(s.words, words != NULL);
    if (!words) return;
    assert_int_equal(atoi(s.word), kind);
    if (!strstr(s.word, words)) fail_msg("%s", s.word);
}

static const rj_request lines = {.lines = true};

static void good(void)
{
    memset(&code, 0, sizeof code);
    code.path = FOLDER "source.dll";
    code.token = CIL_TOKEN(CIL_METHOD_DEF, sum);
}

static void a_frame_has_its_line(void **state)
{
    (void)state;
    good();
    expect(&lines, "/src/source.cs:9", 0, NULL);
    code.offset = 1;
    expect(&lines, "/src/source.cs:10", 0, NULL);
    code.offset = UINT32_MAX; /* the runtime does not know */
    expect(&lines, ":0", 0, NULL);
    code.offset = 0;
    code.token = CIL_TOKEN(CIL_METHOD_DEF, 4000);
    expect(&lines, ":0", 0, NULL);
    expect(&(rj_request){.lines = false}, "none", 0, NULL);
}

static void a_pdb_that_is_elsewhere(void **state)
{
    (void)state;
    good();
    code.path = "/nonexistent/source.dll";
    expect(&lines, ":0", RJ_NOTICE_NO_PDB, "source.dll");
    expect(&(rj_request){.lines = true, .pdb = FOLDER}, "/src/source.cs:9", 0, NULL);
    expect(&(rj_request){.lines = true, .pdb = FOLDER "source.pdb"}, "/src/source.cs:9", 0, NULL);
}

static void a_pdb_of_another_build(void **state)
{
    (void)state;
    good();
    code.any_id = true;
    expect(&lines, ":0", RJ_NOTICE_NO_LINES, "another build");
    code.path = FOLDER "embedded.dll"; /* source.pdb lies beside it */
    expect(&lines, ":0", RJ_NOTICE_NO_LINES, "another build");
}

static void an_older_agent_tells_no_offsets(void **state)
{
    (void)state;
    good();
    code.is_old = true;
    expect(&lines, ":0", RJ_NOTICE_NO_LINES, "earlier version");
    expect(&(rj_request){.lines = false}, "none", 0, NULL);
}

static void a_pdb_that_is_not_there_is_a_slip(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    rj_probes p;
    static const char *const pattern = "T.M";
    fake_start(&f);
    rj_session *s = fake_connect(&f, &e);
    assert_non_null(s);
    rj_request q = {.verb = RJ_STACK, .patterns = &pattern, .pattern_count = 1, .lines = true, .pdb = "/nonexistent"};
    assert_false(rj_instrument(s, &q, &p, &e));
    assert_int_equal(e.code, RJ_USAGE);
    assert_string_equal(e.text, "there are no PDBs at /nonexistent: No such file or directory");
    assert_int_equal(f.asked[WIRE_INSTRUMENT], 0);
    rj_close(s);
    fake_stop(&f);
}

static void put_piece(buf_t *b, uint64_t type, uint64_t address, uint32_t kind, const void *bytes, uint32_t n)
{
    wire_piece p = {.type = type, .address = address, .length = kind, .copied = n};
    buf_put(b, &p, sizeof p);
    buf_put(b, bytes, n);
}

/* A struct that stands at its second await, a task of nobody's, and a class that stands at its first one. */
static void put_awaiters(buf_t *b)
{
    const uint32_t in_box[] = {7, 7, 7, 1}, own[] = {7, 0};
    const uint64_t out_of_box[] = {7, 0x9000};
    put_piece(b, IN_BOX, 0x7000, WIRE_AWAITER, in_box, sizeof in_box);
    put_piece(b, TASK, 0x7100, WIRE_AWAITER, in_box, sizeof in_box);
    put_piece(b, OUT_OF_BOX, 0x8000, WIRE_AWAITER, out_of_box, sizeof out_of_box);
    put_piece(b, CLASS, 0x9000, WIRE_AWAITER_MACHINE, own, sizeof own);
}

static bool on_awaiters(void *owner, const rj_call *c)
{
    seen *s = owner;
    buf_t b = {0};
    for (size_t i = 0; i < c->frame_count; i++)
        buf_printf(&b, "%s%s %s:%u\n", i >= c->frame_count - c->awaiting ? "await " : "", c->frames[i],
                   c->places[i].file, c->places[i].line);
    snprintf(s->word, sizeof s->word, "%s", buf_cstr(&b));
    buf_free(&b);
    s->calls++;
    return true;
}

/* Of two addresses one stands inside of the state machine that goes on. */
static void deliver(fake *f, rj_session *session, seen *s, const buf_t *blob, uint64_t exception)
{
    buf_t rest = {0};
    rj_error e = {0};
    rj_handlers h = {.owner = s, .call = on_awaiters};
    const uint64_t ips[] = {IP, 0x2000};
    buf_put(&rest, blob->p, blob->n);
    buf_put(&rest, ips, sizeof ips);
    fake_event(f, 1,
               &(wire_event){.kind = WIRE_EV_STACK,
                             .probe = 1,
                             .tid = 1,
                             .start = 1000,
                             .frames = 2,
                             .elapsed = 1,
                             .exception = exception},
               rest.p, rest.n);
    assert_true(rj_poll(session, 200, &h, &e));
    buf_free(&rest);
}

static rj_session *start_awaiters(fake *f, bool *ok, rj_error *e)
{
    static const char *const pattern = "T.M";
    rj_probes p;
    fake_start(f);
    f->answer = answer;
    fake_probe(f, 1, "T.M()", "T.dll", NULL, 0);
    rj_session *s = fake_connect(f, e);
    assert_non_null(s);
    rj_request q = {.verb = RJ_STACK, .patterns = &pattern, .pattern_count = 1, .lines = true, .awaiters = true};
    *ok = rj_instrument(s, &q, &p, e);
    return s;
}

static void awaiters_have_the_lines_of_their_awaits(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    bool ok;
    seen x = {.calls = 0};
    buf_t blob = {0};
    good();
    rj_session *s = start_awaiters(&f, &ok, &e);
    if (!ok) fail_msg("%s", e.text);
    put_awaiters(&blob);
    deliver(&f, s, &x, &blob, (uint64_t)blob.n << 32 | sizeof(wire_event));
    assert_string_equal(x.word, "Source.Sum(int[]) /src/source.cs:9\n"
                                "await Struct.MoveNext() /src/source.cs:29\n"
                                "await Class.MoveNext() /src/source.cs:27\n");
    buf_free(&blob);
    rj_close(s);
    fake_stop(&f);
}

/* Each byte of the pictures in turn, every size and every place of them. */
static void damaged_pictures_are_survived(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    bool ok;
    seen x = {.calls = 0};
    buf_t blob = {0};
    unsigned sent = 0;
    good();
    rj_session *s = start_awaiters(&f, &ok, &e);
    assert_true(ok);
    put_awaiters(&blob);
    for (size_t at = 0; at < blob.n; at++, sent += 3) {
        blob.p[at] ^= 0xFF;
        deliver(&f, s, &x, &blob, (uint64_t)blob.n << 32 | sizeof(wire_event));
        blob.p[at] ^= 0xFF;
        deliver(&f, s, &x, &blob, (uint64_t)at << 32 | sizeof(wire_event));
        deliver(&f, s, &x, &blob, (uint64_t)blob.n << 32 | (sizeof(wire_event) + at));
    }
    deliver(&f, s, &x, &blob, UINT64_MAX);
    assert_int_equal(x.calls, sent + 1);
    buf_free(&blob);
    rj_close(s);
    fake_stop(&f);
}

static void an_older_agent_knows_no_awaiters(void **state)
{
    (void)state;
    fake f;
    rj_error e = {0};
    bool ok;
    good();
    code.is_old = true;
    rj_session *s = start_awaiters(&f, &ok, &e);
    assert_false(ok);
    assert_int_equal(e.code, RJ_REFUSED);
    assert_non_null(strstr(e.text, "leave --async out"));
    rj_close(s);
    fake_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_its_line),
        cmocka_unit_test(a_pdb_that_is_elsewhere),
        cmocka_unit_test(a_pdb_of_another_build),
        cmocka_unit_test(an_older_agent_tells_no_offsets),
        cmocka_unit_test(a_pdb_that_is_not_there_is_a_slip),
        cmocka_unit_test(awaiters_have_the_lines_of_their_awaits),
        cmocka_unit_test(damaged_pictures_are_survived),
        cmocka_unit_test(an_older_agent_knows_no_awaiters),
    };
    return cmocka_run_group_tests(tests, read_source, NULL);
}
