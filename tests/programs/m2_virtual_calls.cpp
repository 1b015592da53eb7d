//! virtual calls, function pointers, switches and std::function with many targets
// flags: -O2
#include <functional>
#include <memory>
#include <vector>
#include "common.h"
struct Shape { virtual uint64_t step(uint64_t h) const = 0; virtual ~Shape() {} };
template <int N> struct Kind : Shape {
    uint64_t step(uint64_t h) const override { return (h ^ N) * (2 * N + 1) + (h >> (N % 60 + 1)); }
};
template <int N> void fill(std::vector<std::unique_ptr<Shape>> &all) {
    all.emplace_back(new Kind<N>);
    if constexpr (N > 0) fill<N - 1>(all);
}
static uint64_t pick(uint64_t h) {
    switch (h % 23) {
    case 0: return h + 1; case 1: return h * 3; case 2: return ~h; case 3: return h >> 3; case 4: return h ^ 99; case 5: return h - 7;
    case 6: return h << 1; case 7: return h + (h >> 7); case 8: return h | 1; case 9: return h * h; case 10: return h & ~2ull; case 11: return -h;
    case 12: return h ^ h >> 9; case 13: return h + 1000; default: return h * 5 + 1;
    }
}
int main() {
    std::vector<std::unique_ptr<Shape>> all;
    fill<120>(all);
    std::vector<std::function<uint64_t(uint64_t)>> functions;
    for (int n = 0; n < 40; n++) functions.push_back([n](uint64_t h) { return h * (n + 3) ^ n; });
    uint64_t h = 1;
    for (int n = 0; n < 400000; n++) {
        h = all[n % 3]->step(h);
        h = all[h % all.size()]->step(h);
        h = pick(h);
        h = functions[h % functions.size()](h);
    }
    printf("%016lx\n", h);
    return verdict();
}
