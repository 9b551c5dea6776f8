/* test_cuda.c -- what the engine does around kernels on a GPU, against a driver made for it (tests/cuda/fake_driver.c): memory, copies, choice of
 * the GPU, faults, recorded graphs.  Each case has a process of its own, since a process uses one GPU. */
#include <sys/wait.h>
#include "internal.h"
#include "check.h"
#include "cuda/cuda.h"
#include "fake_gpu.h"

static bool says(const char *words) {
    const bool found = strstr(mn_errmsg(), words) != NULL;
    if (!found) fprintf(stderr, "expected '%s' in: %s\n", words, mn_errmsg());
    mn_error_clear();
    return found;
}
static mn_tensor *on_gpu(int64_t n, double v) { return mn_to(mn_full(MN_F32, 1, &n, v), MN_CUDA); }

static void copies(void) {
    mn_device d;
    mn_scope scope = mn_scope_open();
    CHECK_STATUS(MN_OK, mn_device_choose("cuda:0", &d));
    CHECK(d == MN_CUDA && !strcmp(mn_device_name(d), "cuda:0"));
    int64_t n = 5 << 20;                           /* 20 MiB: several turns of both stages */
    mn_tensor *x = mn_empty(MN_F32, 1, &n);
    for (int64_t i = 0; i < n; i++) ((float *)x->data)[i] = (float)i;
    mn_tensor *y = mn_to(x, MN_CUDA), *z = mn_clone(y);
    CHECK(mn_data(y) == NULL && mn_device_of(z) == MN_CUDA);
    ((float *)x->data)[7] = -1;                    /* the upload has taken its numbers already */
    mn_tensor *back = mn_to(z, MN_CPU);
    bool same = true;
    for (int64_t i = 0; i < n; i++) same &= ((float *)back->data)[i] == (float)i;
    CHECK(same);
    CHECK(mn_item(y, 12345) == 12345);
    CHECK_STATUS(MN_OK, mn_fill(z, 2.5));
    CHECK(mn_item(z, 0) == 2.5 && mn_item(z, n - 1) == 2.5);
    const mn_device was = mn_device_use(MN_CUDA);
    mn_tensor *f64 = mn_full(MN_F64, 1, (int64_t[]){3}, 0.1), *u8 = mn_full(MN_U8, 1, (int64_t[]){3}, 200), *f16 = mn_zeros(MN_F16, 1, (int64_t[]){3});
    mn_rng r = mn_rng_seed(3, 4), s = r;
    mn_tensor *g = mn_randn(MN_F32, 1, (int64_t[]){1000}, &r);
    mn_device_use(was);
    mn_tensor *h = mn_randn(MN_F32, 1, (int64_t[]){1000}, &s), *gh = mn_to(g, MN_CPU);
    CHECK(mn_item(f64, 2) == 0.1 && mn_item(u8, 1) == 200 && mn_item(f16, 0) == 0);
    CHECK(r.counter == s.counter && !memcmp(gh->data, h->data, 4000));
    CHECK(mn_call(add, T(y, x)) == NULL && says("input 'b' is on cpu, the inputs before it are on cuda:0"));
    CHECK(mn_call(exp, T(f64)) == NULL && says("has no f64 variant on cuda:0"));
    mn_scope_close(scope);
    CHECK(mn_memory_on(MN_CUDA).live == 0);
    mn_memory_trim();
    CHECK(mn_memory_on(MN_CUDA).cached == 0);
}

static void which(void) {
    mn_device d;
    mn_gpu gpu;
    CHECK(mn_cuda_count(NULL) == 2);
    CHECK_STATUS(MN_OK, mn_cuda_describe(1, &gpu));
    CHECK(!strcmp(gpu.name, "Fake GPU 1") && gpu.sm == 90);
    CHECK(mn_device_choose("cuda:2", &d) == MN_EDEVICE && says("cuda:2: there are cuda:0 to cuda:1"));
    CHECK(mn_device_choose("gpu", &d) == MN_EARG && says("cpu, cuda or cuda:N expected, got 'gpu'"));
    CHECK_STATUS(MN_OK, mn_device_choose("cuda:1", &d));
    mn_scope scope = mn_scope_open();
    CHECK(on_gpu(3, 1) != NULL);
    mn_scope_close(scope);
    CHECK(mn_device_choose("cuda:0", &d) == MN_EDEVICE && says("this process works on cuda:1 already"));
}

static void none(void) {
    mn_device d;
    const char *why = NULL;
    CHECK(mn_cuda_count(&why) == 0 && why && *why);
    CHECK(mn_device_choose("cuda", &d) == MN_EDEVICE && says("no GPU here"));
    CHECK_STATUS(MN_OK, mn_device_choose("cpu", &d));
}

static mn_tensor *garbage;
static int reclaimed;
static void reclaim(void *data) { (void)data; reclaimed++; mn_release(garbage); garbage = NULL; }

/* 64 MiB of memory, half of it held by what a collector could free. */
static void shortage(void) {
    const int64_t half = 8 << 20, most = 11 << 20;
    mn_scope scope = mn_scope_open();
    mn_on_shortage(reclaim, NULL);
    mn_scope inner = mn_scope_open();
    garbage = mn_retain(on_gpu(half, 1));
    mn_scope_close(inner);
    CHECK(on_gpu(most, 2) != NULL && reclaimed == 1);
    CHECK(on_gpu(most, 2) == NULL && reclaimed == 2);
    CHECK(mn_errcode() == MN_ENOMEM && says("out of memory on cuda:0: 46137344 bytes asked for, "));
    mn_scope_close(scope);
    CHECK(mn_memory_on(MN_CUDA).live == 0);
    scope = mn_scope_open();                       /* the cached block is given back for one of another size */
    CHECK(on_gpu(most + (1 << 20), 1) != NULL && reclaimed == 2);
    mn_scope_close(scope);
}

/* The first allocation fails once: memory is asked for a second time. */
static void one_failure(void) {
    mn_on_shortage(reclaim, NULL);
    mn_scope scope = mn_scope_open();
    CHECK(on_gpu(100, 3) != NULL && reclaimed == 1);
    mn_scope_close(scope);
}

static mn_tensor *square_of(double v) {
    mn_tensor *x = on_gpu(4, v), *y = x ? mn_call(square, T(x)) : NULL;
    return y ? mn_to(y, MN_CPU) : NULL;
}
static void fault(void) {
    mn_scope scope = mn_scope_open();
    CHECK(mn_item(square_of(3), 0) == 9);          /* from=2: the second one fails */
    CHECK(square_of(3) == NULL && says("an earlier op may be the cause: MIEN_SYNC=1 names it"));
    CHECK(on_gpu(1, 1) == NULL && says("the GPU was lost"));
    CHECK(mn_cuda_wait() == MN_EDEVICE && says("the GPU was lost"));
    mn_scope_close(scope);                         /* what is on it can be let go */
}
static void fault_named(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *x = on_gpu(4, 1);
    CHECK(mn_call(square, T(x)) == NULL && says("square: k_cuda_square_fwd_f32: an illegal memory access"));
    mn_scope_close(scope);
}
static void refusal(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *x = on_gpu(4, 1);
    CHECK(mn_call(square, T(x)) == NULL && says("square: k_cuda_square_fwd_f32"));
    CHECK(mn_item(mn_call(abs, T(x)), 0) == 1);    /* the GPU is not lost by it */
    mn_scope_close(scope);
}

static void graphs(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *x = on_gpu(4, 2), *late = mn_full(MN_F32, 1, (int64_t[]){4}, 10), *y = NULL;
    CHECK(mn_graph_end() == NULL && says("none is being recorded"));
    CHECK_STATUS(MN_OK, mn_graph_begin());
    CHECK(mn_graph_recording() && mn_graph_begin() == MN_EARG && says("recorded already"));
    mn_scope inner = mn_scope_open();
    mn_tensor *t = mn_call(square, T(x));          /* lives inside the recording alone: its block is the graph's */
    y = mn_retain(mn_call(add, T(mn_call(exp, T(mn_call(neg, T(t)))), mn_to(late, MN_CUDA))));
    mn_scope_close(inner);
    mn_graph *g = mn_graph_end();
    CHECK(g && mn_graph_nodes(g) == 4);
    mn_tensor *noise = on_gpu(4, 77);              /* must not get a block that the graph writes to */
    for (int k = 0; k < 3; k++) {
        CHECK_STATUS(MN_OK, mn_fill(x, k));
        CHECK_STATUS(MN_OK, mn_graph_launch(g));
        CHECK_NEAR(mn_item(y, 3), exp(-k * k) + 10, 1e-6);
    }
    CHECK(mn_item(noise, 0) == 77);
    mn_graph_free(g);
    CHECK_NEAR(mn_item(y, 0), exp(-4) + 10, 1e-6); /* a tensor of the recording outlives the graph */
    mn_release(y);
    CHECK_STATUS(MN_OK, mn_graph_begin());
    mn_tensor *z = mn_call(square, T(x));
    CHECK(mn_to(z, MN_CPU) == NULL && mn_graph_end() == NULL && says("do not exist yet"));
    CHECK(mn_item(mn_call(square, T(x)), 0) == 4); /* and work goes on */
    mn_scope_close(scope);
    CHECK(mn_memory_on(MN_CUDA).live == 0);
}

static void descend(void) {                        /* the steps of Adam are those of the processor; half precision's overflow costs a step */
    mn_scope scope = mn_scope_open();
    const mn_adam_options options = {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01, .clip = 0.5};
    mn_tensor *w[2];
    mn_adam *adam[2];
    for (int k = 0; k < 2; k++) {
        w[k] = mn_param(mn_to(mn_full(MN_F32, 1, (int64_t[]){40000}, 0.5), k ? MN_CUDA : MN_CPU));
        adam[k] = mn_adam_new(&w[k], 1, &options);
        for (int step = 0; step < 20; step++) {
            double norm;
            mn_scope inner = mn_scope_open();
            CHECK_STATUS(MN_OK, mn_backward(mn_call(sum, T(mn_call(square, T(mn_call(sin, T(w[k])))))), NULL));
            CHECK_STATUS(MN_OK, mn_adam_step(adam[k], -1, &norm));
            mn_scope_close(inner);
        }
        CHECK(mn_adam_count(adam[k]) == 20);
    }
    for (int i = 0; i < 40000; i += 9999) CHECK_NEAR(mn_item(w[1], i), mn_item(w[0], i), 1e-6);
    const double before = mn_item(w[1], 0);
    mn_tensor *scale = mn_adam_scale(adam[1], 1024);
    CHECK_STATUS(MN_OK, mn_backward(mn_call(affine, T(mn_call(sum, T(w[1]))), {"scale", INFINITY}), NULL));
    double norm;
    CHECK_STATUS(MN_OK, mn_adam_step(adam[1], -1, &norm));
    CHECK(mn_item(scale, 0) == 512 && mn_item(w[1], 0) == before && mn_adam_count(adam[1]) == 20);
    for (int k = 0; k < 2; k++) mn_adam_free(adam[k]);
    mn_scope_close(scope);
}

static void in_process(const char *name, const char *faults, bool sync, void (*run)(void)) {
    fflush(NULL);
    const pid_t child = fork();
    if (!child) {
        check_failed = 0;
        fake_gpu(faults);
        setenv("MIEN_SYNC", sync ? "1" : "0", 1);
        run();
        fflush(NULL);
        exit(check_failed != 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status) fprintf(stderr, "case '%s': status %d\n", name, status);
    CHECK(status == 0);
}

int main(void) {
    in_process("copies", "", false, copies);
    in_process("which GPU", "devices=2", false, which);
    in_process("no GPU", "devices=0", false, none);
    in_process("shortage", "memory=67108864", false, shortage);
    in_process("one failure", "oom=1", false, one_failure);
    in_process("fault", "fault=square_fwd,from=2", false, fault);
    in_process("fault, named", "fault=square_fwd", true, fault_named);
    in_process("refusal", "refuse=square_fwd", false, refusal);
    in_process("graphs", "", false, graphs);
    in_process("Adam", "", false, descend);
    return check_done("cuda");
}
