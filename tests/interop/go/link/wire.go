package main

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// room is how many frames may be under way in one direction: at full size, 190 MB.
const room = 1 << 17

type frame struct {
	bytes []byte
	due   time.Time
}

// wire is one direction of the link.
type wire struct {
	from, to *endpoint
	delay    time.Duration
	loss     float64 // 0 to 1
	chance   *rand.Rand
	underWay chan frame

	forwarded, lost, overrun atomic.Uint64
}

// newWire has its own chance for each direction, so that which frames are lost does not depend on the other's traffic.
func newWire(from, to *endpoint, delay time.Duration, percent float64, seed, direction uint64) *wire {
	return &wire{
		from:     from,
		to:       to,
		delay:    delay,
		loss:     percent / 100,
		chance:   rand.New(rand.NewPCG(seed, direction)),
		underWay: make(chan frame, room),
	}
}

// take reads what comes in, for ever.
func (w *wire) take() error {
	buffer := make([]byte, largest)
	for {
		size, err := w.from.read(buffer)
		if err != nil {
			return err
		}
		if w.chance.Float64() < w.loss {
			w.lost.Add(1)
			continue
		}
		select {
		case w.underWay <- frame{append([]byte(nil), buffer[:size]...), time.Now().Add(w.delay)}:
		default:
			w.overrun.Add(1)
		}
	}
}

// give sends what is due, for ever.
func (w *wire) give() error {
	for frame := range w.underWay {
		time.Sleep(time.Until(frame.due))
		sent, err := w.to.write(frame.bytes)
		switch {
		case err != nil:
			return err
		case sent:
			w.forwarded.Add(1)
		default:
			w.overrun.Add(1)
		}
	}
	return nil
}
