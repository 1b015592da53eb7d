#: python: threads, queues, locks, timers, signals, subprocesses with pipes, multiprocessing pools
#: needs: python3
#: expect: 41541750
import multiprocessing, os, queue, signal, subprocess, sys, threading, time
def square(n): return n * n
def main():
    q, results, lock = queue.Queue(), [], threading.Lock()
    def worker():
        while (n := q.get()) is not None:
            with lock: results.append(square(n))
    threads = [threading.Thread(target=worker) for _ in range(8)]
    [t.start() for t in threads]
    [q.put(n) for n in range(500)]
    [q.put(None) for _ in threads]
    [t.join() for t in threads]
    print(sum(results), len(results))
    p = subprocess.run(['sort', '-r'], input=b'b\na\nc\n', capture_output=True)
    print(p.stdout, p.returncode)
    print(subprocess.run('exit 7', shell=True).returncode, subprocess.run(['sh', '-c', 'kill -9 $$']).returncode)
    with multiprocessing.get_context('fork').Pool(3) as pool: print(sum(pool.map(square, range(200))))
    with multiprocessing.get_context('spawn').Pool(2) as pool: print(sum(pool.map(square, range(50))))
    hits = []
    signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    end = time.monotonic() + 0.3
    while time.monotonic() < end: sum(range(1000))
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(len(hits) > 5)
    pid = os.fork()
    if pid == 0:
        t = threading.Thread(target=lambda: None); t.start(); t.join(); os._exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    try: subprocess.run(['no-such-program'])
    except FileNotFoundError as e: print(e)
    e = threading.Event(); threading.Timer(0.05, e.set).start(); print(e.wait(5))
if __name__ == '__main__': main(); sys.exit(6)
