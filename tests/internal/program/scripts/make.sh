# shellcheck shell=bash disable=SC2164,SC2016
# Build a program of AMOUNT files with make, change one of them, and build again.
mkdir src
cd src
for i in $(seq "$AMOUNT"); do
	printf '#include "all.h"\nint f%d(int x) { return x + %d; }\n' "$i" "$i" >"f$i.c"
done
{
	echo '#define START 0'
	for i in $(seq "$AMOUNT"); do echo "int f$i(int);"; done
} >all.h
{
	printf '#include <stdio.h>\n#include "all.h"\nint main(void) { int x = START;\n'
	for i in $(seq "$AMOUNT"); do echo "x = f$i(x);"; done
	printf 'printf("%%d\\n", x); return 0; }\n'
} >main.c
{
	printf 'sum: main.o'
	for i in $(seq "$AMOUNT"); do printf ' f%d.o' "$i"; done
	printf '\n\t$(CC) -o $@ $^\n%%.o: %%.c all.h\n\t$(CC) -c -o $@ $<\n'
} >Makefile
make -s -j2
[ "$(./sum)" = $((AMOUNT * (AMOUNT + 1) / 2)) ]
[ "$(make)" = "make: 'sum' is up to date." ]
sed -i 's/x + 1;/x + 101;/' f1.c
make -s
[ "$(./sum)" = $((AMOUNT * (AMOUNT + 1) / 2 + 100)) ]
