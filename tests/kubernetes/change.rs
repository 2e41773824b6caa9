//! Changes to what `examples/kubernetes` makes.

use serde_json::{Value, json};

/// A JSON patch (RFC 6902), and what it is of.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    target: Value,
    operations: Vec<Value>,
}

impl Change {
    /// Nothing of the workload yet.
    pub(crate) fn pods() -> Self {
        Self { target: json!({ "group": "apps", "name": "peer" }), operations: Vec::new() }
    }

    /// DNS names pods only once they are ready.
    pub(crate) fn named_when_ready() -> Self {
        let target = json!({ "kind": "Service", "name": "peers" });
        Self { target, operations: Vec::new() }.with("/spec/publishNotReadyAddresses", json!(false))
    }

    /// Sets a field, or adds to the end of a list (`/-`).
    pub(crate) fn with(mut self, path: &str, value: Value) -> Self {
        self.operations.push(json!({ "op": "add", "path": path, "value": value }));
        self
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        self.operations.push(json!({ "op": "remove", "path": path }));
        self
    }

    /// Another source. The service is that of the pods' namespace.
    pub(crate) fn source(self, source: &str) -> Self {
        self.with(&container("args/0"), json!(format!("--source={source}")))
    }

    /// One more argument of the program.
    pub(crate) fn argument(self, argument: &str) -> Self {
        self.with(&container("args/-"), json!(argument))
    }

    /// Another build of the program.
    pub(crate) fn image(self, tag: &str) -> Self {
        self.with(&container("image"), json!(format!("dns-discovery-node:{tag}")))
    }

    /// As kustomize reads it.
    pub(crate) fn patch(&self) -> Value {
        let patch = Value::from(self.operations.clone()).to_string();
        json!({ "target": self.target, "patch": patch })
    }
}

/// The path of a field of the container.
pub(crate) fn container(field: &str) -> String {
    format!("/spec/template/spec/containers/0/{field}")
}
