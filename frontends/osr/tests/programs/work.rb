# Numbers, text, sorting, errors, hashes, enumerators; prints what can be compared.
puts RUBY_VERSION, (1..20).map { |n| n * n }.sum, 2**200
def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
puts fib(28)
words = ("a".."z").to_a.product(%w[x y z]).map(&:join).shuffle(random: Random.new(7))
puts words.sort.last(3).inspect, words.hash.class, words.join[0, 40]
puts [3.5, 1e100, 2.0 / 3].map(&:to_s).inspect
begin
  Integer("none")
rescue ArgumentError => error
  puts error.message
end
text = "the quick brown fox jumps over the lazy dog " * 50
puts text.scan(/\w+/).tally.sort.first(3).inspect, text.gsub(/o(\w)/) { $1.upcase + "0" }[0, 40]
fiber = Enumerator.new { |out| 5.times { |n| out << n * 7 } }
puts fiber.next, fiber.next
$stdout.flush
