package command

import (
	"encoding/csv"
	"io"
	"strings"
)

// writeCSV writes the table by RFC 4180: a header, lines that end in CR LF,
// quotes where they are needed.
func (t *table) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(t.header); err != nil {
		return err
	}
	return c.WriteAll(t.rows)
}

// writeMarkdown writes the table as GitHub reads it
// (https://github.github.com/gfm/#tables-extension-).
func (t *table) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteByte('|')
		for _, c := range cells {
			b.WriteString(" " + markdown.Replace(c) + " |")
		}
		b.WriteByte('\n')
	}
	line(t.header)
	b.WriteString("|" + strings.Repeat(" --- |", len(t.header)) + "\n")
	for _, r := range t.rows {
		line(r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown takes from a cell what would end it, or mean anything.
var markdown = strings.NewReplacer(
	"\\", "\\\\", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "~", "\\~", "[", "\\[", "]", "\\]",
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "\r\n", "<br>", "\n", "<br>", "\r", "<br>",
)
