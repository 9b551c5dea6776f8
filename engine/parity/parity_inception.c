/* parity_inception.c -- Inception-v3's FID features against published numbers, with both front ends.  Goldens hold the
 * steps of the first 256-pixel picture only, every 32nd channel and every 5th row and column; of the enlarged pictures
 * every 13th row and 11th column. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "draw.h"
#include "parity.h"
#include "../metrics.h"

typedef struct listener { mn_parity *p; const char *prefix; } listener;

static void keep(void *data, const char *name, mn_tensor *t) {
    listener *l = data;
    bool input = !strcmp(name, "resized");
    mn_parity_put(l->p, mn_parity_every(t, input ? (int64_t[]){1, 1, 13, 11} : (int64_t[]){1, 32, 5, 5}), "%s.%s", l->prefix, name);
}

static mn_status network_goldens(mn_parity *p, mn_model *m) {
    static const char *const fronts[] = {"nv", "pf"};
    const mn_method *features = m->def->methods;
    int at = 0;
    for (const char *picture; (picture = mn_parity_between(p, &at, "in.", ""));)
        for (int f = 0; f < 2 && !mn_errcode(); f++) {
            char prefix[200];
            mn_scope scope = mn_scope_open();
            snprintf(prefix, sizeof prefix, "%s.%s", fronts[f], picture);
            listener l = {p, prefix};
            mn_tensor *x = mn_parity_in(p, MN_U8, 4, "in.%s", picture), *y = NULL;
            mn_parity_listen(keep, &l);
            features->run(m, &x, (double[]){f}, &y);
            mn_parity_listen(NULL, NULL);
            mn_parity_put(p, y, "%s.features", prefix);
            mn_scope_close(scope);
        }
    return mn_errcode();
}

/* ---- FID and KID on feature sets that the golden names: x = max(0, z scale + common load + mean), rounded at every step ---- */

static mn_tensor *feature_set(uint32_t seed, const char *name, const char *side, int64_t n, int64_t d) {
    static const struct { const char *part; float lo, hi; } row[3] = {{"scale", 0.1f, 0.5f}, {"load", -0.3f, 0.3f}, {"mean", 0, 0.6f}};
    char full[96];
    mn_tensor *x = mn_empty(MN_F32, MN_DIMS(n, d)), *common = mn_empty(MN_F32, MN_DIMS(n)), *r[3];
    for (int k = 0; k < 3; k++) {
        r[k] = mn_empty(MN_F32, MN_DIMS(d));
        snprintf(full, sizeof full, "feat.%s.%s.%s", name, side, row[k].part);
        if (r[k]) mn_draw_uniform(seed, full, row[k].lo, row[k].hi, d, r[k]->data);
    }
    if (mn_errcode()) return NULL;
    snprintf(full, sizeof full, "feat.%s.%s.z", name, side);
    mn_draw_normal(seed, full, n * d, x->data);
    snprintf(full, sizeof full, "feat.%s.%s.common", name, side);
    mn_draw_normal(seed, full, n, common->data);
    const float *c = common->data, *scale = r[0]->data, *load = r[1]->data, *mean = r[2]->data;
    for (int64_t i = 0; i < n * d; i++) {
        float *v = (float *)x->data + i;
        volatile float own = *v * scale[i % d], shared = c[i / d] * load[i % d], sum = own + shared;
        *v = sum + mean[i % d] > 0 ? sum + mean[i % d] : 0;
    }
    return x;
}

static mn_status put_number(mn_parity *p, double v, const char *name, const char *what) {   /* as the pair hi + lo */
    float pair[2] = {(float)v, (float)(v - (float)v)};
    return mn_parity_put(p, mn_from(MN_F32, MN_DIMS(2), pair), "%s.%s", name, what);
}

static mn_status statistics(mn_parity *p, uint32_t seed, const char *name, const char *sizes) {
    long long n = 0, m = 0, d = 0, e = 0;
    if (sscanf(sizes, "real %lldx%lld gen %lldx%lld", &n, &d, &m, &e) != 4 || d != e || n < 2 || m < 2 || d < 1 || n * d > 1 << 28 || m * d > 1 << 28)
        return mn_fail(MN_EFORMAT, "metadata %s: sizes as 'real NxD gen MxD' expected, got '%.60s'", name, sizes);
    mn_tensor *real = feature_set(seed, name, "real", n, d), *gen = feature_set(seed, name, "gen", m, d);
    mn_tensor *rows[2] = {mn_parity_in(p, MN_I32, 2, "%s.kid_real_idx", name), mn_parity_in(p, MN_I32, 2, "%s.kid_gen_idx", name)};
    if (!real || !gen) return mn_errcode();
    double fid = 0, unbiased = 0, kid = 0, sums[2] = {0};
    for (int side = 0; side < 2; side++) {
        mn_tensor *x = side ? gen : real;
        for (int64_t i = 0; i < x->n; i++) sums[side] += ((const float *)x->data)[i];
        mn_tensor *head = mn_call(slice, T(mn_call(slice, T(x), {"axis", 0}, {"stop", 4})), {"axis", 1}, {"stop", d < 64 ? d : 64});
        mn_parity_put(p, head, "%s.%s_head", name, side ? "gen" : "real");
    }
    float hi[2] = {(float)sums[0], (float)sums[1]};
    mn_parity_put(p, mn_from(MN_F32, MN_DIMS(4), (float[]){hi[0], (float)(sums[0] - hi[0]), hi[1], (float)(sums[1] - hi[1])}), "%s.sums", name);
    if (mn_fid(real, gen, false, &fid) || mn_fid(real, gen, true, &unbiased)) return mn_errcode();
    put_number(p, unbiased, name, "fid_unbiased");
    put_number(p, fid, name, "fid");
    put_number(p, fid, name, "fid_eig");
    if (!rows[0] || !rows[1]) return mn_errcode();
    if (mn_kid(real, gen, rows[0]->shape[0], rows[0]->shape[1], rows[0], rows[1], NULL, &kid)) return mn_errcode();
    put_number(p, kid, name, "kid");
    return put_number(p, kid, name, "kid_official_f32");
}

static mn_status run(mn_parity *p, mn_model *m) {
    const char *seed = mn_parity_meta(p, "seed");
    int at = 0;
    if (!mn_parity_between(p, &at, "", ".fid"))
        return m ? network_goldens(p, m) : mn_fail(MN_EARG, "this golden needs a model file, got '-'");
    if (!seed) return mn_fail(MN_EFORMAT, "metadata: no seed, from which the features are drawn");
    at = 0;
    for (const char *set; !mn_errcode() && (set = mn_parity_between(p, &at, "", ".fid"));) {
        const char *sizes = mn_parity_meta(p, set);
        mn_scope scope = mn_scope_open();
        if (sizes) statistics(p, (uint32_t)strtoul(seed, NULL, 10), set, sizes);
        mn_scope_close(scope);
    }
    return mn_errcode();
}

static const char *const inputs[] = {"in.*", "*.kid_*_idx", NULL};
static const mn_parity_bar bars[] = {{"*.fid*", 1e-6}, {"*.kid*", 1e-6}, {"*_head", 0}, {"*", 1e-5}, {0}};
const mn_parity_kind mn_parity_inception = {"inception", false, inputs, bars, run};
