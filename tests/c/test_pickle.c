/* The pickle reader: every instruction, what calls become, and what hostile files meet. */
#include "check.h"
#include "io/pickle.h"
#include "pickle_emit.h"

static mn_pkl *read_all(const void *b, size_t n) { return mn_pkl_read(b, n, "test.pkl", NULL); }
#define READ(literal) read_all(literal, sizeof(literal) - 1)

static int64_t int_of(const mn_pkl_value *v) {
    int64_t x = -12345;
    return mn_pkl_int(v, &x) ? x : -54321;
}
static double real_of(const mn_pkl_value *v) {
    double x = -12345;
    return mn_pkl_real(v, &x) ? x : -54321;
}

/* The pending error contains this; cleared. */
static bool fails_with(mn_pkl *p, const char *what) {
    bool ok = !p && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    mn_pkl_free(p);
    return ok;
}

static void atoms(void) {
    mn_pkl *p = READ("(NI01\nI00\nI-7\nL123456789012L\nJ\xff\xff\xff\xffK\xc8M\x01\x02\x8a\x02\x00\xff\x8a\x00\x8b\x01\x00\x00\x00\x7f\x88\x89"
                     "F1.5\nG\xbf\xe0\x00\x00\x00\x00\x00\x00t.");
    const mn_pkl_value *t = p ? mn_pkl_root(p) : NULL;
    bool b = false;
    CHECK(mn_pkl_kind_of(t) == MN_PKL_TUPLE && mn_pkl_count(t) == 15);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 0)) == MN_PKL_NONE);
    CHECK(mn_pkl_bool(mn_pkl_item(t, 1), &b) && b);
    CHECK(mn_pkl_bool(mn_pkl_item(t, 2), &b) && !b);
    static const int64_t want[] = { -7, 123456789012, -1, 200, 513, -256, 0, 127 };
    for (int i = 0; i < 8; i++) CHECK(int_of(mn_pkl_item(t, (size_t)i + 3)) == want[i]);
    CHECK(int_of(mn_pkl_item(t, 11)) == 1 && int_of(mn_pkl_item(t, 12)) == 0);
    CHECK_NEAR(real_of(mn_pkl_item(t, 13)), 1.5, 0);
    CHECK_NEAR(real_of(mn_pkl_item(t, 14)), -0.5, 0);
    CHECK(mn_pkl_item(t, 15) == NULL && !mn_pkl_int(mn_pkl_item(t, 13), &(int64_t){ 0 }));
    mn_pkl_free(p);

    size_t n;
    p = READ("(\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19L123456789012345678901234567890L\nt.");     /* torch's magic number; a long in text */
    CHECK(p && mn_pkl_kind_of(mn_pkl_item(mn_pkl_root(p), 0)) == MN_PKL_BIGINT && mn_pkl_text(mn_pkl_item(mn_pkl_root(p), 0), &n) && n == 10);
    CHECK(p && mn_pkl_kind_of(mn_pkl_item(mn_pkl_root(p), 1)) == MN_PKL_BIGINT && mn_pkl_text(mn_pkl_item(mn_pkl_root(p), 1), &n) && n == 30);
    mn_pkl_free(p);
}

static void texts(void) {
    /* protocol 0 escapes, both kinds; Python 2 bytes; every counted form */
    mn_pkl *p = READ("(S'a\\x41\\n\\\\\\'\\101\\q'\nS\"it's\"\nVx\\u00e9\\U0001F600\xe9\nU\x02\xff\x80T\x01\x00\x00\x00zX\x02\x00\x00\x00\xc3\xa9\x8c\x01s"
                     "\x8d\x01\x00\x00\x00\x00\x00\x00\x00lB\x01\x00\x00\x00" "bC\x01" "c\x8e\x01\x00\x00\x00\x00\x00\x00\x00" "d\x96\x01\x00\x00\x00\x00\x00\x00\x00" "et.");
    const mn_pkl_value *t = p ? mn_pkl_root(p) : NULL;
    static const char *const want[] = { "aA\n\\'A\\q", "it's", "x\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9", "\xff\x80", "z", "\xc3\xa9", "s", "l", "b", "c", "d", "e" };
    CHECK(mn_pkl_count(t) == 12);
    for (size_t i = 0; i < 12; i++) CHECK(mn_pkl_is_text(mn_pkl_item(t, i), want[i]));
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 3)) == MN_PKL_STR && mn_pkl_kind_of(mn_pkl_item(t, 8)) == MN_PKL_BYTES);
    char out[4];
    CHECK(mn_pkl_copy_text(mn_pkl_item(t, 4), out, sizeof out) && !strcmp(out, "z"));
    CHECK(!mn_pkl_copy_text(mn_pkl_item(t, 1), out, sizeof out));           /* too long for it */
    CHECK(!mn_pkl_copy_text(mn_pkl_item(t, 8), out, sizeof out));           /* bytes are no text */
    mn_pkl_free(p);
    CHECK(fails_with(READ("S'abc\n."), "expected quoted text"));
    CHECK(fails_with(READ("S'\\xg1'\n."), "two hex digits"));
    CHECK(fails_with(READ("V\\u12\n."), "hex digits"));
    CHECK(fails_with(READ("Iabc\n."), "expected digits"));
    CHECK(fails_with(READ("F1,5\n."), "expected a number"));
    CHECK(fails_with(READ("X\xff\xff\xff\xff" "abc."), "expected 4294967295 bytes"));
}

static void collections(void) {
    mn_pkl *p = READ("((K\x01K\x02lK\x05" "a" "}(X\x01\x00\x00\x00" "aK\x07K\x03K\x08uX\x01\x00\x00\x00" "bK\x09s(K\x01K\x02" "d\x8f(K\x04K\x05\x90(K\x06\x91)"
             "K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87(1K\x2a" "2(NNt0t.");
    const mn_pkl_value *t = p ? mn_pkl_root(p) : NULL, *d = mn_pkl_item(t, 1);
    CHECK(mn_pkl_count(t) == 11);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 0)) == MN_PKL_LIST && mn_pkl_count(mn_pkl_item(t, 0)) == 3 && int_of(mn_pkl_item(mn_pkl_item(t, 0), 2)) == 5);
    CHECK(mn_pkl_count(d) == 3 && int_of(mn_pkl_get(d, "a")) == 7 && int_of(mn_pkl_get(d, "b")) == 9 && !mn_pkl_get(d, "c"));
    CHECK(int_of(mn_pkl_key_at(d, 1)) == 3 && int_of(mn_pkl_value_at(d, 1)) == 8 && !mn_pkl_key_at(d, 3));
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 2)) == MN_PKL_DICT);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 3)) == MN_PKL_SET && mn_pkl_count(mn_pkl_item(t, 3)) == 2);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 4)) == MN_PKL_SET && mn_pkl_count(mn_pkl_item(t, 4)) == 1);
    for (size_t i = 0; i < 4; i++) CHECK(mn_pkl_kind_of(mn_pkl_item(t, 5 + i)) == MN_PKL_TUPLE && mn_pkl_count(mn_pkl_item(t, 5 + i)) == i);
    CHECK(int_of(mn_pkl_item(t, 9)) == 42 && mn_pkl_item(t, 9) == mn_pkl_item(t, 10));
    mn_pkl_free(p);

    emit e = { 0 };                     /* a dict large enough for its hash table, in both key kinds */
    char key[16];
    op(&e, '}'); op(&e, '(');
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        text(&e, key); integer(&e, i); integer(&e, i); integer(&e, -i);
    }
    ops(&e, "u.");
    p = read_all(e.b, e.n);
    bool all = p && mn_pkl_count(mn_pkl_root(p)) == 6000;
    for (int i = 0; i < 3000 && all; i++) {
        snprintf(key, sizeof key, "k%d", i);
        all = int_of(mn_pkl_get(mn_pkl_root(p), key)) == i;
    }
    CHECK(all);
    CHECK(p && !mn_pkl_get(mn_pkl_root(p), "k3000"));
    mn_pkl_free(p);
    emit_free(&e);
    CHECK(fails_with(READ("}(K\x01NK\x01Nu."), "sets its key 1 twice"));
    CHECK(fails_with(READ("(U\x01" "aNU\x01" "aNd."), "sets its key 'a' twice"));
    CHECK(fails_with(READ("}(K\x01u."), "in pairs"));
    CHECK(fails_with(READ("K\x01l."), "needs a mark"));
}

static void sharing(void) {
    mn_pkl *p = READ("]q\x00h\x00" "a.");                                 /* a list that contains itself */
    const mn_pkl_value *l = p ? mn_pkl_root(p) : NULL;
    CHECK(mn_pkl_count(l) == 1 && mn_pkl_item(l, 0) == l);
    mn_pkl_free(p);
    p = READ("\x80\x04\x95\x0d\x00\x00\x00\x00\x00\x00\x00(]\x94K\x01\x94h\x00h\x01j\x00\x00\x00\x00t.");
    l = p ? mn_pkl_root(p) : NULL;
    CHECK(mn_pkl_count(l) == 5 && mn_pkl_item(l, 0) == mn_pkl_item(l, 2) && mn_pkl_item(l, 1) == mn_pkl_item(l, 3) && mn_pkl_item(l, 4) == mn_pkl_item(l, 0));
    mn_pkl_free(p);
    p = READ("(K\x05p3\ng3\nr\x04\x00\x00\x00" "g4\nt.");
    CHECK(p && int_of(mn_pkl_item(mn_pkl_root(p), 2)) == 5);
    mn_pkl_free(p);
    CHECK(fails_with(READ("h\x00."), "before it is set"));
    CHECK(fails_with(READ("Nr\xff\xff\xff\xff."), "memo entry 4294967295"));
    CHECK(fails_with(READ("g99999999999999999999\n."), "expected digits"));
}

static void objects(void) {
    char name[64];
    /* what is known becomes data */
    mn_pkl *p = READ("(ccollections\nOrderedDict\n)R(K\x01K\x02u" "}U\x09_metadataNsb"
                     "ccollections\nOrderedDict\n(](K\x03K\x04\x86K\x05K\x06\x86" "etR"
                     "c__builtin__\nset\n(](K\x07K\x08" "etR" "cdnnlib.util\nEasyDict\n)\x81K\x09K\x0as"
                     "c_codecs\nencode\n(X\x03\x00\x00\x00\xc3\xbf" "AU\x06latin1tR" "ctorch\nSize\n(](K\x02K\x03" "etR"
                     "ccopy_reg\n_reconstructor\n(cchumpy.ch\nCh\nc__builtin__\nobject\nNtR}U\x01xK\x0bsbt.");
    const mn_pkl_value *t = p ? mn_pkl_root(p) : NULL, *v;
    CHECK(mn_pkl_count(t) == 7);
    v = mn_pkl_item(t, 0);
    CHECK(mn_pkl_kind_of(v) == MN_PKL_DICT && mn_pkl_count(v) == 1 && mn_pkl_kind_of(mn_pkl_state(v)) == MN_PKL_DICT);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 1)) == MN_PKL_DICT && int_of(mn_pkl_value_at(mn_pkl_item(t, 1), 1)) == 6);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 2)) == MN_PKL_SET && mn_pkl_count(mn_pkl_item(t, 2)) == 2);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 3)) == MN_PKL_DICT && int_of(mn_pkl_value_at(mn_pkl_item(t, 3), 0)) == 10);
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 4)) == MN_PKL_BYTES && mn_pkl_is_text(mn_pkl_item(t, 4), "\xff" "A"));
    CHECK(mn_pkl_kind_of(mn_pkl_item(t, 5)) == MN_PKL_TUPLE && int_of(mn_pkl_item(mn_pkl_item(t, 5), 1)) == 3);
    v = mn_pkl_item(t, 6);
    CHECK(mn_pkl_kind_of(v) == MN_PKL_OBJECT && mn_pkl_model_of(v) == MN_PKL_M_CHUMPY && int_of(mn_pkl_get(mn_pkl_state(v), "x")) == 11);
    mn_pkl_free(p);

    /* what is not becomes a record: calls are counted, never made */
    p = READ("(cos\nsystem\n(X\x04\x00\x00\x00" "exittRq\x00\x8c\x02os\x8c\x06system\x93)R"
             "(imod\nOld\n(cmod\nNew\nK\x01o" "cmod\nNew\n)}\x92}U\x01" "aK\x01sb(K\x02K\x03" "e(K\x04K\x05u\x82\x05(NtRt.");
    t = p ? mn_pkl_root(p) : NULL;
    v = mn_pkl_item(t, 0);
    CHECK(mn_pkl_count(t) == 6 && mn_pkl_kind_of(v) == MN_PKL_OBJECT && mn_pkl_model_of(v) == MN_PKL_OPAQUE);
    CHECK(!strcmp(mn_pkl_class_text(v, name, sizeof name), "os.system") && mn_pkl_is_text(mn_pkl_item(mn_pkl_args(v), 0), "exit"));
    CHECK(p && mn_pkl_global_count(p) == 4);
    mn_pkl_global g = p ? mn_pkl_global_at(p, 0) : (mn_pkl_global){ 0 };
    CHECK(g.model == MN_PKL_OPAQUE && g.met == 2 && g.called == 2);
    v = mn_pkl_item(t, 4);
    CHECK(mn_pkl_is_global(mn_pkl_class(v), "mod", "New") && int_of(mn_pkl_get(mn_pkl_state(v), "a")) == 1);
    CHECK(mn_pkl_count(mn_pkl_object_list(v)) == 2 && int_of(mn_pkl_value_at(mn_pkl_object_dict(v), 0)) == 5);
    CHECK(!strcmp(mn_pkl_class_text(mn_pkl_item(t, 5), name, sizeof name), "copyreg.extension_5"));
    mn_pkl_free(p);

    /* NVIDIA's persistent objects: attributes kept, source text counted and left alone */
    p = READ("ctorch_utils.persistence\n_reconstruct_persistent_obj\n(}(U\x04typeU\x05" "classU\x0amodule_srcU\x09import osU\x0a" "class_nameU\x05LayerU\x05state}U\x01wK\x03sutR.");
    v = p ? mn_pkl_root(p) : NULL;
    CHECK(mn_pkl_model_of(v) == MN_PKL_M_PERSISTENT && int_of(mn_pkl_get(mn_pkl_state(v), "w")) == 3);
    CHECK(!strcmp(mn_pkl_class_text(v, name, sizeof name), "Layer") && p && mn_pkl_source_bytes(p) == 9);
    mn_pkl_free(p);
    p = READ("(U\x06moduleclib\nNet\nU\x01" "fU\x01stQ)\x81.");               /* torch's old way to write a class */
    CHECK(p && mn_pkl_is_global(mn_pkl_class(mn_pkl_root(p)), "lib", "Net"));
    mn_pkl_free(p);
    CHECK(fails_with(READ("cos\nsystem\nNR."), "as a tuple"));
    CHECK(fails_with(READ("K\x01Nb."), "attributes set on a int"));
    CHECK(fails_with(READ("K\x01K\x02" "a."), "appended to a int"));
    CHECK(fails_with(READ("ctorch._utils\n_rebuild_parameter\n(K\x01tR."), "_rebuild_parameter takes"));
}

static void hostile(void) {
    CHECK(fails_with(READ(""), "expected the STOP"));
    CHECK(fails_with(READ("N"), "expected the STOP"));
    CHECK(fails_with(READ("."), "needs 1 values"));
    CHECK(fails_with(READ("(."), "needs 1 values"));
    CHECK(fails_with(READ("N(\x85."), "needs 1 values"));                   /* nothing is taken from below a mark */
    CHECK(fails_with(READ("\xfe."), "0xfe is no pickle instruction"));
    CHECK(fails_with(READ("\x80\x09N."), "expected 0 to 5"));
    CHECK(fails_with(READ("\x97."), "out-of-band"));
    CHECK(fails_with(READ("\x95\x09\x00\x00\x00\x00\x00\x00\x00N."), "a frame of 9 bytes"));
    CHECK(fails_with(READ("NNNK\x05K"), "offset 5"));

    emit e = { 0 };
    op(&e, '(');
    for (int i = 0; i < 1000000; i++) op(&e, ')');                          /* a million side by side */
    ops(&e, "t.");
    mn_pkl *p = read_all(e.b, e.n);
    CHECK(p && mn_pkl_count(mn_pkl_root(p)) == 1000000);
    mn_pkl_free(p);
    e.n = 0;
    op(&e, ')');
    for (int i = 0; i < 1000000; i++) op(&e, 0x85);                         /* (((...),),) a million deep */
    op(&e, '.');
    p = read_all(e.b, e.n);
    const mn_pkl_value *v = p ? mn_pkl_root(p) : NULL;
    int depth = 0;
    for (; mn_pkl_count(v); v = mn_pkl_item(v, 0)) depth++;
    CHECK(depth == 1000000);
    mn_pkl_free(p);
    e.n = 0;
    for (int i = 0; i < 3000000; i++) op(&e, ']');                          /* more values than 64 MB hold */
    op(&e, '.');
    CHECK(fails_with(read_all(e.b, e.n), "more than 64 MB"));
    e.n = 0;
    for (int i = 0; i < 1000000; i++) op(&e, '(');
    op(&e, '.');
    CHECK(fails_with(read_all(e.b, e.n), "needs 1 values"));
    e.n = 0;                                                                /* one text, converted again and again */
    op(&e, 'V');
    for (int i = 0; i < 20000; i++) op(&e, 0xe9);
    ops(&e, "\nq\x01" "0" "c_codecs\nencode\nq\x02");
    for (int i = 0; i < 1000; i++) ops(&e, "h\x02h\x01\x85R");
    op(&e, '.');
    CHECK(fails_with(read_all(e.b, e.n), "over and over"));
    emit_free(&e);
}

/* A pickle with a bit of everything, cut at every byte and with every bit flipped: an error or a value, never worse. */
static void damage(void) {
    static const char good[] = "\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00}q\x00(U\x01" "aK\x01X\x01\x00\x00\x00" "b](K\x02K\x03" "eU\x01" "cccollections\nOrderedDict\n)R(K\x05\x8f(K\x06\x90u"
        "U\x01" "dctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x01" "0U\x03" "cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89h\x00tR"
        "U\x01" "ecmod\nCls\n)\x81}U\x01xG\x3f\xf0\x00\x00\x00\x00\x00\x00sb" "V\\u1234\n\x94I12\nu.";
    size_t n = sizeof good - 1;
    mn_pkl *p = read_all(good, n);
    CHECK(p && mn_pkl_count(mn_pkl_root(p)) == 6);
    mn_pkl_free(p);
    int errors = 0;
    for (size_t i = 0; i < n; i++) {
        p = read_all(good, i);
        errors += !p && mn_errcode() == MN_EFORMAT && strstr(mn_errmsg(), "test.pkl");
        mn_error_clear();
        mn_pkl_free(p);
    }
    CHECK(errors == (int)n);
    int answered = 0;
    char *copy = malloc(n);
    for (size_t i = 0; i < 8 * n; i++) {
        memcpy(copy, good, n);
        copy[i / 8] ^= (char)(1 << i % 8);
        p = read_all(copy, n);
        answered += p ? !mn_errcode() : mn_errcode() == MN_EFORMAT;
        mn_error_clear();
        mn_pkl_free(p);
    }
    CHECK(answered == (int)(8 * n));
    free(copy);
}

int main(void) {
    atoms();
    texts();
    collections();
    sharing();
    objects();
    hostile();
    damage();
    return check_done("pickle");
}
