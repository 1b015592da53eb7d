#: of python's own tests of signals, threads, subprocesses, os and ctypes the same fail as natively
#: needs: python3
#: slow
#: limit: 1500
#: any-order
#: expect: test_signal ran
import os, re, subprocess, sys
candidates = ['/usr/bin/python3', 'python3']
for python in candidates:
    if subprocess.run([python, '-c', 'import test.test_signal'], capture_output=True).returncode == 0: break
else: print('NOT RUN: no python with its tests'); sys.exit(0)
python = subprocess.run([python, '-c', 'import sys; print(sys.executable)'], capture_output=True, text=True).stdout.strip()
os.chdir(os.environ['HOME'])
for name in ['test_signal', 'test_threading', 'test_subprocess', 'test_os', 'test_ctypes']:
    p = subprocess.run([python, '-m', 'unittest', '-v', 'test.' + name], capture_output=True, text=True, errors='replace', stdin=subprocess.DEVNULL)
    text = p.stdout + p.stderr
    failed = sorted(set(re.findall(r'^(?:ERROR|FAIL): (\S+ \(\S+\))', text, re.M)))
    ran = re.findall(r'^Ran (\d+) tests', text, re.M)
    print(name, 'ran', ran, 'failed', failed)
