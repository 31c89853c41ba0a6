package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rawlab/capture/pcapng"
)

// SameBytes holds files of the bundle against those of the same names in
// another folder. The error is the first [*Difference].
func (k *Kept) SameBytes(folder string, names []string) error {
	for _, name := range names {
		if err := k.sameFile(folder, name); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kept) sameFile(folder, name string) error {
	a, err := k.root.Open(name)
	if err != nil {
		return &Difference{name, "no such file", "one"}
	}
	defer a.Close()
	b, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer b.Close()
	at, same, err := firstDifference(a, b)
	if err != nil || same {
		return err
	}
	for _, f := range []*os.File{a, b} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	if strings.HasSuffix(name, ".pcapng") {
		if d := differentPacket(name, a, b); d != nil {
			return d
		}
		return &Difference{fmt.Sprintf("%s, byte %d", name, at+1), "another one", "the same"}
	}
	return differentLine(name, a, b)
}

// firstDifference returns where two files differ, in bytes from the start.
func firstDifference(a, b io.Reader) (at int64, same bool, err error) {
	x, y := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return at, false, fmt.Errorf("bundle: %w", err)
			}
		}
		if !bytes.Equal(x[:n], y[:m]) {
			for i := range min(n, m) {
				if x[i] != y[i] {
					return at + int64(i), false, nil
				}
			}
			return at + int64(min(n, m)), false, nil
		}
		if at += int64(n); errA != nil {
			return at, true, nil
		}
	}
}

// differentLine names the first line in which two files of text differ.
func differentLine(name string, a, b io.Reader) error {
	x, y := bufio.NewReader(a), bufio.NewReader(b)
	for number := 1; ; number++ {
		l, errA := x.ReadString('\n')
		m, errB := y.ReadString('\n')
		if l != m || errA != nil || errB != nil {
			return &Difference{fmt.Sprintf("%s:%d", name, number), excerpt(l, m), excerpt(m, l)}
		}
	}
}

// excerpt is the part of a line around where it differs from another.
func excerpt(line, other string) string {
	if line == "" {
		return "no such line"
	}
	line, other = strings.TrimRight(line, "\r\n"), strings.TrimRight(other, "\r\n")
	const before, most = 30, 100
	if len(line) <= most {
		return "'" + strings.TrimSpace(line) + "'"
	}
	at := 0
	for at < min(len(line), len(other)) && line[at] == other[at] {
		at++
	}
	from := max(0, at-before)
	return "'…" + strings.ToValidUTF8(line[from:min(len(line), from+most)], "�") + "…'"
}

// differentPacket names the first packet in which two captures differ; nil if
// it is not a packet that does.
func differentPacket(name string, a, b io.Reader) error {
	x, err := pcapng.NewReader(a)
	if err != nil {
		return &Difference{name, "no capture: " + err.Error(), "one"}
	}
	y, err := pcapng.NewReader(b)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for number := 1; ; number++ {
		p, errA := x.Next()
		q, errB := y.Next()
		at := fmt.Sprintf("%s, packet %d", name, number)
		switch {
		case errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF):
			return nil
		case errA != nil && errB == nil:
			return &Difference{at, "none that can be read: " + errA.Error(), "one"}
		case errA == nil && errB != nil:
			return &Difference{at, "a packet", "none"}
		case errA != nil:
			return nil
		}
		if what, told, now := different(&p, &q); what != "" {
			return &Difference{at + ", its " + what, told, now}
		}
	}
}

// different names what of two packets is not the same; "" if all is.
func different(p, q *pcapng.Packet) (what, told, now string) {
	switch {
	case p.Interface != q.Interface:
		return "interface", fmt.Sprint(p.Interface), fmt.Sprint(q.Interface)
	case !p.Time.Equal(q.Time):
		return "time", p.Time.UTC().Format("15:04:05.000000000"), q.Time.UTC().Format("15:04:05.000000000")
	case !bytes.Equal(p.Data, q.Data):
		return "bytes", fmt.Sprintf("%d of them", len(p.Data)), fmt.Sprintf("%d, and not the same", len(q.Data))
	case strings.Join(p.Comments, "\n") != strings.Join(q.Comments, "\n"):
		return "comment", "'" + strings.Join(p.Comments, "\n") + "'", "'" + strings.Join(q.Comments, "\n") + "'"
	}
	return "", "", ""
}
