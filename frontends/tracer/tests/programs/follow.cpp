// What is hard to say in Rust: exceptions through several frames, and jumps out of handlers.
// Built as a shared object by tests/follow/cpp.rs.
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace {

struct Guard {
    int *cleaned;
    ~Guard() { ++*cleaned; }
};

__attribute__((noinline)) int thrower(int depth, int *cleaned) {
    Guard guard{cleaned};
    if (depth == 0) {
        throw std::runtime_error("deep " + std::to_string(*cleaned));
    }
    return thrower(depth - 1, cleaned) + 1;
}

sigjmp_buf way_out;

void jump(int) { siglongjmp(way_out, 1); }

}  // namespace

// Throws through `depth` frames with destructors, catches another type on the way, rethrows.
extern "C" int throw_and_catch(int depth) {
    int cleaned = 0;
    try {
        try {
            thrower(depth, &cleaned);
        } catch (const std::logic_error &) {
            return -1;
        } catch (...) {
            ++cleaned;
            throw;
        }
    } catch (const std::exception &error) {
        return std::string(error.what()) == "deep 0" ? cleaned : -2;
    }
    return -3;
}

// Faults `times` times and jumps out of the handler each time; the mask must be as before.
extern "C" int jump_out_of_faults(int times) {
    struct sigaction action = {}, old = {};
    action.sa_handler = jump;
    if (sigaction(SIGSEGV, &action, &old) != 0) {
        return -1;
    }
    volatile int jumped = 0;
    for (volatile int i = 0; i < times; i = i + 1) {
        if (sigsetjmp(way_out, 1) != 0) {
            jumped = jumped + 1;
            continue;
        }
        *reinterpret_cast<volatile int *>(16) = 1;
    }
    sigset_t mask;
    sigprocmask(SIG_BLOCK, nullptr, &mask);
    if (sigismember(&mask, SIGSEGV) != 0) {
        return -2;
    }
    return sigaction(SIGSEGV, &old, nullptr) == 0 ? jumped : -3;
}

// A plain longjmp through frames.
extern "C" int jump_through_frames(int depth) {
    static jmp_buf out;
    struct Dive {
        static void down(int depth) {
            if (depth == 0) {
                longjmp(out, 5);
            }
            down(depth - 1);
        }
    };
    const int jumped = setjmp(out);
    if (jumped == 0) {
        Dive::down(depth);
    }
    return jumped;
}
