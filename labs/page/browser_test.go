//go:build !race

// The race detector sees nothing of a browser, and takes long to build what
// steers it.

package page_test

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser returns the path of Chromium. Where there is none the test is
// skipped, unless RAWLAB_REQUIRE_TOOLS says that it has to be there.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("RAWLAB_REQUIRE_TOOLS") != "" {
		t.Fatal("RAWLAB_REQUIRE_TOOLS is set, but there is no chromium")
	}
	t.Skip("no chromium")
	return ""
}

// start starts a browser that ends with the test.
func start(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(browser(t)), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute) // cleanups come after the test's own context
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for the browser's end
			t.Log(err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is one page being looked at. What it complains of, and what it asks of
// a network, it notes.
type tab struct {
	*testing.T
	ctx context.Context
	*ear
}

// ear hears what a page does.
type ear struct {
	mu       sync.Mutex
	problems []string
}

// under is the tab in a test below.
func (b *tab) under(t *testing.T) *tab { return &tab{t, b.ctx, b.ear} }

// open opens a file in a tab of its own.
func open(t *testing.T, ctx context.Context, path string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t, ctx, &ear{}}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1200, 900), chromedp.Navigate("file://"+path))
	return b
}

func (b *ear) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+cmp.Or(e.ExceptionDetails.Exception, &runtime.RemoteObject{}).Description)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.problems = append(b.problems, "console: "+string(e.Type))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.problems = append(b.problems, "log: "+e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") {
			b.problems = append(b.problems, "request: "+e.Request.URL)
		}
	}
}

func (b *ear) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.problems)
}

// quiet fails if the page complained of anything.
func (b *tab) quiet() {
	b.Helper()
	for _, p := range b.heard() {
		b.Error(p)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// value is what an expression comes to.
func value[T any](b *tab, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression holds.
func (b *tab) wait(expression string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression)); err != nil {
		b.Fatalf("waiting for %s: %v", expression, err)
	}
}

func (b *tab) click(id string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.ID(id)))
}

func (b *tab) text(id string) string {
	b.Helper()
	return value[string](b, `document.getElementById("`+id+`").textContent`)
}

// keep keeps a picture of the whole page for a person to look at.
func (b *tab) keep(name string) {
	b.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.Fatal(err)
	}
	b.save(name+".png", picture)
}

func (b *tab) save(name string, data []byte) {
	b.Helper()
	folder := os.Getenv("RAWLAB_SCREENSHOTS")
	if folder == "" {
		folder = b.ArtifactDir()
	}
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o666); err != nil {
		b.Fatal(err)
	}
}
