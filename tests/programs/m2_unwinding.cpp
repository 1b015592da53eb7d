//! unwinding from a leaf gives the program's own functions, in order, by name
// flags: -O1 -fno-inline -rdynamic
// link: dynamic
#include <execinfo.h>
#include <unwind.h>
#include "common.h"
static _Unwind_Reason_Code count(struct _Unwind_Context *, void *n) { ++*(int *)n; return _URC_NO_REASON; }
extern "C" __attribute__((noinline)) void leaf() {
    void *frames[32];
    int found = backtrace(frames, 32), walked = 0;
    char **names = backtrace_symbols(frames, found);
    for (int i = 0; i < 5 && i < found; i++) {
        char *open = strchr(names[i], '('), *close = open ? strpbrk(open, "+)") : NULL;
        printf("%.*s\n", open && close ? (int)(close - open - 1) : 1, open ? open + 1 : "?");
    }
    _Unwind_Backtrace(count, &walked);
    printf("%d frames, %d walked\n", found, walked);
}
extern "C" __attribute__((noinline)) void middle(int n) { if (n) middle(n - 1); else leaf(); __asm__(""); }
extern "C" __attribute__((noinline)) void outer() { middle(2); __asm__(""); }
int main() { outer(); return verdict(); }
