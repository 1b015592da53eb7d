#: formats a manual page, with the seccomp filter that man installs
#: also: torture
#: needs: man nroff
#: path: /usr/share/man/man1/ls.1.gz
#: env: MANPAGER=cat
#: expect: list directory contents
#: command: man ls
