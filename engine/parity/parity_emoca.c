/* parity_emoca.c -- EMOCA's encoders against published numbers.  Goldens hold every 16th or 64th channel and every 7th
 * row and column of the maps. */
#include "parity.h"
#include <fnmatch.h>
#include "../ops/shape.h"

static void keep(void *p, const char *name, mn_tensor *t) {
    int64_t step = fnmatch("*.stem", name, 0) ? 64 : 16;
    mn_parity_put(p, t->nd == 4 ? mn_parity_every(t, (int64_t[]){1, step, 7, 7}) : t, "%s", name);
}

/* The photograph cut by each set of landmarks. */
static mn_status crops(mn_parity *p, mn_model *m) {
    mn_tensor *photo = mn_parity_in(p, MN_U8, 3, "in.photo_hwc"), *r[3] = {NULL};
    int at = 0;
    for (const char *set; photo && !mn_errcode() && (set = mn_parity_between(p, &at, "in.kpt_", ""));) {
        if (mn_parity_call(m, "crop", (mn_tensor *[]){photo, mn_parity_in(p, MN_F32, 2, "in.kpt_%s", set)}, r)) break;
        mn_parity_put(p, mn_view(r[0], 3, r[0]->shape + 1, 0), "crop_%s.image", set);
        mn_parity_put(p, r[1], "crop_%s.tform", set);
        mn_parity_put(p, r[2], "crop_%s.size", set);
    }
    return mn_errcode();
}

static mn_status run(mn_parity *p, mn_model *m) {
    mn_tensor *x = mn_parity_floats(mn_parity_need(p, MN_U8, 4, "in.img"), 1 / 255.0, 0), *code[2] = {NULL}, *part[4] = {NULL}, *look[2] = {NULL};
    if (!x) return mn_errcode();
    mn_parity_listen(keep, p);
    mn_parity_call(m, "encode", &x, code);
    mn_parity_listen(NULL, NULL);
    if (mn_parity_call(m, "split", code, part) || mn_parity_call(m, "appearance", code, look)) return mn_errcode();
    static const char *const names[4] = {"shape", "exp", "pose", "cam"};
    for (int k = 0; k < 4; k++) mn_parity_put(p, part[k], "code.%s", names[k]);
    mn_parity_put(p, look[0], "code.tex");
    mn_parity_put(p, mn_reshape(look[1], 3, (int64_t[]){x->shape[0], 9, 3}), "code.light");
    if (crops(p, m)) return mn_errcode();
    /* E_flame's own expression, which the released model leaves unused: columns 150 to 199 */
    return mn_parity_put(p, mn_call(slice, T(code[0]), {"axis", 1}, {"start", 150}, {"stop", 200}), "code.exp_coarse");
}

static const char *const inputs[] = {"in.*", NULL};
static const mn_parity_bar bars[] = {{"crop_*.size", 0}, {"crop_*", 1e-6}, {"*", 1e-5}, {0}};
const mn_parity_kind mn_parity_emoca = {"emoca", true, inputs, bars, run};
