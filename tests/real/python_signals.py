#: of python's own tests of signals, threads and children a choice fails as natively; python_suite runs all of them
#: needs: python3
#: limit: 240
#: any-order
import os, re, subprocess, sys
CHOICE = '''test_signal.PosixTests test_signal.WakeupFDTests test_signal.WakeupSignalTests test_signal.WakeupSocketSignalTests
test_signal.PendingSignalsTests test_signal.RaiseSignalTest test_threading.ThreadJoinOnShutdown test_threading.InterruptMainTests
test_os.ForkTests test_os.ExecTests test_os.SpawnTests test_os.PidTests'''.split()
for python in ['/usr/bin/python3', 'python3']:
    if subprocess.run([python, '-c', 'import test.test_signal'], capture_output=True).returncode == 0: break
else: print('NOT RUN: no python with its tests (on Debian libpython3.11-testsuite)'); sys.exit(0)
python = subprocess.run([python, '-c', 'import sys; print(sys.executable)'], capture_output=True, text=True).stdout.strip()
os.chdir(os.environ['HOME'])
known = lambda name: subprocess.run([python, '-c', 'import test.%s as t; t.%s' % tuple(name.split('.'))], capture_output=True).returncode == 0
chosen = [name for name in CHOICE if known(name)]
p = subprocess.run([python, '-m', 'unittest', '-v'] + ['test.' + name for name in chosen], capture_output=True, text=True, errors='replace', stdin=subprocess.DEVNULL)
text = p.stdout + p.stderr
print('ran', re.findall(r'^Ran (\d+) tests', text, re.M), 'of', len(chosen), 'classes')
print('failed', sorted(set(re.findall(r'^(?:ERROR|FAIL): (\S+ \(\S+\))', text, re.M))))
