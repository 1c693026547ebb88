/* Finding the PDB of an assembly, and opening it. */
#include "pdb/pdb-priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_SIZE    CIL_PDB_ID_SIZE
#define MOST_BYTES (1u << 30) /* of a PDB, and of an assembly that may hold one */

bool pdb_open(pdb *p, const void *bytes, size_t size, err_t *e)
{
    *p = (pdb){0};
    if (!cil_metadata_open(&p->image, bytes, size, e)) return err_prefix(e, "portable PDB: ");
    if (p->image.pdb_stream.n < ID_SIZE) return err_set(e, ERR_FORMAT, 0, "not a portable PDB: it has no #Pdb stream");
    memcpy(p->id, p->image.pdb_stream.p, ID_SIZE);
    return true;
}

void pdb_close(pdb *p)
{
    free(p->owned);
    *p = (pdb){0};
}

/* Opens bytes from malloc and takes them over, whatever comes of it. */
static bool open_owned(pdb *p, uint8_t *bytes, size_t size, err_t *e)
{
    if (!pdb_open(p, bytes, size, e)) {
        free(bytes);
        return false;
    }
    p->owned = bytes;
    return true;
}

static uint8_t *read_file(const char *path, size_t *size, err_t *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name keeps nobody waiting */
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_errno(e, "%s", path);
        if (fd >= 0) close(fd);
        return NULL;
    }
    *size = (size_t)st.st_size;
    uint8_t *bytes = S_ISREG(st.st_mode) && *size <= MOST_BYTES ? malloc(*size + 1) : NULL;
    size_t at = 0;
    for (ssize_t n; bytes && at < *size; at += (size_t)n)
        if ((n = read(fd, bytes + at, *size - at)) <= 0) break;
    close(fd);
    if (bytes && at == *size) return bytes;
    free(bytes);
    err_set(e, ERR_SYSTEM, -1, "%s cannot be read", path);
    return NULL;
}

/* DIR/NAME of the assembly's directory; without a name the assembly's own with another ending. */
static char *beside(arena *a, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    if (name) return arena_printf(a, "%.*s%s", (int)(file - path), path, name);
    const char *dot = strrchr(file, '.');
    return arena_printf(a, "%.*s.pdb", dot ? (int)(dot - path) : (int)strlen(path), path);
}

bool pdb_open_file(pdb *p, const char *file, const uint8_t *id, err_t *e)
{
    size_t size = 0;
    *p = (pdb){0};
    uint8_t *bytes = read_file(file, &size, e);
    if (!bytes) return false;
    if (!open_owned(p, bytes, size, e)) return err_prefix(e, "%s: ", file);
    if (!id || memcmp(p->id, id, ID_SIZE) == 0) return true;
    pdb_close(p);
    return err_set(e, ERR_NO_MATCH, -1, "%s is of another build than its assembly: deploy the two together", file);
}

/* False, and nothing said, where none is embedded. */
static bool open_embedded(pdb *p, const cil_image *assembly, err_t *e)
{
    cil_blob data;
    uint32_t stamp;
    size_t size;
    if (!cil_debug_entry(assembly, CIL_DEBUG_EMBEDDED_PDB, &data, &stamp)) return false;
    uint8_t *bytes = pdb_inflate(data, &size, e);
    return bytes && open_owned(p, bytes, size, e);
}

bool pdb_open_inside(pdb *p, const char *assembly, const uint8_t *id, err_t *e)
{
    size_t size = 0;
    uint8_t own[ID_SIZE];
    const char *name;
    cil_image im;
    *p = (pdb){0};
    uint8_t *bytes = read_file(assembly, &size, e);
    if (!bytes) return false;
    bool ok = cil_image_open(&im, bytes, size, CIL_FLAT, e) || err_prefix(e, "%s: ", assembly);
    if (ok && (!cil_pdb_id(&im, own, &name) || memcmp(own, id, ID_SIZE) != 0))
        ok = err_set(e, ERR_REFUSED, -1, "%s is of another build than the one that runs: it has been replaced since",
                     assembly);
    if (ok) err_set(e, ERR_NO_MATCH, -1, "%s has no PDB embedded in it", assembly);
    ok = ok && open_embedded(p, &im, e);
    free(bytes);
    return ok;
}

bool pdb_open_for(pdb *p, const cil_image *assembly, const char *path, err_t *e)
{
    arena a = {0};
    uint8_t id[ID_SIZE];
    const char *name = NULL;
    *p = (pdb){0};
    bool named = cil_pdb_id(assembly, id, &name);
    char *file = beside(&a, path, name);
    bool there = file && access(file, F_OK) == 0;
    if (!there)
        err_set(e, ERR_NO_MATCH, -1, "%s has no PDB: %s is not there, and none is embedded in it", path,
                file ? file : "its file");
    bool opened = (there && pdb_open_file(p, file, named ? id : NULL, e)) || open_embedded(p, assembly, e);
    arena_free(&a);
    return opened;
}

uint32_t pdb_first_row(const pdb *p, cil_table table, uint32_t method_rid)
{
    uint32_t low = 1, high = p->image.rows[table] + 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cil_cell(&p->image, table, middle, 0) < method_rid)
            low = middle + 1;
        else
            high = middle;
    }
    return method_rid && cil_cell(&p->image, table, low, 0) == method_rid ? low : 0;
}
