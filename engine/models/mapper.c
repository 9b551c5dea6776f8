/* mapper.c -- Dual Mappers: one learned edit, of a texture code and an expression code together.  Each mapper
 * looks at the other's code through cross attention (eq. 5 of the method this project implements):
 *
 *   Texture Mapper   A_T = softmax(Q_alpha K_w^T / sqrt d),   dw     = M_T(A_T V_w)      one query, keys the edited rows of w
 *   Emotion Mapper   A_E = softmax(Q_w K_alpha^T / sqrt d),   dalpha = M_E(A_E V_alpha)  a query a row, keys the codes of alpha
 *   w' = w + strength dw,   alpha' = alpha + strength dalpha
 *
 * What the equations leave open, chosen here: M_T serves all rows, and sees beside A_T V_w the row itself and
 * a learned vector that tells the rows apart; a token of alpha is a learned vector times the code plus another;
 * the answers to the rows' queries are averaged, and M_E sees alpha too.  Inputs enter with their second moment
 * divided out (as in StyleGAN2's mapping); a nearly neutral alpha stays small: ALPHA_EPS.  The last layers start
 * at zero, so a fresh mapper changes nothing.  cross = false, for comparison: each mapper sees only its own code.
 *
 * Learning rates are equalised: stored weights are used times lr_mul / sqrt(fan in), biases times lr_mul. */
#include <math.h>
#include "layers.h"
#include "../ops/shape.h"

static const double W_EPS = 1e-8, ALPHA_EPS = 1e-2;

typedef struct plan { int64_t w, e, rows, first, count, d, hidden; int layers; bool cross; double lr; } plan;

static mn_status plan_of(mn_model *m, plan *p) {
    *p = (plan){.w = mn_config_int(m, "w_dim"), .e = mn_config_int(m, "expr"), .rows = mn_config_int(m, "rows"), .first = mn_config_int(m, "edit_first"),
                .count = mn_config_int(m, "edit_count"), .d = mn_config_int(m, "d"), .hidden = mn_config_int(m, "hidden"),
                .layers = (int)mn_config_int(m, "layers"), .cross = mn_config(m, "cross") != 0, .lr = mn_config(m, "lr_mul")};
    if (mn_errcode()) return mn_errcode();
    if (p->first < 0 || p->count < 1 || p->first + p->count > p->rows)
        return mn_fail(MN_EARG, "mapper: edit_first %lld and edit_count %lld: rows within the %lld given expected", (long long)p->first, (long long)p->count, (long long)p->rows);
    if (p->layers < 1 || p->d < 1 || p->hidden < 1 || !(p->lr > 0))
        return mn_fail(MN_EARG, "mapper: layers, d, hidden and lr_mul: positive numbers expected, got %d, %lld, %lld, %g", p->layers, (long long)p->d, (long long)p->hidden, p->lr);
    return MN_OK;
}

/* ---- layers with equalised rate ---- */

static mn_status declare_fc(mn_model *m, const plan *p, int64_t in, int64_t out, bool zero, const char *name) {
    mn_declare(m, MN_INIT_NORMAL, zero ? 0 : 1 / p->lr, true, MN_DIMS(out, in), "%s.weight", name);
    return mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(out), "%s.bias", name);
}
static mn_tensor *fc(mn_model *m, const plan *p, const char *name, mn_tensor *x) {
    mn_tensor *w = mn_weight(m, "%s.weight", name), *b = mn_weight(m, "%s.bias", name);
    if (!w) return NULL;
    w = mn_call(affine, T(w), {"scale", p->lr / sqrt((double)w->shape[1])});
    return mn_call(linear, T(x, w, p->lr == 1 ? b : mn_call(affine, T(b), {"scale", p->lr})));
}
static mn_tensor *hidden(mn_model *m, const plan *p, const char *name, mn_tensor *x) {
    for (int k = 1; k < p->layers; k++) x = mn_call(lrelu, T(fc(m, p, mn_join("%s.fc%d", name, k).text, x)));
    return x;
}

static mn_status build(mn_model *m) {
    plan p;
    if (plan_of(m, &p)) return mn_errcode();
    declare_fc(m, &p, p.w, p.hidden, false, "texture.row");
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(p.count, p.hidden), "texture.embedding");
    declare_fc(m, &p, p.e, p.hidden, false, "emotion.alpha");
    if (p.cross) {
        declare_fc(m, &p, p.e, p.d, false, "texture.query");
        declare_fc(m, &p, p.w, p.d, false, "texture.key");
        declare_fc(m, &p, p.w, p.d, false, "texture.value");
        declare_fc(m, &p, p.d, p.hidden, false, "texture.attended");
        declare_fc(m, &p, p.w, p.d, false, "emotion.query");
        static const char *const tokens[] = {"key", "value"};
        for (int k = 0; k < 2; k++) {
            mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(p.e, p.d), "emotion.%s.slope", tokens[k]);
            mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(p.e, p.d), "emotion.%s.base", tokens[k]);
        }
        declare_fc(m, &p, p.d, p.hidden, false, "emotion.attended");
    }
    for (int k = 1; k < p.layers; k++) {
        declare_fc(m, &p, p.hidden, p.hidden, false, mn_join("texture.fc%d", k).text);
        declare_fc(m, &p, p.hidden, p.hidden, false, mn_join("emotion.fc%d", k).text);
    }
    declare_fc(m, &p, p.hidden, p.w, true, "texture.last");
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(p.count, p.w), "texture.shift");
    return declare_fc(m, &p, p.hidden, p.e, true, "emotion.last");
}

/* ---- the two mappers ---- */

/* u [N,R,W] normalised rows, alpha [N,E] normalised -> dw [N,R,W] */
static mn_tensor *texture(mn_model *m, const plan *p, mn_tensor *u, mn_tensor *alpha) {
    mn_scope scope = mn_scope_open();
    mn_tensor *h = mn_call(add, T(fc(m, p, "texture.row", u), mn_weight(m, "texture.embedding")));
    if (p->cross && u) {
        mn_tensor *q = mn_reshape(fc(m, p, "texture.query", alpha), 3, (int64_t[]){u->shape[0], 1, p->d});
        mn_tensor *a = mn_call(attention, T(q, fc(m, p, "texture.key", u), fc(m, p, "texture.value", u)));
        h = mn_call(affine, T(mn_call(add, T(h, fc(m, p, "texture.attended", a)))), {"scale", sqrt(0.5)});
    }
    h = hidden(m, p, "texture", mn_call(lrelu, T(h)));
    mn_tensor *shift = mn_call(affine, T(mn_weight(m, "texture.shift")), {"scale", p->lr});
    return mn_scope_leave(scope, mn_call(add, T(fc(m, p, "texture.last", h), shift)));
}

/* Code i of alpha as a token: alpha_i slope_i + base_i, [N,E,d]. */
static mn_tensor *tokens(mn_model *m, const char *name, mn_tensor *alpha, int64_t n, int64_t e) {
    mn_tensor *a = mn_reshape(alpha, 3, (int64_t[]){n, e, 1});
    return mn_call(add, T(mn_call(mul, T(a, mn_weight(m, "%s.slope", name))), mn_weight(m, "%s.base", name)));
}

static mn_tensor *emotion(mn_model *m, const plan *p, mn_tensor *u, mn_tensor *alpha) {
    mn_scope scope = mn_scope_open();
    mn_tensor *h = fc(m, p, "emotion.alpha", alpha);
    if (p->cross && alpha) {
        int64_t n = alpha->shape[0];
        mn_tensor *k = tokens(m, "emotion.key", alpha, n, p->e), *v = tokens(m, "emotion.value", alpha, n, p->e);
        mn_tensor *a = mn_call(attention, T(fc(m, p, "emotion.query", u), k, v));
        a = mn_call(mean, T(a), {"axis", 1});
        h = mn_call(affine, T(mn_call(add, T(h, fc(m, p, "emotion.attended", a)))), {"scale", sqrt(0.5)});
    }
    h = hidden(m, p, "emotion", mn_call(lrelu, T(h)));
    return mn_scope_leave(scope, fc(m, p, "emotion.last", h));
}

static mn_status run_edit(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    plan p;
    mn_tensor *ws = in[0], *alpha = in[1];
    if (plan_of(m, &p) || mn_expect(m, "edit", "ws", ws, 3, (int64_t[]){-1, p.rows, p.w})
        || mn_expect(m, "edit", "alpha", alpha, 2, (int64_t[]){ws->shape[0], p.e}))
        return mn_errcode();
    mn_tensor *rows = p.count == p.rows ? ws : mn_call(slice, T(ws), {"axis", 1}, {"start", p.first}, {"stop", p.first + p.count});
    mn_tensor *u = mn_unit_moment(rows, W_EPS), *a = mn_unit_moment(alpha, ALPHA_EPS);
    out[2] = texture(m, &p, u, a);
    out[3] = emotion(m, &p, u, a);
    rows = mn_call(add, T(rows, attr[0] == 1 ? out[2] : mn_call(affine, T(out[2]), {"scale", attr[0]})));
    out[1] = mn_call(add, T(alpha, attr[0] == 1 ? out[3] : mn_call(affine, T(out[3]), {"scale", attr[0]})));
    if (p.first > 0) rows = mn_call(concat, T(mn_call(slice, T(ws), {"axis", 1}, {"stop", p.first}), rows), {"axis", 1});
    if (p.first + p.count < p.rows) rows = mn_call(concat, T(rows, mn_call(slice, T(ws), {"axis", 1}, {"start", p.first + p.count})), {"axis", 1});
    out[0] = rows;
    return mn_errcode();
}

static const mn_method methods[] = {
    {"edit", "ws alpha", "edit(ws [N,rows,W], alpha [N,E], {strength}): edited ws and alpha, and the changes dw [N,edited rows,W], dalpha [N,E] before strength",
     {{"strength", 1, "1: as trained; 0: no change"}}, 4, run_edit},
    {0}};

const mn_modeldef mn_model_mapper = {
    .name = "mapper", .doc = "Dual Mappers: one expression edit of texture rows and expression codes", .build = build, .methods = methods,
    .config = "{\"w_dim\":512,\"expr\":50,\"rows\":28,\"edit_first\":14,\"edit_count\":14,\"d\":64,\"hidden\":128,\"layers\":3,\"cross\":true,\"lr_mul\":1}"};
