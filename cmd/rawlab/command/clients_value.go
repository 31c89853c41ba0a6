package command

import (
	"fmt"
	"strconv"

	"rawlab/labs"
)

// clientsValue is a number of clients.
type clientsValue int

func (v *clientsValue) String() string { return strconv.Itoa(int(*v)) }
func (v *clientsValue) Type() string   { return "clients" }

func (v *clientsValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > labs.MaxClients {
		return fmt.Errorf("want a whole number, 1 to %d", labs.MaxClients)
	}
	*v = clientsValue(n)
	return nil
}
