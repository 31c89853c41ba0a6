//go:build !race

package page_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rawlab/capture/account"
	"rawlab/labs"
	"rawlab/labs/page"
	"rawlab/labs/report"
)

// lossPage writes the page of a run over both transports.
func lossPage(t *testing.T) (path string, evidence []report.Evidence) {
	t.Helper()
	o := labs.Loss.Defaults
	o.Backend, o.Events, o.TCPInfo = labs.BackendVirtual, 400, 10*time.Millisecond
	out, err := labs.Loss.Run(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	return pageFile(t, out.Result, out.Evidence), out.Evidence
}

func pageFile(t *testing.T, r *report.Result, evidence []report.Evidence) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, r, evidence); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// ready holds when the page's script is through.
const ready = `document.documentElement.dataset.ready === "true"`

// TestInABrowser opens pages from files, as a reader does.
func TestInABrowser(t *testing.T) {
	if testing.Short() {
		return // it starts a browser
	}
	ctx := start(t)
	path, evidence := lossPage(t)
	shared := open(t, ctx, path)
	shared.wait(ready)
	look := func(name string, test func(*tab)) {
		t.Run(name, func(t *testing.T) {
			b := shared.under(t)
			test(b)
			b.quiet()
		})
	}
	look("keyboard", reachesAllByKey) // first: the focus is where a page begins
	look("charts", drawsCharts)
	look("search", func(b *tab) { findsEvents(b, evidence) })
	look("ladder", walksTheLadder)
	look("bytes", lightsBytes)
	look("theme", switchesTheme)
	look("names", namesEverything)
	look("narrow", fitsANarrowScreen)
	look("print", printsWell)
	t.Run("hostile", func(t *testing.T) {
		r, evidence := lossy(30, hostile)
		b := open(t, ctx, pageFile(t, r, evidence))
		b.wait(ready)
		staysHarmless(b)
	})
	t.Run("complaints are heard", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "loud.html")
		os.WriteFile(path, []byte(`<script>fetch("http://127.0.0.1:1/").catch(() => {}).finally(() => { document.title = "done"; throw Error("loud") })</script>`), 0o666)
		b := open(t, ctx, path)
		b.wait(`document.title === "done"`)
		heard := strings.Join(b.heard(), "\n")
		for _, want := range []string{"exception: ", "request: http://127.0.0.1:1/"} {
			if !strings.Contains(heard, want) {
				t.Errorf("heard %q, want %q", heard, want)
			}
		}
	})
}

func drawsCharts(b *tab) {
	if n := value[int](b, `document.querySelectorAll(".plot canvas").length`); n != 5 {
		b.Errorf("%d charts, want 5", n)
	}
	// The canvas has more than one color: something is drawn on it.
	if n := value[int](b, `new Set(new Uint32Array(document.querySelector(".plot canvas").getContext("2d").getImageData(0, 0, 400, 300).data.buffer)).size`); n < 4 {
		b.Errorf("the first chart has %d colors", n)
	}
	if n := value[int](b, `document.querySelectorAll("#chart-latency details tbody tr").length`); n != 21 {
		b.Errorf("the table of the first chart has %d rows, want 21", n)
	}
	b.keep("light")
}

// find searches as a reader does.
func find(b *tab, run int, event string) string {
	b.Helper()
	value[bool](b, fmt.Sprintf(`(document.getElementById("run").value = %d, document.getElementById("run").dispatchEvent(new Event("change")))`, run))
	value[string](b, `document.getElementById("number").value = ""`)
	b.do(chromedp.SendKeys(chromedp.ID("number"), event+kb.Enter))
	return b.text("story")
}

func findsEvents(b *tab, evidence []report.Evidence) {
	tcp, udp := evidence[0].Ledger, evidence[1].Ledger
	lost := slices.IndexFunc(udp.Events, func(e account.Event) bool { return e.Fate == account.WireLoss })
	longest := slices.MaxFunc(tcp.Events, func(x, y account.Event) int { return cmp.Compare(x.InLine, y.InLine) })
	for _, c := range []struct {
		run   int
		event string
		want  []string
	}{
		{0, "7", []string{"Event 1:7 of TCP", "delivered after", "left the client host with it", "left the server host with it"}},
		{0, fmt.Sprint("1:", longest.ID.Sequence), []string{"it stood in line", "brought what was missing", "sent again"}},
		{1, fmt.Sprint(udp.Events[lost].ID.Sequence), []string{"of UDP: lost: wire-loss", "wire-loss", "✗"}},
		{1, "99999", []string{"UDP has no event 99999; it has 1:1 to 1:400."}},
		{1, "<b>", []string{"“<b>” is no event"}},
	} {
		story := find(b, c.run, c.event)
		for _, want := range c.want {
			if !strings.Contains(story, want) {
				b.Errorf("run %d, event %s: story %q lacks %q", c.run, c.event, story, want)
			}
		}
	}
	for _, e := range udp.Events[:20] {
		story := find(b, 1, fmt.Sprint(e.ID.Sequence))
		if got := strings.Contains(story, "Delivered to the subscriber"); got != (e.Fate == "") {
			b.Errorf("event %d has the fate %q, and its story is %q", e.ID.Sequence, e.Fate, story)
		}
	}
	if status := b.text("status"); !strings.HasPrefix(status, "Event 1:20 of UDP: ") {
		b.Errorf("the status is %q, want the last event that was looked for", status)
	}
	b.click("next-lost")
	if story := b.text("story"); !strings.Contains(story, "lost: ") {
		b.Errorf("the next lost event has the story %q", story)
	}
}

func walksTheLadder(b *tab) {
	first := b.text("ladder-drawing")
	b.click("ladder-on")
	if on := b.text("ladder-drawing"); on == first || !strings.Contains(on, "packets 25 to 48") {
		b.Errorf("later packets: %.200q", on)
	}
	b.click("ladder-loss")
	if crosses := value[int](b, `document.querySelectorAll("#ladder-drawing .cross").length`); crosses == 0 {
		b.Error("no ✗ in the ladder of the next loss")
	}
	b.click("ladder-first")
	if again := b.text("ladder-drawing"); again != first {
		b.Error("the first packets are not those that were there at first")
	}
	rows := value[int](b, `document.querySelectorAll("#ladder-drawing tbody tr").length`)
	if rows != 24 {
		b.Errorf("the ladder's table has %d rows, want 24", rows)
	}
}

func lightsBytes(b *tab) {
	value[bool](b, `document.querySelector("#notable button").click() ?? true`)
	value[bool](b, `[...document.querySelectorAll("#bytes button")].find((x) => x.textContent === "IPv4").click() ?? true`)
	lit := value[int](b, `document.querySelector("#bytes .packet .hex").querySelectorAll(".lit").length`)
	if lit != 20 {
		b.Errorf("%d bytes are lit, want an IPv4 header's 20", lit)
	}
	if bare := value[int](b, `document.querySelectorAll("#bytes .piece-0").length`); bare != 0 {
		b.Errorf("%d bytes belong to no layer", bare)
	}
	if fields := b.text("bytes"); !strings.Contains(fields, "IPv4: fields") {
		b.Error("the fields of IPv4 are not shown")
	}
}

const background = `getComputedStyle(document.body).backgroundColor`

func switchesTheme(b *tab) {
	light := value[string](b, background)
	b.click("theme")
	b.click("theme")
	dark := value[string](b, background)
	if light != "rgb(255, 255, 255)" || dark == light {
		b.Errorf("background %s, and %s in the dark", light, dark)
	}
	b.keep("dark")
	b.click("theme")
	scheme := func(name string) {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		if err != nil {
			b.Fatal(err)
		}
	}
	scheme("dark")
	if got := value[string](b, background); got != dark {
		b.Errorf("a dark system's page has the background %s, want %s", got, dark)
	}
	scheme("light")
}

// reachesAllByKey goes through the page by Tab: everything that can be used
// is met once, in its order, and shows that it has the focus.
func reachesAllByKey(b *tab) {
	const usable = `[...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter((e) => !e.disabled && e.checkVisibility())`
	want := value[int](b, usable+`.length`)
	value[bool](b, `(window.met = [], window.blind = [], document.addEventListener("focusin", (e) => { met.push(e.target); if (getComputedStyle(e.target).outlineStyle === "none") blind.push(e.target.outerHTML.slice(0, 80)) }), true)`)
	b.do(chromedp.KeyEvent(strings.Repeat(kb.Tab, want)))
	if got := value[int](b, `new Set(met).size`); got != want {
		b.Errorf("Tab reaches %d of %d: not %s", got, want, value[string](b, usable+`.filter((e) => !met.includes(e)).map((e) => e.outerHTML.slice(0, 80)).join(" ")`))
	}
	if first := value[string](b, `met[0].textContent`); first != "to the results" {
		b.Errorf("Tab begins at %q", first)
	}
	if blind := value[[]string](b, `blind`); len(blind) > 0 {
		b.Errorf("these do not show that they have the focus: %q", blind)
	}
	b.do(chromedp.Focus(chromedp.CSS("#chart-latency .u-series + .u-series > th")), chromedp.KeyEvent(kb.Enter))
	b.wait(`document.querySelector("#chart-latency .u-series + .u-series > th").getAttribute("aria-pressed") === "false"`)
}

// namesEverything holds the page to what a screen reader needs.
func namesEverything(b *tab) {
	for claim, expression := range map[string]string{
		"one h1":                    `document.querySelectorAll("h1").length === 1 || "no"`,
		"landmarks":                 `["header", "nav", "main"].every((n) => document.querySelectorAll(n).length === 1) || "no"`,
		"no heading leaves a level": `[...document.querySelectorAll("h1, h2, h3, h4")].map((h) => +h.tagName[1]).every((n, i, all) => !i || n <= all[i - 1] + 1) || "no"`,
		"sections have names":       `[...document.querySelectorAll("section")].every((s) => s.ariaLabel || document.getElementById(s.getAttribute("aria-labelledby"))) || "no"`,
		"buttons have names":        `[...document.querySelectorAll("button")].every((e) => e.textContent.trim()) || "no"`,
		"fields have labels":        `[...document.querySelectorAll("input, select")].every((e) => e.labels.length) || "no"`,
		"drawings have names":       `[...document.querySelectorAll("svg, canvas")].every((e) => e.ariaHidden === "true" || e.role === "img" && e.ariaLabel) || "no"`,
		"tables have headings":      `[...document.querySelectorAll("main table:not(.u-legend)")].every((t) => t.querySelector("th[scope=col]") && (!t.tBodies[0].rows.length || t.querySelector("th[scope=row]"))) || "no"`,
		"ids are unique":            `new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length || "no"`,
		"the page has a language":   `document.documentElement.lang === "en" || "no"`,
	} {
		if got := value[any](b, expression); got != true {
			b.Errorf("%s: %v", claim, got)
		}
	}
}

func fitsANarrowScreen(b *tab) {
	b.do(chromedp.EmulateViewport(360, 740))
	b.wait(`[...document.querySelectorAll(".plot canvas")].every((c) => c.clientWidth <= 360)`)
	if wide := value[int](b, `document.documentElement.scrollWidth`); wide > 360 {
		b.Errorf("the page is %d pixels wide on a screen of 360", wide)
	}
	b.keep("narrow")
}

func printsWell(b *tab) {
	b.click("theme")
	b.click("theme") // dark, which paper is not
	value[bool](b, `(addEventListener("beforeprint", () => window.printed = [getComputedStyle(document.documentElement).colorScheme, document.querySelectorAll("details:not([open], .alternative, .packet)").length]), true)`)
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
	if err != nil {
		b.Fatal(err)
	}
	b.save("print.pdf", pdf)
	if !bytes.HasPrefix(pdf, []byte("%PDF")) {
		b.Errorf("the print is %.20q", pdf)
	}
	if printed := value[[]any](b, `printed`); printed[1] != 0.0 {
		b.Errorf("%v details are closed on paper", printed[1])
	}
	if closed := value[int](b, `document.querySelectorAll("details:not([open])").length`); closed == 0 {
		b.Error("after printing, all details are still open")
	}
	if theme := b.text("theme"); theme != "theme: dark" {
		b.Errorf("after printing: %q", theme)
	}
}

// staysHarmless: what an event brings is text, and what the page's own script
// did not bring does not run.
func staysHarmless(b *tab) {
	if title := value[string](b, `document.title`); title != "rawlab: made-up" {
		b.Errorf("the page's title is %q: a topic ran as a script", title)
	}
	if n := value[int](b, `document.querySelectorAll("img").length`); n != 0 {
		b.Errorf("%d images, want none", n)
	}
	value[bool](b, `[...document.querySelectorAll("#bytes button")].filter((x) => x.textContent.startsWith("rawlab")).every((x) => x.click() ?? (window.shown = (window.shown ?? "") + document.getElementById("bytes").textContent))`)
	if shown := value[string](b, `shown`); !strings.Contains(shown, "onerror=alert(1)") {
		b.Error("the topic is not shown")
	}
	b.quiet()
	if got := value[string](b, `(() => { try { document.body.insertAdjacentHTML("beforeend", "<i>"); return "inserted" } catch (e) { return e.name } })()`); got != "TypeError" {
		b.Errorf("markup is %s", got)
	}
	if got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`fetch("http://127.0.0.1:1/").then(() => "sent", (e) => e.name)`, chromedp.EvalAwaitPromise)); err != nil || got != "TypeError" {
		b.Errorf("a fetch is %q, %v", got, err)
	}
	for _, p := range b.heard() {
		if strings.HasPrefix(p, "request:") {
			b.Error(p, "although the policy forbids it")
		}
	}
}
