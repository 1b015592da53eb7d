#: an interactive shell on a terminal: Ctrl-C, Ctrl-Z, fg, bg, jobs, and a program that reads the terminal
#: needs: python3 bash
#: limit: 60
#: filter: \[1\] [0-9]+ => [1] N
#: filter: (?m)^\[1\]\+? +Killed.*\n =>
#: filter: (?m)^\[1\]\+? +Stopped +kill.*\n\n =>
#: expect: waited 3
import os, pty, re, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1='<prompt>', HISTFILE='', TERM='dumb')
    os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
text = b''
def until(mark, seconds=15):
    global text
    end = time.monotonic() + seconds
    while mark not in text:
        if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            print('NOT SEEN', mark, 'in', text); sys.exit(1)
        try: more = os.read(fd, 4096)
        except OSError: break
        if not more: break
        text += more
    found, _, text = text.partition(mark)
    return found
def say(line, then=b'<prompt>'):
    os.write(fd, line)
    print(re.sub(rb'\r', b'', until(then)).decode())
until(b'<prompt>')
say(b'stty -echo\n')
say(b'sh -c "echo started; exec sleep 100"\n', b'started')
time.sleep(0.3); say(b'\x1a'); say(b'jobs | sed "s/ *$//"\n')
os.write(fd, b'fg\n'); time.sleep(0.3); say(b'\x03'); say(b'echo status $?\n')
os.write(fd, b'cat\n'); time.sleep(0.2); say(b'line one\n', b'line one'); say(b'\x04')
say(b'(sleep 0.1; exit 3) & wait $!; echo "waited $?"\n')
say(b'kill -STOP $BASHPID & sleep 0.2; jobs | wc -l; kill -9 %1; wait 2>/dev/null; echo gone\n')
say(b'trap "echo int" INT; sh -c "sleep 0.4"; echo after\n')
say(b'python3 -c "import os; print(os.isatty(0), os.tcgetpgrp(0) == os.getpgrp())"\n')
os.write(fd, b'exit 5\n')
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
