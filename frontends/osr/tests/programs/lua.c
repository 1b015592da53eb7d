// Runs a Lua script: lua SCRIPT ARGS... There is no setjmp in WASI's C library, so errors end the program and
// there are no coroutines.
#include <stdio.h>

#include "lauxlib.h"
#include "lualib.h"

#ifdef __wasi__
// Declared there, but not defined: there are no processes and no temporary files.
int system(const char *command) { (void)command; return -1; }
FILE *tmpfile(void) { return NULL; }
char *tmpnam(char *name) { (void)name; return NULL; }
#endif

int main(int argc, char **argv) {
    lua_State *state = luaL_newstate();
    luaL_openlibs(state);
    lua_createtable(state, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(state, argv[i]);
        lua_rawseti(state, -2, i - 1);
    }
    lua_setglobal(state, "arg");
    if (luaL_loadfile(state, argv[1]) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(state, -1));
        return 1;
    }
    lua_call(state, 0, 0);
    lua_close(state);
    return 0;
}
