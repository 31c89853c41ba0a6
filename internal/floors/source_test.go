package floors_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.." // of the module, from this folder
	module = "rawlab"
)

// file is one Go source file, whatever system it is built for.
type file struct {
	path   string // below the module, with slashes
	test   bool
	syntax *ast.File
}

// pkg is one package: what its files import that is this module's, tests
// aside.
type pkg struct {
	path    string
	files   []file
	imports []string
}

// packages parses the whole module, files of every system.
func packages(t *testing.T) []pkg {
	t.Helper()
	byPath := map[string]*pkg{}
	for _, f := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(f.path))
		p := byPath[dir]
		if p == nil {
			p = &pkg{path: dir}
			byPath[dir] = p
		}
		p.files = append(p.files, f)
		if !f.test {
			p.imports = append(p.imports, ownImports(f.syntax)...)
		}
	}
	all := make([]pkg, 0, len(byPath))
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		p := *byPath[path]
		slices.Sort(p.imports)
		p.imports = slices.Compact(p.imports)
		all = append(all, p)
	}
	return all
}

func ownImports(f *ast.File) []string {
	var own []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if below, ok := strings.CutPrefix(path, module+"/"); ok && err == nil {
			own = append(own, below)
		}
	}
	return own
}

func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && skipFolder(path, d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		files = append(files, file{filepath.ToSlash(below), strings.HasSuffix(path, "_test.go"), syntax})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found only %d source files below %s", len(files), root)
	}
	return files
}

// skipFolder tells folders that are no part of the module, as go does.
func skipFolder(path, name string) bool {
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, f := range p.files {
			doc := f.syntax.Doc.Text()
			documented = documented || strings.HasPrefix(doc, "Package "+f.syntax.Name.Name+" ") || strings.HasPrefix(doc, "Command ")
		}
		if !documented {
			t.Errorf("package %s has no package comment", p.path)
		}
	}
}

// TestNothingIsLeftForLater looks for marks of unfinished work in comments.
func TestNothingIsLeftForLater(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"} // apart, so that searches for them do not end here
	for _, f := range sources(t) {
		for _, group := range f.syntax.Comments {
			for _, mark := range marks {
				if strings.Contains(group.Text(), mark) {
					t.Errorf("%s: %s in a comment: %q", f.path, mark, group.Text())
				}
			}
		}
	}
}

// ownTime are the functions of package time that read or wait on the
// machine's own clock.
var ownTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// TestServersTakeTheirClock holds that servers, clients and the queue run on
// virtual time too: they never ask the machine.
func TestServersTakeTheirClock(t *testing.T) {
	for _, f := range sources(t) {
		onVirtualTime := slices.ContainsFunc([]string{"tcpq/", "udpq/", "internal/queue/"}, func(dir string) bool {
			return strings.HasPrefix(f.path, dir)
		})
		if f.test || !onVirtualTime {
			continue
		}
		for _, name := range timeCalls(f.syntax) {
			t.Errorf("%s uses time.%s: take the clock from Config (internal/clock)", f.path, name)
		}
	}
}

// timeCalls returns which functions of ownTime a file mentions.
func timeCalls(f *ast.File) []string {
	local := ""
	for _, spec := range f.Imports {
		if spec.Path.Value == `"time"` {
			local = "time"
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && local != "" && x.Name == local && slices.Contains(ownTime, s.Sel.Name) {
				found = append(found, s.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestTimeCalls(t *testing.T) {
	const source = `package p
import clock "time"
var now = clock.Now
func f(time interface{ Now() int }) { time.Now(); clock.Sleep(clock.Second) }`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := timeCalls(f), []string{"Now", "Sleep"}; !slices.Equal(got, want) {
		t.Errorf("timeCalls = %v, want %v", got, want)
	}
}

// TestSkipsCanBeForbidden holds that a test which skips for want of a right
// or a tool fails where RAWLAB_REQUIRE_… says that it must run: the skipping
// function looks itself, or host.IsolateTests looked before all tests.
func TestSkipsCanBeForbidden(t *testing.T) {
	for _, p := range packages(t) {
		looked := slices.ContainsFunc(p.files, func(f file) bool { return f.test && names(f.syntax, "IsolateTests") })
		for _, f := range p.files {
			if !f.test || looked {
				continue
			}
			for _, decl := range f.syntax.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && names(fn, "Skip", "Skipf", "SkipNow") && !mentions(fn, "RAWLAB_REQUIRE_") {
					t.Errorf("%s: %s skips, whatever RAWLAB_REQUIRE_… says", f.path, fn.Name.Name)
				}
			}
		}
	}
}

// names reports whether one of these is selected (x.Name) below n.
func names(n ast.Node, selected ...string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		found = found || ok && slices.Contains(selected, s.Sel.Name)
		return true
	})
	return found
}

// mentions reports whether a literal below n contains part.
func mentions(n ast.Node, part string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		l, ok := n.(*ast.BasicLit)
		found = found || ok && strings.Contains(l.Value, part)
		return true
	})
	return found
}
