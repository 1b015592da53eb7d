# Matching, capturing, substituting and sorting text.
use strict;
use warnings;

my $scale = shift;
my @lines = map { sprintf "%05d GET /item/%d?colour=%s HTTP/1.%d", $_, $_ * 31 % 997, (qw(red green blue))[$_ % 3], $_ & 1 } 1 .. $scale;

my %seen;
for my $line (@lines) {
    if ($line =~ m{^(\d+) (GET|POST) /(\w+)/(\d+)\?(\w+)=(\w+) HTTP/(\d)\.(\d)$}) {
        $seen{"$3/$6"}{$4}++;
    }
}
print "$_ ", scalar(keys %{ $seen{$_} }), "\n" for sort keys %seen;

my $text = join "\n", @lines;
my $words = () = $text =~ /\b\w*e\w*\b/g;
(my $swapped = $text) =~ s/(\w+)=(\w+)/$2=$1/g;
my $backtracks = () = $text =~ /(?:\d+|\w+)+[!]|item/g;
print length($swapped), " $words $backtracks\n";

my @sorted = sort { $b->[1] <=> $a->[1] || $a->[0] cmp $b->[0] } map { [$_, tr/e//] } @lines;
print "$sorted[0][0]\n$sorted[-1][0]\n";
