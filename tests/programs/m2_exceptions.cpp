//! C++ exceptions: many frames, cleanups, rethrow, nesting, threads, foreign frames, terminate
// args:
// args: terminate
// flags: -O2 -pthread
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include "common.h"
static uint64_t hash;
struct Guard { int n; explicit Guard(int n) : n(n) {} ~Guard() { hash = mix(hash, n); } };
static __attribute__((noinline)) int down(int depth, int kind) {
    Guard guard(depth);
    if (!depth) {
        if (kind == 0) throw 5;
        if (kind == 1) throw std::runtime_error("runtime");
        if (kind == 2) throw std::string("text");
        return std::vector<int>().at(kind);
    }
    return down(depth - 1, kind) + 1;
}
static int compare(const void *a, const void *b) {
    static int calls;
    if (++calls % 77 == 0) throw 77;
    return *(const int *)a - *(const int *)b;
}
static void run(int n) {
    try {
        try { down(n % 40, n % 4); }
        catch (int value) { hash = mix(hash, value); throw; }
        catch (const std::exception &e) { hash = mix_bytes(hash, e.what(), strlen(e.what())); std::throw_with_nested(std::logic_error("nested")); }
    } catch (const std::string &s) { hash = mix_bytes(hash, s.data(), s.size()); }
    catch (const std::logic_error &e) { try { std::rethrow_if_nested(e); } catch (const std::exception &inner) { hash = mix_bytes(hash, inner.what(), strlen(inner.what())); } }
    catch (...) { hash = mix(hash, 1000 + n % 40); }
}
int main(int argc, char **argv) {
    for (int n = 0; n < 320; n++) run(n);
    int numbers[100];
    for (int n = 0; n < 10; n++) {
        for (int i = 0; i < 100; i++) numbers[i] = i * 7919 % 211;
        try { qsort(numbers, 100, sizeof *numbers, compare); } catch (int value) { hash = mix(hash, value); }
    }
    std::exception_ptr carried;
    std::thread([&] { try { down(10, 1); } catch (...) { carried = std::current_exception(); } }).join();
    try { std::rethrow_exception(carried); } catch (const std::runtime_error &e) { printf("carried %s\n", e.what()); }
    printf("%016lx\n", hash);
    verdict();
    if (argc > 1) std::set_terminate([] { puts("terminate"); fflush(stdout); _exit(3); }), down(3, 0);
    return failures != 0;
}
