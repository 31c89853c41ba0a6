//go:build !linux

package main

import (
	"context"
	"errors"
)

func captureTopic(*settings) ([]comparison, func() error, error) {
	return nil, nil, errors.New("capturing needs Linux")
}

func hostsTopic(*settings) ([]comparison, func() error, error) {
	return nil, nil, errors.New("kernel hosts need Linux")
}

func tcpqTopic(*settings) ([]comparison, func() error, error) {
	return nil, nil, errors.New("processes are pinned and their memory is read as Linux does it")
}

func udpqTopic(*settings) ([]comparison, func() error, error) {
	return nil, nil, errors.New("processes end with their parent as Linux does it")
}

func tellLatency(context.Context, string, int, int) error {
	return errors.New("kernel hosts need Linux")
}
