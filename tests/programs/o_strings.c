//! string instructions count once however often they repeat, none at all and across pages included
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
static char one[9000], two[9000];
int raw_main(void) {
    uint64_t h = 0;
    for (long n = 0; n < 40; n++) {
        long count = n * n, value = n;
        void *to = two, *from = one;
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        to = two, count = n;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
        to = two, from = one, count = 100;
        __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(count)::"memory", "cc");
        h = h * 31 + count;
        to = two, count = 200;
        __asm__ volatile("repne scasb" : "+D"(to), "+c"(count) : "a"(0) : "memory", "cc");
        h = h * 31 + count;
        from = one;
        __asm__ volatile("lodsb\n stosb\n movsb" : "+D"(to), "+S"(from), "=a"(value)::"memory");
    }
    raw_print(h);
    return 0;
}
