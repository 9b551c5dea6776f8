/* test_recorded.c -- the generator's loops as recorded graphs (engine/cuda/graph.c) with tuned kernels in the emulator: an edit (another mesh, other
 * codes, another box around the mouth) and a training step.  What is replayed has the numbers of what is run. */
#include "formula.h"
#include "check.h"
#include "fake_gpu.h"
#include "engine/cuda/cuda.h"
#include "engine/models/next3d.h"
#include "engine/models/stylegan2.h"

static const char config[] = "{\"z_dim\":6,\"w_dim\":10,\"mapping_layers\":1,\"plane_resolution\":16,\"plane_channels\":16,\"channel_base\":64,\"channel_max\":4,"
    "\"mouth\":[8,4,8],\"blending\":[16,8,16],\"decoder_hidden\":8,\"vertices\":98,\"faces\":192,\"neural_rendering_resolution\":4,\"depth_resolution\":4,"
    "\"depth_resolution_importance\":4,\"sr_input\":8,\"sr_channels\":[4,4]}";

static mn_model *model;
static mn_tensor *camera, *ws, *mesh[2];

/* Smaller and lower: another box, of another size. */
static mn_tensor *moved(mn_tensor *v) {
    mn_tensor *m = mn_clone(v);
    for (int64_t i = 0; m && i < m->n; i++) ((float *)m->data)[i] = 0.6f * ((float *)m->data)[i] + (i % 3 == 1 ? 0.02f : 0);
    return m;
}

static mn_tensor *picture(mn_tensor *w, mn_tensor *v) {
    mn_tensor *r[3], *away, *fixed = mn_next3d_static(model, w), *planes = mn_next3d_planes(model, mn_next3d_texture(model, w), fixed, w, v, &away);
    return mn_next3d_render(model, planes, camera, NULL, NULL, away, r) ? NULL : mn_next3d_superres(model, r[0], w);
}
static double difference(mn_tensor *a, mn_tensor *b) {
    double most = 0;
    if (!a || !b || a->n != b->n) return INFINITY;
    for (int64_t i = 0; i < a->n; i++) most = worse(most, fabs(mn_item(a, i) - mn_item(b, i)));
    return most;
}

static void edit(void) {
    mn_scope scope = mn_scope_open();
    const bool was = mn_tape_enable(false);
    mn_tensor *eager[2] = {mn_to(picture(ws, mesh[0]), MN_CPU), mn_to(picture(ws, mesh[1]), MN_CPU)}, *v = mn_clone(mesh[0]), *w = mn_clone(ws);
    CHECK(difference(eager[0], eager[1]) > 1e-3);
    CHECK_STATUS(MN_OK, mn_graph_begin());
    mn_scope inner = mn_scope_open();
    mn_tensor *out = mn_retain(picture(w, v));
    mn_scope_close(inner);
    mn_graph *g = mn_graph_end();
    CHECK(g && out && mn_graph_nodes(g) > 100);
    for (int k = 0; k < 4 && g; k++) {
        CHECK_STATUS(MN_OK, mn_copy(v, mesh[k % 2]));
        CHECK_STATUS(MN_OK, mn_graph_launch(g));
        CHECK(difference(out, eager[k % 2]) == 0);
    }
    mn_graph_free(g);
    mn_release(out);
    mn_tape_enable(was);
    mn_scope_close(scope);
}

/* An offset to the codes that brings the picture of one mesh nearer to grey. */
static mn_tensor *loss_of(mn_tensor *offset) { return mn_call(mean, T(mn_call(square, T(picture(mn_call(add, T(ws, offset)), mesh[1]))))); }
static void train(void) {
    const mn_adam_options options = {.lr = 0.05, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8};
    mn_scope scope = mn_scope_open();
    mn_tensor *offset[2], *loss = NULL;
    mn_adam *adam[2];
    for (int k = 0; k < 2; k++) {
        offset[k] = mn_param(mn_to(mn_zeros(MN_F32, ws->nd, ws->shape), MN_CUDA));
        CHECK((adam[k] = mn_adam_new(&offset[k], 1, &options)) != NULL);
    }
    mn_graph *g = NULL;
    double first = 0, last = 0;
    for (int step = 0; step < 4 && adam[0] && adam[1]; step++) {
        mn_scope inner = mn_scope_open();
        mn_tensor *eager = loss_of(offset[0]);
        last = mn_item(eager, 0);
        if (step == 0) first = last;
        CHECK_STATUS(MN_OK, mn_backward(eager, NULL));
        CHECK_STATUS(MN_OK, mn_adam_step(adam[0], -1, NULL));
        if (step == 1) CHECK_STATUS(MN_OK, mn_graph_begin());          /* recorded, then run */
        if (step < 2) {
            mn_tensor *here = loss_of(offset[1]);
            CHECK_STATUS(MN_OK, mn_backward(here, NULL));
            CHECK_STATUS(MN_OK, mn_adam_step(adam[1], -1, NULL));
            if (step == 1) {
                loss = mn_retain(here);
                CHECK((g = mn_graph_end()) != NULL);
            }
        }
        if (g) {
            CHECK_STATUS(MN_OK, mn_graph_launch(g));
            CHECK_NEAR(mn_item(loss, 0), last, 1e-5 * fabs(last));
        }
        mn_scope_close(inner);
    }
    CHECK(last < first);
    CHECK(mn_adam_count(adam[1]) == 4);
    CHECK_NEAR(difference(offset[0], offset[1]), 0, 1e-4);             /* sums of the scattering gradients: another order, and Adam divides by them */
    mn_graph_free(g);
    mn_release(loss);
    for (int k = 0; k < 2; k++) mn_adam_free(adam[k]);
    mn_scope_close(scope);
}

int main(void) {
    fake_gpu("");
    mn_device device;
    CHECK_STATUS(MN_OK, mn_device_choose("cuda", &device));
    mn_scope scope = mn_scope_open();
    model = mn_model_new(&mn_model_next3d, config, 1);
    mn_st *st = mn_st_open("tests/golden/parity/next3d.safetensors");
    CHECK(model && st);
    if (!model || !st) return check_done("recorded");
    float axes[27];
    memcpy(axes, mn_weight(model, "renderer.plane_axes")->data, sizeof axes);
    formula_fill(model);
    memcpy(mn_weight(model, "renderer.plane_axes")->data, axes, sizeof axes);
    mn_tensor *decoder = mn_weight(model, "decoder.net.0.weight");
    for (int64_t i = 0; i < decoder->n; i++) ((float *)decoder->data)[i] *= 20;        /* a surface that is seen */
    static const char *const tables[] = {"faces", "face_uvcoords"};
    for (int k = 0; k < 2; k++) {
        char name[32];
        snprintf(name, sizeof name, "in.%s", tables[k]);
        mn_tensor *to = mn_weight(model, "%s", tables[k]), *t = mn_st_get(st, name);
        CHECK(to && t && to->n == t->n);
        if (to && t && to->n == t->n) memcpy(to->data, t->data, (size_t)t->n * 4);
    }
    mn_tensor *v = mn_st_get(st, "in.v");
    const int64_t rows = 2 * sg_rows(16);
    ws = formula_signal("ws", 3, (int64_t[]){1, rows, 10});
    CHECK_STATUS(MN_OK, mn_model_to(model, MN_CUDA));
    ws = mn_to(ws, MN_CUDA);
    camera = mn_to(mn_st_get(st, "in.c"), MN_CUDA);
    mesh[0] = mn_to(v, MN_CUDA);
    mesh[1] = mn_to(moved(v), MN_CUDA);
    mn_device_use(MN_CUDA);                            /* where the generator's methods make what they need */
    edit();
    train();
    mn_device_use(MN_CPU);
    mn_model_release(model);
    mn_st_close(st);
    mn_scope_close(scope);
    CHECK(mn_memory_on(MN_CUDA).live == 32 << 20);     /* cuBLAS's workspace (engine/cuda/blas.c) */
    return check_done("recorded");
}
