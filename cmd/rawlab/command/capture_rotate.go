package command

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"rawlab/capture"
)

// rotation says when a capture begins another file.
type rotation struct {
	bytes fileSize
	every int // seconds
	keep  int // files; 0 means all
}

func (r *rotation) register(s *pflag.FlagSet) {
	s.VarP(&r.bytes, "file-size", "C", "begin another `file` with -w when one has so many millions of bytes; K, M and G are powers of 1024")
	s.IntVarP(&r.every, "file-seconds", "G", 0, "begin another file with -w after so many `seconds`")
	s.IntVarP(&r.keep, "file-count", "W", 0, "with -C or -G, keep only the last `count` files")
}

func (f *captureFlags) rotates() bool { return f.rotation.bytes > 0 || f.rotation.every > 0 }

// fileSize is bytes, in tcpdump's units.
type fileSize int64

func (s *fileSize) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *fileSize) Type() string { return "size" }

func (s *fileSize) Set(text string) error {
	unit := int64(1_000_000)
	number := text
	if n := len(text); n > 0 {
		if power := strings.IndexByte("kmg", text[n-1]|0x20); power >= 0 {
			unit, number = 1<<(10*(power+1)), text[:n-1]
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size: want a number such as 100, or 512K, 100M, 2G", text)
	}
	*s = fileSize(n * unit)
	return nil
}

// fileRow is a sink that writes one file after the other, each of them whole.
type fileRow struct {
	flags  *captureFlags
	source capture.Source
	stats  func() ([]capture.Stats, error) // of a live capture, else nil

	out   *captureOutput // the current file; nil once one could not be closed or opened
	names []string       // of those kept
	total int            // files so far
	empty bool           // no packet is in the current file
	began time.Time      // when its first packet came
}

func (f *captureFlags) openRow(source capture.Source) (*fileRow, error) {
	r := &fileRow{flags: f, source: source}
	if t, ok := source.(*tap); ok {
		r.stats = t.Stats
	}
	return r, r.open()
}

// open begins the next file, and removes the oldest if there are too many.
func (r *fileRow) open() error {
	r.total++
	extension := filepath.Ext(r.flags.write)
	name := fmt.Sprintf("%s-%05d%s", strings.TrimSuffix(r.flags.write, extension), r.total, extension)
	out, err := r.flags.openFile(name, r.source)
	if err != nil {
		return err
	}
	r.out, r.empty = out, true
	r.names = append(r.names, name)
	if keep := r.flags.rotation.keep; keep > 0 && len(r.names) > keep {
		err = os.Remove(r.names[0])
		r.names = r.names[1:]
	}
	return err
}

// Write writes a packet, into another file if this one has enough.
func (r *fileRow) Write(p *capture.Packet) error {
	if !r.empty && r.full(p) {
		if err := r.next(); err != nil {
			return err
		}
	}
	if r.empty {
		r.empty, r.began = false, p.Time
	}
	return r.out.sink.Write(p)
}

// full reports whether a packet belongs into the next file.
func (r *fileRow) full(p *capture.Packet) bool {
	limit := r.flags.rotation
	return limit.bytes > 0 && r.out.writer.Size() >= int64(limit.bytes) ||
		limit.every > 0 && p.Time.Sub(r.began) >= time.Duration(limit.every)*time.Second
}

func (r *fileRow) next() (err error) {
	if r.stats != nil {
		var stats []capture.Stats
		if stats, err = r.stats(); err == nil {
			err = r.out.writeStats(stats)
		}
	}
	ended := r.out
	r.out = nil
	if err := ended.close(err); err != nil {
		return err
	}
	return r.open()
}

// Flush writes out what was gathered.
func (r *fileRow) Flush() error {
	if r.out == nil {
		return nil
	}
	return r.out.sink.Flush()
}

// String names the files.
func (r *fileRow) String() string {
	if len(r.names) == 1 {
		return r.names[0]
	}
	return fmt.Sprintf("%d files, %s to %s", len(r.names), r.names[0], r.names[len(r.names)-1])
}
