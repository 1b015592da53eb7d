#: python: callbacks from C through ctypes, closures in executable memory, dlopen
#: needs: python3
#: expect: 1.414
import ctypes, ctypes.util
libc = ctypes.CDLL(None)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 200)(*[i * 7919 % 1009 for i in range(200)])
calls = 0
def by_value(a, b):
    global calls; calls += 1
    return a[0] - b[0]
libc.qsort(values, 200, 4, compare(by_value))
print(list(values)[:5], calls > 200)
for n in range(300):
    f = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_double)(lambda x, y, n=n: x * n + int(y))
    assert f(3, 2.5) == 3 * n + 2
libm = ctypes.CDLL(ctypes.util.find_library('m') or 'libm.so.6')
libm.pow.restype = ctypes.c_double; libm.pow.argtypes = [ctypes.c_double] * 2
print(libm.pow(2, 0.5))
