package fec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of [Params]. They bound what both ends remember.
const (
	MaxData   = 64
	MaxParity = 16
	MaxDepth  = 16
	maxBlock  = 256 // Data × Depth
)

// Default is 8+2: any two datagrams of ten may be lost, for a quarter more.
var Default = Params{Data: 8, Parity: 2, Depth: 1}

// ErrParams says that groups cannot be as asked for.
var ErrParams = errors.New("not a code")

// Params are how datagrams are grouped: Parity (m) redundant ones for every
// Data (k) of them, and Depth groups interleaved, so that neighbours on the
// wire belong to different ones.
type Params struct {
	Data, Parity, Depth int
}

// ParseParams returns what [Params.String] wrote: "8+2", or "8+2x4" with a
// depth of 4.
func ParseParams(s string) (Params, error) {
	shape, depth, interleaved := strings.Cut(s, "x")
	data, parity, found := strings.Cut(shape, "+")
	if !interleaved {
		depth = "1"
	}
	var p Params
	var errs [3]error
	p.Data, errs[0] = strconv.Atoi(data)
	p.Parity, errs[1] = strconv.Atoi(parity)
	p.Depth, errs[2] = strconv.Atoi(depth)
	if !found || errors.Join(errs[:]...) != nil || s != p.String() && s != p.String()+"x1" {
		return Params{}, fmt.Errorf("%w: %q: want data+parity such as 8+2, or interleaved by a depth such as 8+2x4", ErrParams, s)
	}
	return p, p.Check()
}

// String returns how people write them: "8+2", or "8+2x4".
func (p Params) String() string {
	s := strconv.Itoa(p.Data) + "+" + strconv.Itoa(p.Parity)
	if p.Depth > 1 {
		s += "x" + strconv.Itoa(p.Depth)
	}
	return s
}

// Check refuses what is out of bounds with [ErrParams].
func (p Params) Check() error {
	switch {
	case p.Data < 1 || p.Data > MaxData:
		return fmt.Errorf("%w: %d datagrams in a group: 1 to %d", ErrParams, p.Data, MaxData)
	case p.Parity < 1 || p.Parity > MaxParity:
		return fmt.Errorf("%w: %d parity datagrams for a group: 1 to %d", ErrParams, p.Parity, MaxParity)
	case p.Depth < 1 || p.Depth > MaxDepth:
		return fmt.Errorf("%w: %d groups interleaved: 1 to %d", ErrParams, p.Depth, MaxDepth)
	case p.Data*p.Depth > maxBlock:
		return fmt.Errorf("%w: %d interleaved groups of %d datagrams are %d: at most %d", ErrParams, p.Depth, p.Data, p.Data*p.Depth, maxBlock)
	}
	return nil
}
