// Load is one of the programs that work on a mount while its server is killed.
//
//	load append file        write numbered lines to a new file
//	load read file sum      read a file over and over, compare its SHA-256
//	load exercise file seed        read, write, truncate and map a new file at random
//	load keep file                 remove a new file that is open, and go on with it
//	load churn dir seed [plain]    create, rename and remove below an empty directory
//
// It works until its standard input ends, prints a number now and then to show that it gets on,
// and in the end a report as one line of JSON. See tests/internal/load.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/styxkit/styxkit/tests/internal/load"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	var r *load.Report
	switch {
	case len(args) == 2 && args[0] == "append":
		r = load.Append(args[1], os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "keep":
		r = load.Keep(args[1], os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "read":
		r = load.Read(args[1], args[2], os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "exercise":
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return fmt.Errorf("read seed: %w", err)
		}
		r = load.Exercise(args[1], seed, os.Stdin, os.Stdout)
	case len(args) >= 3 && args[0] == "churn":
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return fmt.Errorf("read seed: %w", err)
		}
		r = load.Churn(args[1], seed, len(args) > 3 && args[3] == "plain", os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("usage: load append file | load keep file | load read file sum | load exercise file seed | load churn dir seed [plain]")
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
