/* obj.c -- Wavefront OBJ: reads v, vt and f lines, writes a mesh with an optional material (mesh.h).
 *
 * The format, as far as it is used here: one statement a line, a backslash continues it;
 *     v x y z ...      vt u v ...      f v v v ... | v/vt ... | v//vn ... | v/vt/vn ...
 * Indices count from 1, or back from the latest when negative.  Other statements are skipped, as are the further
 * numbers of v and vt.  Either every face has texture coordinates or none. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "mesh.h"
#include "text.h"

enum { FILE_MAX = 512 << 20, ROWS_MAX = 32 << 20, POLYGON_MAX = 64 };

/* A growing array of rows, 4 bytes a number. */
typedef struct rows { union { float *x; int32_t *i; void *data; }; int64_t count, room; int width; } rows;

typedef struct loader {
    const char *path;
    long line;
    rows v, vt, f, ft;
} loader;

static bool bad_line(const loader *o, const char *expected, const char *found) {
    mn_fail(MN_EFORMAT, "%s: line %ld: expected %s, found '%.40s'", o->path, o->line, expected, found);
    return false;
}

static bool rows_add(const loader *o, rows *r, const void *row) {
    if (r->count == ROWS_MAX) {
        mn_fail(MN_EFORMAT, "%s: line %ld: more than %d vertices or triangles", o->path, o->line, ROWS_MAX);
        return false;
    }
    if (r->count == r->room) {
        int64_t room = r->room ? 2 * r->room : 1024;
        void *data = realloc(r->data, (size_t)room * (size_t)r->width * 4);
        if (!data) {
            mn_fail(MN_ENOMEM, "no memory to read %s", o->path);
            return false;
        }
        r->data = data;
        r->room = room;
    }
    memcpy(r->x + r->count++ * r->width, row, (size_t)r->width * 4);
    return true;
}

static char *skip_blank(char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\r') p++;
    return p;
}

static bool read_numbers(const loader *o, char *p, rows *r, const char *expected) {
    float x[3];
    for (int k = 0; k < r->width; k++) {
        char *end;
        p = skip_blank(p);
        x[k] = strtof(p, &end);
        if (end == p || !isfinite(x[k])) return bad_line(o, expected, p);
        p = end;
    }
    return rows_add(o, r, x);
}

/* One index; 0-based into `count` rows.  NULL when it is not one. */
static char *read_index(const loader *o, char *p, int64_t count, int32_t *index, const char *what) {
    char *end;
    errno = 0;
    long long value = strtoll(p, &end, 10), at = value < 0 ? count + value : value - 1;
    if (end == p || errno || value == 0 || at < 0 || at >= count) {
        bad_line(o, what, p);
        return NULL;
    }
    *index = (int32_t)at;
    return end;
}

static bool read_face(loader *o, char *p) {
    int32_t v[POLYGON_MAX], t[POLYGON_MAX];
    int n = 0, textured = 0;
    for (p = skip_blank(p); *p; p = skip_blank(p)) {
        if (n == POLYGON_MAX) return bad_line(o, "at most 64 corners in a face", p);
        if (!(p = read_index(o, p, o->v.count, &v[n], "the index of a vertex above"))) return false;
        if (*p == '/' && *++p != '/') {
            if (!(p = read_index(o, p, o->vt.count, &t[n], "the index of a texture coordinate above"))) return false;
            textured++;
        }
        if (*p == '/')                                   /* a normal's index, which is not used */
            for (p++; (*p >= '0' && *p <= '9') || *p == '-'; p++) {}
        if (*p && *p != ' ' && *p != '\t' && *p != '\r') return bad_line(o, "a corner v, v/vt, v//vn or v/vt/vn", p);
        n++;
    }
    if (n < 3) return bad_line(o, "a face of at least 3 corners", "fewer");
    if ((textured && textured < n) || (o->f.count && (textured > 0) != (o->ft.count > 0)))
        return bad_line(o, "texture coordinates on every face or on none", textured ? "some" : "none");
    for (int k = 1; k + 1 < n; k++) {
        if (!rows_add(o, &o->f, (int32_t[]){v[0], v[k], v[k + 1]})) return false;
        if (textured && !rows_add(o, &o->ft, (int32_t[]){t[0], t[k], t[k + 1]})) return false;
    }
    return true;
}

static bool read_line(loader *o, char *p) {
    p = skip_blank(p);
    if (p[0] == 'v' && (p[1] == ' ' || p[1] == '\t')) return read_numbers(o, p + 1, &o->v, "3 numbers after v");
    if (p[0] == 'v' && p[1] == 't' && (p[2] == ' ' || p[2] == '\t')) return read_numbers(o, p + 2, &o->vt, "2 numbers after vt");
    if (p[0] == 'f' && (p[1] == ' ' || p[1] == '\t')) return read_face(o, p + 1);
    return true;
}

static bool read_lines(loader *o, char *text, size_t size) {
    for (char *p = text, *stop = text + size; p < stop; ) {
        long lines = 1;
        char *end = p;
        while (end < stop && *end != '\n') {             /* join what a backslash before the line's end continues */
            char *next = end + 1;
            if (*end == '\\' && next < stop && *next == '\r') next++;
            if (*end == '\\' && next < stop && *next == '\n') {
                memset(end, ' ', (size_t)(next - end) + 1);
                lines++;
                end = next;
            }
            end++;
        }
        *end = 0;                                        /* text has room for one more byte */
        o->line++;
        if (!read_line(o, p)) return false;
        o->line += lines - 1;
        p = end + 1;
    }
    return true;
}

static mn_tensor *rows_tensor(const rows *r, mn_dtype dtype) {
    return mn_from(dtype, 2, (int64_t[]){r->count, r->width}, r->data);
}

mn_status mn_obj_read(const char *path, mn_mesh *out) {
    *out = (mn_mesh){0};
    if (mn_errcode() != MN_OK) return mn_errcode();
    loader o = {.path = path, .v.width = 3, .vt.width = 2, .f.width = 3, .ft.width = 3};
    size_t size;
    char *text = mn_file_read(path, FILE_MAX, &size);
    if (text && read_lines(&o, text, size)) {
        if (!o.f.count) mn_fail(MN_EFORMAT, "%s: %lld vertices but no face", path, (long long)o.v.count);
        else {
            out->v = rows_tensor(&o.v, MN_F32);
            out->f = rows_tensor(&o.f, MN_I32);
            if (o.ft.count) {
                out->uv = rows_tensor(&o.vt, MN_F32);
                out->fuv = rows_tensor(&o.ft, MN_I32);
            }
        }
    }
    free(text);
    free(o.v.data);
    free(o.vt.data);
    free(o.f.data);
    free(o.ft.data);
    if (mn_errcode() != MN_OK) *out = (mn_mesh){0};
    return mn_errcode();
}

/* ---- writing ---- */

static mn_status write_material(const char *mtl, const char *texture) {
    mn_text t = {0};
    mn_text_addf(&t, "newmtl head\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd %s\n", texture);
    mn_status status = t.failed ? MN_ENOMEM : mn_file_write(mtl, t.s, t.size);
    mn_text_free(&t);
    return status;
}

static void write_rows(FILE *f, const char *word, mn_tensor *t) {
    const float *x = mn_data(t);
    int64_t width = mn_dim(t, 1);
    for (int64_t i = 0; i < mn_count(t); i++)
        fprintf(f, "%s %.9g%s", i % width ? "" : word, (double)x[i], i % width == width - 1 ? "\n" : "");
}

static void write_mesh(FILE *f, const mn_mesh *m) {
    const int32_t *face = mn_data(m->f), *fuv = m->uv ? mn_data(m->fuv ? m->fuv : m->f) : NULL;
    write_rows(f, "v", m->v);
    if (m->uv) write_rows(f, "vt", m->uv);
    if (m->normal) write_rows(f, "vn", m->normal);
    for (int64_t i = 0; i < mn_count(m->f); i++) {
        fprintf(f, "%s %d", i % 3 ? "" : "f", face[i] + 1);
        if (fuv) fprintf(f, "/%d", fuv[i] + 1);
        if (m->normal) fprintf(f, fuv ? "/%d" : "//%d", face[i] + 1);
        if (i % 3 == 2) fputc('\n', f);
    }
}

mn_status mn_obj_write(const char *path, const mn_mesh *mesh, const char *texture) {
    if (mn_mesh_check(mesh, path) != MN_OK) return mn_errcode();
    if (texture && (!mesh->uv || !*texture || strpbrk(texture, "\r\n")))
        return mn_fail(MN_EARG, "%s: a texture needs uv in the mesh and a name of one line", path);
    char *mtl = NULL;
    mn_outfile out;
    mn_status status = MN_OK;
    if (texture) {
        size_t n = strlen(path), stem = n > 4 && strcmp(path + n - 4, ".obj") == 0 ? n - 4 : n;
        if (!(mtl = malloc(n + 5))) return mn_fail(MN_ENOMEM, "no memory to write %s", path);
        sprintf(mtl, "%.*s.mtl", (int)stem, path);
        status = write_material(mtl, texture);
    }
    if (status == MN_OK && (status = mn_outfile_open(&out, path)) == MN_OK) {
        const char *name = mtl && strrchr(mtl, '/') ? strrchr(mtl, '/') + 1 : mtl;
        fprintf(out.f, "# mien " MN_VERSION "\n");
        if (mtl) fprintf(out.f, "mtllib %s\nusemtl head\n", name);
        write_mesh(out.f, mesh);
        status = mn_outfile_close(&out, true);           /* notices any failed write above */
    }
    free(mtl);
    return status;
}
