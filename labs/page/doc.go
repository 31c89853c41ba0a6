// Package page writes a lab's result as one HTML file that needs nothing else:
// no server, no network, no other file.
//
//	result, evidence ── follow ──▶ data (columns of numbers, as JSON) ─┐
//	                └── template ▶ words and tables ───────────────────┴▶ report.html ◀── style, script, uPlot
//
// Words and tables are written here, so that they are there without a script;
// charts, ladders and the story of one event are drawn from the data by the
// page's script. All counts come from the result, which counts everything;
// where there is more than the page can hold, the data is a sample that serves
// for drawing alone, and the page says so.
//
// # Safety
//
// What events bring, topics and payloads, is data: it reaches the page as
// escaped JSON and the document as text nodes, never as markup. A content
// security policy lets only the page's own script run, by its SHA-256, and
// nothing be fetched or sent.
//
// It takes results as they are and decides nothing about them.
package page
