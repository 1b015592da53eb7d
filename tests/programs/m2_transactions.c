//! a transaction begins, aborts and ends at the program's addresses
// needs: rtm
// flags: -mrtm
#include <immintrin.h>
#include "common.h"
int main(void) {
    int committed = 0, aborted = 0;
    for (int n = 0; n < 1000; n++) {
        unsigned status = _xbegin();
        if (status == _XBEGIN_STARTED) {
            if (n & 1) _xabort(7);
            committed++;
            _xend();
        } else if (status & _XABORT_EXPLICIT) {
            CHECK(_XABORT_CODE(status) == 7, "abort code");
            aborted++;
        }
    }
    CHECK(aborted <= 500 && committed <= 500, "%d %d", committed, aborted);
    return verdict();
}
