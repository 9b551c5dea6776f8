/* repl.c -- the terminal for lua/mien/repl.lua: line editing, history and completion by libedit, and what the terminal
 * says of itself.
 *
 *     mien.editor_open(history file or nil, complete)     complete(text before the cursor) -> text to insert, {candidates}
 *     mien.editor_read(prompt) -> a line; false after Ctrl-C; nil at the end of input
 *     mien.editor_add(line)                               into the history, and its file at once
 *
 * While a line is edited Ctrl-C is a key that gives it up; while a line is computed it is the signal main.c handles. */
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "lua_store.h"

enum { HISTORY = 2000 };

static struct {
    EditLine *el;
    History *history;
    char *history_path;
    lua_State *L;                        /* of the call that reads a line */
    int complete;                        /* reference to the completion function */
    const char *prompt;
    bool cancelled;
} editor = {.complete = LUA_NOREF};

static char *prompt_text(EditLine *el) { (void)el; return (char *)editor.prompt; }

static unsigned char on_cancel(EditLine *el, int ch) {
    (void)el;
    (void)ch;
    editor.cancelled = true;
    return CC_NEWLINE;
}

/* Candidates below the line, in columns. */
static void print_candidates(lua_State *L, int list) {
    struct winsize size;
    int n = (int)lua_objlen(L, list), widest = 1, width = ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        if ((int)lua_objlen(L, -1) > widest) widest = (int)lua_objlen(L, -1);
        lua_pop(L, 1);
    }
    int columns = width / (widest + 2) > 0 ? width / (widest + 2) : 1;
    fputc('\n', stdout);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        fprintf(stdout, "%-*s%s", widest + 2, lua_tostring(L, -1), i % columns == 0 || i == n ? "\n" : "");
        lua_pop(L, 1);
    }
    fflush(stdout);
}

static unsigned char on_complete(EditLine *el, int ch) {
    (void)ch;
    lua_State *L = editor.L;
    const LineInfo *line = el_line(el);
    unsigned char answer = CC_REFRESH_BEEP;
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, editor.complete);
    lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
    if (lua_pcall(L, 1, 2, 0) == 0) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_objlen(L, -2) && el_insertstr(el, lua_tostring(L, -2)) == 0) answer = CC_REFRESH;
        else if (lua_istable(L, -1) && lua_objlen(L, -1) > 1) {
            print_candidates(L, lua_gettop(L));
            answer = CC_REDISPLAY;
        }
    }
    lua_settop(L, top);
    return answer;
}

static void editor_close(void) {
    if (editor.el) el_end(editor.el);
    if (editor.history) history_end(editor.history);
    free(editor.history_path);
    editor.el = NULL;
    editor.history = NULL;
    editor.history_path = NULL;
}
static int l_close(lua_State *L) { (void)L; editor_close(); return 0; }

static int l_open(lua_State *L) {
    HistEvent ev;
    const char *path = luaL_optstring(L, 1, NULL);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    bind_enter(L);
    editor_close();
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");   /* libedit reads wide characters */
    editor.el = el_init("mien", stdin, stdout, stderr);
    editor.history = history_init();
    editor.history_path = path ? strdup(path) : NULL;
    if (!editor.el || !editor.history || (path && !editor.history_path)) {
        editor_close();
        mn_fail(MN_ENOMEM, "cannot set up line editing");
        return bind_failed(L);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, editor.complete);
    lua_pushvalue(L, 2);
    editor.complete = luaL_ref(L, LUA_REGISTRYINDEX);
    history(editor.history, &ev, H_SETSIZE, HISTORY);
    history(editor.history, &ev, H_SETUNIQUE, 1);
    if (path) history(editor.history, &ev, H_LOAD, path);           /* none yet: fine */
    el_set(editor.el, EL_HIST, history, editor.history);
    el_set(editor.el, EL_PROMPT, prompt_text);
    el_set(editor.el, EL_EDITOR, "emacs");
    el_set(editor.el, EL_SIGNAL, 1);
    el_set(editor.el, EL_ADDFN, "mien-cancel", "give the line up", on_cancel);
    el_set(editor.el, EL_ADDFN, "mien-complete", "complete the word", on_complete);
    el_set(editor.el, EL_BIND, "^I", "mien-complete", NULL);
    el_set(editor.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(editor.el, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
    el_set(editor.el, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
    el_source(editor.el, NULL);                                      /* the user's ~/.editrc */
    el_set(editor.el, EL_SETTY, "-d", "intr=", NULL);                /* Ctrl-C is a key while editing */
    el_set(editor.el, EL_BIND, "^C", "mien-cancel", NULL);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_read(lua_State *L) {
    int n = 0;
    editor.prompt = luaL_checkstring(L, 1);
    if (!editor.el) return luaL_error(L, "editor_read: editor_open comes first");
    editor.L = L;
    editor.cancelled = false;
    const char *line = el_gets(editor.el, &n);
    if (editor.cancelled || (!line && mn_interrupted())) {
        fputs("^C\n", stdout);
        fflush(stdout);
        lua_pushboolean(L, 0);
        return 1;
    }
    if (!line || n <= 0) return 0;
    lua_pushlstring(L, line, (size_t)n - (line[n - 1] == '\n'));
    return 1;
}

static int l_add(lua_State *L) {
    HistEvent ev;
    const char *line = luaL_checkstring(L, 1);
    if (!editor.history) return 0;
    history(editor.history, &ev, H_ENTER, line);
    if (editor.history_path) history(editor.history, &ev, H_SAVE, editor.history_path);
    return 0;
}

/* mien.terminal_ask(question, last character of the answer) -> the answer, or nil when none comes within 0.2 s.
 * Terminals answer as if the user typed, so echo and line mode are off meanwhile. */
static int l_ask(lua_State *L) {
    size_t size, got = 0;
    const char *question = luaL_checklstring(L, 1, &size), *last = luaL_checkstring(L, 2);
    char answer[256];
    struct termios was, raw;
    if (!isatty(0) || !isatty(1) || tcgetattr(0, &was)) return 0;
    raw = was;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(0, TCSANOW, &raw)) return 0;
    if (write(1, question, size) == (ssize_t)size) {
        struct pollfd in = {.fd = 0, .events = POLLIN};
        while (got < sizeof answer && poll(&in, 1, 200) > 0 && read(0, answer + got, 1) == 1)
            if (answer[got++] == *last) break;
    }
    tcsetattr(0, TCSANOW, &was);
    if (!got || answer[got - 1] != *last) return 0;
    lua_pushlstring(L, answer, got);
    return 1;
}

static int l_isatty(lua_State *L) { lua_pushboolean(L, isatty((int)luaL_optnumber(L, 1, 1))); return 1; }

void bind_open_repl(lua_State *L) {
    static const luaL_Reg functions[] = {{"editor_open", l_open}, {"editor_close", l_close}, {"editor_read", l_read}, {"editor_add", l_add},
        {"terminal_ask", l_ask}, {"isatty", l_isatty}, {0}};
    luaL_register(L, NULL, functions);
}
