package command_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rawlab/cmd/rawlab/command"
	"rawlab/labs"
)

// complete asks as a shell's script does, and returns the words.
func complete(t *testing.T, args ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := command.Main(t.Context(), append([]string{"__complete"}, args...), nil, &out, &errs); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, errs.String())
	}
	var list []string
	for line := range strings.Lines(out.String()) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
			list = append(list, word)
		}
	}
	return list
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"lab run re":                          "reorder reliable-udp",
		"lab run loss rel":                    "reliable-udp",
		"lab run loss --backend v":            "virtual",
		"lab run loss --reliability ":         "none ack nack fec",
		"lab run loss --fail-on udp/ack.wire": "udp/ack.wire-",
		"net exec cl":                         "client client2 client3 client4",
		"capture in":                          "inbound",
		"capture -r x --in":                   "--interface --in-namespace",
		"emit ud":                             "udp:// udps://",
		"serve --overflow d":                  "drop-oldest disconnect",
		"lab run loss --lo":                   "--loss",
		"net ex":                              "exec",
	} {
		got := complete(t, strings.Split(args, " ")...)
		for word := range strings.FieldsSeq(want) {
			if !slices.ContainsFunc(got, func(g string) bool { return g == word || strings.HasSuffix(word, "-") && strings.HasPrefix(g, word) }) {
				t.Errorf("%q completes to %q, want %q among it", args, got, word)
			}
		}
	}
	if got := complete(t, "lab", "run", "loss", ""); slices.Contains(got, "loss") || len(got) != len(labs.Catalog)-1 {
		t.Errorf("behind loss: %q", got)
	}
	if got := complete(t, "capture", "-i", ""); !slices.Contains(got, "any") {
		t.Errorf("interfaces %q", got)
	}
}

// TestCompletionScripts lets each shell that is here read its script.
func TestCompletionScripts(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"-n"}, "powershell": nil} {
		var out, errs bytes.Buffer
		if code := command.Main(t.Context(), []string{"completion", shell}, nil, &out, &errs); code != 0 || out.Len() < 1000 {
			t.Errorf("completion %s: exit code %d, %d bytes: %s", shell, code, out.Len(), errs.String())
		}
		program, err := exec.LookPath(shell)
		if check == nil || err != nil {
			continue
		}
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command(program, append(check, file)...).CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%s: %v: %s", shell, err, said)
		}
	}
}

// TestManPages lets groff and mandoc, where they are, read every page and
// warn of what they can.
func TestManPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	var out, errs bytes.Buffer
	if code := command.Main(t.Context(), []string{"man", folder}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(pages) < 20 || !slices.Contains(pages, filepath.Join(folder, "rawlab-lab-run.1")) {
		t.Fatalf("%d pages: %q, %v", len(pages), pages, err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "rawlab-lab-run.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH RAWLAB-LAB-RUN 1 2023-11-14", "\\fB\\-\\-fail\\-on\\fP \\fICONDITION\\fP", ".SH EXIT STATUS", ".BR rawlab\\-lab (1)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in %.300s", want, page)
		}
	}
	for _, tool := range [][]string{{"groff", "-man", "-ww", "-z", "-Kutf8"}, {"mandoc", "-T", "lint", "-W", "warning"}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			continue
		}
		if said, err := exec.Command(tool[0], append(tool[1:], pages...)...).CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%s: %v: %.2000s", tool[0], err, said)
		}
	}
	errs.Reset()
	if code := command.Main(t.Context(), []string{"man"}, nil, &out, &errs); code != 2 {
		t.Errorf("man without a folder: exit code %d", code)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if code := command.Main(t.Context(), []string{"man", folder}, nil, &out, &errs); code != 2 || !strings.Contains(errs.String(), "yesterday") {
		t.Errorf("a date that is none: exit code %d, %s", code, errs.String())
	}
}
