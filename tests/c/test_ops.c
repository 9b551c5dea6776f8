/* test_ops.c -- every op of the table against the lines of tests/op_cases.txt.
 *
 * For each line: (1) f64 gradients of every differentiable input against central
 * differences of  sum(cotangent * output)  with random cotangents; (2) backward twice
 * gives the same bits; (3) f32 values and gradients against f64, (4) no tensor is left, and no kernel wrote outside its results.
 * An op without a line fails, and so does an input with a gradient that no line checks: where '!' leaves one out everywhere, (5) backward
 * must give it none.  `test_ops NAME` runs one op.  MIEN_DEVICE=cuda leaves (1) out and runs (3) on the GPU;
 * with the emulator of tests/cuda/ linked in, on that.
 *
 * Step h = 1e-4 * max(1,|x|), fourth-order differences: truncation ~ h^4, rounding ~ 1e-16/h,
 * so agreement to 1e-6 (relative to the largest gradient entry) leaves two digits of slack. */
#include <stdlib.h>
#include "internal.h"
#include "check.h"
#include "fake_gpu.h"

enum { LINE = 2000, OPS = 128 };
typedef struct { char gen[24]; double p0, p1; int nd; int64_t shape[MN_MAXD]; bool given, frozen; } input;
typedef struct { const mn_opdef *def; int nin; input in[MN_MAX_IN]; int nattr; mn_attr attr[MN_MAX_ATTR]; char names[MN_MAX_ATTR][24]; char text[LINE]; } test_case;

static mn_device device;                         /* of the f32 runs */

static bool parse_input(const char *spec, input *in) {
    double shape[MN_MAXD];
    const char *open = strchr(spec, '['), *paren = strchr(spec, '(');
    if (!open) return false;
    size_t len = (size_t)((paren && paren < open ? paren : open) - spec);
    snprintf(in->gen, sizeof in->gen, "%.*s", (int)len, spec);
    if (paren && paren < open) in->nd = sscanf(paren, "(%lf,%lf", &in->p0, &in->p1);
    in->nd = 0;
    for (const char *p = open + 1; *p && *p != ']';) {
        char *end;
        shape[in->nd] = strtod(p, &end);
        if (end == p || in->nd == MN_MAXD) return false;
        in->shape[in->nd] = (int64_t)shape[in->nd];
        in->nd++;
        p = *end == ',' ? end + 1 : end;
    }
    in->given = true;
    return true;
}

static bool parse_case(const char *line, test_case *c) {
    char copy[LINE], *save = NULL, names[MN_MAX_IN][32];
    bool optional[MN_MAX_IN], variadic, attrs = false;
    memset(c, 0, sizeof *c);
    snprintf(c->text, sizeof c->text, "%s", line);
    snprintf(copy, sizeof copy, "%s", line);
    char *word = strtok_r(copy, " \t\n", &save);
    if (!(c->def = mn_op_find(word))) { fprintf(stderr, "op_cases: no op '%s'\n", word); return false; }
    int declared = mn_op_inputs(c->def, names, optional, &variadic);
    while ((word = strtok_r(NULL, " \t\n", &save))) {
        if (!strcmp(word, "|")) { attrs = true; continue; }
        char *eq = strchr(word, '=');
        if (!eq) { fprintf(stderr, "op_cases: '%s' has no '='\n", word); return false; }
        *eq = 0;
        if (attrs) {
            snprintf(c->names[c->nattr], sizeof c->names[0], "%s", word);
            c->attr[c->nattr] = (mn_attr){c->names[c->nattr], strtod(eq + 1, NULL)};
            c->nattr++;
            continue;
        }
        bool frozen = *word == '!';
        word += frozen;
        int j = 0;
        while (j < declared && strcmp(names[j], word)) j++;
        if (variadic && j >= declared - 1) j = c->nin > declared - 1 ? c->nin : declared - 1;
        if (j >= MN_MAX_IN || (!variadic && j == declared) || !parse_input(eq + 1, &c->in[j])) { fprintf(stderr, "op_cases: bad input '%s' in: %s", word, line); return false; }
        c->in[j].frozen = frozen;
        if (j + 1 > c->nin) c->nin = j + 1;
    }
    for (int a = 0; a < c->nattr; a++) c->attr[a].name = c->names[a];
    return true;
}

static mn_tensor *generate(const input *in, mn_rng *rng) {
    const bool box = !strcmp(in->gen, "box"), index = box || !strcmp(in->gen, "int");
    mn_tensor *t = mn_empty(index ? MN_I32 : MN_F64, in->nd, in->shape);
    for (int64_t i = 0; t && i < t->n; i++) {
        double v = mn_rng_normal(rng);
        if (box) {                                          /* y0 < y1 <= p0, x0 < x1 <= p1 */
            int32_t *b = (int32_t *)t->data + i;
            *b = (int32_t)(i % 2 ? b[-1] + 1 + mn_rng_below(rng, (int64_t)(i % 4 < 2 ? in->p0 : in->p1) - b[-1]) : mn_rng_below(rng, (int64_t)(i % 4 < 2 ? in->p0 : in->p1)));
            continue;
        }
        if (index) { ((int32_t *)t->data)[i] = (int32_t)(in->p0 + mn_rng_below(rng, (int64_t)(in->p1 - in->p0))); continue; }
        if (!strcmp(in->gen, "uniform")) v = in->p0 + (in->p1 - in->p0) * mn_rng_uniform(rng);
        else if (!strcmp(in->gen, "away")) v += v < 0 ? -in->p0 : in->p0;
        else if (!strcmp(in->gen, "const")) v = in->p0;
        else if (!strcmp(in->gen, "ramp")) v = (double)i;
        else if (strcmp(in->gen, "randn")) { mn_fail(MN_EARG, "op_cases: unknown generator '%s'", in->gen); return NULL; }
        ((double *)t->data)[i] = (double)(float)v;      /* exact in f32, so both precisions see the same numbers */
    }
    return t;
}

/* loss = sum over outputs of cot . out; the cotangents are drawn on the first call */
static mn_tensor *loss_of(const test_case *c, mn_tensor **in, mn_tensor **cot, mn_tensor **out, mn_rng *rng) {
    mn_tensor *total = NULL;
    int nout = c->def->nout ? c->def->nout : 1;
    if (mn_apply(c->def, c->nin, in, c->nattr, c->attr, out)) return NULL;
    for (int k = 0; k < nout; k++) {
        if (!out[k] || !mn_is_real(out[k]->dtype)) continue;
        if (!cot[k]) {
            cot[k] = mn_randn(MN_F64, out[k]->nd, out[k]->shape, rng);
            for (int64_t i = 0; cot[k] && i < cot[k]->n; i++) ((double *)cot[k]->data)[i] = (float)((double *)cot[k]->data)[i];
        }
        mn_tensor *term = mn_call(sum, T(mn_call(mul, T(out[k], mn_to(mn_cast(cot[k], out[k]->dtype), out[k]->device)))));
        total = total ? mn_call(add, T(total, term)) : term;
    }
    return total;
}

static double loss_value(const test_case *c, mn_tensor **in, mn_tensor **cot) {
    mn_scope s = mn_scope_open();
    mn_tensor *out[MN_MAX_OUT];
    bool was = mn_tape_enable(false);
    mn_tensor *loss = loss_of(c, in, cot, out, NULL);
    mn_tape_enable(was);
    double v = loss ? mn_item(loss, 0) : NAN;
    mn_scope_close(s);
    return v;
}

static double numeric(const test_case *c, mn_tensor **in, mn_tensor **cot, int j, int64_t i) {
    double *x = (double *)in[j]->data + i, x0 = *x, h = 1e-4 * fmax(1, fabs(x0)), f[4];
    static const double at[4] = {-2, -1, 1, 2};
    for (int k = 0; k < 4; k++) { *x = x0 + at[k] * h; f[k] = loss_value(c, in, cot); }
    *x = x0;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

static void run_case(const test_case *c) {
    mn_rng rng = mn_rng_seed(7, 0);
    int64_t alive = mn_memory_stats().tensors, overruns = mn_guard_overruns();
    mn_scope scope = mn_scope_open();
    mn_tensor *in[MN_MAX_IN] = {NULL}, *in32[MN_MAX_IN] = {NULL}, *cot[MN_MAX_OUT] = {NULL}, *out[MN_MAX_OUT], *out32[MN_MAX_OUT], *first[MN_MAX_IN] = {NULL};
    bool wants = false;
    for (int j = 0; j < c->nin; j++) {
        if (!c->in[j].given) continue;
        in[j] = generate(&c->in[j], &rng);
        in32[j] = mn_to(in[j] && in[j]->dtype == MN_F64 ? mn_cast(in[j], MN_F32) : in[j], device);
        if (!in[j] || in[j]->dtype == MN_I32 || c->in[j].frozen || !c->def->backward) continue;
        mn_param(in[j]);
        mn_param(in32[j]);
        wants = true;
    }
    mn_tensor *loss = loss_of(c, in, cot, out, &rng);
    bool real = false;                               /* an output that a loss can be made of */
    for (int k = 0; k < (c->def->nout ? c->def->nout : 1); k++) real |= out[k] && mn_is_real(out[k]->dtype);
    CHECK(loss || (out[0] && !real));
    if (loss && wants) {
        CHECK_STATUS(MN_OK, mn_backward(loss, NULL));
        for (int j = 0; j < c->nin; j++) if (in[j] && in[j]->wants_grad) { CHECK(in[j]->grad != NULL); first[j] = in[j]->grad ? mn_clone(in[j]->grad) : NULL; mn_grad_zero(in[j]); }
        mn_tensor *again[MN_MAX_OUT];
        CHECK_STATUS(MN_OK, mn_backward(loss_of(c, in, cot, again, NULL), NULL));
        mn_tensor *loss32 = loss_of(c, in32, cot, out32, NULL);
        CHECK_STATUS(MN_OK, mn_backward(loss32, NULL));
        for (int j = 0; j < c->nin; j++) {
            if (!in[j] || !in[j]->wants_grad || !first[j]) continue;
            double *g = first[j]->data, top = 1e-3, worst = 0, worst32 = 0;
            CHECK(in[j]->grad && !memcmp(in[j]->grad->data, g, (size_t)first[j]->n * 8));
            for (int64_t i = 0; i < first[j]->n; i++) top = fmax(top, fabs(g[i]));
            int64_t step = first[j]->n > 400 ? first[j]->n / 397 : 1;     /* large inputs: a sample */
            for (int64_t i = 0; device == MN_CPU && i < first[j]->n; i += step) worst = worse(worst, fabs(numeric(c, in, cot, j, i) - g[i]) / top);
            mn_tensor *grad32 = in32[j]->grad ? mn_to(in32[j]->grad, MN_CPU) : NULL;
            for (int64_t i = 0; i < first[j]->n && grad32; i++) worst32 = worse(worst32, fabs(((float *)grad32->data)[i] - g[i]) / top);
            if (!(worst <= 1e-6)) fprintf(stderr, "input %d: gradient off by %.3g of %.3g in: %s", j + 1, worst, top, c->text);
            CHECK(worst <= 1e-6);
            if (!(worst32 <= 2e-5)) fprintf(stderr, "input %d: f32 gradient off by %.3g in: %s", j + 1, worst32, c->text);
            CHECK(grad32 && worst32 <= 2e-5);
        }
    } else if (out[0]) loss_of(c, in32, cot, out32, NULL);
    for (int k = 0; out[0] && k < (c->def->nout ? c->def->nout : 1); k++) {
        double top = 1e-3, worst = 0;
        if (!out[k]) continue;
        CHECK(out32[k] && mn_same_shape(out[k], out32[k]));
        if (!out32[k]) continue;
        mn_tensor *here = mn_to(out32[k], MN_CPU);
        for (int64_t i = 0; i < out[k]->n; i++) top = fmax(top, fabs(mn_item(out[k], i)));
        for (int64_t i = 0; i < out[k]->n; i++) worst = worse(worst, fabs(mn_item(out[k], i) - mn_item(here, i)) / top);
        if (!(worst <= 1e-5)) fprintf(stderr, "output %d: f32 off by %.3g in: %s", k + 1, worst, c->text);
        CHECK(worst <= 1e-5);
    }
    mn_scope_close(scope);
    CHECK(mn_memory_stats().tensors == alive);
    CHECK(mn_guard_overruns() == overruns);
    mn_error_clear();
}

/* Input j, which no line checks, gets no gradient: none comes, or the op says so. */
static void takes_none(test_case *c, int j) {
    mn_rng rng = mn_rng_seed(7, 0);
    mn_scope scope = mn_scope_open();
    mn_tensor *in[MN_MAX_IN] = {NULL}, *cot[MN_MAX_OUT] = {NULL}, *out[MN_MAX_OUT];
    for (int k = 0; k < c->nin; k++) {
        if (c->in[k].given) in[k] = generate(&c->in[k], &rng);
        if (in[k] && in[k]->dtype == MN_F64) mn_param(in[k]);
    }
    for (int a = 0; a < c->nattr; a++) c->attr[a].name = c->names[a];         /* it is a copy */
    const mn_status s = mn_backward(loss_of(c, in, cot, out, &rng), NULL);
    if (in[j]->grad) fprintf(stderr, "input %d has a gradient that no line checks: %s", j + 1, c->text);
    CHECK(!in[j]->grad);
    if (s) CHECK(strstr(mn_errmsg(), "no gradient flows to") || strstr(mn_errmsg(), "a constant expected"));
    mn_scope_close(scope);
    mn_error_clear();
}

int main(int argc, char **argv) {
    FILE *f = fopen("tests/op_cases.txt", "r");
    if (!f) { fprintf(stderr, "run from the project's folder: tests/op_cases.txt not found\n"); return 1; }
    const char *name = k_emulate_fault ? "cuda" : getenv("MIEN_DEVICE");
    if (k_emulate_fault) fake_gpu("");
    if (name && mn_device_choose(name, &device)) { fprintf(stderr, "%s\n", mn_errmsg()); return 1; }
    mn_guard_buffers(true);
    int n;
    const mn_opdef *const *ops = mn_op_list(&n);
    static bool seen[OPS], checked[OPS][MN_MAX_IN];
    static test_case frozen[OPS][MN_MAX_IN];         /* a line of each input with '!' */
    CHECK(n <= OPS);
    char line[LINE];
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n') continue;
        test_case c;
        bool ok = parse_case(line, &c);
        CHECK(ok);
        if (!ok) continue;
        int at = 0;
        while (ops[at] != c.def) at++;
        seen[at] = true;
        for (int j = 0; j < c.nin && c.def->backward; j++) {
            if (c.in[j].frozen && strcmp(c.in[j].gen, "int") && strcmp(c.in[j].gen, "box")) frozen[at][j] = c;
            else checked[at][j] = true;
        }
        if (argc < 2 || !strcmp(argv[1], c.def->name)) run_case(&c);
    }
    fclose(f);
    for (int i = 0; i < n; i++) {
        if (!seen[i]) fprintf(stderr, "op %s has no line in tests/op_cases.txt\n", ops[i]->name);
        CHECK(seen[i]);
        for (int j = 0; j < MN_MAX_IN; j++)
            if (frozen[i][j].def && !checked[i][j] && (argc < 2 || !strcmp(argv[1], ops[i]->name))) takes_none(&frozen[i][j], j);
    }
    return check_done("ops");
}
