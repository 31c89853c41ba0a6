//go:build !race

package tcpq_test

const raceFactor = 1
