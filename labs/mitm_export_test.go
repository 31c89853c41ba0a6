package labs

// CountShared tells how many events, and how many of the longer ones, a TLS
// record of that size holds, where one alone has either of two sizes.
func CountShared(alone [2]int, size int) (events, longer int) {
	v := view{sizes: alone}
	v.part(piece{size: size})
	for _, p := range v.pieces {
		if p.size == alone[1] {
			longer++
		}
	}
	return len(v.pieces), longer
}
