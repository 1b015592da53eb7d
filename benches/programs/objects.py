"""Dictionaries, objects, strings, exceptions and regular expressions, about a second of each."""
import re
import sys


class Shape:
    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height


class Square(Shape):
    def __init__(self, side):
        super().__init__(side, side)


def objects(count):
    shapes = [Square(i % 17) if i % 3 else Shape(i % 5, i % 7) for i in range(count)]
    return sum(shape.area() for shape in shapes)


def dictionaries(count):
    table = {}
    for i in range(count):
        key = f"key-{i * 7919 % 4099}"
        table[key] = table.get(key, 0) + i
    return max(sorted(table), key=table.__getitem__)


def strings(count):
    words = [chr(97 + i % 26) * (i % 9 + 1) for i in range(count)]
    text = " ".join(words)
    return len(text.upper().replace("A", "bc").split()), text.count("zz")


def expressions(count):
    pattern = re.compile(r"(\w+)@(\w+)\.(com|org)(?:/(\d+))?")
    lines = [f"user{i}@host{i % 31}.{'com' if i % 2 else 'org'}/{i}" for i in range(count)]
    return sum(int(match.group(4)) for match in map(pattern.match, lines) if match)


def exceptions(count):
    caught = 0
    for i in range(count):
        try:
            if i % 3 == 0:
                raise KeyError(i)
        except KeyError as error:
            caught += error.args[0]
    return caught


def closures(count):
    adders = [lambda x, n=n: x + n for n in range(16)]
    value = 0
    for i in range(count):
        value = adders[i & 15](value) & 0xFFFFFF
    return value


SCALE = int(sys.argv[1])
for work, unit in [(objects, 60), (dictionaries, 100), (strings, 150), (expressions, 40), (exceptions, 150), (closures, 250)]:
    print(work.__name__, work(SCALE * unit))
