/*
 * Corpus: every table, cell and heap item of every assembly in the directories given, every name, and every signature,
 * which must come back byte-equal. Prints counts; any error is named, and the program then answers 1.
 *
 *     corpus_metadata DIRECTORY...
 */
#include "cil/cil.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct counts {
    uint64_t files, native, rows, cells, types, methods, bodies, signatures, name_bytes, errors, name_ns;
} counts;

static struct scratch {
    buf_t text;
    arena memory;
} scratch;

static const char *current;

static void complain(const char *what, cil_token token, const char *why)
{
    if (++counts.errors <= 50) printf("%s: %08x: %s: %s\n", current, token, what, why);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* An index must name a row that is there; an empty list may begin one behind the last. */
static void check_token(const cil_image *im, cil_token at, uint32_t raw, cil_token to, bool list)
{
    if (raw == 0) return;
    uint32_t most = im->rows[CIL_TABLE(to)] + (list ? 1 : 0);
    if (CIL_RID(to) == 0 || CIL_RID(to) > most) complain("index out of its table", at, "");
}

static void check_blob(const cil_image *im, cil_token at, uint32_t offset)
{
    if (offset && !cil_blob_at(im, offset).p) complain("blob", at, "outside of the heap");
}

static void check_cell(const cil_image *im, cil_table table, uint32_t rid, unsigned column)
{
    cil_token at = CIL_TOKEN(table, rid);
    uint32_t raw = cil_cell(im, table, rid, column);
    cil_column kind = cil_column_of(table, column);
    counts.cells++;
    if (kind == CIL_COLUMN_STRING && raw >= RJ_MAX(im->strings.n, 1u))
        complain("string", at, "outside of the heap");
    else if (kind == CIL_COLUMN_GUID && raw > im->guids.n / 16)
        complain("GUID", at, "outside of the heap");
    else if (kind == CIL_COLUMN_BLOB)
        check_blob(im, at, raw);
    else if (kind == CIL_COLUMN_TABLE || kind == CIL_COLUMN_CODED)
        check_token(im, at, raw, cil_cell_token(im, table, rid, column), kind == CIL_COLUMN_TABLE);
}

static void check_signature(cil_token at, cil_blob sig)
{
    err_t e = {0};
    scratch.text.n = 0;
    counts.signatures++;
    if (!cil_sig_roundtrip(sig, &scratch.text, &e))
        complain("signature", at, e.text);
    else if (scratch.text.n != sig.n || memcmp(scratch.text.p, sig.p, sig.n) != 0)
        complain("signature", at, "comes back different");
}

static void check_signatures(const cil_image *im)
{
    static const struct {
        cil_table table;
        unsigned column;
    } where[] = {
        {CIL_FIELD, CIL_FIELD_SIG},
        {CIL_METHOD_DEF, CIL_METHOD_DEF_SIG},
        {CIL_MEMBER_REF, CIL_MEMBER_REF_SIG},
        {CIL_STAND_ALONE_SIG, CIL_STAND_ALONE_SIG_SIG},
        {CIL_PROPERTY, CIL_PROPERTY_TYPE},
        {CIL_TYPE_SPEC, CIL_TYPE_SPEC_SIG},
        {CIL_METHOD_SPEC, CIL_METHOD_SPEC_INSTANTIATION},
    };
    for (size_t i = 0; i < RJ_COUNT(where); i++) {
        for (uint32_t rid = 1; rid <= im->rows[where[i].table]; rid++)
            check_signature(CIL_TOKEN(where[i].table, rid), cil_cell_blob(im, where[i].table, rid, where[i].column));
    }
}

/* A signature that stands alone must also be read as what it is. */
static void check_stand_alone(const cil_image *im)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_STAND_ALONE_SIG]; rid++) {
        cil_blob sig = cil_cell_blob(im, CIL_STAND_ALONE_SIG, rid, CIL_STAND_ALONE_SIG_SIG);
        cil_token at = CIL_TOKEN(CIL_STAND_ALONE_SIG, rid);
        err_t e = {0};
        cil_locals locals;
        cil_method_sig method;
        if (sig.n && sig.p[0] == 7) {
            if (!cil_locals_read(&scratch.memory, sig, &locals, &e)) complain("local variables", at, e.text);
        } else if (sig.n && sig.p[0] != 6 && !cil_method_sig_read(&scratch.memory, sig, &method, &e)) {
            complain("method signature", at, e.text);
        }
    }
    arena_free(&scratch.memory);
}

/* A name is whole where no place in it was left unknown. */
static void check_name(cil_token at)
{
    const char *text = buf_cstr(&scratch.text);
    counts.name_bytes += scratch.text.n;
    if (scratch.text.n == 0 || strcmp(text, "?") == 0 || strstr(text, "(?)")) complain("name", at, text);
}

static void check_types(const cil_image *im)
{
    static const cil_table tables[] = {CIL_TYPE_DEF, CIL_TYPE_REF, CIL_TYPE_SPEC};
    for (size_t i = 0; i < RJ_COUNT(tables); i++) {
        for (uint32_t rid = 1; rid <= im->rows[tables[i]]; rid++) {
            scratch.text.n = 0;
            cil_type_name(im, CIL_TOKEN(tables[i], rid), &scratch.text);
            check_name(CIL_TOKEN(tables[i], rid));
            counts.types++;
        }
    }
}

static void check_method(const cil_image *im, uint32_t type_rid, uint32_t rid)
{
    cil_token at = CIL_TOKEN(CIL_METHOD_DEF, rid);
    uint64_t start = now();
    scratch.text.n = 0;
    cil_method_name(im, rid, true, &scratch.text);
    counts.name_ns += now() - start;
    check_name(at);
    if (cil_method_owner(im, rid) != type_rid) complain("owner", at, "is another type");

    err_t e = {0};
    cil_method_sig sig;
    if (!cil_method_sig_read(&scratch.memory, cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG), &sig, &e))
        complain("method signature", at, e.text);
    arena_free(&scratch.memory);

    cil_blob body;
    if (!cil_method_bytes(im, rid, &body, &e))
        complain("body", at, e.text);
    else
        counts.bodies += body.n != 0;
    counts.methods++;
}

/* Every method and field belongs to one type. */
static void check_members(const cil_image *im)
{
    uint32_t methods = 0, fields = 0;
    for (uint32_t type = 1; type <= im->rows[CIL_TYPE_DEF]; type++) {
        cil_range r = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        for (uint32_t at = r.first; at < r.end; at++, methods++)
            check_method(im, type, cil_list_item(im, CIL_METHOD_DEF, at));
        r = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
        for (uint32_t at = r.first; at < r.end; at++, fields++) {
            uint32_t rid = cil_list_item(im, CIL_FIELD, at);
            if (cil_field_owner(im, rid) != type) complain("owner", CIL_TOKEN(CIL_FIELD, rid), "is another type");
        }
    }
    if (methods != im->rows[CIL_METHOD_DEF]) complain("methods", 0, "some belong to no type");
    if (fields != im->rows[CIL_FIELD]) complain("fields", 0, "some belong to no type");
}

static void check_image(const cil_image *im)
{
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        cil_table table = (cil_table)t;
        unsigned columns = cil_columns(table);
        counts.rows += im->rows[t];
        for (uint32_t rid = 1; rid <= im->rows[t]; rid++) {
            for (unsigned c = 0; c < columns; c++)
                check_cell(im, table, rid, c);
        }
    }
    check_signatures(im);
    check_stand_alone(im);
    check_types(im);
    check_members(im);
    uint8_t mvid[16], zero[16] = {0};
    cil_mvid(im, mvid);
    if (memcmp(mvid, zero, 16) == 0) complain("mvid", 0, "is zero");
    if (!*cil_assembly_name(im)) complain("assembly", 0, "has no name");
}

static int check_file(const char *path, const struct stat *st, int kind, struct FTW *unused)
{
    (void)unused;
    const char *dot = strrchr(path, '.');
    if (kind != FTW_F || !dot || strcmp(dot, ".dll") != 0) return 0;
    current = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = (size_t)st->st_size;
    void *bytes = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0) close(fd);
    if (bytes == MAP_FAILED) {
        complain("file", 0, "cannot be read");
        return 0;
    }
    cil_image im;
    err_t e = {0};
    if (cil_image_open(&im, bytes, size, CIL_FLAT, &e)) {
        counts.files++;
        if (cil_image_extent(bytes, size, CIL_FLAT) > size) complain("file", 0, "is shorter than its sections");
        check_image(&im);
    } else if (strstr(e.text, "without CLI header")) {
        counts.native++;
    } else {
        complain("image", 0, e.text);
    }
    munmap(bytes, size);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t start = now();
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], check_file, 16, FTW_PHYS) != 0) complain(argv[i], 0, "cannot be walked");
    }
    if (counts.files == 0) complain("corpus", 0, "no assembly was found");
    printf("%" PRIu64 " assemblies (%" PRIu64 " native images beside), %" PRIu64 " rows, %" PRIu64 " cells, %" PRIu64
           " types, %" PRIu64 " methods, %" PRIu64 " bodies, %" PRIu64 " signatures, %" PRIu64
           " bytes of names: %" PRIu64 " errors\n",
           counts.files, counts.native, counts.rows, counts.cells, counts.types, counts.methods, counts.bodies,
           counts.signatures, counts.name_bytes, counts.errors);
    printf("%.2f s; %.0f ns a method name, clock included\n", (double)(now() - start) / 1e9,
           (double)counts.name_ns / (double)RJ_MAX(counts.methods, 1u));
    buf_free(&scratch.text);
    return counts.errors != 0;
}
