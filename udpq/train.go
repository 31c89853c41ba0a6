package udpq

// A train is datagrams that cross the border to the kernel as one: all of one
// size, but for the last, which may be shorter. The kernel cuts it when it is
// sent (UDP_SEGMENT) and may join one when it is received (UDP_GRO), see
// udp(7).

// maxTrain is the datagrams of a train: UDP_MAX_SEGMENTS of include/linux/udp.h,
// before Linux 6.9 doubled it.
const maxTrain = 64

// couple returns how many of the first datagrams can leave as one train, and
// their bytes.
func couple(sizes []int) (count, bytes int) {
	for count < min(len(sizes), maxTrain) {
		size := sizes[count]
		if size > sizes[0] || bytes+size > MaxDatagram && count > 0 {
			break
		}
		count++
		bytes += size
		if size < sizes[0] {
			break
		}
	}
	return count, bytes
}

// uncouple appends the datagrams of a train that was received, of that size
// each. One that is alone has size 0.
func uncouple(list []datagram, train datagram, size int) []datagram {
	if size <= 0 {
		return append(list, train)
	}
	for rest := train.b; len(rest) > 0; {
		n := min(size, len(rest))
		list = append(list, datagram{b: rest[:n:n], from: train.from, addr: train.addr})
		rest = rest[n:]
	}
	return list
}

// train is datagrams that wait to leave together, end to end.
type train struct {
	b     []byte
	sizes []int
}

// add appends a datagram and reports whether another may follow.
func (t *train) add(datagram []byte) bool {
	t.b, t.sizes = append(t.b, datagram...), append(t.sizes, len(datagram))
	return len(t.sizes) < maxTrain && len(t.b)+len(datagram) <= MaxDatagram
}

// countIn returns how many of the first datagrams are so many bytes.
func countIn(sizes []int, bytes int) (count int) {
	for bytes > 0 {
		bytes -= sizes[count]
		count++
	}
	return count
}

func (t *train) clear() { t.b, t.sizes = t.b[:0], t.sizes[:0] }
