package udpq

// What tests look into.
var (
	Couple  = couple
	CountIn = countIn
)

// Uncouple returns the datagrams of a train.
func Uncouple(train string, size int) (datagrams []string) {
	for _, d := range uncouple(nil, datagram{b: []byte(train)}, size) {
		datagrams = append(datagrams, string(d.b))
	}
	return datagrams
}
