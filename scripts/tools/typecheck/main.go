// Typecheck type-checks every package of a module, and its tests, for systems
// that this machine need not be. It reads everything from source, without the
// function bodies of what is only imported, and compiles nothing, so that a
// system more costs seconds.
//
//	typecheck DIR OS/ARCH…
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck DIR OS/ARCH…")
		os.Exit(2)
	}
	failed := false
	for _, target := range os.Args[2:] {
		if err := check(os.Args[1], target); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", target, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check loads every package below dir, and its tests, as target has them.
func check(dir, target string) error {
	system, arch, ok := strings.Cut(target, "/")
	if !ok {
		return fmt.Errorf("not a target: want OS/ARCH, such as linux/amd64")
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedDeps | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedModule,
		Dir:   dir,
		Env:   append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch),
		Tests: true,
	}, "./...")
	if err != nil {
		return err
	}
	if len(loaded) == 0 {
		return fmt.Errorf("no package below %s", dir)
	}
	if n := packages.PrintErrors(loaded); n > 0 {
		return fmt.Errorf("errors: %d", n)
	}
	return nil
}
