/* import.c -- the frame of every importer: sources, tensors collected under a scope, metadata, one file written.
 *
 * An importer (import_*.c) asks for tensors by name and shape, says the model's configuration, and returns; here
 * the result is written with the provenance of its sources.  Nothing is written unless everything was found. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "io/import_internal.h"
#include "io/sha256.h"

static const mn_importer *const all[] = {
#define IMPORTER(name) &mn_importer_##name,
#include "io/importers.def"
#undef IMPORTER
};

const mn_importer *const *mn_importers(int *n) {
    *n = (int)(sizeof all / sizeof *all);
    return all;
}

/* ---- notes, options, metadata -------------------------------------------------- */

void import_note(import_job *job, const char *fmt, ...) {
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (job->print) job->print(job->arg, line);
}

int64_t import_option(import_job *job, const char *key, int64_t fallback, int64_t lowest, int64_t highest) {
    size_t n = strlen(key);
    for (int i = 0; i < job->n_options; i++) {
        const char *o = job->options[i];
        char *end;
        if (strncmp(o, key, n) || o[n] != '=') continue;
        long long x = strtoll(o + n + 1, &end, 10);
        if (!o[n + 1] || *end || x < lowest || x > highest)
            mn_fail(MN_EARG, "import %s: option %s: expected a whole number from %lld to %lld, got '%.40s'", job->importer->kind, key, (long long)lowest, (long long)highest, o + n + 1);
        return x;
    }
    return fallback;
}

mn_status import_meta(import_job *job, const char *key, const char *value) {
    if (!value) return mn_errcode();            /* its text did not fit into memory */
    if (job->n_meta == MAX_META) return mn_fail(MN_EINTERNAL, "import %s: more than %d metadata", job->importer->kind, MAX_META);
    char *k = strdup(key), *v = strdup(value);
    job->meta[2 * job->n_meta] = k;
    job->meta[2 * job->n_meta++ + 1] = v;
    return k && v ? MN_OK : mn_fail(MN_ENOMEM, "import: no memory for metadata");
}

void import_config(import_job *job, const char *key, const char *fmt, ...) {
    char value[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    mn_text_addf(&job->config, "%s\"%s\":%s", job->config.size ? "," : "{", key, value);
}

static void json_text(mn_text *out, const mn_pkl_value *v) {
    char text[2000] = "(long text)";
    if (!mn_pkl_copy_text(v, text, sizeof text) || mn_utf8_prefix(text, strlen(text)) != strlen(text)) snprintf(text, sizeof text, "(%zu bytes)", mn_pkl_text(v, &(size_t){ 0 }) ? strlen(text) : 0);
    mn_text_add_json(out, text);
}

void import_json(mn_text *out, const mn_pkl_value *v, int depth) {
    char name[200];
    int64_t i;
    double d;
    bool b;
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    bool sequence = kind == MN_PKL_LIST || kind == MN_PKL_TUPLE || kind == MN_PKL_SET;
    if (depth > 8 || out->size > 1 << 20) mn_text_addf(out, "\"...\"");
    else if (kind == MN_PKL_NONE) mn_text_addf(out, "null");
    else if (mn_pkl_bool(v, &b)) mn_text_addf(out, b ? "true" : "false");
    else if (mn_pkl_int(v, &i)) mn_text_addf(out, "%lld", (long long)i);
    else if (mn_pkl_real(v, &d)) {
        if (d - d == 0) mn_text_addf(out, "%.17g", d);
        else mn_text_addf(out, "\"%g\"", d);                /* JSON has no inf and no nan */
    } else if (kind == MN_PKL_STR) json_text(out, v);
    else if (sequence || kind == MN_PKL_DICT) {
        mn_text_addf(out, sequence ? "[" : "{");
        for (size_t k = 0, written = 0; k < mn_pkl_count(v); k++) {
            if (!sequence && mn_pkl_kind_of(mn_pkl_key_at(v, k)) != MN_PKL_STR) continue;
            if (written++) mn_text_addf(out, ",");
            if (!sequence) json_text(out, mn_pkl_key_at(v, k)), mn_text_addf(out, ":");
            import_json(out, sequence ? mn_pkl_item(v, k) : mn_pkl_value_at(v, k), depth + 1);
        }
        mn_text_addf(out, sequence ? "]" : "}");
    } else {
        mn_pkl_class_text(v, name, sizeof name);
        mn_text_add_json(out, mn_utf8_prefix(name, strlen(name)) == strlen(name) ? name : "(unnamed)");
    }
}

/* ---- sources --------------------------------------------------------------------- */

mn_status import_list(import_source *src, const mn_pkl_value *from) {
    mn_torch_dict_free(src->dict);
    src->dict = mn_torch_dict_new(src->torch, from);
    return src->dict ? MN_OK : mn_errcode();
}

mn_status import_open(import_job *job, const char *path, import_source *src) {
    *src = (import_source){ .torch = mn_torch_open(path) };
    job->reading = path;
    if (!src->torch) return mn_errcode();
    import_note(job, "%s: %s, %zu bytes", path, mn_torch_container_text(mn_torch_container_of(src->torch)), mn_torch_size(src->torch));
    src->root = mn_torch_root(src->torch);
    return mn_torch_verify(src->torch);
}

void import_close(import_source *src) {
    mn_torch_dict_free(src->dict);
    mn_torch_close(src->torch);
    *src = (import_source){ 0 };
}

mn_status import_state_dict(import_job *job, mn_status (*collect)(import_job *, import_source *)) {
    static const char *const wrappers[] = { "state_dict", "model_state_dict", "model" };
    import_source src;
    mn_status s = import_open(job, job->files[0], &src);
    const mn_pkl_value *from = src.root;
    for (int i = 2; i >= 0; i--)
        if (mn_pkl_kind_of(mn_pkl_get(src.root, wrappers[i])) == MN_PKL_DICT) from = mn_pkl_get(src.root, wrappers[i]);
    if (!s) s = import_list(&src, from);
    if (!s) s = collect(job, &src);
    import_close(&src);
    return s;
}

/* ---- tensors ------------------------------------------------------------------- */

static mn_status add(import_job *job, mn_tensor *t, const char *name) {
    if (!t) return mn_errcode();
    if (job->n == job->room) {
        int room = job->room ? 2 * job->room : 64;
        char **names = realloc(job->names, (size_t)room * sizeof *names);
        if (names) job->names = names;
        mn_tensor **tensors = realloc(job->tensors, (size_t)room * sizeof *tensors);
        if (tensors) job->tensors = tensors;
        if (!names || !tensors) return mn_fail(MN_ENOMEM, "import: no memory for %d tensors", room);
        job->room = room;
    }
    if (!(job->names[job->n] = strdup(name))) return mn_fail(MN_ENOMEM, "import: no memory for a name");
    job->tensors[job->n++] = t;
    return MN_OK;
}

mn_status import_add(import_job *job, mn_tensor *t, const char *fmt, ...) {
    char name[1200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return add(job, t, name);
}

mn_tensor *import_take(import_job *job, import_source *src, const char *from, const char *to, int nd, const int64_t *shape, const char *fmt, ...) {
    char tail[300], name[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(tail, sizeof tail, fmt, args);
    va_end(args);
    if (mn_errcode()) return NULL;
    snprintf(name, sizeof name, "%.90s%s", from, tail);
    mn_tensor *t = mn_torch_dict_tensor(src->torch, src->dict, name);
    if (!t) {
        mn_fail_context("this is no %s as published", job->importer->kind);
        return NULL;
    }
    bool fits = mn_ndim(t) == nd;
    char wanted[100] = "[";
    for (int i = 0; i < nd; i++) {
        fits = fits && (shape[i] < 0 || mn_dim(t, i) == shape[i]);
        size_t at = strlen(wanted);
        snprintf(wanted + at, sizeof wanted - at, shape[i] < 0 ? "%sany" : "%s%lld", i ? "," : "", (long long)shape[i]);
    }
    if (!fits) {
        mn_fail(MN_ESHAPE, "this is no %s as published: tensor %s: expected shape %s], found %s", job->importer->kind, name, wanted, mn_shape_text(t));
        return NULL;
    }
    snprintf(name, sizeof name, "%.90s%s", to, tail);
    return add(job, t, name) ? NULL : t;
}

bool import_has(import_source *src, const char *fmt, ...) {
    char name[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return mn_torch_dict_find(src->dict, name) != NULL;
}

mn_status import_norm(import_job *job, import_source *src, const char *from, const char *to, int64_t n, const char *name) {
    static const char *const parts[] = { "weight", "bias", "running_mean", "running_var" };
    for (int i = 0; i < 4; i++) import_take(job, src, from, to, DIMS(n), "%s.%s", name, parts[i]);
    return mn_errcode();
}

/* ---- the whole ------------------------------------------------------------------ */

static bool is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* A folder's files have too many hashes to list; its importer says where they come from. */
static mn_status add_sources(import_job *job) {
    mn_text list = { 0 };
    if (is_folder(job->files[0])) return MN_OK;
    for (int i = 0; i < job->n_files; i++) {
        char hash[65];
        const char *slash = strrchr(job->files[i], '/'), *name = slash ? slash + 1 : job->files[i];
        mn_mapping *m = mn_mapping_open(job->files[i]);
        if (!m || mn_sha256_file(job->files[i], hash)) {
            mn_mapping_release(m);
            break;
        }
        mn_text_addf(&list, "%s{\"file\":", i ? "," : "[");
        mn_text_add_json(&list, mn_utf8_prefix(name, strlen(name)) == strlen(name) ? name : "?");
        mn_text_addf(&list, ",\"bytes\":%zu,\"sha256\":\"%s\"}", m->size, hash);
        import_note(job, "%s: sha256 %s", name, hash);
        mn_mapping_release(m);
    }
    mn_text_addf(&list, "]");
    mn_status s = mn_errcode() ? mn_errcode() : import_meta(job, "mien.sources", list.s);
    mn_text_free(&list);
    return s;
}

static mn_status write_out(import_job *job, const char *out) {
    if (!job->config.size) mn_text_addf(&job->config, "{");
    mn_text_addf(&job->config, "}");
    if (job->config.failed || import_meta(job, "mien.kind", job->importer->kind) || import_meta(job, "mien.config", job->config.s) || add_sources(job) ||
        import_meta(job, "mien.importer", "mien " MN_VERSION)) return mn_errcode();
    double bytes = 0;
    for (int i = 0; i < job->n; i++) bytes += (double)mn_count(job->tensors[i]) * (double)mn_dtype_size(mn_dtype_of(job->tensors[i]));
    mn_status s = mn_st_save(out, job->n, (const char *const *)job->names, job->tensors, job->n_meta, (const char *const *)job->meta);
    if (!s) import_note(job, "%s: %d tensors, %.1f MB; configuration %s", out, job->n, bytes / 1e6, job->config.s);
    return s;
}

static const mn_importer *find(const char *kind) {
    mn_text list = { 0 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!strcmp(all[i]->kind, kind)) {
            mn_text_free(&list);
            return all[i];
        }
        mn_text_addf(&list, "%s%s", i ? ", " : "", all[i]->kind);
    }
    mn_fail(MN_ENOTFOUND, "import: no kind '%.60s'; there are %s", kind, list.s);
    mn_text_free(&list);
    return NULL;
}

/* KEY=VALUE with a key of small letters; a file's name may have '=' in it too. */
static bool is_option(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    return n && text[n] == '=';
}

static mn_status check_option(const mn_importer *importer, const char *text) {
    mn_text list = { 0 };
    bool known = false;
    for (const char *const *o = importer->options; o && *o; o++) {
        known = known || (!strncmp(*o, text, strlen(*o)) && text[strlen(*o)] == '=');
        mn_text_addf(&list, "%s%s", list.size ? ", " : "there are ", *o);
    }
    if (!known) mn_fail(MN_EARG, "import %s: unknown option '%.60s'; %s", importer->kind, text, list.size ? list.s : "there are none");
    mn_text_free(&list);
    return mn_errcode();
}

mn_status mn_import(const char *kind, int n_sources, const char *const *sources, const char *out, mn_line_fn print, void *arg) {
    import_job job = { .importer = find(kind), .print = print, .arg = arg };
    if (!job.importer) return mn_errcode();
    for (int i = 0; i < n_sources; i++) {
        bool option = is_option(sources[i]);
        if (option && check_option(job.importer, sources[i])) return mn_errcode();
        int *n = option ? &job.n_options : &job.n_files;
        if (*n == MAX_SOURCES) return mn_fail(MN_EARG, "import %s: more than %d files or options", kind, MAX_SOURCES);
        (option ? job.options : job.files)[(*n)++] = sources[i];
    }
    if (job.n_files < job.importer->min_files || job.n_files > job.importer->max_files)
        return mn_fail(MN_EARG, "import %s: expected %s, got %d files", kind, job.importer->files, job.n_files);
    mn_scope scope = mn_scope_open();
    mn_status s = job.importer->run(&job);
    if (!s) s = write_out(&job, out);
    mn_scope_close(scope);
    for (int i = 0; i < job.n; i++) free(job.names[i]);
    for (int i = 0; i < 2 * job.n_meta; i++) free(job.meta[i]);
    free(job.names);
    free(job.tensors);
    mn_text_free(&job.config);
    if (s && job.reading && !strstr(mn_errmsg(), job.reading)) mn_fail_context("%s", job.reading);      /* readers name it themselves */
    return s ? mn_fail_context("import %s", kind) : MN_OK;
}
