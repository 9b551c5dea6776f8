/* parity.c -- comparing with a golden file (parity.h). */
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parity.h"
#include "../models/trace.h"

enum { NAME = 160 };
typedef struct entry { char name[NAME]; mn_tensor *t; double least; } entry;
struct mn_parity { mn_st *golden; entry *entries; int n, cap; char between[NAME]; };

#define MN_PARITY(name) extern const mn_parity_kind mn_parity_##name;
#include "parity.def"
#undef MN_PARITY
static const mn_parity_kind *const kinds[] = {
#define MN_PARITY(name) &mn_parity_##name,
#include "parity.def"
#undef MN_PARITY
};

/* ---- names ---- */

/* A golden's name without the mark of the precision it was computed in. */
static const char *plain(const char *name) {
    return !strncmp(name, "f64r.", 5) ? name + 5 : !strncmp(name, "f32.", 4) ? name + 4 : name;
}
static bool wanted(const mn_parity *p, const char *name) {
    for (int i = 0; i < mn_st_count(p->golden); i++)
        if (!strcmp(plain(mn_st_name(p->golden, i)), name)) return true;
    return false;
}

bool mn_parity_has(const mn_parity *p, const char *fmt, ...) {
    char name[NAME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return wanted(p, name);
}

mn_tensor *mn_parity_input(mn_parity *p, bool needed, mn_dtype dtype, int nd, const char *fmt, ...) {
    char name[NAME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (!mn_st_has(p->golden, name)) {
        if (needed) mn_fail(MN_EFORMAT, "no tensor '%s', from which others are computed", name);
        return NULL;
    }
    mn_tensor *t = mn_st_get(p->golden, name);
    if (t && (t->dtype != dtype || t->nd != nd)) {
        mn_fail(MN_ESHAPE, "tensor '%s': %s with %d axes expected, got %s %s", name, mn_dtype_name(dtype), nd, mn_dtype_name(t->dtype), mn_shape_text(t));
        return NULL;
    }
    return t && (dtype == MN_F32 || dtype == MN_I32) ? mn_to(t, mn_device_now()) : t;
}

const char *mn_parity_between(mn_parity *p, int *at, const char *before, const char *after) {
    size_t front = strlen(before), back = strlen(after);
    while (*at < mn_st_count(p->golden)) {
        const char *name = plain(mn_st_name(p->golden, (*at)++));
        size_t n = strlen(name);
        if (n <= front + back || n - front - back >= NAME || strncmp(name, before, front) || strcmp(name + n - back, after)) continue;
        snprintf(p->between, sizeof p->between, "%.*s", (int)(n - front - back), name + front);
        return p->between;
    }
    return NULL;
}

const char *mn_parity_meta(mn_parity *p, const char *key) { return mn_st_meta(p->golden, key); }

static entry *find(mn_parity *p, const char *name) {
    for (int i = 0; i < p->n; i++) if (!strcmp(p->entries[i].name, name)) return &p->entries[i];
    return NULL;
}

mn_status mn_parity_put(mn_parity *p, mn_tensor *t, const char *fmt, ...) {
    char name[NAME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (!t) return mn_errcode();
    if (!wanted(p, name) || find(p, name)) return MN_OK;
    if (p->n == p->cap) {
        int cap = p->cap ? 2 * p->cap : 32;
        entry *grown = realloc(p->entries, (size_t)cap * sizeof *grown);
        if (!grown) return mn_fail(MN_ENOMEM, "parity: out of memory");
        p->entries = grown;
        p->cap = cap;
    }
    mn_scope scope = mn_scope_open();
    mn_tensor *copy = t->device == MN_CPU ? mn_clone(t) : mn_to(t, MN_CPU);
    if (copy) {
        entry *e = &p->entries[p->n++];
        *e = (entry){0};
        snprintf(e->name, sizeof e->name, "%s", name);
        e->t = mn_retain(copy);
    }
    mn_scope_close(scope);
    return mn_errcode();
}

void mn_parity_least(mn_parity *p, const char *name, double least) {
    entry *e = find(p, name);
    if (e) e->least = least;
}

/* ---- small tools of the kinds ---- */

mn_tensor *mn_parity_every(mn_tensor *t, const int64_t *step) {
    if (!(t = mn_to(t, MN_CPU))) return NULL;
    int64_t shape[MN_MAXD], at[MN_MAXD] = {0}, stride[MN_MAXD], s = 1;
    for (int d = t->nd - 1; d >= 0; d--) {
        shape[d] = (t->shape[d] + step[d] - 1) / step[d];
        stride[d] = s;
        s *= t->shape[d];
    }
    mn_tensor *y = mn_empty_host(t->dtype, t->nd, shape);
    size_t size = mn_dtype_size(t->dtype);
    for (int64_t i = 0; y && i < y->n; i++) {
        int64_t from = 0;
        for (int d = 0; d < t->nd; d++) from += at[d] * step[d] * stride[d];
        memcpy((char *)y->data + (size_t)i * size, (const char *)t->data + (size_t)from * size, size);
        for (int d = t->nd - 1; d >= 0 && ++at[d] == shape[d]; d--) at[d] = 0;
    }
    return y;
}

mn_tensor *mn_parity_floats(mn_tensor *u8, double scale, double shift) {
    if (!u8) return NULL;
    mn_tensor *y = mn_empty_host(MN_F32, u8->nd, u8->shape);
    for (int64_t i = 0; y && i < y->n; i++) ((float *)y->data)[i] = (float)(scale * ((const uint8_t *)u8->data)[i] + shift);
    return mn_to(y, mn_device_now());
}

mn_status mn_parity_call(mn_model *m, const char *name, mn_tensor *const *in, mn_tensor **out) {
    double attr[MN_MAX_ATTR] = {0};
    for (const mn_method *p = m->def->methods; p->name; p++) {
        if (strcmp(p->name, name)) continue;
        for (int a = 0; a < MN_MAX_ATTR && p->attrs[a].name; a++) attr[a] = p->attrs[a].def;
        return p->run(m, in, attr, out);
    }
    return mn_fail(MN_EINTERNAL, "%s has no method '%s'", m->def->name, name);
}

void mn_parity_listen(void (*note)(void *, const char *, mn_tensor *), void *data) {
    mn_trace.note = note;
    mn_trace.data = data;
}

/* ---- comparison ---- */

static double number(const mn_tensor *t, int64_t i) {
    switch (t->dtype) {
    case MN_F32: return ((const float *)t->data)[i];
    case MN_F64: return ((const double *)t->data)[i];
    case MN_I32: return ((const int32_t *)t->data)[i];
    case MN_U8: return ((const uint8_t *)t->data)[i];
    default: return NAN;
    }
}

typedef struct error { double rel, max; } error;
static error measure(const mn_tensor *a, const mn_tensor *b, double least) {
    double d2 = 0, b2 = least * least, max = 0;
    for (int64_t i = 0; i < b->n; i++) {
        double x = number(b, i), d = fabs(number(a, i) - x);
        d2 += d * d;
        b2 += x * x;
        max = d <= max ? max : d > max ? d : INFINITY;   /* NaN is never equal */
    }
    return (error){sqrt(b2 > 0 ? d2 / b2 : d2), max};    /* against all zeros: the error itself */
}

/* Same sizes but for leading rows, of which a golden may hold the first. */
static bool comparable(const mn_tensor *a, const mn_tensor *b) {
    if (a->n < b->n || a->nd != b->nd) return false;
    for (int d = 1; d < a->nd; d++) if (a->shape[d] != b->shape[d]) return false;
    return true;
}

static bool matches(const char *const *patterns, const char *name) {
    for (; *patterns; patterns++) if (!fnmatch(*patterns, name, 0)) return true;
    return false;
}

typedef struct report { mn_parity_print print; void *arg; int good, bad, absent; } report;
static void say(report *r, const char *fmt, ...) {
    char line[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (r->print) r->print(r->arg, line);
}

static mn_status compare(mn_parity *p, const mn_parity_kind *kind, report *r) {
    say(r, "%-42s %-18s %12s %12s %10s", "tensor", "shape", "rel. L2", "largest", "allowed");
    for (int i = 0; i < mn_st_count(p->golden) && !mn_errcode(); i++) {
        const char *name = mn_st_name(p->golden, i);
        if (matches(kind->inputs, name)) continue;
        mn_scope scope = mn_scope_open();
        entry *e = find(p, plain(name));
        mn_tensor *g = mn_st_get(p->golden, name);
        if (g && g->dtype == MN_F16) g = mn_cast(g, MN_F32);
        const mn_parity_bar *bar = kind->bars;
        while (bar->pattern && fnmatch(bar->pattern, plain(name), 0)) bar++;
        double tol = bar->pattern ? bar->tol : 0;
        if (!e) {
            say(r, "%-42s %-18s not computed by mien", name, mn_shape_text(g));
            r->absent++;
        } else if (g && !comparable(e->t, g)) {
            say(r, "%-42s %-18s we have %s  WRONG SHAPE", name, mn_shape_text(g), mn_shape_text(e->t));
            r->bad++;
        } else if (g) {
            error err = measure(e->t, g, e->least);
            bool good = tol > 0 ? err.rel <= tol : err.max == 0;
            say(r, "%-42s %-18s %12.3g %12.3g %10.1g  %s", name, mn_shape_text(g), err.rel, err.max, tol, good ? "ok" : "OUT");
            *(good ? &r->good : &r->bad) += 1;
        }
        mn_scope_close(scope);
    }
    say(r, "%d within bounds, %d out, %d not computed%s", r->good, r->bad, r->absent,
        r->absent ? ": these are none of the numbers known of this model, or an input of theirs is missing" : "");
    return mn_errcode();
}

/* Everything computed, under the golden's names and shapes. */
static mn_status write_dump(mn_parity *p, const mn_parity_kind *kind, const char *path) {
    int all = mn_st_count(p->golden), n = 0;
    const char **names = calloc((size_t)all + 1, sizeof *names);
    mn_tensor **tensors = calloc((size_t)all + 1, sizeof *tensors);
    mn_status s = names && tensors ? MN_OK : mn_fail(MN_ENOMEM, "parity: out of memory");
    for (int i = 0; i < all && !s; i++) {
        const char *name = mn_st_name(p->golden, i);
        entry *e = matches(kind->inputs, name) ? NULL : find(p, plain(name));
        mn_tensor *g = e ? mn_st_get(p->golden, name) : NULL;
        if (!e || !g || !comparable(e->t, g)) continue;
        names[n] = name;
        tensors[n++] = mn_cast(mn_view(e->t, g->nd, g->shape, 0), g->dtype == MN_I32 ? MN_I32 : e->t->dtype);   /* what is whole stays so */
        s = mn_errcode();
    }
    if (!s) s = mn_st_save(path, n, names, tensors, 0, NULL);
    free(names);
    free(tensors);
    return s;
}

const char *mn_parity_model(int i) { return i >= 0 && i < (int)(sizeof kinds / sizeof *kinds) ? kinds[i]->name : NULL; }

static const mn_parity_kind *kind_of(const char *name) {
    char list[200] = "";
    const char *known;
    for (int i = 0; (known = mn_parity_model(i)); i++) {
        if (!strcmp(known, name)) return kinds[i];
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", known);
    }
    mn_fail(MN_ENOTFOUND, "no model '%.60s' to compare; there are %s", name, list);
    return NULL;
}

mn_status mn_parity_run(const char *kind_name, const char *checkpoint, const char *golden, const char *dump, mn_device device, mn_parity_print print, void *arg, bool *fits) {
    *fits = false;
    if (mn_errcode()) return mn_errcode();
    const mn_parity_kind *kind = kind_of(kind_name);
    if (!kind) return mn_errcode();
    if (kind->needs_model && !strcmp(checkpoint, "-")) return mn_fail(MN_EARG, "%s: a model file expected, got '-'", kind->name);
    mn_scope scope = mn_scope_open();
    mn_parity p = {.golden = mn_st_open(golden)};
    mn_model *m = p.golden && strcmp(checkpoint, "-") ? mn_model_load(checkpoint, false) : NULL;
    report r = {print, arg, 0, 0, 0};
    if (m && strcmp(m->def->name, kind->name)) mn_fail(MN_EARG, "%s: a %s expected, it holds a %s", checkpoint, kind->name, m->def->name);
    if (m) mn_model_to(m, device);
    const mn_device made = mn_device_use(m ? device : MN_CPU);          /* what needs no model is f64 arithmetic of the host */
    if (!mn_errcode()) {
        if (!kind->run(&p, m) && !p.n) mn_fail(MN_EFORMAT, "none of its %d tensors is computed for %s; is it a golden of that model?", mn_st_count(p.golden), kind->name);
        mn_fail_context("%s", golden);
    }
    mn_device_use(made);
    mn_parity_listen(NULL, NULL);
    if (!mn_errcode()) compare(&p, kind, &r);
    if (!mn_errcode() && dump) write_dump(&p, kind, dump);
    *fits = !mn_errcode() && r.good > 0 && !r.bad && !r.absent;
    for (int i = 0; i < p.n; i++) mn_release(p.entries[i].t);
    free(p.entries);
    mn_model_release(m);
    if (p.golden) mn_st_close(p.golden);
    mn_scope_close(scope);
    return mn_errcode();
}
