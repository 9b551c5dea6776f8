/* glb.c -- writes a mesh as binary glTF 2.0: one node, one mesh, one textured material, morph targets (mesh.h).
 *
 *     12 bytes   "glTF", version 2, length of the file
 *     8 + n      length, "JSON", text padded with spaces to a multiple of 4
 *     8 + n      length, "BIN\0", the buffer: indices, attributes, targets, picture; each padded to 4
 *
 * glTF has one index per corner, so a vertex with several texture coordinates becomes several vertices.  v is
 * counted from the top, vertex colours are linear.  Morph targets carry offsets of positions and of normals; their
 * names stand in mesh.extras.targetNames, where viewers look for them.
 * Source: glTF 2.0 specification, Khronos Group 2021, sections 3.6 (buffers), 3.7 (meshes), 4 (GLB). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "mesh.h"
#include "png.h"
#include "text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie in memory");

enum { FLOAT = 5126, UINT = 5125, VERTEX_BUFFER = 34962, INDEX_BUFFER = 34963, TARGETS_MAX = 4096 };

typedef struct builder {
    const char *path;
    const mn_mesh *mesh;
    mn_text bin, views, accessors;
    int n_views, n_accessors;
    int64_t n;                          /* vertices written */
    int32_t *from_v, *from_uv;          /* [n] the mesh's vertex and texture coordinate behind each */
    uint32_t *indices;                  /* [3 F] */
    float *row;                         /* [n,3] what is being added */
} builder;

static void pad(mn_text *t, char with) {
    while (!t->failed && t->size % 4) mn_text_add(t, &with, 1);
}

/* A stretch of the buffer; target 0 for a picture. */
static int add_view(builder *b, const void *data, size_t bytes, int target) {
    mn_text_addf(&b->views, "%s{\"buffer\":0,\"byteOffset\":%zu,\"byteLength\":%zu", b->n_views ? "," : "", b->bin.size, bytes);
    if (target) mn_text_addf(&b->views, ",\"target\":%d", target);
    mn_text_add(&b->views, "}", 1);
    mn_text_add(&b->bin, data, bytes);
    pad(&b->bin, 0);
    return b->n_views++;
}

/* [count,width] numbers of 4 bytes; with bounds, least and greatest of each column are stated, as positions require. */
static int add_accessor(builder *b, const void *data, int64_t count, int width, int component, bool bounds) {
    static const char *const types[] = {"", "SCALAR", "VEC2", "VEC3"};
    int view = add_view(b, data, (size_t)count * (size_t)width * 4, component == UINT ? INDEX_BUFFER : VERTEX_BUFFER);
    mn_text_addf(&b->accessors, "%s{\"bufferView\":%d,\"componentType\":%d,\"count\":%lld,\"type\":\"%s\"", b->n_accessors ? "," : "",
                 view, component, (long long)count, types[width]);
    for (int top = 0; bounds && top < 2; top++) {
        const float *x = data;
        mn_text_addf(&b->accessors, top ? ",\"max\":[" : ",\"min\":[");
        for (int d = 0; d < width; d++) {
            float best = x[d];
            for (int64_t i = 1; i < count; i++)
                if (top ? x[i * width + d] > best : x[i * width + d] < best) best = x[i * width + d];
            mn_text_addf(&b->accessors, d ? ",%.9g" : "%.9g", (double)best);
        }
        mn_text_add(&b->accessors, "]", 1);
    }
    mn_text_add(&b->accessors, "}", 1);
    return b->n_accessors++;
}

/* Give each pair of vertex and texture coordinate that occurs its own index.  Pairs of one vertex form a list. */
static bool split_corners(builder *b) {
    const mn_mesh *m = b->mesh;
    int64_t vertices = mn_dim(m->v, 0), corners = mn_count(m->f), room = m->fuv ? corners : vertices;
    const int32_t *f = mn_data(m->f), *fuv = m->fuv ? mn_data(m->fuv) : NULL;
    int32_t *first = malloc((size_t)vertices * sizeof *first + 1), *next = malloc((size_t)room * sizeof *next + 1);
    b->from_v = malloc((size_t)room * sizeof *b->from_v + 1);
    b->from_uv = malloc((size_t)room * sizeof *b->from_uv + 1);
    b->indices = malloc((size_t)corners * sizeof *b->indices + 1);
    b->row = malloc((size_t)room * 3 * sizeof *b->row + 1);
    bool ok = first && next && b->from_v && b->from_uv && b->indices && b->row;
    if (!ok) mn_fail(MN_ENOMEM, "no memory to write %s", b->path);
    else if (!fuv) {
        for (int64_t i = 0; i < vertices; i++) b->from_v[i] = b->from_uv[i] = (int32_t)i;
        for (int64_t i = 0; i < corners; i++) b->indices[i] = (uint32_t)f[i];
        b->n = vertices;
    } else {
        for (int64_t i = 0; i < vertices; i++) first[i] = -1;
        for (int64_t i = 0; i < corners; i++) {
            int32_t at = first[f[i]];
            while (at >= 0 && b->from_uv[at] != fuv[i]) at = next[at];
            if (at < 0) {
                at = (int32_t)b->n++;
                b->from_v[at] = f[i];
                b->from_uv[at] = fuv[i];
                next[at] = first[f[i]];
                first[f[i]] = at;
            }
            b->indices[i] = (uint32_t)at;
        }
    }
    free(first);
    free(next);
    return ok;
}

static void gather(builder *b, const float *x, int width, const int32_t *from) {
    for (int64_t i = 0; i < b->n; i++) memcpy(b->row + i * width, x + (int64_t)from[i] * width, (size_t)width * sizeof *x);
}

static float linear(uint8_t code) {                      /* IEC 61966-2-1, the sRGB curve */
    double c = code / 255.0;
    return (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
}

static bool add_attributes(builder *b, mn_text *json, mn_tensor *normal) {
    const mn_mesh *m = b->mesh;
    gather(b, mn_data(m->v), 3, b->from_v);
    mn_text_addf(json, "\"attributes\":{\"POSITION\":%d", add_accessor(b, b->row, b->n, 3, FLOAT, true));
    gather(b, mn_data(m->normal ? m->normal : normal), 3, b->from_v);
    for (int64_t i = 0; i < b->n; i++)                   /* a vertex outside every triangle: any unit vector will do */
        if (b->row[3 * i] == 0 && b->row[3 * i + 1] == 0 && b->row[3 * i + 2] == 0) b->row[3 * i + 2] = 1;
    mn_text_addf(json, ",\"NORMAL\":%d", add_accessor(b, b->row, b->n, 3, FLOAT, false));
    if (m->uv) {
        gather(b, mn_data(m->uv), 2, b->from_uv);
        for (int64_t i = 0; i < b->n; i++) b->row[2 * i + 1] = 1 - b->row[2 * i + 1];
        mn_text_addf(json, ",\"TEXCOORD_0\":%d", add_accessor(b, b->row, b->n, 2, FLOAT, false));
    }
    if (m->color) {
        const uint8_t *color = mn_data(m->color);
        for (int64_t i = 0; i < 3 * b->n; i++) b->row[i] = linear(color[3 * b->from_v[i / 3] + i % 3]);
        mn_text_addf(json, ",\"COLOR_0\":%d", add_accessor(b, b->row, b->n, 3, FLOAT, false));
    }
    mn_text_addf(json, "},\"indices\":%d", add_accessor(b, b->indices, mn_count(m->f), 1, UINT, false));
    return !json->failed && !b->bin.failed;
}

/* Offsets of positions, and of the normals the moved mesh has. */
static bool add_target(builder *b, mn_text *json, mn_tensor *target, mn_tensor *normal) {
    mn_scope scope = mn_scope_open();
    mn_tensor *moved = mn_clone(b->mesh->v), *turned = NULL;
    for (int64_t i = 0; moved && i < mn_count(moved); i++) ((float *)mn_data(moved))[i] += ((float *)mn_data(target))[i];
    if (moved && (turned = mn_mesh_normals(moved, b->mesh->f))) {
        for (int64_t i = 0; i < mn_count(turned); i++) ((float *)mn_data(turned))[i] -= ((float *)mn_data(normal))[i];
        gather(b, mn_data(target), 3, b->from_v);
        mn_text_addf(json, "{\"POSITION\":%d", add_accessor(b, b->row, b->n, 3, FLOAT, true));
        gather(b, mn_data(turned), 3, b->from_v);
        mn_text_addf(json, ",\"NORMAL\":%d}", add_accessor(b, b->row, b->n, 3, FLOAT, false));
    }
    mn_scope_close(scope);
    return turned && !json->failed && !b->bin.failed;
}

static bool add_mesh(builder *b, mn_text *json, const mn_glb_options *o) {
    mn_tensor *normal = mn_mesh_normals(b->mesh->v, b->mesh->f);
    if (!normal) return false;
    mn_text_addf(json, ",\"meshes\":[{\"name\":\"head\",\"primitives\":[{\"material\":0,");
    bool ok = add_attributes(b, json, normal);
    for (int k = 0; ok && k < o->n_targets; k++) {
        mn_text_addf(json, k ? "," : ",\"targets\":[");
        ok = add_target(b, json, o->targets[k], normal);
    }
    mn_text_addf(json, o->n_targets ? "]}]" : "}]");
    for (int k = 0; k < o->n_targets; k++) mn_text_addf(json, k ? ",0" : ",\"weights\":[0");
    for (int k = 0; k < o->n_targets; k++) {
        mn_text_addf(json, k ? "," : "],\"extras\":{\"targetNames\":[");
        mn_text_add_json(json, o->target_names[k]);
    }
    mn_text_addf(json, o->n_targets ? "]}}]" : "}]");
    return ok && !json->failed;
}

static bool add_material(builder *b, mn_text *json, const mn_glb_options *o) {
    mn_text_addf(json, ",\"materials\":[{\"name\":\"head\",\"doubleSided\":true,\"pbrMetallicRoughness\":{\"metallicFactor\":0,\"roughnessFactor\":0.7");
    if (o->texture) {
        const char *text[] = {MN_PNG_RECORD, o->record};
        char *png;
        size_t size;
        if (mn_png_encode(o->texture, o->record ? 1 : 0, text, &png, &size) != MN_OK) return false;
        mn_text_addf(json, ",\"baseColorTexture\":{\"index\":0}}}],\"textures\":[{\"source\":0}],\"images\":[{\"mimeType\":\"image/png\",\"bufferView\":%d}]",
                     add_view(b, png, size, 0));
        free(png);
    } else mn_text_addf(json, "}}]");
    return !json->failed && !b->bin.failed;
}

static mn_status write_parts(const char *path, mn_text *json, mn_text *bin) {
    pad(json, ' ');
    if (json->failed) return mn_errcode();
    uint64_t total = 12 + 8 + (uint64_t)json->size + 8 + bin->size;
    if (total > UINT32_MAX) return mn_fail(MN_EARG, "%s: the model would have %llu bytes, a GLB file can have 4294967295", path, (unsigned long long)total);
    mn_outfile out;
    if (mn_outfile_open(&out, path) != MN_OK) return mn_errcode();
    fwrite((uint32_t[]){0x46546C67, 2, (uint32_t)total, (uint32_t)json->size, 0x4E4F534A}, 4, 5, out.f);
    fwrite(json->s, 1, json->size, out.f);
    fwrite((uint32_t[]){(uint32_t)bin->size, 0x004E4942}, 4, 2, out.f);
    fwrite(bin->s, 1, bin->size, out.f);
    return mn_outfile_close(&out, true);                 /* notices any failed write above */
}

static mn_status check_options(const char *path, const mn_mesh *mesh, const mn_glb_options *o) {
    if (mn_mesh_check(mesh, path) != MN_OK) return mn_errcode();
    if (!mn_dim(mesh->v, 0) || !mn_dim(mesh->f, 0)) return mn_fail(MN_EARG, "%s: a GLB file needs at least one triangle", path);
    if (o->texture && !mesh->uv) return mn_fail(MN_EARG, "%s: a texture needs uv in the mesh", path);
    if (o->record && mn_utf8_prefix(o->record, strlen(o->record)) != strlen(o->record)) return mn_fail(MN_EARG, "%s: record is not valid UTF-8", path);
    if (o->n_targets < 0 || o->n_targets > TARGETS_MAX) return mn_fail(MN_EARG, "%s: %d morph targets, expected 0 to %d", path, o->n_targets, TARGETS_MAX);
    for (int k = 0; k < o->n_targets; k++) {
        const char *name = o->target_names[k];
        mn_tensor *t = o->targets[k];
        if (!name || !*name || mn_utf8_prefix(name, strlen(name)) != strlen(name)) return mn_fail(MN_EARG, "%s: morph target %d: expected a name in UTF-8", path, k + 1);
        if (!t || mn_dtype_of(t) != MN_F32 || mn_ndim(t) != 2 || mn_dim(t, 0) != mn_dim(mesh->v, 0) || mn_dim(t, 1) != 3 || !mn_data(t))
            return mn_fail(MN_ESHAPE, "%s: morph target '%s': expected f32 [%lld,3] in host memory, got %s %s", path, name, (long long)mn_dim(mesh->v, 0),
                           t ? mn_dtype_name(mn_dtype_of(t)) : "", mn_shape_text(t));
        for (int64_t i = 0; i < mn_count(t); i++)
            if (!isfinite(((float *)mn_data(t))[i])) return mn_fail(MN_EARG, "%s: morph target '%s': row %lld is not finite", path, name, (long long)(i / 3));
    }
    return MN_OK;
}

mn_status mn_glb_write(const char *path, const mn_mesh *mesh, const mn_glb_options *options) {
    mn_glb_options o = options ? *options : (mn_glb_options){0};
    if (check_options(path, mesh, &o) != MN_OK) return mn_errcode();
    builder b = {.path = path, .mesh = mesh};
    mn_text json = {0};
    mn_scope scope = mn_scope_open();
    mn_text_addf(&json, "{\"asset\":{\"version\":\"2.0\",\"generator\":\"mien " MN_VERSION "\"");
    if (o.record) {
        mn_text_addf(&json, ",\"extras\":{\"digitalSourceType\":\"" MN_SYNTHETIC_TERM "\",\"" MN_PNG_RECORD "\":");
        mn_text_add_json(&json, o.record);
        mn_text_add(&json, "}", 1);
    }
    mn_text_addf(&json, "},\"scene\":0,\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"name\":\"head\",\"mesh\":0}]");
    if (split_corners(&b) && add_mesh(&b, &json, &o) && add_material(&b, &json, &o) && !b.views.failed && !b.accessors.failed) {
        mn_text_addf(&json, ",\"accessors\":[%s],\"bufferViews\":[%s],\"buffers\":[{\"byteLength\":%zu}]}", b.accessors.s, b.views.s, b.bin.size);
        write_parts(path, &json, &b.bin);
    }
    mn_scope_close(scope);
    mn_text_free(&json);
    mn_text_free(&b.bin);
    mn_text_free(&b.views);
    mn_text_free(&b.accessors);
    free(b.from_v);
    free(b.from_uv);
    free(b.indices);
    free(b.row);
    return mn_errcode();
}
