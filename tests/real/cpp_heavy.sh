#: the compiler on a heavy template program, at -O2, and that program
#: needs: g++
#: modes: run
#: limit: 300
#: expect: vector
cat > heavy.cpp <<'X'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <sstream>
#include <unordered_map>
#include <vector>
int main() {
    std::mt19937_64 random(5); std::vector<uint64_t> v(100000); for (auto &x : v) x = random(); std::sort(v.begin(), v.end());
    std::unordered_map<std::string, int> m; for (int i = 0; i < 20000; i++) m[std::to_string(v[i] % 977)]++;
    std::map<int, int> h; for (auto &p : m) h[p.second]++; for (auto &p : h) std::cout << p.first << ':' << p.second << ' ';
    std::regex r("(a|b)*c+[0-9]{2,}"); int n = 0; for (int i = 0; i < 2000; i++) { std::ostringstream s; s << "abab" << (i % 3 ? "c" : "d") << i; n += std::regex_search(s.str(), r); }
    try { std::vector<int>().at(3); } catch (const std::exception &e) { std::cout << e.what(); } std::cout << ' ' << n << '\n';
}
X
g++ -std=c++17 -O2 -o heavy heavy.cpp && ./heavy; md5sum heavy; rm -f heavy
