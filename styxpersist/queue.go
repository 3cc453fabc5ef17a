package styxpersist

// A queue gives back what was put in, in order. Once it is as large as it gets it allocates nothing.
type queue[T any] struct {
	ring  []T
	first int
	n     int
}

func (q *queue[T]) len() int { return q.n }

func (q *queue[T]) put(v T) {
	if q.n == len(q.ring) {
		ring := make([]T, max(16, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.first+i)%q.n]
		}
		q.ring, q.first = ring, 0
	}
	q.ring[(q.first+q.n)%len(q.ring)] = v
	q.n++
}

func (q *queue[T]) take() T {
	v := q.ring[q.first]
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	return v
}
