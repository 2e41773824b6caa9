package main

import (
	"fmt"
	"strconv"
)

// A slice of a real cluster holds at most so many endpoints (kube-controller-manager --max-endpoints-per-slice).
const sliceSize = 100

// object is any Kubernetes object, as it stands in JSON.
type object = map[string]any

func metadata(name string, version int) object {
	return object{
		"name":              name,
		"namespace":         "default",
		"uid":               name,
		"resourceVersion":   strconv.Itoa(version),
		"creationTimestamp": "2026-01-01T00:00:00Z",
	}
}

func namespace(version int) object {
	meta := metadata("default", version)
	delete(meta, "namespace") // a namespace is in none
	return object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
}

func service(version int) object {
	port := object{"name": "p2p", "protocol": "TCP", "port": 4001, "targetPort": 4001}
	return object{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata":   metadata("peers", version),
		"spec": object{
			"type":       "ClusterIP",
			"clusterIP":  "None",
			"clusterIPs": []string{"None"},
			"ports":      []object{port},
		},
	}
}

// endpointSlice is the slice with the given index when the whole service has count endpoints.
func endpointSlice(index, count, version int, as kind) object {
	endpoints := []object{}
	for n := index*sliceSize + 1; n <= min(count, (index+1)*sliceSize); n++ {
		endpoints = append(endpoints, endpoint(n, as))
	}
	meta := metadata(fmt.Sprintf("peers-%05d", index), version)
	meta["labels"] = map[string]string{"kubernetes.io/service-name": "peers"}
	return object{
		"apiVersion":  "discovery.k8s.io/v1",
		"kind":        "EndpointSlice",
		"metadata":    meta,
		"addressType": as.addressType(),
		"endpoints":   endpoints,
		"ports":       []object{{"name": "p2p", "protocol": "TCP", "port": 4001}},
	}
}

// kind is what all endpoints have in common.
type kind struct{ hostnames, ipv6 bool }

func (k kind) addressType() string {
	if k.ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

func (k kind) address(n int) string {
	if k.ipv6 {
		return fmt.Sprintf("fd00::%x", n)
	}
	return fmt.Sprintf("10.0.%d.%d", n/256, n%256)
}

func endpoint(n int, as kind) object {
	made := object{
		"addresses":  []string{as.address(n)},
		"conditions": object{"ready": true, "serving": true, "terminating": false},
	}
	if as.hostnames {
		made["hostname"] = fmt.Sprintf("peer-%d", n)
	}
	return made
}
