#: perl: regular expressions, sorting, hashes, closures, fork, pipes, signals, eval, formats
#: needs: perl
#: expect: caught 5
perl -e '
$| = 1; srand 5; my %h; my $s = 7;
for (1 .. 20000) { $s = ($s * 1103515245 + 12345) & 0x7fffffff; $h{$s % 500} .= chr(97 + $s % 26); }
my $t = join " ", map { "$_:$h{$_}" } sort { $a <=> $b } keys %h;
my $n = () = $t =~ /([aeiou]+)(?=[^aeiou])/g; print "$n\n";
(my $u = $t) =~ s/(\w)(\w)(?{ 1 })/$2$1/g; print length $u, " ", unpack("%32C*", $u), "\n";
my @f = map { my $x = $_; sub { $x *= 3; $x + shift } } 1 .. 50; my $sum = 0; $sum += $f[$_ % 50]->($_) for 1 .. 5000; print "$sum\n";
eval { die { code => 5 } }; print "caught $@->{code}\n";
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; 1 while 1 }; print $@;
for (1 .. 5) { my $p = fork; if (!$p) { exit $_ } waitpid $p, 0; print $? >> 8, " " } print "\n";
open my $in, "-|", "seq 1 5 | tac"; print <$in>; close $in;
print sprintf("%.10g %s %x", exp(1), scalar reverse("abc"), 255), "\n"; exit 4'
echo $?
