package pcapng

import "fmt"

// TruncatedError says that the file ends inside a block, as when the disk
// was full or the writer was killed. Everything before it was read.
type TruncatedError struct {
	Offset  int64 // bytes from the start of the file to the cut block
	Packets int   // whole packets before it
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the capture file is cut short: it ends inside the block that starts at byte %d, after %d whole packets", e.Offset, e.Packets)
}

// FormatError says that the file, or a part of it, makes no sense. What
// follows it cannot be trusted.
type FormatError struct {
	Offset int64 // bytes from the start of the file to the block
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("bad capture file at byte %d: %s", e.Offset, e.Reason)
}

// SizeError refuses to write something too large for the format.
type SizeError struct {
	What        string
	Size, Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s of %d bytes does not fit into a capture file, which takes at most %d", e.What, e.Size, e.Limit)
}
