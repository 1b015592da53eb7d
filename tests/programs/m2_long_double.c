//! long double arithmetic keeps its 64-bit mantissa
// flags: -O2 -lm
#include <fenv.h>
#include <math.h>
#include "common.h"
int main(void) {
    long double x = 1.0L;
    for (int n = 1; n < 2000; n++) {
        x += sinl(n) / n + 1.0L / (n * (long double)n);
        if (n % 200 == 0) printf("%d %.20Lg %La\n", n, x, x);
    }
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int m = 0; m < 4; m++) {
        fesetround(modes[m]);
        volatile long double a = 1.0L, b = 3.0L;
        volatile double c = 1.0, d = 3.0;
        printf("%La %a %Lg %.15g\n", a / b, c / d, rintl(2.5L), nearbyint(-2.5));
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double zero = 0, big = 1e308;
    volatile double q = 1 / zero, r = big * 10;
    printf("%g %g %#x\n", q, r, fetestexcept(FE_ALL_EXCEPT));
    printf("%Lg %Lg %Lg\n", expl(50.5L), powl(1.0001L, 12345), fmodl(1e15L, 7.3L));
    printf("%.17g %.17g %.17g\n", exp(1.5), tan(0.7), tgamma(5.5));
    return verdict();
}
