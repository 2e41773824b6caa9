//! A real browser without a window: Chromium, told what to do by the Chrome DevTools Protocol, one JSON
//! message after the other through pipes.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::PATIENCE;

/// Everything that would ask the network for anything is off.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A browser with one page. It is killed when this is dropped.
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Value,
    last: u64,
    /// What it told without being asked.
    told: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts what the environment's `CHROMIUM` names, or else what is found; `None`, which is told aloud,
    /// where there is none.
    pub(crate) fn start() -> Option<Self> {
        let profile = tempfile::tempdir().expect("a directory can be made");
        let Some(mut child) = spawn(profile.path()) else {
            // Not by `eprintln`, which is kept back where a test passes.
            let _ = writeln!(io::stderr(), "left out: a page in a real browser: no chromium here");
            return None;
        };
        let commands = child.stdin.take().expect("it is piped");
        let messages = messages(child.stdout.take().expect("it is piped"));
        let (session, told) = (Value::Null, Vec::new());
        let mut browser =
            Self { child, commands, messages, session, last: 0, told, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Gives a command, and waits for its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": params });
        if !self.session.is_null() {
            command["sessionId"] = self.session.clone();
        }
        write!(self.commands, "{command}\0").expect("the browser takes commands");
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the browser answers");
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.told.push(message);
        }
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        self.told.clear();
        self.call("Page.navigate", json!({ "url": url }));
        while !self.told.iter().any(|told| told["method"] == "Page.loadEventFired") {
            let message = self.messages.recv_timeout(PATIENCE).expect("the page is loaded");
            self.told.push(message);
        }
    }

    /// What an expression is in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression holds in the page.
    pub(crate) fn until(&mut self, expression: &str) {
        let held = crate::http::until(|| (self.eval(expression) == true).then_some(()));
        assert!(held.is_some(), "not so: {expression}; told: {:?}", self.errors());
    }

    /// How wide and high the window is, and whether it is dark.
    pub(crate) fn look(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
    }

    pub(crate) fn scripts(&mut self, run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !run }));
    }

    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            let code = if key == "Tab" { 9 } else { 13 };
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// What the page and the browser complained of since the page was opened.
    pub(crate) fn errors(&mut self) -> Vec<Value> {
        // What was told before is here by the time that this is answered.
        self.eval("1");
        let complains = |told: &&Value| match told["method"].as_str() {
            Some("Log.entryAdded") => told["params"]["entry"]["level"] != "info",
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => told["params"]["type"] == "error",
            _ => false,
        };
        self.told.iter().filter(complains).cloned().collect()
    }

    /// Keeps a picture of what the window shows in `target/screenshots`.
    pub(crate) fn picture(&mut self, name: &str) {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let data = picture["data"].as_str().expect("a picture").as_bytes();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let bytes = BASE64.decode(data).expect("it is Base64");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("it can be written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself, and its helpers with it, once nobody can tell it anything.
        let _ = self.call("Browser.close", json!({}));
        let _ = self.child.wait();
    }
}

/// The browser reads commands from its descriptor 3, and answers on 4.
fn spawn(profile: &Path) -> Option<Child> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let named = std::env::var("CHROMIUM").ok();
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).flat_map(|folder| names.map(|n| folder.join(n)));
    let program = named.map(Into::into).or_else(|| found.find(|program| program.is_file()))?;
    let script = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program).args(FLAGS);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()
}

/// Reads messages in a thread, until there are no more.
fn messages(answers: impl io::Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(answers).split(0) {
            let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if message.is_none_or(|message: Value| sender.send(message).is_err()) {
                return;
            }
        }
    });
    receiver
}
