/* main.c -- the program: a LuaJIT state with the engine in it, running lua/mien/cli.lua.
 *
 * Lua modules are linked in as bytecode (symbols luaJIT_BC_mien_*); MIEN_LUA=DIR reads
 * them from DIR instead.
 *
 * Ctrl-C sets the engine's flag, which op dispatch and long loops poll, and a hook that raises "interrupted" in Lua code
 * that calls no op.  The hook waits for a million instructions, so that ops, whose messages say more, come first.
 * (Machine code made from a loop checks no hooks: a second Ctrl-C ends the program at once.) */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif
#include "bind.h"

enum { HOOK_AFTER = 1000000 };
static lua_State *state;
static pthread_t main_thread;

static void on_hook(lua_State *L, lua_Debug *unused) {
    (void)unused;
    lua_sethook(L, NULL, 0, 0);
    if (mn_interrupted()) luaL_error(L, "interrupted");
}
static void on_interrupt(int sig) {
    if (mn_interrupted()) { signal(sig, SIG_DFL); raise(sig); }
    mn_interrupt();
    if (state && pthread_equal(pthread_self(), main_thread)) lua_sethook(state, on_hook, LUA_MASKCOUNT, HOOK_AFTER);
}

static int with_traceback(lua_State *L) {
    if (!lua_isstring(L, 1)) return 1;
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

int luaopen_mien_core(lua_State *L) {
    lua_newtable(L);
    lua_pushliteral(L, MN_VERSION); lua_setfield(L, -2, "version");
    lua_pushinteger(L, MN_API); lua_setfield(L, -2, "api_number");
#ifdef __AVX2__
    lua_pushboolean(L, true);
#else
    lua_pushboolean(L, false);
#endif
    lua_setfield(L, -2, "needs_avx2");                      /* Makefile, ARCH */
    bind_open_tensor(L);
    bind_open_op(L);
    bind_open_model(L);
    bind_open_parity(L);
    bind_open_metrics(L);
    bind_open_import(L);
    bind_open_train(L);
    bind_open_device(L);
    bind_open_io(L);
    bind_open_synth(L);
    bind_open_store(L);
    bind_open_json(L);
    bind_open_file(L);
    bind_open_sheet(L);
    bind_open_mesh(L);
    bind_open_text(L);
    bind_open_info(L);
    bind_open_repl(L);
    bind_open_show(L);
    return 1;
}

static void set_up(lua_State *L, int argc, char **argv) {
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    const char *dir = getenv("MIEN_LUA");
    if (dir && *dir) {
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", dir, dir);
        lua_setfield(L, -2, "path");
        lua_getfield(L, -1, "loaders");                   /* files before the modules linked in */
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        lua_rawseti(L, -3, 1);
        lua_rawseti(L, -2, 2);
        lua_pop(L, 1);
    }
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_mien_core);
    lua_setfield(L, -2, "mien.core");
    lua_pop(L, 2);
    lua_createtable(L, argc, 0);
    for (int i = 0; i < argc; i++) { lua_pushstring(L, argv[i]); lua_rawseti(L, -2, i); }
    lua_setglobal(L, "arg");
}

/* Did the standard output arrive?  Whoever closed a pipe wants no more; a file on a full disk is a failure, which is said. */
static bool written(void) {
    struct stat info;
    errno = 0;
    if ((!fflush(stdout) && !ferror(stdout)) || fstat(STDOUT_FILENO, &info) || S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) return true;
    fprintf(stderr, "mien: cannot write the standard output: %s\n", errno ? strerror(errno) : "an earlier part of it was lost");
    return false;
}

/* Threads of OpenMP spin where they wait, for some 14 ms unless told otherwise; beside other programs two of them may share a processor, and then
 * every parallel loop takes as long: an edit 4.9 s instead of 0.05 s, 0.13 s with this setting, which alone on a machine costs nothing.
 * The libraries read it before main begins, so the program starts once more. */
static void spin_briefly(char **argv) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0 || getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") || setenv("GOMP_SPINCOUNT", "3000", 1)) return;
    self[n] = 0;
    execv(self, argv);
}

/* Gradients of rays and pixels that hardly matter are below 1e-38, and x86 computes with such numbers some hundred times more slowly than with others:
 * the backward pass of a training step's rays took 2.5 times as long.  They are taken for 0, by this thread and those that it starts.  A program
 * that loads mien as a library decides that for itself. */
static void flush_denormals(void) {
#ifdef __SSE2__
    _mm_setcsr(_mm_getcsr() | _MM_FLUSH_ZERO_ON | 0x0040 /* denormals are zeros, too, where they come in */);
#endif
}

/* A file that is opened while a standard stream is closed takes its number, and what is printed lands in that file. */
static void open_closed_streams(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd) return;
}

int main(int argc, char **argv) {
    open_closed_streams();
    spin_briefly(argv);
    flush_denormals();
    lua_State *L = luaL_newstate();
    if (!L) { fprintf(stderr, "mien: out of memory\n"); return 1; }
    set_up(L, argc, argv);
    main_thread = pthread_self();
    state = L;
    signal(SIGINT, on_interrupt);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);                             /* a limit on the size of files is an error like a full disk */
    lua_pushcfunction(L, with_traceback);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "mien.cli");
    int status = lua_pcall(L, 1, 1, 1), code = 1;
    if (!status && lua_istable(L, -1)) {
        lua_getfield(L, -1, "main");
        status = lua_pcall(L, 0, 1, 1);
        if (!status) code = (int)lua_tointeger(L, -1);
    }
    if (status) fprintf(stderr, "mien: %s\n", lua_tostring(L, -1));
    state = NULL;
    lua_close(L);
    return code || written() ? code : 1;
}
