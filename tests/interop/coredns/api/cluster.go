package main

import "sync"

// change is one event of a watch: ADDED, MODIFIED or DELETED.
type change struct {
	Type    string `json:"type"`
	Object  object `json:"object"`
	version int
}

// cluster is a log of all changes since the start, from which follows what there is now and what a watcher misses.
type cluster struct {
	kind kind // of the endpoints

	mutex   sync.Mutex
	version int
	count   int
	changes map[string][]change // by resource, such as services
	grown   chan struct{}       // closed, and made anew, at each change
}

func newCluster(endpoints int, as kind) *cluster {
	c := &cluster{kind: as, changes: map[string][]change{}, grown: make(chan struct{})}
	c.log("namespaces", "ADDED", namespace)
	c.log("services", "ADDED", service)
	c.resize(endpoints)
	return c
}

// resize adds endpoints after the last or takes the last away; slices in which nothing changes are left alone.
func (c *cluster) resize(count int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before := c.count
	c.count = count
	for i := range slices(max(before, count)) {
		build := func(version int) object { return endpointSlice(i, count, version, c.kind) }
		switch {
		case i >= slices(before):
			c.log("endpointslices", "ADDED", build)
		case i >= slices(count):
			c.log("endpointslices", "DELETED", build)
		case min(before, (i+1)*sliceSize) != min(count, (i+1)*sliceSize):
			c.log("endpointslices", "MODIFIED", build)
		}
	}
	close(c.grown)
	c.grown = make(chan struct{})
}

func slices(endpoints int) int { return (endpoints + sliceSize - 1) / sliceSize }

func (c *cluster) log(resource, kind string, build func(version int) object) {
	c.version++
	c.changes[resource] = append(c.changes[resource], change{kind, build(c.version), c.version})
}

// since gives the changes of a resource after a version, the newest version, and what tells of newer ones.
func (c *cluster) since(resource string, version int) ([]change, int, <-chan struct{}) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var missed []change
	for _, change := range c.changes[resource] {
		if change.version > version {
			missed = append(missed, change)
		}
	}
	return missed, c.version, c.grown
}

// now gives the objects of a resource that there are, in the order of their making, and the newest version.
func (c *cluster) now(resource string) ([]object, int) {
	all, version, _ := c.since(resource, 0)
	newest := map[any]object{}
	for _, change := range all {
		name := change.Object["metadata"].(object)["name"]
		newest[name] = change.Object
		if change.Type == "DELETED" {
			delete(newest, name)
		}
	}
	objects := []object{}
	for _, change := range all {
		name := change.Object["metadata"].(object)["name"]
		if object, there := newest[name]; there {
			objects = append(objects, object)
			delete(newest, name)
		}
	}
	return objects, version
}
