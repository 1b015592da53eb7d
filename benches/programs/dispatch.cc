// Calls: virtual dispatch over a mixed list, std::function, a visitor, sorting with a comparator, exceptions.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Node {
    virtual ~Node() = default;
    virtual std::uint32_t eval(std::uint32_t x) const = 0;
};

struct Leaf final : Node {
    explicit Leaf(std::uint32_t v) : value(v) {}
    std::uint32_t eval(std::uint32_t x) const override { return value ^ x; }
    std::uint32_t value;
};

template <class Op> struct Binary final : Node {
    Binary(std::unique_ptr<Node> l, std::unique_ptr<Node> r) : left(std::move(l)), right(std::move(r)) {}
    std::uint32_t eval(std::uint32_t x) const override { return Op{}(left->eval(x), right->eval(x + 1)); }
    std::unique_ptr<Node> left, right;
};

struct Xor { std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a ^ b; } };
struct Mix { std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const { return a * 31 + b; } };

std::unique_ptr<Node> tree(int depth, std::uint32_t seed) {
    if (depth == 0) return std::make_unique<Leaf>(seed);
    auto left = tree(depth - 1, seed * 3 + 1);
    auto right = tree(depth - 1, seed * 5 + 2);
    switch (seed % 4) {
    case 0: return std::make_unique<Binary<std::plus<std::uint32_t>>>(std::move(left), std::move(right));
    case 1: return std::make_unique<Binary<std::minus<std::uint32_t>>>(std::move(left), std::move(right));
    case 2: return std::make_unique<Binary<Xor>>(std::move(left), std::move(right));
    default: return std::make_unique<Binary<Mix>>(std::move(left), std::move(right));
    }
}

std::uint32_t trees(int rounds) {
    auto root = tree(12, 7);
    std::uint32_t sum = 0;
    for (int i = 0; i < rounds; ++i) sum = sum * 17 + root->eval(static_cast<std::uint32_t>(i));
    return sum;
}

std::uint32_t functions(int rounds) {
    std::vector<std::function<std::uint32_t(std::uint32_t)>> steps;
    for (std::uint32_t n = 0; n < 8; ++n) steps.emplace_back([n](std::uint32_t x) { return x * (2 * n + 5) + n + 1; });
    std::uint32_t value = 1;
    for (int i = 0; i < rounds * 1500; ++i) value = steps[value >> 7 & 7](value);
    return value;
}

std::size_t containers(int rounds) {
    std::map<std::string, int> counts;
    std::uint32_t state = 1;
    for (int i = 0; i < rounds * 100; ++i) {
        state = state * 1664525 + 1013904223;
        ++counts["k" + std::to_string(state >> 20)];
    }
    std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) { return a.second > b.second || (a.second == b.second && a.first < b.first); });
    return sorted.front().first.size() * 1000 + sorted.size();
}

int thrower(int i) {
    if (i % 5 == 0) throw std::runtime_error("five");
    return i;
}

int exceptions(int rounds) {
    int caught = 0;
    for (int i = 0; i < rounds * 10; ++i) {
        try {
            caught += thrower(i) & 1;
        } catch (const std::runtime_error &error) {
            caught += error.what()[0];
        }
    }
    return caught;
}

} // namespace

int main(int, char **argv) {
    const int rounds = std::atoi(argv[1]);
    std::printf("%u\n", trees(rounds));
    std::printf("%u\n", functions(rounds));
    std::printf("%zu\n", containers(rounds));
    std::printf("%d\n", exceptions(rounds));
}
