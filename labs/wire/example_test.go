package wire_test

import (
	"fmt"

	"rawlab/labs/wire"
)

func ExampleParseImpairment() {
	i, err := wire.ParseImpairment("delay 10ms 2ms loss gemodel 1% 10%; 3s; 1s down; udp port 9700 to-server: loss 3%")
	fmt.Println(&i, err)
	_, err = wire.ParseImpairment("delay 10ms los 5%")
	fmt.Println(err)
	// Output:
	// loss gemodel 1% 10% 100% 0% delay 10ms 2ms; 3s; 1s down; udp port 9700 to-server: loss 3% <nil>
	// 'delay 10ms los 5%': at 'los' (character 12): want loss, delay, distribution, reorder, duplicate, corrupt, rate, queue, aqm, down, up or none
}
