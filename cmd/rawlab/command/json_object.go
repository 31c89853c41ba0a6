package command

import (
	"bufio"
	"cmp"
	"encoding/json"
	"strings"
)

// jsonObject writes an object field by field, and lists item by item.
type jsonObject struct {
	w     *bufio.Writer
	open  string // what ends the list being written
	items int    // in it so far
	err   error
}

// begin writes the fields of a struct; it has at least one.
func (j *jsonObject) begin(v any) {
	b := j.encode(v)
	j.write(strings.TrimSuffix(b, "}"))
}

// list begins a field that is a list.
func (j *jsonObject) list(name string) {
	j.write(j.open + "," + j.encode(name) + ":[")
	j.open, j.items = "]", 0
}

func (j *jsonObject) item(v any) {
	if j.items++; j.items > 1 {
		j.write(",")
	}
	j.write(j.encode(v))
}

func (j *jsonObject) field(name string, v any) {
	j.write(j.open + "," + j.encode(name) + ":" + j.encode(v))
	j.open = ""
}

// end returns what went wrong, if anything did.
func (j *jsonObject) end() error {
	j.write(j.open + "}\n")
	return cmp.Or(j.err, j.w.Flush())
}

func (j *jsonObject) write(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

func (j *jsonObject) encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		j.err = cmp.Or(j.err, err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
