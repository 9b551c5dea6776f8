/* test_tape.c -- the graph: who lives how long, what is freed, what backward refuses. */
#include "internal.h"
#include "check.h"

/* y = sum((2x + 1)^2) with every intermediate result let go before backward */
static mn_tensor *chain(mn_tensor *x) {
    mn_scope s = mn_scope_open();
    mn_tensor *y = mn_call(sum, T(mn_call(square, T(mn_call(affine, T(x), {"scale", 2}, {"shift", 1})))));
    return mn_scope_leave(s, y);
}

static void intermediates(void) {
    mn_scope s = mn_scope_open();
    mn_tensor *x = mn_param(mn_from(MN_F32, 1, (int64_t[]){3}, (float[]){0, 1, -2}));
    CHECK_STATUS(MN_OK, mn_backward(chain(x), NULL));
    CHECK(mn_grad_of(x) != NULL);
    for (int i = 0; i < 3 && mn_grad_of(x); i++) CHECK_NEAR(mn_item(mn_grad_of(x), i), 4 * (2 * mn_item(x, i) + 1), 1e-6);
    CHECK_STATUS(MN_OK, mn_backward(chain(x), NULL));             /* gradients add up */
    CHECK_NEAR(mn_item(mn_grad_of(x), 0), 8, 1e-6);
    mn_scope_close(s);
}

/* an input used twice, through paths of different length */
static void shared_input(void) {
    mn_scope s = mn_scope_open();
    mn_tensor *x = mn_param(mn_full(MN_F64, 0, NULL, 3));
    mn_tensor *y = mn_call(mul, T(x, mn_call(mul, T(x, x))));
    CHECK_STATUS(MN_OK, mn_backward(y, NULL));
    CHECK_NEAR(mn_item(mn_grad_of(x), 0), 27, 1e-12);
    mn_scope_close(s);
}

static void refusals(void) {
    mn_scope s = mn_scope_open();
    mn_tensor *x = mn_zeros(MN_F32, 1, (int64_t[]){2});
    CHECK_STATUS(MN_EARG, mn_backward(x, NULL));
    mn_param(x);
    CHECK_STATUS(MN_ESHAPE, mn_backward(mn_call(neg, T(x)), NULL));
    CHECK_STATUS(MN_ESHAPE, mn_backward(mn_call(neg, T(x)), mn_zeros(MN_F32, 1, (int64_t[]){3})));
    CHECK(mn_call(add, T(x, mn_zeros(MN_F64, 1, (int64_t[]){2}))) == NULL);
    CHECK(strstr(mn_errmsg(), "add: input 'b' is f64") != NULL);
    CHECK(mn_call(neg, T(x)) == NULL);                            /* the error is pending: nothing runs */
    mn_error_clear();
    mn_interrupt();
    CHECK(mn_call(neg, T(x)) == NULL && mn_errcode() == MN_EINTR);
    mn_error_clear();
    mn_interrupt_clear();
    mn_scope_close(s);
}

/* failing each allocation in turn gives an error and leaves nothing behind */
static void faults(void) {
    int64_t alive = mn_memory_stats().tensors;
    bool done = false;
    for (int n = 1; n < 200 && !done; n++) {
        mn_scope s = mn_scope_open();
        mn_alloc_fail_after(n);
        mn_tensor *x = mn_param(mn_from(MN_F32, 1, (int64_t[]){3}, (float[]){0, 1, -2}));
        mn_tensor *y = x ? chain(x) : NULL;
        done = y && mn_backward(y, NULL) == MN_OK;
        CHECK(done || mn_errcode() == MN_ENOMEM);
        mn_alloc_fail_after(0);
        mn_error_clear();
        mn_scope_close(s);
        CHECK(mn_memory_stats().tensors == alive);
    }
    CHECK(done);
}

/* NumPy's RandomState(166).randn(3) and Philox's independence of order */
static void random_numbers(void) {
    double z[3];
    CHECK_STATUS(MN_OK, mn_numpy_randn(166, 3, z));
    static const double expected[3] = {0.8709314559395445, -0.538245574691894, 0.4542741692504331};
    for (int i = 0; i < 3; i++) CHECK_NEAR(z[i], expected[i], 1e-15);
    mn_rng a = mn_rng_seed(5, 1), b = mn_rng_seed(5, 1), c = mn_rng_seed(5, 2);
    b.counter = 7;
    for (int i = 0; i < 7; i++) mn_rng_next(&a);
    CHECK(mn_rng_next(&a) == mn_rng_next(&b));
    c.counter = 8;
    CHECK(mn_rng_next(&a) != mn_rng_next(&c));
}

int main(void) {
    intermediates();
    shared_input();
    refusals();
    faults();
    random_numbers();
    return check_done("tape");
}
