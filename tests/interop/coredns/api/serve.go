package main

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// kinds are the resources that are served, with the names that their lists and bookmarks have.
var kinds = map[string]struct{ path, version, kind string }{
	"namespaces":     {"/api/v1/namespaces", "v1", "Namespace"},
	"services":       {"/api/v1/services", "v1", "Service"},
	"endpointslices": {"/apis/discovery.k8s.io/v1/endpointslices", "discovery.k8s.io/v1", "EndpointSlice"},
}

func (c *cluster) handler() http.Handler {
	mux := http.NewServeMux()
	for resource, kind := range kinds {
		mux.HandleFunc("GET "+kind.path, func(w http.ResponseWriter, request *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if request.URL.Query().Get("watch") == "" {
				c.list(w, resource)
				return
			}
			c.watch(w, request, resource)
		})
	}
	return mux
}

func (c *cluster) list(w http.ResponseWriter, resource string) {
	objects, version := c.now(resource)
	// A client that is gone needs no list.
	_ = json.NewEncoder(w).Encode(object{
		"apiVersion": kinds[resource].version,
		"kind":       kinds[resource].kind + "List",
		"metadata":   object{"resourceVersion": strconv.Itoa(version)},
		"items":      objects,
	})
}

// watch streams changes until the client goes. A client may ask for all that there is to come first; the end of
// that is a bookmark (Kubernetes calls this a streaming list).
func (c *cluster) watch(w http.ResponseWriter, request *http.Request, resource string) {
	query := request.URL.Query()
	version, _ := strconv.Atoi(query.Get("resourceVersion")) // none means from the start
	stream := json.NewEncoder(w)
	if query.Get("sendInitialEvents") == "true" {
		objects, newest := c.now(resource)
		for _, object := range objects {
			_ = stream.Encode(change{Type: "ADDED", Object: object})
		}
		_ = stream.Encode(bookmark(resource, newest))
		version = newest
	}
	for {
		missed, newest, grown := c.since(resource, version)
		for _, change := range missed {
			_ = stream.Encode(change) // a client that is gone is seen below
		}
		version = newest
		w.(http.Flusher).Flush()
		select {
		case <-request.Context().Done():
			return
		case <-grown:
		}
	}
}

func bookmark(resource string, version int) change {
	return change{Type: "BOOKMARK", Object: object{
		"apiVersion": kinds[resource].version,
		"kind":       kinds[resource].kind,
		"metadata": object{
			"resourceVersion": strconv.Itoa(version),
			"annotations":     map[string]string{"k8s.io/initial-events-end": "true"},
		},
	}}
}
